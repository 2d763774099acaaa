// What a file of weights holds, whatever its format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/model/mapped_file.h"
#include "kernels/tensor.h"

namespace perfmamba::model {

/// A tensor of any type that its format knows, row-major.
struct StoredTensor {
    std::string dtype;  // as safetensors names types: "F32", "BF16", "I64"; GGUF's own otherwise: "Q8_0"
    std::vector<std::int64_t> shape;
    std::span<const std::byte> data;
    std::shared_ptr<const void> owner;  // of the data: the mapping, or a copy where they could not be used in place
};

/// One memory-mapped file, its header checked.
struct WeightFile {
    std::shared_ptr<const MappedFile> mapping;
    std::map<std::string, StoredTensor> tensors;
    std::span<const std::byte> header;  // tells the file from others together with the tensors' first bytes
};

/// The type that a stored one is computed with as it is, without a copy; nothing where there is none.
std::optional<DType> computeType(const std::string& dtype);

/// The tensor as this program computes with it: F32, F16 and BF16 in place; F64 and Q8_0 as a float32 copy. Throws
/// Error naming `file` and the tensor for any other type.
HostTensor hostTensor(const std::string& name, const StoredTensor& tensor, const std::filesystem::path& file);

/// Bytes in front of every format's own check: throws Error where the file is what Git LFS leaves when the weights
/// themselves were not downloaded.
void checkDownloaded(std::span<const std::byte> bytes, const std::filesystem::path& file);

}  // namespace perfmamba::model
