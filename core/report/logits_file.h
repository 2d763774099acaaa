// Logits as an HDF5 file: dataset `logits` (batch, positions, vocabulary), float32, and `tokens` (batch, length),
// int32.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace perfmamba::report {

/// Written piece by piece along the positions, to a file beside it; finish() renames that. Without finish() nothing
/// stays.
class LogitsFile {
public:
    /// @param tokens (batch, length), row-major
    LogitsFile(const std::filesystem::path& path, std::int64_t batch, std::int64_t positions, std::int64_t vocab,
               std::span<const std::int32_t> tokens, const std::string& model, const std::string& model_hash);
    ~LogitsFile();
    /// The file that `path` leads to. Throws Error when it cannot be written, or exists and is not one of logits: a
    /// wrong name must not cost somebody their weights.
    static std::filesystem::path checkTarget(const std::filesystem::path& path);
    /// Writes (batch, count, vocab) values at positions `first` … `first + count − 1`.
    void write(std::int64_t first, std::int64_t count, std::span<const float> values);
    void finish();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

}  // namespace perfmamba::report
