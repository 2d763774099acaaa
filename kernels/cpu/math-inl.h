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

// Functions of several vectors go step by step through all of them, for each step of one waits for the one before.

/// y[i] = c[0] + c[1]·x[i] + c[2]·x[i]² + …, by Horner.
template <class DD, class VV, std::size_t kCount, std::size_t kTerms>
HWY_INLINE void polynomial(DD d, const VV (&x)[kCount], const float (&c)[kTerms], VV (&y)[kCount]) {
    for (VV& value : y) value = hn::Set(d, c[kTerms - 1]);
    for (std::size_t k = kTerms - 1; k-- > 0;) {
        for (std::size_t i = 0; i < kCount; ++i) y[i] = hn::MulAdd(y[i], x[i], hn::Set(d, c[k]));
    }
}

/// fraction · 2^n, of normal floats. @param rounded  n + kRound
template <class DD, class VV>
HWY_INLINE VV scale(DD d, VV fraction, VV rounded) {
    const hn::RebindToSigned<DD> di;
    const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, rounded));
    return hn::BitCast(d, hn::Add(hn::BitCast(di, fraction), exponent));
}

/// x[i] becomes exp(x[i]), x ≤ kExpLimit: within 2 ulp; 0, or something below 2^-126, where that is its magnitude.
template <class DD, class VV, std::size_t kCount>
HWY_INLINE void exponentials(DD d, VV (&x)[kCount]) {
    // ln 2 in two parts, of which the first has so few digits that its products with n are exact.
    constexpr float kLn2High = 0.693145752F;
    constexpr float kLn2Low = 1.42860677e-6F;
    // e^r on [−ln 2 / 2, ln 2 / 2], relative error 2e-9.
    constexpr float kExp[] = {1.0F, 1.0F, 0.49999994F, 0.1666643F, 0.041668005F, 0.008374196F, 0.0013843607F};
    VV rounded[kCount];
    VV power[kCount];
    for (std::size_t i = 0; i < kCount; ++i) {
        rounded[i] = hn::MulAdd(x[i], hn::Set(d, kLog2E), hn::Set(d, kRound));
    }
    for (std::size_t i = 0; i < kCount; ++i) {
        const VV n = hn::Sub(rounded[i], hn::Set(d, kRound));
        x[i] = hn::NegMulAdd(n, hn::Set(d, kLn2Low), hn::NegMulAdd(n, hn::Set(d, kLn2High), x[i]));
    }
    polynomial(d, x, kExp, power);
    for (std::size_t i = 0; i < kCount; ++i) {
        const auto normal = hn::Ge(rounded[i], hn::Set(d, kRound + kLeastExponent));
        x[i] = hn::IfThenElseZero(normal, scale(d, power[i], rounded[i]));
    }
}
template <class DD, class VV>
HWY_INLINE VV exponential(DD d, VV x) {
    VV power[1] = {x};
    exponentials(d, power);
    return power[0];
}

/// x[i] becomes 2^x[i], x ≤ 0: within 2 ulp, and 2^-126 where x is below −126. The scan's decay exp(Δ·A) is one of
/// Δ·(A · log2(e)).
template <class DD, class VV, std::size_t kCount>
HWY_INLINE void powersOfTwo(DD d, VV (&x)[kCount]) {
    // 2^f on [−1/2, 1/2]: of this degree, the least error in ulp that a search found, with and without fused
    // multiply-adds.
    constexpr float kExp2[] = {1.0F, 0.693146884F, 0.240222424F, 0.0555087253F, 0.00967146456F, 0.00132230541F};
    VV rounded[kCount];
    VV power[kCount];
    for (VV& value : x) value = hn::Max(value, hn::Set(d, kLeastExponent));
    for (std::size_t i = 0; i < kCount; ++i) rounded[i] = hn::Add(x[i], hn::Set(d, kRound));
    for (std::size_t i = 0; i < kCount; ++i) x[i] = hn::Sub(x[i], hn::Sub(rounded[i], hn::Set(d, kRound)));
    polynomial(d, x, kExp2, power);
    for (std::size_t i = 0; i < kCount; ++i) x[i] = scale(d, power[i], rounded[i]);
}

/// x[i] becomes log(1 + exp(x[i])), within 4 ulp.
template <class DD, class VV, std::size_t kCount>
HWY_INLINE void softplus(DD d, VV (&x)[kCount]) {
    // log(1 + u) / u on [0, 1], relative error 5e-9.
    constexpr float kLog1p[] = {1.0F,          -0.499999315F, 0.33330512F,    -0.249585882F, 0.196954012F,
                                -0.153553963F, 0.106805563F,  -0.0576644503F, 0.0202045888F, -0.00331847323F};
    VV u[kCount];
    VV quotient[kCount];
    for (std::size_t i = 0; i < kCount; ++i) u[i] = hn::Neg(hn::Abs(x[i]));
    exponentials(d, u);
    polynomial(d, u, kLog1p, quotient);
    for (std::size_t i = 0; i < kCount; ++i) x[i] = hn::MulAdd(u[i], quotient[i], hn::Max(x[i], hn::Zero(d)));
}
template <class DD, class VV>
HWY_INLINE VV softplus(DD d, VV x) {
    VV value[1] = {x};
    softplus(d, value);
    return value[0];
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
