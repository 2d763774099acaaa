// The recurrences on the device, in the SIMT executor, against the reference in double: the selective scan, the SSD in
// its stages, and the steps of decoding.
#include <limits>

#include "kernels/reference/reference.h"
#include "tests/support/device_values.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using namespace perfmamba::tests;

namespace {

// Roundings of operands that tensor cores see, one after the other: C·B, its product with the decay, x·Δ·decay, H; and
// that of the result.
constexpr int kSsdRoundings = 5;

std::size_t size(std::int64_t count) {
    return static_cast<std::size_t>(count);
}

struct ScanShape {
    std::int64_t batch, length, channels, states;
};

/// Two calls in a row, the second from the state that the first left. The rows of B and C are `gap` elements longer.
void scan(DType type, const ScanShape& s, double dt_low, double dt_high, bool gated, std::int64_t gap = 3) {
    Random random(11);
    const std::int64_t rows = s.batch * s.length;
    reference::SelectiveScan a;
    a.batch = s.batch;
    a.length = s.length;
    a.channels = s.channels;
    a.states = s.states;
    a.dt_bias = random.values(s.channels, -3, 0);
    a.A = random.values(s.states * s.channels, -16, -0.5);
    a.D = random.values(s.channels);
    Values state = random.values(s.batch * s.states * s.channels);
    std::vector<float> h = toFloat(state);
    const std::vector<float> bias = toFloat(a.dt_bias);
    const std::vector<float> A = toFloat(a.A);
    const std::vector<float> D = toFloat(a.D);
    for (int call = 0; call < 2; ++call) {
        a.x = representable(random, type, rows * s.channels);
        a.dt = representable(random, type, rows * s.channels, dt_low, dt_high);
        a.B = representable(random, type, rows * s.states);
        a.C = representable(random, type, rows * s.states);
        const Values z = representable(random, type, rows * s.channels);
        Array x(type, a.x);
        Array dt(type, a.dt);
        Array bc(type, beside(rows, {&a.B, &a.C}, gap));
        Array zs(type, beside(rows, {&z}, gap));
        Array y(type, a.x.size());
        cuda::SelectiveScanOp op{s.batch,
                                 s.length,
                                 s.channels,
                                 s.states,
                                 x.elements(),
                                 dt.elements(),
                                 bias.data(),
                                 A.data(),
                                 bc.elements(),
                                 bc.elements() + s.states,
                                 2 * s.states + gap,
                                 D.data(),
                                 gated ? zs.elements() : Elements{},
                                 s.channels + gap,
                                 h.data(),
                                 y.elements()};
        cuda::selectiveScan(nullptr, op);
        Values expected = reference::selectiveScan(a, state);
        if (gated) expected = reference::gate(expected, z);
        compare(y.values(), expected, tolerance(type), "y");
        compare(h, state, kFloatSums, "h");
    }
}

struct SsdShape {
    std::int64_t batch, length, heads, head_dim, groups, states, chunk;
};

reference::Ssd ssdParameters(Random& random, const SsdShape& s, double A_low, double A_high) {
    reference::Ssd a;
    a.batch = s.batch;
    a.length = s.length;
    a.heads = s.heads;
    a.head_dim = s.head_dim;
    a.groups = s.groups;
    a.states = s.states;
    a.dt_bias = random.values(s.heads, -4, 0);
    a.A = random.values(s.heads, A_low, A_high);
    a.D = random.values(s.heads * s.head_dim);
    a.dt_min = 0.01;
    a.dt_max = std::numeric_limits<double>::infinity();
    return a;
}

void callSsd(cuda::SsdOp op) {
    if (!cuda::ssdHasStages(op)) return cuda::ssdDirect(nullptr, op);
    // Bytes that are NaN in every type, where a stage might read what none has written.
    std::vector<std::byte> workspace(cuda::ssdWorkspaceBytes(op), std::byte{0xff});
    op.workspace = workspace.data();
    cuda::ssdCumsum(nullptr, op);
    cuda::ssdChunkState(nullptr, op);
    cuda::ssdStatePassing(nullptr, op);
    cuda::ssdChunkScan(nullptr, op);
}

/// `gap` follows the rows of what is read, `y_gap` those of y.
void ssd(DType type, const SsdShape& s, std::int64_t gap, std::int64_t y_gap = 3, double A_low = -16,
         double A_high = -1, double dt_high = 3) {
    Random random(12);
    const std::int64_t rows = s.batch * s.length;
    const std::int64_t width = s.heads * s.head_dim;
    const std::int64_t bc = s.groups * s.states;
    reference::Ssd a = ssdParameters(random, s, A_low, A_high);
    Values state = random.values(s.batch * width * s.states);
    std::vector<float> h = toFloat(state);
    const std::vector<float> bias = toFloat(a.dt_bias);
    const std::vector<float> A = toFloat(a.A);
    const std::vector<float> D = toFloat(a.D);
    for (int call = 0; call < 2; ++call) {
        a.x = representable(random, type, rows * width);
        a.dt = representable(random, type, rows * s.heads, -3, dt_high);
        a.B = representable(random, type, rows * bc);
        a.C = representable(random, type, rows * bc);
        // x, B and C side by side, as the convolution leaves them; y as a group's part of wider rows.
        Array xbc(type, beside(rows, {&a.x, &a.B, &a.C}, gap));
        Array dt(type, beside(rows, {&a.dt}, gap));
        const Values sevens(size(rows * (width + y_gap)), 7.0);
        Array y(type, sevens);
        cuda::SsdOp op;
        op.batch = s.batch;
        op.length = s.length;
        op.heads = s.heads;
        op.head_dim = s.head_dim;
        op.groups = s.groups;
        op.states = s.states;
        op.chunk = s.chunk;
        op.x = xbc.elements();
        op.B = xbc.elements() + width;
        op.C = xbc.elements() + width + bc;
        op.xbc_stride = width + 2 * bc + gap;
        op.dt = dt.elements();
        op.dt_stride = s.heads + gap;
        op.dt_bias = bias.data();
        op.A = A.data();
        op.D = D.data();
        op.dt_min = 0.01F;
        op.dt_max = std::numeric_limits<float>::infinity();
        op.h = h.data();
        op.y = y.elements();
        op.y_stride = width + y_gap;
        callSsd(op);
        const bool direct = s.length == 1 || s.states == 0;
        const Values expected = reference::ssd(a, state);
        compare(y.values(), beside(rows, {&expected}, y_gap), tolerance(type, direct ? 1 : kSsdRoundings), "y");
        compare(h, state, direct || type == DType::F32 ? kFloatSums : tolerance(type), "h");
    }
}

}  // namespace

class TestDeviceScans : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cleanup() {
        simt::host::setOrder(simt::host::Order::Forward);
        simt::host::multiprocessors = 4;
    }

    void selectiveScan_data() { addTypesAndOrders(); }
    void selectiveScan() {
        const DType type = begin();
        for (const std::int64_t states : {0, 1, 5, 16, 96}) {
            for (const std::int64_t length : {2, 19, 64, 65}) scan(type, {2, length, 11, states}, -4, 3, false);
        }
        scan(type, {1, 300, 16, 17}, -4, 3, true);  // several chunks, gated
        // Rows of whole vectors.
        scan(type, {2, 64, 28, 16}, -4, 3, true, 4);
        scan(type, {1, 300, 16, 12}, -4, 3, false, 8);
        scan(type, {1, 140, 12, 36}, -4, 3, true, 4);
        scan(type, {1, 40, 3, 128}, -4, 3, true);
        scan(type, {5, 150, 24, 16}, -4, 3, true, 8);  // more blocks than multiprocessors
        scan(type, {5, 150, 23, 20}, -4, 3, false);
        scan(type, {1, 2050, 64, 16}, -4, 3, true, 8);    // in a wave
        scan(type, {2, 1900, 40, 12}, -4, 3, false, 8);   // the last chunk is not full
        scan(type, {1, 1152, 136, 16}, -4, 3, true, 8);   // full chunks; the last block has fewer groups
        scan(type, {1, 3500, 40, 4}, -30, 30, false, 8);  // more chunks than lie in shared memory
        scan(type, {1, 33, 8, 256}, -4, 3, false);
        scan(type, {5, 7, 1, 3}, -30, 30, false);  // from steps that vanish to steps beyond softplus' threshold
    }

    void scanStep_data() { addTypesAndOrders(); }
    void scanStep() {
        const DType type = begin();
        for (const std::int64_t states : {0, 1, 5, 16, 96, 128, 256}) scan(type, {3, 1, 37, states}, -4, 3, true);
        scan(type, {17, 1, 64, 16}, -4, 3, false);
    }

    void ssd_data() { addTypesAndOrders(); }
    void ssd() {
        const DType type = begin();
        for (const std::int64_t length : {2, 15, 16, 17, 70}) {
            ::ssd(type, {2, length, 4, 16, 1, 16, 16}, 0);
            ::ssd(type, {2, length, 4, 9, 2, 5, 8}, 3);
            ::ssd(type, {1, length, 8, 4, 8, 1, 64}, 0);
            ::ssd(type, {2, length, 4, 8, 2, 0, 8}, 0);
        }
        ::ssd(type, {1, 200, 2, 64, 1, 128, 256}, 8);  // one chunk of four blocks
        ::ssd(type, {1, 150, 1, 72, 1, 96, 128}, 0);   // a head of more than a tile, a second chunk that is short
        ::ssd(type, {1, 30, 2, 8, 1, 256, 24}, 0);     // a chunk that no vector divides
        ::ssd(type, {17, 3, 2, 8, 1, 16, 256}, 0);
    }

    /// Sizes that walks take (ops/ssd_walk.h): one step, several chunks of one, chunks of several.
    void ssdWalk_data() { addTypesAndOrders(); }
    void ssdWalk() {
        const DType type = begin();
        for (const std::int64_t length : {2, 64, 65, 200}) ::ssd(type, {1, length, 2, 64, 1, 128, 256}, 8, 4);
        for (const std::int64_t states : {8, 16, 40, 96}) ::ssd(type, {1, 150, 1, 32, 1, states, 256}, 0, 4);
        ::ssd(type, {1, 1100, 1, 32, 1, 16, 256}, 0, 4);
        ::ssd(type, {2, 80, 6, 32, 2, 16, 256}, 0, 4);    // a block's warps in several heads, the last without any
        ::ssd(type, {1, 130, 2, 128, 2, 16, 256}, 0, 4);  // a head of a whole block
        ::ssd(type, {17, 70, 1, 64, 1, 16, 256}, 0, 4);
        // Blocks of 256 channels, the last with warps that have none.
        ::ssd(type, {1, 200, 5, 64, 1, 128, 256}, 8, 4);
        ::ssd(type, {1, 70, 12, 32, 1, 40, 256}, 0, 4);
    }

    /// Decays that add up to thousands within a chunk: what float sums would lose.
    void largeDecays_data() { addTypesAndOrders(); }
    void largeDecays() {
        const DType type = begin();
        ::ssd(type, {1, 150, 2, 16, 1, 16, 128}, 0, 3, -40, -20, 30);
        ::ssd(type, {1, 150, 2, 32, 1, 16, 128}, 0, 4, -40, -20, 30);
    }

    /// Sizes that warpgroups take (ops/ssd_warpgroups.cu).
    void ssdWarpgroups_data() { addTypesAndOrders(); }
    void ssdWarpgroups() {
        const DType type = begin();
        for (const std::int64_t length : {2, 64, 65, 200}) ::ssd(type, {1, length, 2, 64, 1, 128, 256}, 8, 8);
        for (const std::int64_t states : {8, 40, 64, 96}) ::ssd(type, {1, 150, 1, 64, 1, states, 256}, 0, 0);
        ::ssd(type, {1, 200, 5, 64, 1, 128, 256}, 0, 8);  // two slices a block
        ::ssd(type, {2, 80, 6, 64, 2, 16, 256}, 0, 8);    // a group's last block with one slice
        ::ssd(type, {1, 130, 1, 128, 1, 16, 256}, 0, 0);  // two slices of a head
        ::ssd(type, {1, 150, 2, 64, 1, 16, 128}, 0, 0, -40, -20, 30);
    }

    /// Chains of these in pieces: of the state before a piece nothing is left behind it, or most.
    void ssdPieces_data() { addTypesAndOrders(); }
    void ssdPieces() {
        const DType type = begin();
        if (type == DType::F32) return;
        const SsdShape four{1, 1600, 2, 64, 1, 8, 256};
        const SsdShape crossed{1, 1000, 9, 64, 1, 8, 256};  // pieces of two chains, the last of which has one slice
        const auto slow = [type](const SsdShape& shape) { ::ssd(type, shape, 0, 0, -0.05, -0.001, -2); };
        ::ssd(type, four, 0, 0);
        slow(four);
        slow(crossed);
        simt::host::multiprocessors = 8;
        slow(four);  // seven, behind state passing
    }

    void ssdStep_data() { addTypesAndOrders(); }
    void ssdStep() {
        const DType type = begin();
        for (const std::int64_t states : {0, 1, 5, 16, 96, 128, 256}) {
            ::ssd(type, {2, 1, 4, 19, 2, states, 64}, 3);
        }
        ::ssd(type, {17, 1, 8, 16, 8, 16, 64}, 0);
    }
};

QTEST_GUILESS_MAIN(TestDeviceScans)
#include "test_device_scans.moc"
