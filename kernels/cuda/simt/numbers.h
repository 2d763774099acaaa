// The element types of activations: float, BFloat16 and Half, with the same bits on the device and on the host. Kernels
// compute in float; conversions to 16 bits round to nearest even, and what is too large becomes infinite.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/simt/macros.h"
#include "kernels/half.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace perfmamba::simt {

struct BFloat16 {
    std::uint16_t bits;
};
struct Half {
    std::uint16_t bits;
};

SIMT_DEVICE float toFloat(float value) {
    return value;
}

#ifdef __CUDACC__

SIMT_DEVICE float toFloat(BFloat16 value) {
    return __uint_as_float(static_cast<std::uint32_t>(value.bits) << 16);
}

SIMT_DEVICE float toFloat(Half value) {
    return __half2float(__ushort_as_half(value.bits));
}
template <class T>
SIMT_DEVICE T fromFloat(float value) {
    if constexpr (sizeof(T) == 4) {
        return value;
    } else if constexpr (std::is_same_v<T, Half>) {
        return Half{__half_as_ushort(__float2half_rn(value))};
    } else {
        return BFloat16{__bfloat16_as_ushort(__float2bfloat16_rn(value))};
    }
}
/// Two of them in 32 bits, the first in the low half.
template <class T>
SIMT_DEVICE std::uint32_t packPair(float first, float second) {
    if constexpr (std::is_same_v<T, Half>) {
        const __half2 pair = __floats2half2_rn(first, second);
        return reinterpret_cast<const std::uint32_t&>(pair);
    } else {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
        return reinterpret_cast<const std::uint32_t&>(pair);
    }
}
/// What packPair() packed.
template <class T>
SIMT_DEVICE void unpackPair(std::uint32_t pair, float& first, float& second) {
    if constexpr (std::is_same_v<T, Half>) {
        const float2 both = __half22float2(reinterpret_cast<const __half2&>(pair));
        first = both.x;
        second = both.y;
    } else {
        first = __uint_as_float(pair << 16);
        second = __uint_as_float(pair & 0xffff0000U);
    }
}

#else

namespace host {

using perfmamba::fromHalf;
using perfmamba::toBFloat16;
using perfmamba::toHalf;

}  // namespace host

inline float toFloat(BFloat16 value) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}
inline float toFloat(Half value) {
    return host::fromHalf(value.bits);
}
template <class T>
T fromFloat(float value) {
    if constexpr (sizeof(T) == 4) {
        return value;
    } else if constexpr (std::is_same_v<T, Half>) {
        return {host::toHalf(value)};
    } else {
        return {host::toBFloat16(value)};
    }
}
template <class T>
std::uint32_t packPair(float first, float second) {
    return fromFloat<T>(first).bits | static_cast<std::uint32_t>(fromFloat<T>(second).bits) << 16;
}
template <class T>
void unpackPair(std::uint32_t pair, float& first, float& second) {
    first = toFloat(T{static_cast<std::uint16_t>(pair)});
    second = toFloat(T{static_cast<std::uint16_t>(pair >> 16)});
}

#endif

}  // namespace perfmamba::simt
