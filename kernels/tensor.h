// Tensors as they lie in checkpoints and on a device.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perfmamba {

/// Element types of weights that this program computes with.
enum class DType : std::uint8_t { F32, F16, BF16 };
inline constexpr std::array kDTypes = {DType::F32, DType::F16, DType::BF16};

constexpr std::size_t sizeOf(DType dtype) {
    return dtype == DType::F32 ? 4 : 2;
}

/// "float32", "float16", "bfloat16".
std::string_view name(DType dtype);

/// A tensor in host memory, row-major; normally a view into a mapped file, which `owner` keeps mapped.
struct HostTensor {
    std::string name;
    DType dtype = DType::F32;
    std::vector<std::int64_t> shape;
    const std::byte* data = nullptr;
    std::shared_ptr<const void> owner;

    [[nodiscard]] std::int64_t elements() const;
    [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(elements()) * sizeOf(dtype); }
    /// The values as float32, whatever the stored type.
    [[nodiscard]] std::vector<float> toFloat() const;
    /// A tensor that owns `values`.
    static HostTensor fromFloat(std::string name, std::vector<std::int64_t> shape, std::vector<float> values);
};

/// Converts `count` elements of `dtype` at `source` (any alignment) to float32.
void convertToFloat(DType dtype, const std::byte* source, std::size_t count, float* target);

}  // namespace perfmamba
