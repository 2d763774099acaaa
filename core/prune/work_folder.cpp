#include "core/prune/work_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fmt/format.h>

#include "kernels/error.h"

namespace perfmamba::prune {
namespace {

namespace fs = std::filesystem;

/// Some file systems cannot sync a folder; no harm then.
void sync(const fs::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

}  // namespace

WorkFolder::WorkFolder(const fs::path& target)
    : m_target(target),
      m_path(target.parent_path() / fmt::format(".{}.part-{}", target.filename().string(), ::getpid())) {
    std::error_code code;
    if (fs::create_directory(m_path, code)) return;
    if (!code) throw Error(m_path.string(), "is there already", "remove it: an export that was killed left it");
    throw Error(m_target.string(), "cannot be written: " + code.message());
}

WorkFolder::~WorkFolder() {
    std::error_code ignored;
    if (!m_moved) fs::remove_all(m_path, ignored);
}

void WorkFolder::moveToTarget() {
    sync(m_path);
    int failed = ::renameat2(AT_FDCWD, m_path.c_str(), AT_FDCWD, m_target.c_str(), RENAME_NOREPLACE);
    if (failed != 0 && (errno == EINVAL || errno == ENOSYS) && !fs::exists(fs::symlink_status(m_target))) {
        failed = ::rename(m_path.c_str(), m_target.c_str());  // a file system that knows no such flag
    }
    if (failed != 0) throw Error(m_target.string(), "cannot be written: " + std::generic_category().message(errno));
    m_moved = true;
    sync(m_target.parent_path());
}

}  // namespace perfmamba::prune
