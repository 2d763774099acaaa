// Types of numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace perfmamba {

/// Element types of weights that this program computes with.
enum class DType : std::uint8_t { F32, F16, BF16 };
inline constexpr std::array kDTypes = {DType::F32, DType::F16, DType::BF16};

constexpr std::size_t sizeOf(DType dtype) {
    return dtype == DType::F32 ? 4 : 2;
}

/// "float32", "float16", "bfloat16".
std::string_view name(DType dtype);

}  // namespace perfmamba
