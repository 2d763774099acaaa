// HDF5 makes the file: names, tokens, and the place of the logits, contiguous. The values are then written to that
// place directly. That is as fast as the disk, needs no memory, and a full disk is an ordinary failed write.
#include "core/report/logits_file.h"

#include <cassert>
#include <fstream>
#include <utility>
#include <vector>

#include "core/report/files.h"
#include "core/report/hdf5.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

constexpr const char* kFormatName = "PerfMamba Explorer logits";
constexpr std::int64_t kFormatVersion = 1;

/// The name stands among the first things that are written, so that HDF5 need not be trusted with a file unknown.
bool isLogitsFile(const std::filesystem::path& path) {
    constexpr std::size_t kWithin = std::size_t{64} << 10;
    std::string begin(kWithin, '\0');
    std::ifstream file(path, std::ios::binary);
    file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
    begin.resize(static_cast<std::size_t>(file.gcount()));
    return hdf5::isHdf5(std::as_bytes(std::span(begin))) && begin.find(kFormatName) != std::string::npos;
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
    std::int64_t batch = 0;
    std::int64_t positions = 0;
    std::int64_t vocab = 0;
    Temporary file;
    std::uint64_t offset = 0;  // of the logits in the file
};

LogitsFile::LogitsFile(const std::filesystem::path& path, std::int64_t batch, std::int64_t positions,
                       std::int64_t vocab, std::span<const std::int32_t> tokens, const std::string& model,
                       const std::string& model_hash)
    : m_impl(new Impl{batch, positions, vocab, Temporary(checkTarget(path))}) {
    const hdf5::Shape shape = {static_cast<hsize_t>(batch), static_cast<hsize_t>(positions),
                               static_cast<hsize_t>(vocab)};
    m_impl->file.reserve(shape[0] * shape[1] * shape[2] * sizeof(float) + tokens.size_bytes());
    m_impl->offset = makeFile(m_impl->file.path(), path.string(), shape, tokens, model, model_hash);
}

LogitsFile::~LogitsFile() = default;

std::filesystem::path LogitsFile::checkTarget(const std::filesystem::path& path) {
    std::filesystem::path target = fileToReplace(path);
    if (std::filesystem::exists(target) && !isLogitsFile(target)) {
        throw Error(path.string(), "exists and is not a file of logits", "remove it, or give another name");
    }
    return target;
}

void LogitsFile::write(std::int64_t first, std::int64_t count, std::span<const float> values) {
    const Impl& impl = *m_impl;
    assert(first >= 0 && count >= 0 && first + count <= impl.positions);
    assert(std::cmp_equal(values.size(), impl.batch * count * impl.vocab));
    const auto row = static_cast<std::size_t>(count * impl.vocab);
    for (std::int64_t sequence = 0; sequence < impl.batch; ++sequence) {
        const auto before = static_cast<std::uint64_t>((sequence * impl.positions + first) * impl.vocab);
        impl.file.write(std::as_bytes(values.subspan(static_cast<std::size_t>(sequence) * row, row)),
                        impl.offset + before * sizeof(float));
    }
}

void LogitsFile::finish() {
    m_impl->file.moveToTarget();
}

}  // namespace perfmamba::report
