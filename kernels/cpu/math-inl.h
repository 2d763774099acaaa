// exp, softplus and SiLU for the vectorised loops: once for each instruction set (see hwy/foreach_target.h).
//
// Each is a reduction to a small interval, a minimax polynomial there, and a shift of the exponent. They take fewer
// operations than Highway's, since they need not hold infinities: arguments beyond a float's range are not met here.
// tests/kernels/test_math.cpp measures their errors over all arguments, on every instruction set.

// Highway's way of an include guard that opens again for each instruction set.
#if defined(PERFMAMBA_KERNELS_CPU_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PERFMAMBA_KERNELS_CPU_MATH_INL_H_
#undef PERFMAMBA_KERNELS_CPU_MATH_INL_H_
#else
#define PERFMAMBA_KERNELS_CPU_MATH_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace perfmamba::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kLog2E = 1.44269504F;
// Added to a float of less than 2^22 and taken off again, it rounds to an integer; that integer then also stands in the
// sum's low bits.
constexpr float kRound = 12582912.0F;  // 1.5 · 2^23
// 2^n of a smaller n is no normal float.
constexpr float kLeastExponent = -126.0F;
// exp() of more is not a float any more.
constexpr float kExpLimit = 88.0F;

/// c[0] + c[1]·x + c[2]·x² + …, by Horner.
template <class DD, class VV, std::size_t kCount>
HWY_INLINE VV polynomial(DD d, VV x, const float (&c)[kCount]) {
    VV value = hn::Set(d, c[kCount - 1]);
    for (std::size_t i = kCount - 1; i-- > 0;) value = hn::MulAdd(value, x, hn::Set(d, c[i]));
    return value;
}

/// fraction · 2^n; 0 where that is below 2^-126. @param rounded  n + kRound
template <class DD, class VV>
HWY_INLINE VV scale(DD d, VV fraction, VV rounded) {
    const hn::RebindToSigned<DD> di;
    const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, rounded));
    const auto scaled = hn::BitCast(d, hn::Add(hn::BitCast(di, fraction), exponent));
    return hn::IfThenElseZero(hn::Ge(rounded, hn::Set(d, kRound + kLeastExponent)), scaled);
}

/// exp(x) for x ≤ kExpLimit, within 2 ulp; 0, or something below 2^-126, where that is the magnitude of the result.
template <class DD, class VV>
HWY_INLINE VV exponential(DD d, VV x) {
    // ln 2 in two parts, of which the first has so few digits that its products with n are exact.
    constexpr float kLn2High = 0.693145752F;
    constexpr float kLn2Low = 1.42860677e-6F;
    // e^r on [−ln 2 / 2, ln 2 / 2], relative error 2e-9.
    constexpr float kExp[] = {1.0F, 1.0F, 0.49999994F, 0.1666643F, 0.041668005F, 0.008374196F, 0.0013843607F};
    const VV rounded = hn::MulAdd(x, hn::Set(d, kLog2E), hn::Set(d, kRound));
    const VV n = hn::Sub(rounded, hn::Set(d, kRound));
    const VV rest = hn::NegMulAdd(n, hn::Set(d, kLn2Low), hn::NegMulAdd(n, hn::Set(d, kLn2High), x));
    return scale(d, polynomial(d, rest, kExp), rounded);
}

/// powers[i] = 2^(a·b[i]) for a·b ≤ 0, within 2 ulp where a·b is added to without rounding (FMA), and else within that
/// of a rounded a·b. The scan's decay exp(Δ·A) costs three operations less this way, with b = A · log2(e). Several at a
/// time, step by step, for each step of one waits for the one before.
template <class DD, class VV, std::size_t kCount>
HWY_INLINE void powersOfTwo(DD d, VV a, const VV (&b)[kCount], VV (&powers)[kCount]) {
    // 2^f on [−1/2, 1/2], within 1.1 of its own ulp before rounding.
    constexpr float kExp2[] = {1.0F, 0.6931468F, 0.24022236F, 0.05550896F, 0.009671763F, 0.0013225707F};
    VV rounded[kCount];
    VV rest[kCount];
    const auto each = [](const auto& body) {
        for (std::size_t i = 0; i < kCount; ++i) body(i);
    };
    each([&](std::size_t i) { rounded[i] = hn::MulAdd(a, b[i], hn::Set(d, kRound)); });
    each([&](std::size_t i) { rest[i] = hn::MulSub(a, b[i], hn::Sub(rounded[i], hn::Set(d, kRound))); });
    each([&](std::size_t i) { powers[i] = hn::MulAdd(hn::Set(d, kExp2[5]), rest[i], hn::Set(d, kExp2[4])); });
    for (std::size_t k = 4; k-- > 0;) {
        each([&](std::size_t i) { powers[i] = hn::MulAdd(powers[i], rest[i], hn::Set(d, kExp2[k])); });
    }
    each([&](std::size_t i) { powers[i] = scale(d, powers[i], rounded[i]); });
}

/// log(1 + exp(x)), within 4 ulp.
template <class DD, class VV>
HWY_INLINE VV softplus(DD d, VV x) {
    // log(1 + u) / u on [0, 1], relative error 5e-9.
    constexpr float kLog1p[] = {1.0F,          -0.499999315F, 0.33330512F,    -0.249585882F, 0.196954012F,
                                -0.153553963F, 0.106805563F,  -0.0576644503F, 0.0202045888F, -0.00331847323F};
    const VV u = exponential(d, hn::Neg(hn::Abs(x)));
    return hn::MulAdd(u, polynomial(d, u, kLog1p), hn::Max(x, hn::Zero(d)));
}

/// x / (1 + exp(−x)), within 4 ulp where that is a normal float.
template <class DD, class VV>
HWY_INLINE VV silu(DD d, VV x) {
    const VV power = exponential(d, hn::Min(hn::Neg(x), hn::Set(d, kExpLimit)));
    return hn::Div(x, hn::Add(hn::Set(d, 1.0F), power));
}

}  // namespace perfmamba::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
