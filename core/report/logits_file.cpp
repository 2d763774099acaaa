// HDF5 makes the file: names, tokens, and the place of the logits, contiguous. The values are then written to that
// place directly. That is as fast as the disk, needs no memory, and a full disk is an ordinary failed write.
#include "core/report/logits_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "core/report/files.h"
#include "core/report/hdf5.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

constexpr const char* kFormatName = "PerfMamba Explorer logits";
constexpr std::int64_t kFormatVersion = 1;

[[noreturn]] void failWriting(const std::filesystem::path& path, int code) {
    throw Error(path.string(), "cannot be written: " + std::generic_category().message(code));
}

/// Asks for the room before anything is computed; a file system that cannot say is believed to have it.
void checkRoom(const std::filesystem::path& shown, const std::filesystem::path& part, std::uint64_t bytes) {
    const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) failWriting(shown, errno);
    const int code = ::fallocate(fd, 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    ::close(fd);
    if (code == ENOSPC || code == EFBIG || code == EDQUOT) {
        ::unlink(part.c_str());
        failWriting(shown, code);
    }
}

std::uint64_t makeFile(const std::filesystem::path& part, const std::string& shown, const hdf5::Shape& shape,
                       std::span<const std::int32_t> tokens, const std::string& model, const std::string& model_hash) {
    hdf5::File file = hdf5::File::create(part, shown);
    std::uint64_t offset = 0;
    {
        const hdf5::Group root = file.root();
        root.setText("format_name", kFormatName);
        root.setNumber<std::int64_t>("format_version", kFormatVersion);
        root.setText("creator", "PerfMamba Explorer " PERFMAMBA_VERSION);
        root.setText("model_name", model);
        root.setText("model_hash", model_hash);

        const std::size_t length = shape[0] == 0 ? 0 : tokens.size() / shape[0];
        root.writeScale("sequence", {"1", "sequence of the batch"}, shape[0]);
        root.writeScale("token_position", {"1", "position of a token in its sequence"}, length);
        // The logits' positions are the last ones of the sequence: all of them, or only the last.
        std::vector<std::int64_t> positions(shape[1]);
        for (std::size_t i = 0; i < positions.size(); ++i) {
            positions[i] = static_cast<std::int64_t>(length - positions.size() + i);
        }
        root.write<std::int64_t>("position", {"1", "position of the token whose successor is predicted"}, {shape[1]},
                                 positions);
        root.makeScale("position");
        root.writeScale("token_id", {"1", "token id"}, shape[2]);

        root.write<std::int32_t>("tokens", {"1", "token ids of the input"}, {shape[0], length}, tokens);
        root.attachScale("tokens", 0, "sequence");
        root.attachScale("tokens", 1, "token_position");
        offset = root.reserveFloats("logits", {"1", "logits, before any softmax"}, shape);
        root.attachScale("logits", 0, "sequence");
        root.attachScale("logits", 1, "position");
        root.attachScale("logits", 2, "token_id");
    }
    file.close();
    return offset;
}

}  // namespace

struct LogitsFile::Impl {
    std::filesystem::path path;
    std::filesystem::path part;
    std::int64_t batch = 0;
    std::int64_t positions = 0;
    std::int64_t vocab = 0;
    std::uint64_t offset = 0;  // of the logits in the file
    int fd = -1;
    bool finished = false;

    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        if (fd >= 0) ::close(fd);
        if (!finished && !part.empty()) ::unlink(part.c_str());
    }
};

LogitsFile::LogitsFile(std::filesystem::path path, std::int64_t batch, std::int64_t positions, std::int64_t vocab,
                       std::span<const std::int32_t> tokens, const std::string& model, const std::string& model_hash)
    : m_impl(std::make_unique<Impl>()) {
    checkWritable(path);
    Impl& impl = *m_impl;
    impl.path = std::move(path);
    impl.part = partOf(impl.path);
    impl.batch = batch;
    impl.positions = positions;
    impl.vocab = vocab;
    const hdf5::Shape shape = {static_cast<hsize_t>(batch), static_cast<hsize_t>(positions),
                               static_cast<hsize_t>(vocab)};
    checkRoom(impl.path, impl.part, shape[0] * shape[1] * shape[2] * sizeof(float) + tokens.size_bytes());
    impl.offset = makeFile(impl.part, impl.path.string(), shape, tokens, model, model_hash);
    impl.fd = ::open(impl.part.c_str(), O_WRONLY | O_CLOEXEC);
    if (impl.fd < 0) failWriting(impl.path, errno);
}

LogitsFile::~LogitsFile() = default;

void LogitsFile::write(std::int64_t first, std::int64_t count, std::span<const float> values) {
    const Impl& impl = *m_impl;
    assert(first >= 0 && count >= 0 && first + count <= impl.positions);
    assert(std::cmp_equal(values.size(), impl.batch * count * impl.vocab));
    const auto row = static_cast<std::size_t>(count * impl.vocab);
    for (std::int64_t sequence = 0; sequence < impl.batch; ++sequence) {
        std::span<const std::byte> bytes = std::as_bytes(values.subspan(static_cast<std::size_t>(sequence) * row, row));
        auto at = static_cast<off_t>(impl.offset) +
                  (sequence * impl.positions + first) * impl.vocab * static_cast<off_t>(sizeof(float));
        while (!bytes.empty()) {
            const ssize_t written = ::pwrite(impl.fd, bytes.data(), bytes.size(), at);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) failWriting(impl.path, errno);
            at += written;
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
    }
}

void LogitsFile::finish() {
    syncAndRename(m_impl->part, m_impl->path);
    m_impl->finished = true;
}

}  // namespace perfmamba::report
