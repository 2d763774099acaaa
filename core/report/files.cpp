#include "core/report/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "kernels/error.h"

namespace perfmamba::report {
namespace {

std::string reason(int code) {
    return std::generic_category().message(code);
}

/// A file descriptor that closes itself.
class Descriptor {
public:
    Descriptor(const std::filesystem::path& path, int flags) : m_fd(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (m_fd >= 0) ::close(m_fd);
    }
    [[nodiscard]] int get() const { return m_fd; }
    explicit operator bool() const { return m_fd >= 0; }

private:
    int m_fd;
};

/// 0, or the error number.
int writeAll(int fd, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return ::fsync(fd) == 0 ? 0 : errno;
}

/// Makes the renaming itself last through a power failure. Some file systems cannot sync a folder; no harm then.
void syncFolderOf(const std::filesystem::path& path) {
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    const Descriptor descriptor(folder, O_RDONLY | O_DIRECTORY);
    if (descriptor) ::fsync(descriptor.get());
}

[[noreturn]] void failWriting(const std::filesystem::path& path, int code) {
    throw Error(path.string(), "cannot be written: " + reason(code));
}

}  // namespace

std::vector<std::byte> readWholeFile(const std::filesystem::path& path, std::uint64_t largest) {
    const Descriptor file(path, O_RDONLY);
    if (!file) throw Error(path.string(), "cannot be opened: " + reason(errno));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) throw Error(path.string(), "cannot be read: " + reason(errno));
    if (!S_ISREG(status.st_mode)) throw Error(path.string(), "is not a file");
    if (static_cast<std::uint64_t>(status.st_size) > largest) throw Error(path.string(), "is too large for a report");

    std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw Error(path.string(), "cannot be read: " + reason(errno));
        if (got == 0) break;  // somebody cuts it while we read
        have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
}

void replaceFile(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    std::filesystem::path temporary = path;
    temporary += "~";
    int code = 0;
    {
        const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
        if (!file) failWriting(path, errno);
        code = writeAll(file.get(), bytes);
    }
    if (code == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) code = errno;
    if (code != 0) {
        ::unlink(temporary.c_str());
        failWriting(path, code);
    }
    syncFolderOf(path);
}

void syncAndRename(const std::filesystem::path& from, const std::filesystem::path& to) {
    {
        const Descriptor file(from, O_RDONLY);
        if (!file || ::fsync(file.get()) != 0) failWriting(to, errno);
    }
    if (::rename(from.c_str(), to.c_str()) != 0) failWriting(to, errno);
    syncFolderOf(to);
}

std::filesystem::path partOf(const std::filesystem::path& path) {
    std::filesystem::path part = path;
    part += ".part";
    return part;
}

void checkWritable(const std::filesystem::path& path) {
    std::error_code code;
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    if (!std::filesystem::exists(folder, code)) {
        throw Error(path.string(), "cannot be written: there is no folder " + folder.string());
    }
    if (!std::filesystem::is_directory(folder, code)) {
        throw Error(path.string(), "cannot be written: " + folder.string() + " is not a folder");
    }
    if (!path.has_filename() || std::filesystem::is_directory(path, code)) {
        throw Error(path.string(), "cannot be written: it is a folder", "give the name of a file");
    }
    if (::access(folder.c_str(), W_OK | X_OK) != 0) failWriting(path, errno);
}

}  // namespace perfmamba::report
