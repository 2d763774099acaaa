// A file mapped read-only into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace perfmamba::model {

/// Maps a whole regular file; pages are read when touched. The mapping lives as long as a shared_ptr to it.
class MappedFile {
public:
    /// Throws Error naming the file when it does not exist, is not a regular file, or cannot be read.
    static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    [[nodiscard]] std::span<const std::byte> bytes() const { return m_bytes; }
    /// Takes the pages touched so far out of this process's memory; the next touch brings them back.
    void releasePages() const;

private:
    explicit MappedFile(std::span<const std::byte> bytes) : m_bytes(bytes) {}

    std::span<const std::byte> m_bytes;
};

}  // namespace perfmamba::model
