// A folder that appears whole or not at all.
#pragma once

#include <filesystem>

namespace perfmamba::prune {

/// A hidden folder beside `target`, `.NAME.part-PID`, in which it comes to be; gone with everything in it unless it was
/// moved to its place. Throws Error in the target's name.
class WorkFolder {
public:
    explicit WorkFolder(const std::filesystem::path& target);
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;
    ~WorkFolder();

    [[nodiscard]] const std::filesystem::path& path() const { return m_path; }

    /// The files in it must be on the disk already. Never replaces anything, not even an empty folder.
    void moveToTarget();

private:
    std::filesystem::path m_target;
    std::filesystem::path m_path;
    bool m_moved = false;
};

}  // namespace perfmamba::prune
