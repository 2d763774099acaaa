// What the device sees of the states, in the SIMT executor, against the reference in double.
#include <limits>

#include "kernels/reference/reference.h"
#include "tests/support/device_values.h"
#include "tests/support/seen.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using namespace perfmamba::tests;
using reference::Bins;
using reference::Observed;

namespace {

// Sums of float32 over at most 32 tokens: ‖Δ‖/‖reference‖ of each statistic.
constexpr double kTolerance = 3e-6;

/// Each plane on its own: they differ by orders of magnitude.
void comparePlanes(const Values& got, const Values& expected, std::size_t planes, const char* what) {
    const auto plane = static_cast<std::ptrdiff_t>(expected.size() / planes);
    for (std::size_t k = 0; k < planes; ++k) {
        const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(k) * plane;
        compare(Values(got.begin() + first, got.begin() + first + plane),
                Values(expected.begin() + first, expected.begin() + first + plane), kTolerance,
                qPrintable(QStringLiteral("%1 of statistic %2").arg(QLatin1String(what)).arg(k)));
    }
}
void comparePlanes(const Observed& got, const Observed& expected) {
    comparePlanes(got.sum, expected.sum, kStatisticCount, "sum");
    comparePlanes(got.most, expected.most, kStatisticCount, "most");
    comparePlanes(got.binned, expected.binned, kStatisticCount + 1, "binned");
}

/// Observes twice: the sums add up, and the second time to the same bits as the first.
template <class Op, class Reference>
void observe(const Op& op, const Reference& a, const Values& h, const Bins& bins, std::int64_t rows,
             std::int64_t groups) {
    Seen seen(rows, op.states, groups, bins);
    Seen again(rows, op.states, groups, bins);
    for (Seen* each : {&seen, &again}) {
        const Observation target = each->target(bins.position);
        std::vector<std::byte> workspace(cuda::observeWorkspaceBytes(op, target), std::byte{0xff});
        cuda::observe(nullptr, op, target, workspace.data());
    }
    comparePlanes(seen.observed(), reference::observe(a, h, bins));
    QCOMPARE(again.observed().sum, seen.observed().sum);
    QCOMPARE(again.observed().most, seen.observed().most);
    QCOMPARE(again.observed().binned, seen.observed().binned);
}

void scan(DType type, std::int64_t batch, std::int64_t length, std::int64_t channels, std::int64_t states,
          const Bins& bins) {
    Random random(11);
    const std::int64_t rows = batch * length;
    reference::SelectiveScan a;
    a.batch = batch;
    a.length = length;
    a.channels = channels;
    a.states = states;
    a.x = representable(random, type, rows * channels);
    a.dt = representable(random, type, rows * channels, -4, 3);
    a.dt_bias = random.values(channels, -3, 0);
    a.A = random.values(states * channels, -16, -0.01);
    a.B = representable(random, type, rows * states);
    a.C = representable(random, type, rows * states);
    a.D = random.values(channels);
    const Values h0 = random.values(batch * states * channels, -3, 3);
    std::vector<float> h = toFloat(h0);
    const std::vector<float> bias = toFloat(a.dt_bias);
    const std::vector<float> A = toFloat(a.A);
    Array x(type, a.x);
    Array dt(type, a.dt);
    Array B(type, a.B);
    Array C(type, a.C);
    cuda::SelectiveScanOp op;
    op.batch = batch;
    op.length = length;
    op.channels = channels;
    op.states = states;
    op.x = x.elements();
    op.dt = dt.elements();
    op.dt_bias = bias.data();
    op.A = A.data();
    op.B = B.elements();
    op.C = C.elements();
    op.bc_stride = states;
    op.h = h.data();
    op.y = Elements(nullptr, type);
    observe(op, a, h0, bins, channels, 1);
    QCOMPARE(Values(h.begin(), h.end()), h0);
}

void ssd(DType type, std::int64_t batch, std::int64_t length, std::int64_t heads, std::int64_t head_dim,
         std::int64_t groups, std::int64_t states, const Bins& bins) {
    Random random(12);
    const std::int64_t rows = batch * length;
    reference::Ssd a{batch, length, heads, head_dim, groups, states, {}, {}, {}, {}, {}, {}, {}, 0.01, 1.5};
    a.x = representable(random, type, rows * heads * head_dim);
    a.dt = representable(random, type, rows * heads, -4, 3);
    a.dt_bias = random.values(heads, -3, 0);
    a.A = random.values(heads, -16, -0.01);
    a.B = representable(random, type, rows * groups * states);
    a.C = representable(random, type, rows * groups * states);
    a.D = random.values(heads * head_dim);
    const Values h0 = random.values(batch * heads * head_dim * states, -3, 3);
    Values xbc;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (const Values* from : {&a.x, &a.B, &a.C}) {
            const auto count = static_cast<std::ptrdiff_t>(from->size()) / rows;
            xbc.insert(xbc.end(), from->begin() + row * count, from->begin() + (row + 1) * count);
        }
    }
    std::vector<float> h = toFloat(h0);
    const std::vector<float> bias = toFloat(a.dt_bias);
    const std::vector<float> A = toFloat(a.A);
    Array inputs(type, xbc);
    Array dt(type, a.dt);
    cuda::SsdOp op;
    op.batch = batch;
    op.length = length;
    op.heads = heads;
    op.head_dim = head_dim;
    op.groups = groups;
    op.states = states;
    op.chunk = 16;
    op.x = inputs.elements();
    op.B = inputs.elements() + heads * head_dim;
    op.C = inputs.elements() + heads * head_dim + groups * states;
    op.xbc_stride = heads * head_dim + 2 * groups * states;
    op.dt = dt.elements();
    op.dt_stride = heads;
    op.dt_bias = bias.data();
    op.A = A.data();
    op.dt_min = 0.01F;
    op.dt_max = 1.5F;
    op.h = h.data();
    op.y = Elements(nullptr, type);
    observe(op, a, h0, bins, heads, groups);
    QCOMPARE(Values(h.begin(), h.end()), h0);
}

}  // namespace

class TestDeviceObserve : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { simt::host::setOrder(simt::host::Order::Forward); }

    void scan_data() { addTypesAndOrders(); }
    void scan() {
        const DType type = begin();
        for (const std::int64_t states : {1, 5, 16, 96}) ::scan(type, 2, 19, 37, states, {3, 8, 0});
        ::scan(type, 1, 1, 16, 16, {4, 2, 5});
        // Longer than a stretch, from the middle of a bin to beyond the last; more sequences than slices.
        ::scan(type, 3, 150, 5, 5, {4, 60, 70});
        ::scan(type, 9, 6, 3, 2, {2, 4, 0});
    }

    void ssd_data() { addTypesAndOrders(); }
    void ssd() {
        const DType type = begin();
        for (const std::int64_t states : {1, 5, 16, 96}) {
            for (const std::int64_t groups : {1, 2}) ::ssd(type, 2, 19, 4, 9, groups, states, {3, 8, 0});
        }
        ::ssd(type, 1, 1, 2, 1, 1, 16, {4, 2, 5});
        ::ssd(type, 3, 150, 2, 16, 2, 5, {4, 60, 70});
        ::ssd(type, 6, 5, 8, 70, 8, 3, {2, 4, 0});  // heads of more channels than a block takes at a time
    }

    void nothing() {
        cuda::SsdOp op;
        op.batch = 1;
        op.length = 4;
        op.heads = 2;
        op.head_dim = 8;
        QCOMPARE(cuda::observeWorkspaceBytes(op, {}), std::size_t{0});
        cuda::observe(nullptr, op, {}, nullptr);
    }
};

QTEST_GUILESS_MAIN(TestDeviceObserve)
#include "test_device_observe.moc"
