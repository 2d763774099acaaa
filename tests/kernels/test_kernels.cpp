// The CPU backend's kernels against the reference in double, with every instruction set that this processor has.
#include <hwy/highway.h>

#include <QtTest>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/gemm.h"
#include "kernels/reference/reference.h"
#include "tests/support/kernel_values.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using reference::Values;
using tests::Random;
using tests::toFloat;

namespace {

// Float32 sums of some hundred products: ‖Δ‖/‖reference‖.
constexpr double kTolerance = 2e-6;

/// Makes `values` those of a type, and stores them in it.
std::vector<std::byte> rounded(Values& values, DType type) {
    std::vector<std::byte> bytes(values.size() * sizeOf(type));
    std::vector<float> floats = toFloat(values);
    convertFromFloat(type, floats.data(), floats.size(), bytes.data());
    convertToFloat(type, bytes.data(), floats.size(), floats.data());
    values.assign(floats.begin(), floats.end());
    return bytes;
}

/// A matrix as it is stored in that type; its values are then those of the type.
struct Stored {
    std::vector<std::byte> bytes;
    Weight weight;

    Stored(Values& values, std::int64_t rows, DType type) : bytes(rounded(values, type)) {
        weight = {{bytes.data(), type}, rows, static_cast<std::int64_t>(values.size()) / rows, nullptr};
    }
};

Weight weightOf(const std::vector<float>& values, std::int64_t rows) {
    return {values.data(), rows, static_cast<std::int64_t>(values.size()) / rows, nullptr};
}

void compare(const std::vector<float>& got, const Values& expected, const char* what) {
    QCOMPARE(got.size(), expected.size());
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        difference += std::pow(static_cast<double>(got[i]) - expected[i], 2);
        norm += expected[i] * expected[i];
    }
    const double error = std::sqrt(difference / std::max(norm, 1e-300));
    QVERIFY2(error < kTolerance, qPrintable(QStringLiteral("%1: %2").arg(QLatin1String(what)).arg(error)));
}

}  // namespace

class TestKernels : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        QFETCH(qint64, target);
        hwy::SetSupportedTargetsForTest(target);
        m_backend = cpu::makeBackend({.threads = 2});
    }
    void cleanup() {
        m_backend.reset();
        hwy::SetSupportedTargetsForTest(0);
    }

    void norm_data() { addTargets(); }
    void norm() {
        for (const std::int64_t width : {1, 7, 16, 33, 768}) {
            Random random(1);
            Values residual = random.values(5 * width);
            const Values delta = random.values(5 * width);
            const Values weight = random.values(width);
            std::vector<float> r = toFloat(residual);
            const std::vector<float> d = toFloat(delta);
            const std::vector<float> w = toFloat(weight);
            std::vector<float> out(r.size());
            for (const bool with_delta : {true, false}) {
                m_backend->addRmsNorm(r.data(), with_delta ? d.data() : nullptr, weightOf(w, 1), 1e-5F, out.data(), 5);
                const Values expected = reference::addRmsNorm(residual, with_delta ? delta : Values{}, weight, 1e-5);
                compare(out, expected, "norm");
                compare(r, residual, "residual");
            }
        }
    }

    void linear_data() { addTargets(); }
    void linear() {
        struct Shape {
            std::int64_t rows, inputs, outputs;
        };
        for (const Shape s : {Shape{1, 1, 1},
                              {3, 5, 7},
                              {1, 64, 400},
                              {4, 48, 50},
                              {8, 40, 97},
                              {130, 33, 390},
                              {257, 96, 768},
                              {9, 130, 100},
                              {70, 200, 131},
                              {600, 130, 50}}) {
            for (const DType type : kDTypes) linearOf(s.rows, s.inputs, s.outputs, type);
        }
    }
    /// A row gives the same, bit for bit, on any number of threads, and among many others whatever they are.
    void linearRows_data() { addTargets(); }
    void linearRows() {
        constexpr std::int64_t kRows = 600;
        constexpr std::int64_t kInputs = 130;
        constexpr std::int64_t kOutputs = 201;
        for (const DType type : kDTypes) {
            Random random(7);
            Values values = random.values(kOutputs * kInputs);
            const Stored weight(values, kOutputs, type);
            const std::vector<float> x = toFloat(random.values(kRows * kInputs));
            std::vector<float> all(kRows * kOutputs);
            m_backend->linear(x.data(), kInputs, weight.weight, {}, all.data(), kRows);
            for (const int threads : {1, 7}) {
                std::vector<float> y(all.size());
                cpu::makeBackend({.threads = threads})->linear(x.data(), kInputs, weight.weight, {}, y.data(), kRows);
                QVERIFY(y == all);
            }
            for (const std::int64_t rows : {10, 65, 300}) {
                const std::int64_t first = 250;
                std::vector<float> y(static_cast<std::size_t>(rows * kOutputs));
                m_backend->linear(x.data() + first * kInputs, kInputs, weight.weight, {}, y.data(), rows);
                QVERIFY(std::equal(y.begin(), y.end(), all.begin() + first * kOutputs));
            }
        }
    }

    void embed_data() { addTargets(); }
    void embed() {
        for (const DType type : kDTypes) {
            Random random(8);
            Values values = random.values(5 * 37);
            const Stored table(values, 5, type);
            const std::vector<std::int32_t> tokens = {4, 0, 4};
            std::vector<float> out(3 * 37);
            m_backend->embed(tokens, table.weight, out.data());
            for (std::size_t i = 0; i < out.size(); ++i) {
                const auto token = static_cast<std::size_t>(tokens[i / 37]);
                QCOMPARE(static_cast<double>(out[i]), values[token * 37 + i % 37]);
            }
        }
    }

    /// What is stored in the backend's precision is used where it lies; all else is converted, and charged.
    void load_data() { addTargets(); }
    void load() {
        const std::vector<float> values = {1, -2, 0.1F, 65504, 1e30F, 6e-8F};
        for (const DType stored : kDTypes) {
            std::vector<std::byte> bytes(values.size() * sizeOf(stored));
            convertFromFloat(stored, values.data(), values.size(), bytes.data());
            const HostTensor tensor{"w", stored, {2, 3}, bytes.data(), nullptr};
            std::vector<float> held(values.size());
            convertToFloat(stored, bytes.data(), held.size(), held.data());
            for (const DType precision : kDTypes) {
                const auto backend = cpu::makeBackend({.threads = 1, .precision = precision});
                QCOMPARE(backend->device().precision, precision);
                QCOMPARE(backend->device().activations, DType::F32);
                const Weight matrix = backend->load(tensor, WeightUse::Matrix);
                QCOMPARE(matrix.data.type, precision);
                QCOMPARE(matrix.data.data == bytes.data(), precision == stored);
                QCOMPARE(backend->ledger().current()[MemoryKind::Weights],
                         static_cast<std::int64_t>(values.size() * sizeOf(precision)));
                std::vector<std::byte> expected(values.size() * sizeOf(precision));
                convertFromFloat(precision, held.data(), held.size(), expected.data());
                QVERIFY(std::memcmp(matrix.data.data, expected.data(), expected.size()) == 0);
                const Weight parameter = backend->load(tensor, WeightUse::Parameter);
                QVERIFY(std::equal(held.begin(), held.end(), parameter.f32()));
            }
        }
    }

    /// Two calls in a row, so that the second starts from the state that the first left.
    void conv1d_data() { addTargets(); }
    void conv1d() {
        for (const std::int64_t kernel : {1, 2, 3, 4, 20}) {
            for (const std::int64_t length : {1, 2, 5, 40}) {
                Random random(3);
                reference::Conv1d args{2, length, 37, kernel, {}, random.values(kernel * 37), random.values(37)};
                Values state = random.values(2 * (kernel - 1) * 37);
                std::vector<float> s = toFloat(state);
                const std::vector<float> w = toFloat(args.weight);
                const std::vector<float> b = toFloat(args.bias);
                for (int call = 0; call < 2; ++call) {
                    args.x = random.values(2 * length * 37);
                    const std::vector<float> x = toFloat(args.x);
                    std::vector<float> y(x.size());
                    m_backend->conv1d({2, length, 37, kernel, x.data(), 37, w.data(), b.data(), s.data(), y.data()});
                    compare(y, reference::conv1d(args, state), "y");
                    if (kernel > 1) compare(s, state, "state");
                }
            }
        }
    }

    void selectiveScan_data() { addTargets(); }
    void selectiveScan() {
        for (const std::int64_t states : {0, 1, 5, 16, 96, 256}) {
            for (const std::int64_t channels : {1, 16, 37}) {
                const std::int64_t length = 19;
                Random random(4);
                reference::SelectiveScan a;
                a.batch = 2;
                a.length = length;
                a.channels = channels;
                a.states = states;
                a.dt_bias = random.values(channels, -3, 0);
                a.A = random.values(states * channels, -16, -0.5);
                a.D = random.values(channels);
                Values state = random.values(2 * states * channels);
                std::vector<float> h = toFloat(state);
                const std::vector<float> bias = toFloat(a.dt_bias);
                const std::vector<float> A = toFloat(a.A);
                const std::vector<float> D = toFloat(a.D);
                for (int call = 0; call < 2; ++call) {
                    a.x = random.values(2 * length * channels);
                    // From steps that vanish to steps beyond softplus' threshold.
                    a.dt = random.values(2 * length * channels, -30, 30);
                    a.B = random.values(2 * length * states);
                    a.C = random.values(2 * length * states);
                    const std::vector<float> x = toFloat(a.x);
                    const std::vector<float> dt = toFloat(a.dt);
                    const std::vector<float> B = toFloat(a.B);
                    const std::vector<float> C = toFloat(a.C);
                    std::vector<float> y(x.size());
                    m_backend->selectiveScan({2, length, channels, states, x.data(), dt.data(), bias.data(), A.data(),
                                              B.data(), C.data(), states, D.data(), h.data(), y.data()});
                    compare(y, reference::selectiveScan(a, state), "y");
                    compare(h, state, "h");
                }
            }
        }
    }

    void ssd_data() { addTargets(); }
    void ssd() {
        struct Shape {
            std::int64_t heads, head_dim, groups, states, chunk;
        };
        for (const Shape s :
             {Shape{4, 16, 1, 16, 16}, {4, 8, 2, 5, 8}, {2, 64, 1, 128, 256}, {8, 4, 8, 1, 64}, {4, 8, 2, 0, 8}}) {
            for (const std::int64_t length : {1, 3, 8, 15, 16, 17, 130}) {
                Random random(5);
                const std::int64_t width = s.heads * s.head_dim;
                const std::int64_t bc = s.groups * s.states;
                reference::Ssd a;
                a.batch = 2;
                a.length = length;
                a.heads = s.heads;
                a.head_dim = s.head_dim;
                a.groups = s.groups;
                a.states = s.states;
                a.dt_bias = random.values(s.heads, -4, 0);
                a.A = random.values(s.heads, -16, -1);
                a.D = random.values(width);
                a.dt_min = 0.01;
                a.dt_max = std::numeric_limits<double>::infinity();
                Values state = random.values(2 * width * s.states);
                std::vector<float> h = toFloat(state);
                const std::vector<float> bias = toFloat(a.dt_bias);
                const std::vector<float> A = toFloat(a.A);
                const std::vector<float> D = toFloat(a.D);
                for (int call = 0; call < 2; ++call) {
                    a.x = random.values(2 * length * width);
                    a.dt = random.values(2 * length * s.heads, -3, 3);
                    a.B = random.values(2 * length * bc);
                    a.C = random.values(2 * length * bc);
                    // x, B and C side by side, as the convolution leaves them.
                    std::vector<float> xbc;
                    for (std::int64_t row = 0; row < 2 * length; ++row) {
                        const auto append = [&](const Values& from, std::int64_t count) {
                            xbc.insert(xbc.end(), from.begin() + row * count, from.begin() + (row + 1) * count);
                        };
                        append(a.x, width);
                        append(a.B, bc);
                        append(a.C, bc);
                    }
                    const std::vector<float> dt = toFloat(a.dt);
                    // y as a group's part of wider rows.
                    const std::int64_t y_stride = width + 3;
                    std::vector<float> y(static_cast<std::size_t>(2 * length * y_stride), 7.0F);
                    SsdArgs args;
                    args.batch = 2;
                    args.length = length;
                    args.heads = s.heads;
                    args.head_dim = s.head_dim;
                    args.groups = s.groups;
                    args.states = s.states;
                    args.chunk = s.chunk;
                    args.x = xbc.data();
                    args.B = xbc.data() + width;
                    args.C = xbc.data() + width + bc;
                    args.xbc_stride = width + 2 * bc;
                    args.dt = dt.data();
                    args.dt_stride = s.heads;
                    args.dt_bias = bias.data();
                    args.A = A.data();
                    args.D = D.data();
                    args.dt_min = 0.01F;
                    args.dt_max = std::numeric_limits<float>::infinity();
                    args.h = h.data();
                    args.y = y.data();
                    args.y_stride = y_stride;
                    m_backend->ssd(args);
                    std::vector<float> dense;
                    for (auto row = y.begin(); row != y.end(); row += y_stride) {
                        dense.insert(dense.end(), row, row + width);
                        QVERIFY(std::all_of(row + width, row + y_stride, [](float value) { return value == 7.0F; }));
                    }
                    compare(dense, reference::ssd(a, state), "y");
                    compare(h, state, "h");
                }
            }
        }
    }

    void maskColumns_data() { addTargets(); }
    void maskColumns() {
        std::vector<float> x(3 * 5, 1.0F);
        const std::vector<std::uint8_t> keep = {1, 0, 1, 0};
        m_backend->maskColumns(x.data() + 1, 5, 3, keep);
        for (std::size_t i = 0; i < x.size(); ++i) QCOMPARE(x[i], i % 5 == 2 || i % 5 == 4 ? 0.0F : 1.0F);
    }

    void gates_data() { addTargets(); }
    void gates() {
        for (const std::int64_t width : {4, 24, 132}) {
            Random random(6);
            const Values y0 = random.values(3 * width);
            Values z = random.values(3 * width, -100, 100);
            z[0] = -1000;  // far beyond what exp() can hold
            z[1] = 1000;
            const Values weight = random.values(width);
            std::vector<float> y = toFloat(y0);
            const std::vector<float> zf = toFloat(z);
            const std::vector<float> w = toFloat(weight);
            m_backend->gate(y.data(), zf.data(), width, 3, width);
            compare(y, reference::gate(y0, z), "gate");
            for (const std::int64_t groups : {1, 2, 4}) {
                y = toFloat(y0);
                m_backend->gatedRmsNorm(y.data(), zf.data(), width, weightOf(w, 1), 1e-5F, groups, 3);
                compare(y, reference::gatedRmsNorm(y0, z, weight, 1e-5, groups), "gated norm");
            }
        }
    }

private:
    void linearOf(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, DType type) {
        Random random(2);
        Values x = random.values(rows * inputs);
        if (type == DType::BF16 && rows > cpu::kFewRows && cpu::multipliesBfloat16()) (void)rounded(x, type);
        Values values = random.values(outputs * inputs);
        const Stored weight(values, outputs, type);
        const Values bias = random.values(outputs);
        const std::vector<float> b = toFloat(bias);
        // x lies in rows that are wider than it.
        const std::int64_t stride = inputs + 3;
        const std::vector<float> wide = toFloat(tests::beside(rows, {&x}, 3));
        std::vector<float> y(static_cast<std::size_t>(rows * outputs));
        m_backend->linear(wide.data(), stride, weight.weight, weightOf(b, 1), y.data(), rows);
        compare(y, reference::linear(x, values, bias, inputs, outputs), "with bias");
        m_backend->linear(wide.data(), stride, weight.weight, {}, y.data(), rows);
        compare(y, reference::linear(x, values, {}, inputs, outputs), "without");
    }

    static void addTargets() {
        QTest::addColumn<qint64>("target");
        hwy::SetSupportedTargetsForTest(0);
        for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
            QTest::newRow(hwy::TargetName(target)) << qint64{target};
        }
    }

    std::unique_ptr<Backend> m_backend;
};

QTEST_GUILESS_MAIN(TestKernels)
#include "test_kernels.moc"
