// The device kernels without a recurrence, in the SIMT executor, against the reference in double.
#include "kernels/cuda/ops/common.h"
#include "kernels/reference/reference.h"
#include "tests/support/device_values.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using namespace perfmamba::tests;

namespace {

std::size_t size(std::int64_t count) {
    return static_cast<std::size_t>(count);
}

/// Rows of `width` in rows of `stride`, the rest of them 7.
Values spread(const Values& values, std::int64_t width, std::int64_t stride) {
    const std::int64_t rows = static_cast<std::int64_t>(values.size()) / width;
    Values result(size(rows * stride), 7.0);
    for (std::int64_t row = 0; row < rows; ++row) {
        std::copy_n(values.begin() + row * width, width, result.begin() + row * stride);
    }
    return result;
}

}  // namespace

class TestDeviceOps : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { simt::host::setOrder(simt::host::Order::Forward); }

    void embed_data() { addTypesAndOrders(); }
    void embed() {
        const DType type = begin();
        for (const std::int64_t width : {1, 5, 16, 768}) {
            Random random(1);
            const Values table = representable(random, type, 11 * width);
            Array t(type, table);
            const std::vector<std::int32_t> tokens = {10, 0, 3, 3};
            std::vector<float> out(size(4 * width));
            cuda::embed(nullptr, {4, width, tokens.data(), t.elements(), out.data()});
            Values expected;
            for (const std::int32_t token : tokens) {
                expected.insert(expected.end(), table.begin() + token * width, table.begin() + (token + 1) * width);
            }
            compare(out, expected, 0, "embedding");
        }
    }

    void norm_data() { addTypesAndOrders(); }
    void norm() {
        const DType type = begin();
        // Of a warp, of several, of vectors and not, up to rows that registers cannot hold.
        for (const std::int64_t width : {1, 7, 16, 33, 768, 2560, 6144, 6148, 8191, 9000}) {
            Random random(2);
            Values residual = random.values(3 * width);
            const Values delta = representable(random, type, 3 * width);
            const Values weight = random.values(width);
            std::vector<float> r = toFloat(residual);
            const std::vector<float> w = toFloat(weight);
            for (const bool with_delta : {true, false}) {
                Array d(type, delta);
                Array out(type, delta.size());
                cuda::addRmsNorm(nullptr, {3, width, r.data(), with_delta ? d.elements() : Elements{}, w.data(), 1e-5F,
                                           out.elements()});
                const Values expected = reference::addRmsNorm(residual, with_delta ? delta : Values{}, weight, 1e-5);
                compare(out.values(), expected, tolerance(type), "norm");
                compare(r, residual, kFloatSums, "residual");
            }
        }
    }

    void gates_data() { addTypesAndOrders(); }
    void gates() {
        const DType type = begin();
        for (const std::int64_t width : {4, 24, 132, 1536, 5120}) {
            for (const std::int64_t stride : {width, width + 3, width + 8}) {
                Random random(3);
                const Values y0 = representable(random, type, 3 * width);
                Values z = representable(random, type, 3 * width, -50, 50);
                z[0] = -1000;  // far beyond what exp() can hold
                z[1] = 1000;
                const Values weight = random.values(width);
                const std::vector<float> w = toFloat(weight);
                Array zs(type, spread(z, width, stride));
                Array y(type, y0);
                cuda::gate(nullptr, {3, width, y.elements(), zs.elements(), stride});
                compare(y.values(), reference::gate(y0, z), tolerance(type), "gate");
                for (const std::int64_t groups : {1, 2, 4}) {
                    Array normed(type, y0);
                    cuda::gatedRmsNorm(nullptr,
                                       {3, width, groups, normed.elements(), zs.elements(), stride, w.data(), 1e-5F});
                    compare(normed.values(), reference::gatedRmsNorm(y0, z, weight, 1e-5, groups), tolerance(type),
                            "gated norm");
                }
            }
        }
    }

    void maskColumns_data() { addTypesAndOrders(); }
    void maskColumns() {
        const DType type = begin();
        Array x(type, Values(3 * 150, 1.0));
        std::vector<std::uint8_t> keep(149);
        for (std::size_t i = 0; i < keep.size(); ++i) keep[i] = i % 3 == 0;
        cuda::maskColumns(nullptr, {3, 149, x.elements() + 1, 150, keep.data()});
        Values expected(3 * 150, 1.0);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if (i % 150 > 0) expected[i] = keep[i % 150 - 1];
        }
        QCOMPARE(x.values(), expected);
    }

    /// Columns within wider rows, and a divisor that is not their number.
    void plainRmsNorm_data() { addTypesAndOrders(); }
    void plainRmsNorm() {
        const DType type = begin();
        for (const std::int64_t width : {1, 5, 16, 256}) {
            Random random(5);
            const Values x = representable(random, type, 7 * width);
            Array rows(type, spread(x, width, width + 3));
            cuda::plainRmsNorm(nullptr, {7, width, width + 2, rows.elements(), width + 3, 1e-6F});
            const Values expected = reference::plainRmsNorm(x, width, static_cast<double>(width + 2), 1e-6);
            compare(rows.values(), spread(Array(type, expected).values(), width, width + 3), tolerance(type), "norm");
        }
    }

    void convert_data() { addTypesAndOrders(); }
    void convert() {
        const DType type = begin();
        for (const DType to : {DType::F32, DType::F16, DType::BF16}) {
            for (const std::int64_t width : {3, 40, 600}) {
                Random random(4);
                const Values values = representable(random, type, 2 * width);
                Array source(type, spread(values, width, width + 4));
                Array target(to, Values(size(2 * (width + 8)), 7.0));
                cuda::convert(nullptr, {2, width, source.elements(), width + 4, target.elements(), width + 8});
                QCOMPARE(target.values(), spread(Array(to, values).values(), width, width + 8));
            }
        }
    }

    /// Two calls in a row, so that the second starts from the state that the first left.
    void conv1d_data() { addTypesAndOrders(); }
    void conv1d() {
        const DType type = begin();
        for (const std::int64_t kernel : {1, 2, 3, 4, 5, 20}) {
            for (const std::int64_t length : {1, 2, 5, 16, 40}) {
                for (const std::int64_t channels : {37, 40}) {
                    for (const bool with_bias : {true, false}) convolve(type, kernel, length, channels, with_bias);
                }
            }
        }
        // Threads enough that each takes more tokens, and not all of them as many.
        convolve(type, 4, 299, 2052, true);
    }

    /// One by one: a small result matters as much as a large one.
    void functions() {
        for (double a = -60; a <= 60; a += 0.0137) {
            const auto x = static_cast<float>(a);
            const auto exact = static_cast<double>(x);
            const auto near = [&](float got, double expected) {
                const double bound = (5e-7 + 1e-7 * std::max(0.0, -exact)) * std::abs(expected);
                QVERIFY2(std::abs(static_cast<double>(got) - expected) <= bound, qPrintable(QString::number(a)));
            };
            near(cuda::silu(x), exact / (1 + std::exp(-exact)));
            near(cuda::softplus(x), std::log1p(std::exp(-std::abs(exact))) + std::max(0.0, exact));
        }
        QCOMPARE(cuda::silu(1000), 1000.0F);
        QCOMPARE(cuda::silu(-1000), 0.0F);
        QCOMPARE(cuda::softplus(1000), 1000.0F);
        QCOMPARE(cuda::softplus(-1000), 0.0F);
        QVERIFY(std::isnan(cuda::silu(std::nanf(""))) && std::isnan(cuda::softplus(std::nanf(""))));
    }

    void nothing() {
        Array none(DType::BF16, std::size_t{1});
        const Elements at = none.elements();
        cuda::embed(nullptr, {0, 8, nullptr, at, nullptr});
        cuda::addRmsNorm(nullptr, {0, 8, nullptr, at, nullptr, 0, at});
        cuda::convert(nullptr, {4, 0, at, 0, at, 0});
        cuda::maskColumns(nullptr, {4, 0, at, 0, nullptr});
        cuda::plainRmsNorm(nullptr, {4, 0, 0, at, 0, 0});
        cuda::gate(nullptr, {0, 8, at, at, 8});
        cuda::gatedRmsNorm(nullptr, {0, 8, 1, at, at, 8, nullptr, 0});
        cuda::conv1d(nullptr, {2, 0, 8, 4, at, 8, nullptr, nullptr, nullptr, at});
    }

private:
    static void convolve(DType type, std::int64_t kernel, std::int64_t length, std::int64_t channels, bool with_bias) {
        Random random(5);
        const std::int64_t batch = length < 10 ? 3 : 1;
        reference::Conv1d args{batch, length, channels, kernel, {}, random.values(kernel * channels), {}};
        if (with_bias) args.bias = random.values(channels);
        Values state = random.values(batch * (kernel - 1) * channels);
        std::vector<float> s = toFloat(state);
        const std::vector<float> w = toFloat(args.weight);
        const std::vector<float> b = toFloat(args.bias);
        for (int call = 0; call < 2; ++call) {
            args.x = representable(random, type, batch * length * channels);
            Array x(type, spread(args.x, channels, channels + 4));
            Array y(type, args.x.size());
            cuda::conv1d(nullptr, {batch, length, channels, kernel, x.elements(), channels + 4, w.data(),
                                   with_bias ? b.data() : nullptr, s.data(), y.elements()});
            compare(y.values(), reference::conv1d(args, state), tolerance(type), "y");
            // What it keeps are inputs, unchanged.
            compare(s, state, 0, "state");
        }
    }
};

QTEST_GUILESS_MAIN(TestDeviceOps)
#include "test_device_ops.moc"
