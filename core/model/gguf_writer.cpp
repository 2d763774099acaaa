#include "core/model/gguf_writer.h"

#include <bit>
#include <cassert>

#include "core/report/files.h"

namespace perfmamba::model {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kAlignment = 32;

template <class Number>
void append(std::string& bytes, Number value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void appendText(std::string& bytes, std::string_view text) {
    append(bytes, std::uint64_t{text.size()});
    bytes.append(text);
}

std::size_t aligned(std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::string_view typeName(DType dtype) {
    switch (dtype) {
        case DType::F32: return "F32";
        case DType::F16: return "F16";
        case DType::BF16: return "BF16";
    }
    return "";
}

/// The file up to the data.
std::string headerOf(const GgufMetadata& metadata, const std::vector<TensorOutline>& tensors) {
    std::string bytes(kGgufMagic);
    append(bytes, kVersion);
    append(bytes, std::uint64_t{tensors.size()});
    append(bytes, metadata.count());
    bytes += metadata.bytes();
    std::size_t offset = 0;
    for (const TensorOutline& tensor : tensors) {
        appendText(bytes, tensor.name);
        append(bytes, static_cast<std::uint32_t>(tensor.shape.size()));
        for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent) {
            append(bytes, static_cast<std::uint64_t>(*extent));
        }
        append(bytes, ggufTensorType(typeName(tensor.dtype)).number);
        append(bytes, std::uint64_t{offset});
        offset += aligned(tensor.bytes());
    }
    bytes.resize(aligned(bytes.size()));
    return bytes;
}

}  // namespace

void GgufMetadata::begin(std::string_view key, GgufType type) {
    ++m_count;
    appendText(m_bytes, key);
    append(m_bytes, static_cast<std::uint32_t>(type));
}

void GgufMetadata::add(std::string_view key, std::uint32_t value) {
    begin(key, GgufType::U32);
    append(m_bytes, value);
}

void GgufMetadata::add(std::string_view key, float value) {
    begin(key, GgufType::F32);
    append(m_bytes, value);
}

void GgufMetadata::add(std::string_view key, bool value) {
    begin(key, GgufType::Bool);
    append(m_bytes, static_cast<std::uint8_t>(value ? 1 : 0));
}

void GgufMetadata::add(std::string_view key, std::string_view value) {
    begin(key, GgufType::Text);
    appendText(m_bytes, value);
}

void GgufMetadata::add(std::string_view key, std::span<const std::string> values) {
    begin(key, GgufType::List);
    append(m_bytes, static_cast<std::uint32_t>(GgufType::Text));
    append(m_bytes, std::uint64_t{values.size()});
    for (const std::string& value : values) appendText(m_bytes, value);
}

void GgufMetadata::add(std::string_view key, std::span<const std::int32_t> values) {
    begin(key, GgufType::List);
    append(m_bytes, static_cast<std::uint32_t>(GgufType::I32));
    append(m_bytes, std::uint64_t{values.size()});
    for (const std::int32_t value : values) append(m_bytes, value);
}

void GgufMetadata::add(std::string_view key, const GgufValue& value) {
    begin(key, value.type);
    const std::string_view bytes(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
    if (value.type == GgufType::Text) return appendText(m_bytes, bytes);
    m_bytes.append(bytes);
}

void writeGguf(const std::filesystem::path& path, const GgufMetadata& metadata,
               const std::vector<TensorOutline>& tensors,
               const std::function<HostTensor(const TensorOutline& outline)>& tensor) {
    static_assert(std::endian::native == std::endian::little, "tensors are written as they lie in memory");
    report::Temporary file(path);
    const std::string header = headerOf(metadata, tensors);
    file.write(std::as_bytes(std::span(header)));
    const std::vector<std::byte> padding(kAlignment);
    for (const TensorOutline& outline : tensors) {
        const HostTensor values = tensor(outline);
        assert(values.dtype == outline.dtype && values.bytes() == outline.bytes());
        file.write({values.data, values.bytes()});
        file.write(std::span(padding).first(aligned(values.bytes()) - values.bytes()));
    }
    file.moveToTarget();
}

}  // namespace perfmamba::model
