// Whole files in and out, with the system's own reason when that fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace perfmamba::report {

/// The file's bytes. Throws Error for a missing, unreadable or too large file, or a folder.
std::vector<std::byte> readWholeFile(const std::filesystem::path& path, std::uint64_t largest);

/// Writes `bytes` to `path`: to `PATH~` first, synced, then renamed over it, so that `path` is at any moment the old
/// file or the new one. Throws Error, after which `path` is as it was.
void replaceFile(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// Waits until the file lies on the disk and renames it. Throws Error.
void syncAndRename(const std::filesystem::path& from, const std::filesystem::path& to);

/// NAME.part in the folder of NAME.
std::filesystem::path partOf(const std::filesystem::path& path);

/// Throws Error when no file can be made at `path`: no such folder, no permission, or `path` is itself a folder.
void checkWritable(const std::filesystem::path& path);

}  // namespace perfmamba::report
