// The element types of activations: float, BFloat16 and Half, with the same bits on the device and on the host. Kernels
// compute in float; conversions to 16 bits round to nearest even, and what is too large becomes infinite.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/simt/macros.h"

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

inline std::uint16_t toBFloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);  // a quiet NaN
    return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

inline std::uint16_t toHalf(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    std::uint32_t half = 0;
    if (magnitude > 0x7f800000U) {
        half = 0x7e00U | (magnitude >> 13 & 0x3ffU);
    } else if (magnitude >= 0x477ff000U) {  // 65520 and above round to infinity
        half = 0x7c00U;
    } else if (magnitude < 0x38800000U) {  // below 2⁻¹⁴: the addition rounds to multiples of 2⁻²⁴
        half =
            std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - std::bit_cast<std::uint32_t>(0.5F);
    } else {
        half = (magnitude - 0x38000000U + 0xfffU + (magnitude >> 13 & 1U)) >> 13;
    }
    return static_cast<std::uint16_t>(sign | half);
}

/// Moving the exponent by a multiplication is exact for normal and subnormal numbers alike.
inline float fromHalf(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000U) << 16U;
    const std::uint32_t magnitude = bits & 0x7fffU;
    if (magnitude >= 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13);
    const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
}

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
