// The CPU's own exp, softplus and SiLU against double precision, over all floats and on every instruction set.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/test_math.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/math-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace perfmamba::kernels::cpu::HWY_NAMESPACE {

/// Values and results are whole vectors: padded by the caller.
template <class Function>
void eachVector(const std::vector<float>& x, std::vector<float>& y, const Function& function) {
    const hn::ScalableTag<float> d;
    for (std::size_t i = 0; i < x.size(); i += hn::Lanes(d)) hn::StoreU(function(d, i), d, y.data() + i);
}

void Exponential(const std::vector<float>& x, std::vector<float>& y) {
    eachVector(x, y, [&](auto d, std::size_t i) { return exponential(d, hn::LoadU(d, x.data() + i)); });
}
void PowerOfTwo(const std::vector<float>& x, std::vector<float>& y) {
    eachVector(x, y, [&](auto d, std::size_t i) {
        hn::Vec<decltype(d)> power[1] = {hn::LoadU(d, x.data() + i)};
        powersOfTwo(d, power);
        return power[0];
    });
}
void Softplus(const std::vector<float>& x, std::vector<float>& y) {
    eachVector(x, y, [&](auto d, std::size_t i) { return softplus(d, hn::LoadU(d, x.data() + i)); });
}
void Silu(const std::vector<float>& x, std::vector<float>& y) {
    eachVector(x, y, [&](auto d, std::size_t i) { return silu(d, hn::LoadU(d, x.data() + i)); });
}

}  // namespace perfmamba::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <QTest>

namespace perfmamba::kernels::cpu {

HWY_EXPORT(Exponential);
HWY_EXPORT(PowerOfTwo);
HWY_EXPORT(Softplus);
HWY_EXPORT(Silu);

constexpr double kLeastNormal = 0x1p-126;
// Vectors of any instruction set fit a multiple of it.
constexpr std::size_t kPad = 64;

/// Every 257th float between `low` and `high`, of both signs.
std::vector<float> floatsBetween(float low, float high) {
    std::vector<float> values;
    const float most = std::max(std::abs(low), std::abs(high));
    for (std::uint32_t bits = 0; bits <= std::bit_cast<std::uint32_t>(most); bits += 257) {
        const auto value = std::bit_cast<float>(bits);
        if (value <= high) values.push_back(value);
        if (-value >= low) values.push_back(-value);
    }
    values.resize((values.size() + kPad - 1) / kPad * kPad);
    return values;
}

/// In units of the last place of `expected`, rounded down to a power of two.
double ulps(float got, double expected) {
    const double unit = std::ldexp(1.0, std::ilogb(expected) - 23);
    return std::abs(static_cast<double>(got) - expected) / unit;
}

class TestMath : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        QFETCH(qint64, target);
        hwy::SetSupportedTargetsForTest(target);
    }
    void cleanup() { hwy::SetSupportedTargetsForTest(0); }

    void exponential_data() { addTargets(); }
    void exponential() {
        const std::vector<float> x = floatsBetween(-200, 88);
        std::vector<float> y(x.size());
        HWY_DYNAMIC_DISPATCH(Exponential)(x, y);
        report(x, y, 2, [](double v) { return std::exp(v); });
        std::vector<float> zero(kPad);
        std::vector<float> one(kPad);
        HWY_DYNAMIC_DISPATCH(Exponential)(zero, one);
        QCOMPARE(one[0], 1.0F);
    }

    void powerOfTwo_data() { addTargets(); }
    void powerOfTwo() {
        const std::vector<float> x = floatsBetween(-126, 0);
        std::vector<float> y(x.size());
        HWY_DYNAMIC_DISPATCH(PowerOfTwo)(x, y);
        report(x, y, 2, [](double v) { return std::exp2(v); });
        for (const float value : {-126.5F, -1000.0F, -1e30F}) {
            const std::vector<float> far(kPad, value);
            std::vector<float> least(kPad);
            HWY_DYNAMIC_DISPATCH(PowerOfTwo)(far, least);
            QCOMPARE(static_cast<double>(least[0]), kLeastNormal);
        }
    }

    void softplus_data() { addTargets(); }
    void softplus() {
        const std::vector<float> x = floatsBetween(-200, 200);
        std::vector<float> y(x.size());
        HWY_DYNAMIC_DISPATCH(Softplus)(x, y);
        report(x, y, 4, [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); });
    }

    void silu_data() { addTargets(); }
    void silu() {
        // Beyond, exp(-x) is taken for exp(88): 6e-37 of 200 is left.
        const std::vector<float> x = floatsBetween(-80, 200);
        std::vector<float> y(x.size());
        HWY_DYNAMIC_DISPATCH(Silu)(x, y);
        report(x, y, 4, [](double v) { return v / (1 + std::exp(-v)); });
        const std::vector<float> far(kPad, -1000.0F);
        std::vector<float> nothing(kPad);
        HWY_DYNAMIC_DISPATCH(Silu)(far, nothing);
        QVERIFY(nothing[0] <= 0 && nothing[0] > -1e-34F);
    }

private:
    static void addTargets() {
        QTest::addColumn<qint64>("target");
        hwy::SetSupportedTargetsForTest(0);
        for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
            QTest::newRow(hwy::TargetName(target)) << qint64{target};
        }
    }

    template <class Reference>
    static void report(const std::vector<float>& x, const std::vector<float>& y, double allowed,
                       const Reference& reference) {
        double worst = 0;
        float where = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double expected = reference(static_cast<double>(x[i]));
            if (std::abs(expected) < kLeastNormal) {
                QVERIFY(std::abs(static_cast<double>(y[i])) < kLeastNormal);
                continue;
            }
            const double error = ulps(y[i], expected);
            if (!(error <= worst)) {
                worst = error;
                where = x[i];
            }
        }
        qInfo("%.2f ulp at %g", worst, static_cast<double>(where));
        QVERIFY(worst <= allowed);
    }
};

}  // namespace perfmamba::kernels::cpu

using perfmamba::kernels::cpu::TestMath;
QTEST_GUILESS_MAIN(TestMath)
#include "test_math.moc"
#endif  // HWY_ONCE
