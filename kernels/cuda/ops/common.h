// What the launchers and kernels share: from element types to templates, vectors of elements, the functions of a model.
#pragma once

#include <cassert>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/ops.h"
#include "kernels/cuda/simt/simt.h"

namespace perfmamba::kernels::cuda {

using simt::BFloat16;
using simt::fromFloat;
using simt::Half;
using simt::toFloat;

inline constexpr float kLog2e = 1.44269504F;

/// Calls work.operator()<T>() with the type that stands for `type`.
template <class Work>
void withType(DType type, const Work& work) {
    switch (type) {
        case DType::F32: return work.template operator()<float>();
        case DType::F16: return work.template operator()<Half>();
        case DType::BF16: return work.template operator()<BFloat16>();
    }
}

template <class T>
const T* pointer(ConstElements elements) {
    return static_cast<const T*>(elements.data);
}
template <class T>
T* pointer(Elements elements) {
    return static_cast<T*>(elements.data);
}

SIMT_BOTH constexpr std::int64_t divideUp(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}
SIMT_BOTH constexpr std::int64_t roundUp(std::int64_t a, std::int64_t b) {
    return divideUp(a, b) * b;
}

/// Whether all of these begin at multiples of `bytes`.
template <class... Pointers>
bool aligned(std::size_t bytes, const Pointers*... pointers) {
    return ((reinterpret_cast<std::uintptr_t>(pointers) % bytes == 0) && ...);
}

// In kernels ----------------------------------------------------------------------------------------------------------

/// n neighbours, moved as one. n is a power of two.
template <class T, int n>
struct alignas(sizeof(T) * n) Vector {
    T at[n];
};
/// As many as fit into the widest access of a thread, 16 bytes.
template <class T>
inline constexpr int kWidest = 16 / static_cast<int>(sizeof(T));

template <class T, int n>
inline constexpr bool kInPairs = sizeof(T) == 2 && n % 2 == 0;
/// n neighbours as they lie in memory. Numbers of 16 bits stay in pairs: one by one each would take a register, and an
/// instruction more to get it there.
template <class T, int n>
using Packed = std::conditional_t<kInPairs<T, n>, Vector<std::uint32_t, (n + 1) / 2>, Vector<T, n>>;

template <class T, int n>
SIMT_DEVICE void unpack(const Packed<T, n>& packed, float (&values)[n]) {
    SIMT_UNROLL
    for (int i = 0; i < n; ++i) {
        if constexpr (!kInPairs<T, n>) {
            values[i] = toFloat(packed.at[i]);
        } else if (i % 2 == 0) {
            simt::unpackPair<T>(packed.at[i / 2], values[i], values[i + 1]);
        }
    }
}
template <class T, int n>
SIMT_DEVICE Packed<T, n> pack(const float (&values)[n]) {
    Packed<T, n> packed;
    SIMT_UNROLL
    for (int i = 0; i < n; ++i) {
        if constexpr (!kInPairs<T, n>) {
            packed.at[i] = fromFloat<T>(values[i]);
        } else if (i % 2 == 0) {
            packed.at[i / 2] = simt::packPair<T>(values[i], values[i + 1]);
        }
    }
    return packed;
}

/// The m values from the i-th on.
template <int m, int n>
SIMT_DEVICE float (&part(float (&values)[n], int i))[m] {
    return reinterpret_cast<float(&)[m]>(values[i]);
}
template <int m, int n>
SIMT_DEVICE const float (&part(const float (&values)[n], int i))[m] {
    return reinterpret_cast<const float(&)[m]>(values[i]);
}
/// More than 16 bytes go by 16 at a time, to which they are aligned.
template <class T, int n>
SIMT_DEVICE void load(const T* from, float (&values)[n]) {
    if constexpr (n > kWidest<T>) {
        SIMT_UNROLL
        for (int i = 0; i < n; i += kWidest<T>) load(from + i, part<kWidest<T>>(values, i));
    } else {
        unpack<T>(simt::loadAs<Packed<T, n>>(from), values);
    }
}
template <class T, int n>
SIMT_DEVICE void store(T* to, const float (&values)[n]) {
    if constexpr (n > kWidest<T>) {
        SIMT_UNROLL
        for (int i = 0; i < n; i += kWidest<T>) store(to + i, part<kWidest<T>>(values, i));
    } else {
        simt::storeAs(to, pack<T>(values));
    }
}

/// In five instructions. Relative error at most 4e-7, and 1e-7·|a| more below zero.
SIMT_DEVICE float silu(float a) {
    return a * simt::fastReciprocal(1.0F + simt::fastExp2(-kLog2e * a));
}

/// log(1 + exp(a)) = max(a, 0) + log(1 + u) with u = exp(−|a|) in (0, 1], whose logarithm is u times a polynomial
/// fitted there to 4e-8: no branch, and the same precision however small the result is. Relative error at most 5e-7,
/// and 1e-7·|a| more below zero.
SIMT_DEVICE float softplus(float a) {
    constexpr float kFit[] = {0.00512610214F, -0.0290740647F, 0.0775160867F, -0.136022476F, 0.190768807F,
                              -0.24835399F,   0.333181217F,   -0.49999445F,  0.999999966F};
    const float u = simt::fastExp2(-kLog2e * std::fabs(a));
    float sum = kFit[0];
    SIMT_UNROLL
    for (int i = 1; i < 9; ++i) sum = sum * u + kFit[i];
    return simt::greater(a, 0.0F) + u * sum;
}

}  // namespace perfmamba::kernels::cuda
