#include "core/model/safetensors_writer.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <span>
#include <tuple>

#include <nlohmann/json.hpp>

#include "core/report/files.h"

namespace perfmamba::model {
namespace {

constexpr std::size_t kAlignment = 8;

/// The reference orders its types by size and, of one size, BF16 after F16; larger ones are written first.
int rank(DType dtype) {
    switch (dtype) {
        case DType::F32: return 0;
        case DType::BF16: return 1;
        case DType::F16: return 2;
    }
    return 3;
}

std::string typeName(DType dtype) {
    switch (dtype) {
        case DType::F32: return "F32";
        case DType::BF16: return "BF16";
        case DType::F16: return "F16";
    }
    return "";
}

/// The file up to the data: length and header, padded with blanks.
std::string headerOf(const std::vector<TensorOutline>& tensors, const std::map<std::string, std::string>& metadata) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t begin = 0;
    for (const TensorOutline& tensor : tensors) {
        const std::size_t end = begin + tensor.bytes();
        header[tensor.name] = {{"dtype", typeName(tensor.dtype)},
                               {"shape", tensor.shape},
                               {"data_offsets", std::vector<std::size_t>{begin, end}}};
        begin = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
    const std::uint64_t length = text.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes + text;
}

}  // namespace

std::int64_t writeSafetensors(const std::filesystem::path& path, std::vector<TensorOutline> tensors,
                              const std::map<std::string, std::string>& metadata,
                              const std::function<HostTensor(const std::string& name)>& tensor) {
    static_assert(std::endian::native == std::endian::little, "tensors are written as they lie in memory");
    std::ranges::sort(tensors, [](const TensorOutline& a, const TensorOutline& b) {
        return std::tuple(rank(a.dtype), std::string_view(a.name)) <
               std::tuple(rank(b.dtype), std::string_view(b.name));
    });
    report::Temporary file(path);
    const std::string header = headerOf(tensors, metadata);
    file.write(std::as_bytes(std::span(header)));
    std::size_t written = header.size();
    for (const TensorOutline& outline : tensors) {
        const HostTensor values = tensor(outline.name);
        assert(values.dtype == outline.dtype && values.shape == outline.shape);
        file.write({values.data, values.bytes()});
        written += values.bytes();
    }
    file.moveToTarget();
    return static_cast<std::int64_t>(written);
}

}  // namespace perfmamba::model
