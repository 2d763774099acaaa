// What the launchers and kernels share: from element types to templates, vectors of elements, the functions of a model.
#pragma once

#include <cassert>
#include <cmath>
#include <cstdint>

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
SIMT_DEVICE void unpack(const Vector<T, n>& vector, float (&values)[n]) {
    SIMT_UNROLL
    for (int i = 0; i < n; ++i) values[i] = toFloat(vector.at[i]);
}
template <class T, int n>
SIMT_DEVICE void load(const T* from, float (&values)[n]) {
    unpack(simt::loadAs<Vector<T, n>>(from), values);
}
template <class T, int n>
SIMT_DEVICE void store(T* to, const float (&values)[n]) {
    if constexpr (sizeof(T) == 2 && n % 2 == 0) {
        Vector<std::uint32_t, n / 2> pairs;
        SIMT_UNROLL
        for (int i = 0; i < n / 2; ++i) pairs.at[i] = simt::packPair<T>(values[2 * i], values[2 * i + 1]);
        simt::storeAs(to, pairs);
    } else {
        Vector<T, n> vector;
        SIMT_UNROLL
        for (int i = 0; i < n; ++i) vector.at[i] = fromFloat<T>(values[i]);
        simt::storeAs(to, vector);
    }
}

SIMT_DEVICE float silu(float a) {
    return a / (1.0F + std::exp(-a));
}
/// Beyond 20 it is its argument, to float's precision.
SIMT_DEVICE float softplus(float a) {
    return a > 20.0F ? a : std::log1p(std::exp(a));
}

}  // namespace perfmamba::kernels::cuda
