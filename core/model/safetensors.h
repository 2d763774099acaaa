// The safetensors format: 8 bytes of header length, a JSON header, the tensors' bytes.
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

/// A tensor of a safetensors file, of any type the format knows.
struct SafetensorsEntry {
    std::string dtype;  // "F32", "BF16", "I64", ...
    std::vector<std::int64_t> shape;
    std::span<const std::byte> data;
};

/// One memory-mapped file. Opening checks the whole header as the reference implementation does: known types, sizes
/// that agree with shape and type, no overlap, no hole, data that end where the file ends.
class SafetensorsFile {
public:
    /// Throws Error naming the file (and tensor) when anything in the header is wrong.
    static SafetensorsFile open(const std::filesystem::path& path);

    [[nodiscard]] const std::map<std::string, SafetensorsEntry>& entries() const { return m_entries; }
    [[nodiscard]] std::span<const std::byte> header() const { return m_header; }
    [[nodiscard]] std::int64_t fileBytes() const { return m_file_bytes; }
    /// Keeps the mapping alive.
    [[nodiscard]] const std::shared_ptr<const MappedFile>& mapping() const { return m_mapping; }

private:
    std::shared_ptr<const MappedFile> m_mapping;
    std::map<std::string, SafetensorsEntry> m_entries;
    std::span<const std::byte> m_header;
    std::int64_t m_file_bytes = 0;
};

/// The type this program computes with; empty for the others.
std::optional<DType> computeType(const std::string& safetensors_dtype);

}  // namespace perfmamba::model
