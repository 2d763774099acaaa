// Tensors as they lie in checkpoints and on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/dtype.h"

namespace perfmamba {

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
    /// The same in another type, rounded to the nearest; itself where it is of that type.
    [[nodiscard]] HostTensor converted(DType to) const;
    /// A tensor that owns `values`.
    static HostTensor fromFloat(std::string name, std::vector<std::int64_t> shape, std::vector<float> values);
};

/// Converts `count` elements of `dtype` at `source` (any alignment) to float32.
void convertToFloat(DType dtype, const std::byte* source, std::size_t count, float* target);
/// The reverse, to the nearest, ties to even; what float16 cannot hold becomes infinite.
void convertFromFloat(DType dtype, const float* source, std::size_t count, std::byte* target);

}  // namespace perfmamba
