#include "core/report/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

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

/// At byte `at`, or, where that is nothing, where the file stands. 0, or the error number.
int writeAll(int fd, std::span<const std::byte> bytes, std::optional<std::uint64_t> at) {
    while (!bytes.empty()) {
        const ssize_t written = at ? ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(*at))
                                   : ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        if (at) *at += static_cast<std::uint64_t>(written);
    }
    return 0;
}

std::filesystem::path folderOf(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : ".";
}

/// Gathers small pieces: a call of the system for each would take longer than making them.
class Buffered {
public:
    explicit Buffered(std::function<void(std::span<const std::byte>)> write) : m_write(std::move(write)) {}

    void add(std::string_view piece) {
        constexpr std::size_t kEnough = 1 << 16;
        m_text += piece;
        if (m_text.size() >= kEnough) flush();
    }
    void flush() {
        m_write(std::as_bytes(std::span(m_text)));
        m_text.clear();
    }

private:
    std::function<void(std::span<const std::byte>)> m_write;
    std::string m_text;
};

/// Makes the renaming itself last through a power failure. Some file systems cannot sync a folder; no harm then.
void syncFolderOf(const std::filesystem::path& path) {
    const Descriptor descriptor(folderOf(path), O_RDONLY | O_DIRECTORY);
    if (descriptor) ::fsync(descriptor.get());
}

[[noreturn]] void failWriting(const std::filesystem::path& path, int code) {
    throw Error(path.string(), "cannot be written: " + reason(code));
}

/// What `path` leads to, which need not be there. Only the last name is followed; folders may be links as they like.
std::filesystem::path followed(const std::filesystem::path& path) {
    constexpr int kMostLinks = 40;  // the system's own limit
    std::filesystem::path at = path;
    for (int i = 0; i < kMostLinks; ++i) {
        std::error_code code;
        const std::filesystem::path next = std::filesystem::read_symlink(at, code);
        if (code) return at;  // no link
        at = next.is_absolute() ? next : folderOf(at) / next;
    }
    failWriting(path, ELOOP);
}

/// Standard output or error where `path` is the same, as /dev/stdout is; else −1. A redirection to a file is followed
/// by the descriptor only: the name would lead to a file that the shell no longer writes to, or to its begin.
int ownOutput(const struct stat& status) {
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
        struct stat own {};
        if (::fstat(fd, &own) == 0 && own.st_dev == status.st_dev && own.st_ino == status.st_ino) return fd;
    }
    return -1;
}

void checkFolder(const std::filesystem::path& shown, const std::filesystem::path& path) {
    std::error_code code;
    const std::filesystem::path folder = folderOf(path);
    if (!std::filesystem::exists(folder, code)) {
        throw Error(shown.string(), "cannot be written: there is no folder " + folder.string());
    }
    if (!std::filesystem::is_directory(folder, code)) {
        throw Error(shown.string(), "cannot be written: " + folder.string() + " is not a folder");
    }
    if (!path.has_filename() || std::filesystem::is_directory(path, code)) {
        throw Error(shown.string(), "cannot be written: it is a folder", "give the name of a file");
    }
    if (::access(folder.c_str(), W_OK | X_OK) != 0) failWriting(shown, errno);
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

Temporary::Temporary(std::filesystem::path target) : m_target(std::move(target)) {
    static std::atomic<unsigned> count{0};
    constexpr int kMostTries = 1000;  // names that killed processes have left
    for (int i = 0; i < kMostTries && m_fd < 0; ++i) {
        m_path = m_target;
        m_path += "." + std::to_string(::getpid()) + "-" + std::to_string(++count) + ".tmp";
        m_fd = ::open(m_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (m_fd < 0 && errno != EEXIST) break;
    }
    if (m_fd < 0) failWriting(m_target, errno);
}

Temporary::~Temporary() {
    ::close(m_fd);
    if (!m_moved) ::unlink(m_path.c_str());
}

void Temporary::write(std::span<const std::byte> bytes, std::optional<std::uint64_t> at) const {
    if (const int code = writeAll(m_fd, bytes, at)) failWriting(m_target, code);
}

void Temporary::reserve(std::uint64_t bytes) const {
    const int code = ::fallocate(m_fd, 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    if (code == ENOSPC || code == EFBIG || code == EDQUOT) failWriting(m_target, code);
}

void Temporary::moveToTarget() {
    if (::fsync(m_fd) != 0 || ::rename(m_path.c_str(), m_target.c_str()) != 0) failWriting(m_target, errno);
    m_moved = true;
    syncFolderOf(m_target);
}

OnlyWriter::OnlyWriter(const std::filesystem::path& path) {
    if (path.empty()) return;
    const std::filesystem::path target = followed(path);
    m_lock = folderOf(target) / ("." + target.filename().string() + ".lock");
    struct stat opened {};
    struct stat there {};
    // Whoever had it removes it: then it is not the file that others open from now on.
    do {
        if (m_fd >= 0) ::close(m_fd);
        m_fd = ::open(m_lock.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (m_fd < 0) return;
        if (::flock(m_fd, LOCK_EX | LOCK_NB) != 0) {
            const int code = errno;
            ::close(std::exchange(m_fd, -1));
            if (code != EWOULDBLOCK) return;
            throw Error(path.string(), "is being written by another process", "wait for it, or give another name");
        }
    } while (::fstat(m_fd, &opened) != 0 || ::stat(m_lock.c_str(), &there) != 0 || opened.st_ino != there.st_ino);
}

OnlyWriter::~OnlyWriter() {
    if (m_fd < 0) return;
    ::unlink(m_lock.c_str());
    ::close(m_fd);
}

void replaceFile(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    Temporary temporary(path);
    temporary.write(bytes);
    temporary.moveToTarget();
}

void writeThrough(const std::filesystem::path& path, const std::function<void(const Sink&)>& produce) {
    const auto produceTo = [&](const std::function<void(std::span<const std::byte>)>& write) {
        Buffered buffered(write);
        produce([&](std::string_view piece) { buffered.add(piece); });
        buffered.flush();
    };
    const auto toDescriptor = [&](int fd) {
        produceTo([&](std::span<const std::byte> bytes) {
            if (const int code = writeAll(fd, bytes, {})) failWriting(path, code);
        });
    };
    struct stat status {};
    const bool exists = ::stat(path.c_str(), &status) == 0;
    const int own = exists ? ownOutput(status) : -1;
    if (own >= 0) {
        toDescriptor(own);
    } else if (exists && !S_ISREG(status.st_mode)) {
        const Descriptor file(path, O_WRONLY | O_NOCTTY);
        if (!file) failWriting(path, errno);
        toDescriptor(file.get());
    } else {
        Temporary temporary(followed(path));
        produceTo([&](std::span<const std::byte> bytes) { temporary.write(bytes); });
        temporary.moveToTarget();
    }
}

void writeThrough(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    writeThrough(path, [&](const Sink& sink) {
        sink({reinterpret_cast<const char*>(bytes.data()), bytes.size()});  // NOLINT: bytes are written as they are
    });
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

std::filesystem::path fileToReplace(const std::filesystem::path& path) {
    std::error_code code;
    std::filesystem::path target = followed(path);
    checkFolder(path, target);
    // Asked of `path`: a link of /proc leads to what has no name.
    if (std::filesystem::exists(path, code) && !std::filesystem::is_regular_file(path, code)) {
        throw Error(path.string(), "cannot be written: it is a pipe or a device, and an HDF5 file needs a file",
                    "give the name of a file");
    }
    return target;
}

void checkWritable(const std::filesystem::path& path) {
    struct stat status {};
    const bool exists = ::stat(path.c_str(), &status) == 0;
    if (exists && ownOutput(status) >= 0) return;
    if (exists && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
        if (::access(path.c_str(), W_OK) != 0) failWriting(path, errno);
        return;
    }
    checkFolder(path, followed(path));
}

}  // namespace perfmamba::report
