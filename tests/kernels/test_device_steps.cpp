// What a decode step runs for one token of each sequence, in the SIMT executor, against the operations of the reference
// one after the other.
#include <limits>

#include "kernels/reference/reference.h"
#include "tests/support/device_values.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using namespace perfmamba::tests;

namespace {

std::size_t size(std::int64_t count) {
    return static_cast<std::size_t>(count);
}

struct Product {
    std::int64_t rows, inputs, outputs;
    std::int64_t gap = 0;  // between the rows of x
};

cuda::LinearStepOp opOf(const Product& s, ConstElements x, ConstElements weight, Elements y) {
    cuda::LinearStepOp op;
    op.rows = s.rows;
    op.inputs = s.inputs;
    op.outputs = s.outputs;
    op.x = x;
    op.x_stride = s.inputs + s.gap;
    op.weight = weight;
    op.y = y;
    return op;
}

/// In the type of the operands and in float, with a bias and without, and added to what was there.
void linear(DType type, const Product& s) {
    Random random(21);
    const Values x = representable(random, type, s.rows * s.inputs);
    const Values weight = representable(random, type, s.outputs * s.inputs);
    const Values bias = random.values(s.outputs);
    const Values before = random.values(s.rows * s.outputs);
    const std::vector<float> b = toFloat(bias);
    Array xs(type, beside(s.rows, {&x}, s.gap));
    Array w(type, weight);
    Array y(type, size(s.rows * s.outputs));
    cuda::LinearStepOp op = opOf(s, xs.elements(), w.elements(), y.elements());
    op.bias = b.data();
    cuda::linearStep(nullptr, op);
    Values expected = reference::linear(x, weight, bias, s.inputs, s.outputs);
    compare(y.values(), expected, tolerance(type), "y");

    std::vector<float> sum = toFloat(before);
    op.bias = nullptr;
    op.y = sum.data();
    op.accumulate = true;
    cuda::linearStep(nullptr, op);
    expected = reference::linear(x, weight, {}, s.inputs, s.outputs);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += before[i];
    compare(sum, expected, kFloatSums, "the sum");
}

/// RMSNorm over each of `groups` parts of the rows, without a gate.
Values normalized(const Values& x, const Values& weight, std::int64_t groups, DType type) {
    const auto part = static_cast<std::size_t>(static_cast<std::int64_t>(weight.size()) / groups);
    Values result = x;
    for (std::size_t first = 0; first < x.size(); first += part) {
        double squares = 0;
        for (std::size_t i = first; i < first + part; ++i) squares += x[i] * x[i];
        const double scale = 1 / std::sqrt(squares / static_cast<double>(part) + 1e-5);
        for (std::size_t i = first; i < first + part; ++i) result[i] *= scale * weight[i % weight.size()];
    }
    return Array(type, result).values();
}

void normedLinear(DType type, const Product& s, std::int64_t groups, double largest = 3) {
    Random random(22);
    const Values x = random.values(s.rows * s.inputs, -largest, largest);
    const Values norm = random.values(s.inputs, 0.5, 1.5);
    const Values weight = representable(random, type, s.outputs * s.inputs);
    const std::vector<float> xs = toFloat(beside(s.rows, {&x}, s.gap));
    const std::vector<float> n = toFloat(norm);
    Array w(type, weight);
    Array y(type, size(s.rows * s.outputs));
    cuda::LinearStepOp op = opOf(s, xs.data(), w.elements(), y.elements());
    op.norm_weight = n.data();
    op.groups = groups;
    op.eps = 1e-5F;
    try {
        cuda::linearStep(nullptr, op);
    } catch (const simt::host::Fault&) {
        if (cuda::suitsLinearStep(s.rows, s.inputs, type)) throw;
        return;  // more than a small device has room for, and nobody asks it to
    }
    const Values expected = reference::linear(normalized(x, norm, groups, type), weight, {}, s.inputs, s.outputs);
    // What is rounded is x times the norm's weight, not times both factors as in the reference.
    compare(y.values(), expected, tolerance(type), "y");
}

/// Three tokens. The convolution takes outputs in the middle.
void convolvedLinear(DType type, const Product& s, std::int64_t kernel, bool with_bias) {
    Random random(23);
    const std::int64_t first = 3;
    const std::int64_t channels = s.outputs - 5;
    const Values weight = representable(random, type, s.outputs * s.inputs);
    reference::Conv1d conv{s.rows, 1, channels, kernel, {}, random.values(kernel * channels), {}};
    if (with_bias) conv.bias = random.values(channels);
    Values state = random.values(s.rows * (kernel - 1) * channels);
    std::vector<float> floats = toFloat(state);
    const std::vector<float> conv_weight = toFloat(conv.weight);
    const std::vector<float> conv_bias = toFloat(conv.bias);
    Array w(type, weight);
    for (int token = 0; token < 3; ++token) {
        const Values x = representable(random, type, s.rows * s.inputs);
        Array xs(type, beside(s.rows, {&x}, s.gap));
        Array y(type, size(s.rows * s.outputs));
        cuda::LinearStepOp op = opOf(s, xs.elements(), w.elements(), y.elements());
        op.conv_first = first;
        op.conv_channels = channels;
        op.conv_kernel = kernel;
        op.conv_weight = conv_weight.data();
        op.conv_bias = with_bias ? conv_bias.data() : nullptr;
        op.conv_state = floats.data();
        cuda::linearStep(nullptr, op);

        Values expected = reference::linear(x, weight, {}, s.inputs, s.outputs);
        conv.x.clear();
        for (std::int64_t row = 0; row < s.rows; ++row) {
            const auto from = expected.begin() + row * s.outputs + first;
            conv.x.insert(conv.x.end(), from, from + channels);
        }
        conv.x = Array(type, conv.x).values();
        const Values convolved = reference::conv1d(conv, state);
        for (std::int64_t row = 0; row < s.rows; ++row) {
            std::copy_n(convolved.begin() + row * channels, channels, expected.begin() + row * s.outputs + first);
        }
        compare(y.values(), expected, tolerance(type, 2), "y");
        compare(floats, state, tolerance(type), "the convolution's state");
    }
}

struct ScanShape {
    std::int64_t batch, channels, states, rank;
};

/// Three tokens against product, scan and gate.
void mamba1(DType type, const ScanShape& s) {
    Random random(24);
    reference::SelectiveScan a;
    a.batch = s.batch;
    a.length = 1;
    a.channels = s.channels;
    a.states = s.states;
    a.dt_bias = random.values(s.channels, -3, 0);
    a.A = random.values(s.states * s.channels, -16, -0.5);
    a.D = random.values(s.channels);
    const Values dt_weight = representable(random, type, s.channels * s.rank);
    Values state = random.values(s.batch * s.states * s.channels);
    std::vector<float> h = toFloat(state);
    const std::vector<float> bias = toFloat(a.dt_bias);
    const std::vector<float> A = toFloat(a.A);
    const std::vector<float> D = toFloat(a.D);
    Array weight(type, dt_weight);
    for (int token = 0; token < 3; ++token) {
        const Values low = representable(random, type, s.batch * s.rank);
        const Values z = representable(random, type, s.batch * s.channels);
        a.x = representable(random, type, s.batch * s.channels);
        a.B = representable(random, type, s.batch * s.states);
        a.C = representable(random, type, s.batch * s.states);
        a.dt = reference::linear(low, dt_weight, {}, s.rank, s.channels);
        Array xz(type, beside(s.batch, {&a.x, &z}));
        Array rows(type, beside(s.batch, {&low, &a.B, &a.C}));
        Array y(type, size(s.batch * s.channels));
        cuda::Mamba1StepOp op;
        op.scan.batch = s.batch;
        op.scan.length = 1;
        op.scan.channels = s.channels;
        op.scan.states = s.states;
        op.scan.x = xz.elements();
        op.x_stride = 2 * s.channels;
        op.scan.dt_bias = bias.data();
        op.scan.A = A.data();
        op.scan.B = rows.elements() + s.rank;
        op.scan.C = rows.elements() + s.rank + s.states;
        op.scan.bc_stride = s.rank + 2 * s.states;
        op.scan.D = D.data();
        op.scan.z = xz.elements() + s.channels;
        op.scan.z_stride = 2 * s.channels;
        op.scan.h = h.data();
        op.scan.y = y.elements();
        op.rank = s.rank;
        op.low = rows.elements();
        op.dt_weight = weight.elements();
        cuda::mamba1Step(nullptr, op);
        compare(y.values(), reference::gate(reference::selectiveScan(a, state), z), tolerance(type), "y");
        compare(h, state, kFloatSums, "h");
    }
}

struct SsdShape {
    std::int64_t batch, heads, head_dim, groups, states;
};

void mamba2(DType type, const SsdShape& s) {
    Random random(25);
    const std::int64_t width = s.heads * s.head_dim;
    const std::int64_t bc = s.groups * s.states;
    reference::Ssd a;
    a.batch = s.batch;
    a.length = 1;
    a.heads = s.heads;
    a.head_dim = s.head_dim;
    a.groups = s.groups;
    a.states = s.states;
    a.dt_bias = random.values(s.heads, -4, 0);
    a.A = random.values(s.heads, -16, -1);
    a.D = random.values(width);
    a.dt_min = 0.01;
    a.dt_max = std::numeric_limits<double>::infinity();
    Values state = random.values(s.batch * width * s.states);
    std::vector<float> h = toFloat(state);
    const std::vector<float> bias = toFloat(a.dt_bias);
    const std::vector<float> A = toFloat(a.A);
    const std::vector<float> D = toFloat(a.D);
    for (int token = 0; token < 3; ++token) {
        const Values z = representable(random, type, s.batch * width);
        a.x = representable(random, type, s.batch * width);
        a.B = representable(random, type, s.batch * bc);
        a.C = representable(random, type, s.batch * bc);
        a.dt = representable(random, type, s.batch * s.heads, -3, 3);
        Array rows(type, beside(s.batch, {&z, &a.x, &a.B, &a.C, &a.dt}));
        std::vector<float> y(size(s.batch * width));
        cuda::GatedSsdStepOp op;
        op.ssd.batch = s.batch;
        op.ssd.length = 1;
        op.ssd.heads = s.heads;
        op.ssd.head_dim = s.head_dim;
        op.ssd.groups = s.groups;
        op.ssd.states = s.states;
        op.ssd.chunk = 64;
        op.ssd.x = rows.elements() + width;
        op.ssd.B = rows.elements() + 2 * width;
        op.ssd.C = rows.elements() + 2 * width + bc;
        op.ssd.xbc_stride = 2 * width + 2 * bc + s.heads;
        op.ssd.dt = rows.elements() + 2 * width + 2 * bc;
        op.ssd.dt_stride = op.ssd.xbc_stride;
        op.ssd.dt_bias = bias.data();
        op.ssd.A = A.data();
        op.ssd.D = D.data();
        op.ssd.dt_min = 0.01F;
        op.ssd.dt_max = std::numeric_limits<float>::infinity();
        op.ssd.h = h.data();
        op.ssd.y_stride = width;
        op.z = rows.elements();
        op.z_stride = op.ssd.xbc_stride;
        op.y = y.data();
        cuda::gatedSsdStep(nullptr, op);
        compare(y, reference::gate(reference::ssd(a, state), z), kFloatSums, "y");
        compare(h, state, kFloatSums, "h");
    }
}

}  // namespace

class TestDeviceSteps : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { simt::host::setOrder(simt::host::Order::Forward); }

    void linear_data() { addTypesAndOrders(); }
    void linear() {
        const DType type = begin();
        for (const std::int64_t rows : {1, 2, 3, 5, 8, 17}) {
            ::linear(type, {rows, 768, 33});
            ::linear(type, {rows, 40, 70, 8});
            ::linear(type, {rows, 37, 9, 3});  // which no vector fits
        }
        ::linear(type, {1, 1536, 520});
        ::linear(type, {1, 5120, 7});
        ::linear(type, {1, 40, 2050});
        ::linear(type, {1, 40, 3001});
        ::linear(type, {5, 64, 2050});
        ::linear(type, {5, 1000, 2050});  // too wide for the largest blocks
        ::linear(type, {1, 1, 1});
    }

    void normedLinear_data() { addTypesAndOrders(); }
    void normedLinear() {
        const DType type = begin();
        for (const std::int64_t rows : {1, 2, 4, 8, 9}) {
            ::normedLinear(type, {rows, 256, 40}, 1);
            ::normedLinear(type, {rows, 256, 40, 8}, 4);
            ::normedLinear(type, {rows, 35, 9, 1}, 5);
        }
        ::normedLinear(type, {1, 768, 520}, 1);
        ::normedLinear(type, {1, 9000, 3}, 1);  // a row that registers cannot hold
        ::normedLinear(type, {8, 5120, 3}, 2);
        ::normedLinear(type, {1, 256, 2050}, 1);
        ::normedLinear(type, {1, 256, 3001}, 2);
        ::normedLinear(type, {3, 256, 2050}, 2);
        for (const std::int64_t groups : {1, 4}) ::normedLinear(type, {2, 64, 9}, groups, 1e5);  // more than f16 holds
    }

    void convolvedLinear_data() { addTypesAndOrders(); }
    void convolvedLinear() {
        const DType type = begin();
        for (const std::int64_t rows : {1, 3, 8}) {
            for (const std::int64_t kernel : {1, 2, 3, 4}) ::convolvedLinear(type, {rows, 64, 29}, kernel, kernel > 2);
        }
        ::convolvedLinear(type, {1, 24, 600}, 4, true);
    }

    void mamba1_data() { addTypesAndOrders(); }
    void mamba1() {
        const DType type = begin();
        for (const std::int64_t states : {0, 1, 5, 16, 128}) ::mamba1(type, {2, 40, states, 8});
        ::mamba1(type, {1, 64, 16, 48});
        ::mamba1(type, {1, 33, 16, 200});  // more of the product than registers hold
        ::mamba1(type, {17, 5, 3, 1});
    }

    void mamba2_data() { addTypesAndOrders(); }
    void mamba2() {
        const DType type = begin();
        for (const std::int64_t states : {0, 1, 5, 16, 96, 128, 256}) ::mamba2(type, {2, 4, 19, 2, states});
        ::mamba2(type, {17, 8, 16, 8, 16});
    }

    void nothing() {
        cuda::linearStep(nullptr, {});
        cuda::Mamba1StepOp scan;
        scan.scan.length = 1;
        cuda::mamba1Step(nullptr, scan);
        cuda::GatedSsdStepOp ssd;
        ssd.ssd.length = 1;
        cuda::gatedSsdStep(nullptr, ssd);
    }
};

QTEST_GUILESS_MAIN(TestDeviceSteps)
#include "test_device_steps.moc"
