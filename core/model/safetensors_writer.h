// Writes a safetensors file tensor by tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/tensor.h"

namespace perfmamba::model {

/// A tensor before its bytes are known.
struct TensorOutline {
    std::string name;
    DType dtype = DType::F32;
    std::vector<std::int64_t> shape;

    [[nodiscard]] std::size_t bytes() const { return HostTensor{{}, dtype, shape, nullptr, nullptr}.bytes(); }
};

/// Writes `path`, which appears only when it is whole and on the disk. Order and alignment are the reference
/// implementation's: the largest type first, then by name; the data begin at a multiple of 8. `tensor` is asked for one
/// tensor after the other in that order, and may throw to end it; no more than one is held at a time.
/// Returns the file's bytes. Throws Error in the file's name when it cannot be written.
std::int64_t writeSafetensors(const std::filesystem::path& path, std::vector<TensorOutline> tensors,
                              const std::map<std::string, std::string>& metadata,
                              const std::function<HostTensor(const std::string& name)>& tensor);

}  // namespace perfmamba::model
