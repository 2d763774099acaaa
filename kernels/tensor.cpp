#include "kernels/tensor.h"

#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace perfmamba {
namespace {

float fromBfloat16(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// IEEE binary16. The exponent is moved by a multiplication, which is exact for normal and subnormal numbers alike.
float fromFloat16(std::uint16_t bits) {
    const auto sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
    const std::uint32_t magnitude = bits & 0x7fffU;
    if (magnitude >= 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13);
    const float value = std::bit_cast<float>(magnitude << 13) * std::bit_cast<float>(0x77800000U);  // 2^112
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
}

std::uint16_t toBfloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);  // not a number
    return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

std::uint16_t toFloat16(float value) {
    constexpr std::uint32_t kInfinity = 0x47800000U;  // 2^16
    constexpr std::uint32_t kNormal = 0x38800000U;    // 2^−14
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    std::uint32_t half = 0;
    if (magnitude > 0x7f800000U) {
        half = 0x7e00U;
    } else if (magnitude >= kInfinity) {
        half = 0x7c00U;
    } else if (magnitude >= kNormal) {
        half = (magnitude - (kNormal - 0x800000U) + 0xfffU + (magnitude >> 13 & 1U)) >> 13;
    } else {
        // Added to 1/2, a subnormal's digits come to stand where float16 has them, rounded by the addition.
        half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3f000000U;
    }
    return static_cast<std::uint16_t>(sign | half);
}

template <class Convert>
void narrow16(const float* source, std::size_t count, std::byte* target, Convert&& one) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t bits = one(source[i]);
        std::memcpy(target + 2 * i, &bits, sizeof bits);
    }
}

template <class Convert>
void convert16(const std::byte* source, std::size_t count, float* target, Convert&& one) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, source + 2 * i, sizeof bits);
        target[i] = one(bits);
    }
}

}  // namespace

std::string_view name(DType dtype) {
    switch (dtype) {
        case DType::F32: return "float32";
        case DType::F16: return "float16";
        case DType::BF16: return "bfloat16";
    }
    return "?";
}

std::int64_t HostTensor::elements() const {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    return count;
}

std::vector<float> HostTensor::toFloat() const {
    std::vector<float> values(static_cast<std::size_t>(elements()));
    convertToFloat(dtype, data, values.size(), values.data());
    return values;
}

HostTensor HostTensor::fromFloat(std::string name, std::vector<std::int64_t> shape, std::vector<float> values) {
    auto owner = std::make_shared<const std::vector<float>>(std::move(values));
    HostTensor tensor{std::move(name), DType::F32, std::move(shape), std::as_bytes(std::span(*owner)).data(), owner};
    assert(static_cast<std::size_t>(tensor.elements()) == owner->size());
    return tensor;
}

void convertToFloat(DType dtype, const std::byte* source, std::size_t count, float* target) {
    switch (dtype) {
        case DType::F32:
            if (count > 0) std::memcpy(target, source, count * sizeof(float));
            return;
        case DType::F16: return convert16(source, count, target, fromFloat16);
        case DType::BF16: return convert16(source, count, target, fromBfloat16);
    }
}

void convertFromFloat(DType dtype, const float* source, std::size_t count, std::byte* target) {
    switch (dtype) {
        case DType::F32:
            if (count > 0) std::memcpy(target, source, count * sizeof(float));
            return;
        case DType::F16: return narrow16(source, count, target, toFloat16);
        case DType::BF16: return narrow16(source, count, target, toBfloat16);
    }
}

}  // namespace perfmamba
