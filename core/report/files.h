// Whole files in and out, with the system's own reason when that fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace perfmamba::report {

/// The file's bytes. Throws Error for a missing, unreadable or too large file, or a folder.
std::vector<std::byte> readWholeFile(const std::filesystem::path& path, std::uint64_t largest);

/// A new file beside `target`, of a name that no other file has, for what shall be there whole or not at all. Removed
/// again unless moveToTarget() was called.
class Temporary {
public:
    /// Throws Error, in the target's name, as all here.
    explicit Temporary(std::filesystem::path target);
    ~Temporary();
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
    [[nodiscard]] const std::filesystem::path& target() const { return m_target; }
    /// At byte `at`, or where the file stands.
    void write(std::span<const std::byte> bytes, std::optional<std::uint64_t> at = {}) const;
    /// Asks for the room before anything is computed; a file system that cannot say is believed to have it.
    void reserve(std::uint64_t bytes) const;
    /// Waits until the file lies on the disk and renames it.
    void moveToTarget();

private:
    std::filesystem::path m_target;
    std::filesystem::path m_path;
    int m_fd = -1;
    bool m_moved = false;
};

/// While this lives, no other process has one for that file: what both keep in it in turn would cost the one or the
/// other its measurements. A lock on a hidden file beside it, .NAME.lock, which is removed at the end.
class OnlyWriter {
public:
    /// Does nothing for an empty path, or where no file can be made beside it or locked: whoever writes there is told
    /// why. Throws Error where another process has it.
    explicit OnlyWriter(const std::filesystem::path& path);
    ~OnlyWriter();
    OnlyWriter(const OnlyWriter&) = delete;
    OnlyWriter& operator=(const OnlyWriter&) = delete;

private:
    std::filesystem::path m_lock;
    int m_fd = -1;
};

/// Writes `bytes` to a file beside `path` and renames it over `path`, which is at any moment the old file or the new
/// one. A link, pipe or device of that name would be replaced, too: give what fileToReplace() returns.
void replaceFile(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// As replaceFile() where `path` is a file, after following links, or nothing yet. Into a pipe, a terminal, a device or
/// this process's own output it is written straight.
void writeThrough(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// Takes a text a piece at a time.
using Sink = std::function<void(std::string_view)>;
/// The same of what `produce` gives piece by piece: no more of it is in memory than a piece.
void writeThrough(const std::filesystem::path& path, const std::function<void(const Sink&)>& produce);

/// Waits until the file lies on the disk and renames it. Throws Error.
void syncAndRename(const std::filesystem::path& from, const std::filesystem::path& to);

/// NAME.part in the folder of NAME.
std::filesystem::path partOf(const std::filesystem::path& path);

/// The file that replaceFile() may replace or make for `path`: what its links lead to. Throws Error when there can be
/// none: no such folder, no permission, or a folder, pipe or device of that name.
std::filesystem::path fileToReplace(const std::filesystem::path& path);

/// Throws Error when writeThrough() could not write there.
void checkWritable(const std::filesystem::path& path);

}  // namespace perfmamba::report
