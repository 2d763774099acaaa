// Writes a GGUF file tensor by tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/gguf.h"
#include "core/model/safetensors_writer.h"

namespace perfmamba::model {

/// Keys and values in the order they are added.
class GgufMetadata {
public:
    void add(std::string_view key, std::uint32_t value);
    void add(std::string_view key, float value);
    void add(std::string_view key, bool value);
    void add(std::string_view key, std::string_view value);
    void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
    void add(std::string_view key, std::span<const std::string> values);
    void add(std::string_view key, std::span<const std::int32_t> values);
    /// As it stood in another file.
    void add(std::string_view key, const GgufValue& value);

    [[nodiscard]] std::uint64_t count() const { return m_count; }
    [[nodiscard]] const std::string& bytes() const { return m_bytes; }

private:
    void begin(std::string_view key, GgufType type);

    std::uint64_t m_count = 0;
    std::string m_bytes;
};

/// Writes `path`, version 3, which appears only when it is whole and on the disk. `tensor` is asked for one after the
/// other, in order, and may throw to end it. Throws Error in the file's name when it cannot be written.
void writeGguf(const std::filesystem::path& path, const GgufMetadata& metadata,
               const std::vector<TensorOutline>& tensors,
               const std::function<HostTensor(const TensorOutline& outline)>& tensor);

}  // namespace perfmamba::model
