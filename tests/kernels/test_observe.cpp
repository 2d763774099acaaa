// What the CPU backend sees of the states against the reference in double, with every instruction set, and against
// itself on other numbers of threads and in pieces.
#include <hwy/highway.h>

#include <QTest>
#include <cmath>
#include <limits>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/reference/reference.h"
#include "tests/support/kernel_values.h"
#include "tests/support/seen.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using reference::Bins;
using reference::Observed;
using reference::Values;
using tests::Random;
using tests::Seen;
using tests::toFloat;

namespace {

// Sums of float32 over at most 64 tokens: ‖Δ‖/‖reference‖ of each statistic.
constexpr double kTolerance = 3e-6;

/// Each plane on its own: they differ by orders of magnitude.
void compare(const Values& got, const Values& expected, std::size_t planes, const char* what,
             double tolerance = kTolerance) {
    QCOMPARE(got.size(), expected.size());
    const std::size_t plane = expected.size() / planes;
    for (std::size_t k = 0; k < planes; ++k) {
        double difference = 0;
        double norm = 0;
        for (std::size_t i = k * plane; i < (k + 1) * plane; ++i) {
            difference += std::pow(got[i] - expected[i], 2);
            norm += std::pow(expected[i], 2);
        }
        QVERIFY2(norm > 0, qPrintable(QStringLiteral("%1 of statistic %2 is nothing").arg(QLatin1String(what)).arg(k)));
        const double error = std::sqrt(difference / norm);
        QVERIFY2(error < tolerance,
                 qPrintable(QStringLiteral("%1 of statistic %2: %3").arg(QLatin1String(what)).arg(k).arg(error)));
    }
}

void compare(const Observed& got, const Observed& expected, double tolerance = kTolerance) {
    compare(got.sum, expected.sum, kStatisticCount, "sum", tolerance);
    compare(got.most, expected.most, kStatisticCount, "most", tolerance);
    compare(got.binned, expected.binned, kStatisticCount + 1, "binned", tolerance);
}

/// A scan's numbers, for both sides. Pieces start at any sequence and token.
struct Scan {
    reference::SelectiveScan a;
    Values h0;
    std::vector<float> x, dt, bias, A, B, C, D, h, y;

    Scan(std::int64_t batch, std::int64_t length, std::int64_t channels, std::int64_t states) {
        Random random(11);
        a = {batch, length, channels, states, {}, {}, {}, {}, {}, {}, {}};
        a.x = random.values(batch * length * channels);
        a.dt = random.values(batch * length * channels, -4, 3);
        a.dt_bias = random.values(channels, -3, 0);
        a.A = random.values(states * channels, -16, -0.01);
        a.B = random.values(batch * length * states);
        a.C = random.values(batch * length * states);
        a.D = random.values(channels);
        h0 = random.values(batch * states * channels, -3, 3);
        x = toFloat(a.x), dt = toFloat(a.dt), bias = toFloat(a.dt_bias), A = toFloat(a.A), B = toFloat(a.B);
        C = toFloat(a.C), D = toFloat(a.D), h = toFloat(h0), y = x;
    }
    SelectiveScanArgs piece(std::int64_t b, std::int64_t begin, std::int64_t batch, std::int64_t length) {
        const std::int64_t row = b * a.length + begin;
        return {batch,
                length,
                a.channels,
                a.states,
                x.data() + row * a.channels,
                dt.data() + row * a.channels,
                bias.data(),
                A.data(),
                B.data() + row * a.states,
                C.data() + row * a.states,
                a.states,
                D.data(),
                h.data() + b * a.states * a.channels,
                y.data() + row * a.channels};
    }
    SelectiveScanArgs whole() { return piece(0, 0, a.batch, a.length); }
    [[nodiscard]] Seen seen(const Bins& bins) const { return {a.channels, a.states, 1, bins}; }
};

struct Ssd {
    reference::Ssd a;
    Values h0;
    std::vector<float> xbc, dt, bias, A, D, h, y;

    Ssd(std::int64_t batch, std::int64_t length, std::int64_t heads, std::int64_t head_dim, std::int64_t groups,
        std::int64_t states) {
        Random random(12);
        const std::int64_t rows = batch * length;
        a = {batch, length, heads, head_dim, groups, states, {}, {}, {}, {}, {}, {}, {}, 0.01, 1.5};
        a.x = random.values(rows * heads * head_dim);
        a.dt = random.values(rows * heads, -4, 3);
        a.dt_bias = random.values(heads, -3, 0);
        a.A = random.values(heads, -16, -0.01);
        a.B = random.values(rows * groups * states);
        a.C = random.values(rows * groups * states);
        a.D = random.values(heads * head_dim);
        h0 = random.values(batch * heads * head_dim * states, -3, 3);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (const Values* from : {&a.x, &a.B, &a.C}) {
                const auto count = static_cast<std::ptrdiff_t>(from->size()) / rows;
                xbc.insert(xbc.end(), from->begin() + row * count, from->begin() + (row + 1) * count);
            }
        }
        dt = toFloat(a.dt), bias = toFloat(a.dt_bias), A = toFloat(a.A), D = toFloat(a.D), h = toFloat(h0);
        y.resize(a.x.size());
    }
    SsdArgs piece(std::int64_t b, std::int64_t begin, std::int64_t batch, std::int64_t length) {
        const std::int64_t row = b * a.length + begin;
        const std::int64_t width = a.heads * a.head_dim;
        SsdArgs args;
        args.batch = batch;
        args.length = length;
        args.heads = a.heads;
        args.head_dim = a.head_dim;
        args.groups = a.groups;
        args.states = a.states;
        args.chunk = 16;
        args.xbc_stride = width + 2 * a.groups * a.states;
        args.x = xbc.data() + row * args.xbc_stride;
        args.B = args.x + width;
        args.C = args.B + a.groups * a.states;
        args.dt = dt.data() + row * a.heads;
        args.dt_stride = a.heads;
        args.dt_bias = bias.data();
        args.A = A.data();
        args.D = D.data();
        args.dt_min = 0.01F;
        args.dt_max = 1.5F;
        args.h = h.data() + b * width * a.states;
        args.y = y.data() + row * width;
        args.y_stride = width;
        return args;
    }
    SsdArgs whole() { return piece(0, 0, a.batch, a.length); }
    [[nodiscard]] Seen seen(const Bins& bins) const { return {a.heads, a.states, a.groups, bins}; }
};

void run(Backend& backend, const SelectiveScanArgs& args) {
    backend.selectiveScan(args);
}
void run(Backend& backend, const SsdArgs& args) {
    backend.ssd(args);
}

template <class Case>
void againstReference(Backend& backend, Case one, const Bins& bins) {
    Seen seen = one.seen(bins);
    const std::vector<float> h = one.h;
    backend.observe(one.whole(), seen.target(bins.position));
    compare(seen.observed(), reference::observe(one.a, one.h0, bins));
    QVERIFY(one.h == h);
}

/// Sequence by sequence and piece by piece, with the scan between, which moves the state on.
template <class Case>
void piecesAgainstWhole(Case one, const Bins& bins) {
    const auto backend = cpu::makeBackend({.threads = 2});
    Seen whole = one.seen(bins);
    backend->observe(one.whole(), whole.target(0));
    Seen pieces = one.seen(bins);
    for (std::int64_t b = 0; b < one.a.batch; ++b) {
        std::int64_t begin = 0;
        for (const std::int64_t length : {std::int64_t{1}, std::int64_t{40}, one.a.length - 41}) {
            const auto args = one.piece(b, begin, 1, length);
            backend->observe(args, pieces.target(begin));
            run(*backend, args);
            begin += length;
        }
    }
    compare(pieces.observed(), whole.observed(), 1e-5);
}

template <class Case>
void threads(Case one, const Bins& bins) {
    Observed first;
    for (const int count : {1, 2, 3}) {
        Seen seen = one.seen(bins);
        cpu::makeBackend({.threads = count})->observe(one.whole(), seen.target(0));
        const Observed now = seen.observed();
        if (count == 1) first = now;
        QVERIFY(now.sum == first.sum && now.most == first.most && now.binned == first.binned);
    }
}

}  // namespace

class TestObserve : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void scan_data() { addTargets(); }
    void scan() {
        const auto backend = makeBackend();
        for (const std::int64_t states : {1, 5, 16, 64, 128}) {
            againstReference(*backend, Scan(2, 19, 37, states), {3, 8, 0});
        }
        againstReference(*backend, Scan(1, 1, 16, 16), {4, 2, 5});
        // Longer than a stretch, from the middle of a bin to beyond the last.
        againstReference(*backend, Scan(3, 150, 5, 5), {4, 60, 70});
    }

    void ssd_data() { addTargets(); }
    void ssd() {
        const auto backend = makeBackend();
        for (const std::int64_t states : {1, 5, 16, 64, 128}) {
            for (const std::int64_t groups : {1, 2}) {
                againstReference(*backend, Ssd(2, 19, 4, 9, groups, states), {3, 8, 0});
            }
        }
        againstReference(*backend, Ssd(1, 1, 2, 1, 1, 16), {4, 2, 5});
        againstReference(*backend, Ssd(3, 150, 2, 16, 2, 5), {4, 60, 70});
    }

    void inPieces() {
        piecesAgainstWhole(Scan(2, 150, 20, 16), {5, 33, 0});
        piecesAgainstWhole(Ssd(2, 150, 4, 8, 2, 24), {5, 33, 0});
    }

    void onMoreThreads() {
        threads(Scan(2, 70, 100, 16), {4, 20, 0});
        threads(Ssd(2, 70, 8, 8, 2, 24), {4, 20, 0});
    }

private:
    static void addTargets() {
        QTest::addColumn<qint64>("target");
        hwy::SetSupportedTargetsForTest(0);
        for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
            QTest::newRow(hwy::TargetName(target)) << qint64{target};
        }
    }
    static std::unique_ptr<Backend> makeBackend() {
        QFETCH(qint64, target);
        hwy::SetSupportedTargetsForTest(target);
        return cpu::makeBackend({.threads = 2});
    }
};

QTEST_GUILESS_MAIN(TestObserve)
#include "test_observe.moc"
