// The CPU backend's kernels against the reference in double, with every instruction set that this processor has.
#include <hwy/highway.h>
#include <sys/mman.h>

#include <QTest>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/vector_ops.h"
#include "kernels/cpu/weight_blocks.h"
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

Weight weightOf(ConstElements data, std::size_t elements, std::int64_t rows) {
    Weight weight;
    weight.data = data;
    weight.rows = rows;
    weight.cols = static_cast<std::int64_t>(elements) / rows;
    return weight;
}
Weight weightOf(const std::vector<float>& values, std::int64_t rows) {
    return weightOf(values.data(), values.size(), rows);
}

/// A matrix as it is stored in that type, and as a backend of that precision loads it; its values are then those of the
/// type.
struct Stored {
    std::vector<std::byte> bytes;
    Weight weight;
    std::unique_ptr<Backend> backend;
    Weight loaded;

    Stored(Values& values, std::int64_t rows, DType type)
        : bytes(rounded(values, type)),
          weight(weightOf({bytes.data(), type}, values.size(), rows)),
          backend(cpu::makeBackend({.threads = 2, .precision = type})),
          loaded(backend->load({"w", type, {rows, weight.cols}, bytes.data(), nullptr}, WeightUse::Matrix)) {}
};

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
                              {600, 130, 50},
                              // In blocks, where there are any.
                              {1, 191, 190},
                              {3, 96, 64},
                              {7, 191, 190},
                              {20, 190, 126},
                              {257, 191, 190},
                              {600, 130, 128}}) {
            for (const DType type : kDTypes) linearOf(s.rows, s.inputs, s.outputs, type);
        }
    }
    /// A row gives the same, bit for bit, on any number of threads, and among many others whatever they are.
    void linearRows_data() { addTargets(); }
    void linearRows() {
        constexpr std::int64_t kRows = 600;
        constexpr std::int64_t kInputs = 158;
        constexpr std::int64_t kOutputs = 250;
        for (const DType type : kDTypes) {
            Random random(7);
            Values values = random.values(kOutputs * kInputs);
            const Stored stored(values, kOutputs, type);
            const std::vector<float> x = toFloat(random.values(kRows * kInputs));
            for (const Weight& weight : {stored.weight, stored.loaded}) {
                std::vector<float> all(kRows * kOutputs);
                m_backend->linear(x.data(), kInputs, weight, {}, all.data(), kRows);
                for (const int threads : {1, 7}) {
                    std::vector<float> y(all.size());
                    cpu::makeBackend({.threads = threads})->linear(x.data(), kInputs, weight, {}, y.data(), kRows);
                    QVERIFY(y == all);
                }
                for (const std::int64_t rows : {10, 65, 300}) {
                    const std::int64_t first = 250;
                    std::vector<float> y(static_cast<std::size_t>(rows * kOutputs));
                    m_backend->linear(x.data() + first * kInputs, kInputs, weight, {}, y.data(), rows);
                    QVERIFY(std::equal(y.begin(), y.end(), all.begin() + first * kOutputs));
                }
                std::vector<float> few(5 * kOutputs);
                m_backend->linear(x.data(), kInputs, weight, {}, few.data(), 5);
                std::vector<float> one(kOutputs);
                m_backend->linear(x.data() + 4 * kInputs, kInputs, weight, {}, one.data(), 1);
                QVERIFY(std::equal(one.begin(), one.end(), few.begin() + 4 * kOutputs));
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

    /// A table is in rows, a matrix in the order that products want; both are copied, and charged.
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
                const Weight table = backend->load(tensor, WeightUse::Table);
                QCOMPARE(table.data.type, precision);
                QCOMPARE(backend->ledger().current()[MemoryKind::Weights],
                         static_cast<std::int64_t>(values.size() * sizeOf(precision)));
                std::vector<std::byte> expected(values.size() * sizeOf(precision));
                convertFromFloat(precision, held.data(), held.size(), expected.data());
                QVERIFY(std::memcmp(table.data.data, expected.data(), expected.size()) == 0);
                const Weight parameter = backend->load(tensor, WeightUse::Parameter);
                QVERIFY(std::equal(held.begin(), held.end(), parameter.f32()));
                QCOMPARE(parameter.data.data == bytes.data(), stored == DType::F32);
                QCOMPARE(backend->load(tensor, WeightUse::Lookup).data.data == bytes.data(), stored == precision);
            }
        }
    }

    void order_data() { addTargets(); }
    void order() {
        constexpr std::int64_t kOutputs = 126;
        constexpr std::int64_t kInputs = 190;
        const bool blocks = cpu::libraryIsBest();
        for (const DType type : kDTypes) {
            Random random(9);
            Values values = random.values(kOutputs * kInputs);
            const Stored stored(values, kOutputs, type);
            const bool pairs = type == DType::BF16 && cpu::multipliesBfloat16();
            QCOMPARE(stored.loaded.order, !blocks ? WeightOrder::Rows
                                          : pairs ? WeightOrder::PairedBlocks
                                                  : WeightOrder::Blocks);
            const std::int64_t elements = blocks ? 128 * 192 : kOutputs * kInputs;
            QCOMPARE(stored.backend->ledger().current()[MemoryKind::Weights],
                     elements * static_cast<std::int64_t>(sizeOf(type)));
            // Blocks that were mostly zeros are not made.
            QCOMPARE(cpu::bestOrder(type, 80, kInputs), WeightOrder::Rows);
            QCOMPARE(cpu::bestOrder(type, kOutputs, 5), WeightOrder::Rows);
        }
    }

    /// Matrices of a model that would take more than its part of the machine's memory are used where they lie.
    void inPlace_data() { addTargets(); }
    void inPlace() {
        const std::int64_t inputs = 1 << 16;
        const std::int64_t outputs = m_backend->device().memory_bytes / 2 / (inputs * 4);
        const std::size_t bytes = static_cast<std::size_t>(outputs * inputs) * sizeof(float);
        // Address space only: nothing of it is read.
        void* data = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        QVERIFY(data != MAP_FAILED);
        const HostTensor tensor{"w", DType::F32, {outputs, inputs}, static_cast<const std::byte*>(data), nullptr};
        m_backend->expectParameters(outputs * inputs, nullptr);
        for (const WeightUse use : {WeightUse::Matrix, WeightUse::Table}) {
            const Weight weight = m_backend->load(tensor, use);
            QCOMPARE(weight.data.data, data);
            QCOMPARE(weight.order, WeightOrder::Rows);
            QCOMPARE(m_backend->ledger().current()[MemoryKind::Weights], static_cast<std::int64_t>(bytes));
        }
        QCOMPARE(::munmap(data, bytes), 0);

        // One that is compared with it reads its matrices alike, however small it is.
        const std::unique_ptr<Backend> other = cpu::makeBackend({.threads = 2});
        other->expectParameters(1, m_backend.get());
        QVERIFY(!other->copiesMatrices());
        other->expectParameters(1, nullptr);
        QVERIFY(other->copiesMatrices());
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
            for (const std::int64_t channels : {1, 16, 37, 150}) {
                for (const std::int64_t length : {1, 19}) selectiveScanOf(states, channels, length);
            }
        }
        selectiveScanOf(5, 37, 2 * cpu::kScanStretch + 3);
    }
    /// Tokens one by one give what they give together.
    void scanSteps_data() { addTargets(); }
    void scanSteps() {
        constexpr std::int64_t kLength = 5;
        constexpr std::int64_t kStates = 7;
        constexpr std::int64_t kChannels = 150;
        Random random(11);
        const std::vector<float> bias = toFloat(random.values(kChannels, -3, 0));
        const std::vector<float> A = toFloat(random.values(kStates * kChannels, -16, -0.5));
        const std::vector<float> D = toFloat(random.values(kChannels));
        const std::vector<float> x = toFloat(random.values(kLength * kChannels));
        const std::vector<float> dt = toFloat(random.values(kLength * kChannels, -30, 30));
        const std::vector<float> B = toFloat(random.values(kLength * kStates));
        const std::vector<float> C = toFloat(random.values(kLength * kStates));
        const auto run = [&](const std::vector<float>& steps, std::int64_t begin, std::int64_t tokens,
                             std::vector<float>& h, std::vector<float>& y) {
            m_backend->selectiveScan({1, tokens, kChannels, kStates, x.data() + begin * kChannels,
                                      steps.data() + begin * kChannels, bias.data(), A.data(),
                                      B.data() + begin * kStates, C.data() + begin * kStates, kStates, D.data(),
                                      h.data(), y.data() + begin * kChannels});
        };
        std::vector<float> h(kStates * kChannels);
        std::vector<float> y(kLength * kChannels);
        run(dt, 0, kLength, h, y);
        std::vector<float> h_steps(h.size());
        std::vector<float> y_steps(y.size());
        for (std::int64_t t = 0; t < kLength; ++t) run(dt, t, 1, h_steps, y_steps);
        QVERIFY(h_steps == h);
        QVERIFY(y_steps == y);
        // Over dt, as the engine has it.
        QVERIFY(m_backend->scansInPlace());
        std::vector<float> in_place = dt;
        std::vector<float> h_in_place(h.size());
        run(in_place, 0, kLength, h_in_place, in_place);
        QVERIFY(h_in_place == h);
        QVERIFY(in_place == y);
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
    void selectiveScanOf(std::int64_t states, std::int64_t channels, std::int64_t length) {
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
            m_backend->selectiveScan({2, length, channels, states, x.data(), dt.data(), bias.data(), A.data(), B.data(),
                                      C.data(), states, D.data(), h.data(), y.data()});
            compare(y, reference::selectiveScan(a, state), "y");
            compare(h, state, "h");
        }
    }

    void linearOf(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, DType type) {
        Random random(2);
        Values x = random.values(rows * inputs);
        if (type == DType::BF16 && rows > cpu::kFewRows && cpu::multipliesBfloat16()) (void)rounded(x, type);
        Values values = random.values(outputs * inputs);
        const Stored stored(values, outputs, type);
        const Values bias = random.values(outputs);
        const std::vector<float> b = toFloat(bias);
        // x lies in rows that are wider than it.
        const std::int64_t stride = inputs + 3;
        const std::vector<float> wide = toFloat(tests::beside(rows, {&x}, 3));
        std::vector<float> y(static_cast<std::size_t>(rows * outputs));
        for (const Weight& weight : {stored.weight, stored.loaded}) {
            m_backend->linear(wide.data(), stride, weight, weightOf(b, 1), y.data(), rows);
            compare(y, reference::linear(x, values, bias, inputs, outputs), "with bias");
            m_backend->linear(wide.data(), stride, weight, {}, y.data(), rows);
            compare(y, reference::linear(x, values, {}, inputs, outputs), "without");
        }
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
