#include "core/model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/error.h"

namespace perfmamba::model {
namespace {

struct Descriptor {
    int number = -1;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

std::string lastError() {
    return std::strerror(errno);
}  // NOLINT(concurrency-mt-unsafe): glibc's is thread-safe

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.number < 0) throw Error(path.string(), "cannot be opened: " + lastError());
    struct stat status {};
    if (::fstat(file.number, &status) != 0) throw Error(path.string(), "cannot be examined: " + lastError());
    if (!S_ISREG(status.st_mode)) throw Error(path.string(), "is not a regular file");
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile({}));
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
    if (address == MAP_FAILED) throw Error(path.string(), "cannot be mapped into memory: " + lastError());
    return std::shared_ptr<const MappedFile>(new MappedFile({static_cast<const std::byte*>(address), size}));
}

void MappedFile::releasePages() const {
    // A mapping of a file that is only read: nothing can be lost. Should it fail, the pages merely stay.
    if (!m_bytes.empty()) ::madvise(const_cast<std::byte*>(m_bytes.data()), m_bytes.size(), MADV_DONTNEED);
}

MappedFile::~MappedFile() {
    if (!m_bytes.empty()) ::munmap(const_cast<std::byte*>(m_bytes.data()), m_bytes.size());
}

}  // namespace perfmamba::model
