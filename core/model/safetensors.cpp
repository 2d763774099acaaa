#include "core/model/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "core/model/json_file.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

// The reference implementation's own limit: a larger header is taken for an attack.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kLengthBytes = 8;

struct TypeSize {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::array kTypes = {
    TypeSize{"BOOL", 1}, TypeSize{"U8", 1},  TypeSize{"I8", 1},  TypeSize{"F8_E5M2", 1}, TypeSize{"F8_E4M3", 1},
    TypeSize{"I16", 2},  TypeSize{"U16", 2}, TypeSize{"F16", 2}, TypeSize{"BF16", 2},    TypeSize{"I32", 4},
    TypeSize{"U32", 4},  TypeSize{"F32", 4}, TypeSize{"F64", 8}, TypeSize{"I64", 8},     TypeSize{"U64", 8},
};

/// A tensor's claim, with offsets relative to the data section.
struct Claim {
    std::string name;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

class HeaderReader {
public:
    HeaderReader(const std::filesystem::path& path, std::span<const std::byte> data) : m_path(path), m_data(data) {}

    std::map<std::string, StoredTensor> read(const nlohmann::json& header) {
        std::map<std::string, StoredTensor> entries;
        for (const auto& [name, value] : header.items()) {
            if (name == "__metadata__") continue;
            entries.emplace(name, entry(name, value));
        }
        checkCoverage();
        return entries;
    }

private:
    [[noreturn]] void fail(const std::string& name, const std::string& reason) const {
        throw Error(m_path.string(), "tensor " + name + " " + reason, "the file is damaged or not a safetensors file");
    }

    StoredTensor entry(const std::string& name, const nlohmann::json& value) {
        if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
            !value.contains("data_offsets")) {
            fail(name, "lacks dtype, shape or data_offsets");
        }
        StoredTensor result;
        if (!value["dtype"].is_string()) fail(name, "has a dtype that is not a string");
        result.dtype = value["dtype"].get<std::string>();
        const auto* type = std::ranges::find(kTypes, std::string_view(result.dtype), &TypeSize::name);
        if (type == kTypes.end()) fail(name, "has the unknown type " + result.dtype);
        const std::vector<std::uint64_t> shape = numbers(name, "shape", value["shape"]);
        const std::vector<std::uint64_t> offsets = numbers(name, "data_offsets", value["data_offsets"]);
        if (offsets.size() != 2 || offsets[0] > offsets[1]) fail(name, "has data_offsets that are not a range");
        if (offsets[1] > m_data.size()) {
            fail(name, fmt::format("ends at byte {} of the data, but there are only {}: the file is truncated",
                                   offsets[1], m_data.size()));
        }
        std::uint64_t bytes = type->bytes;
        for (const std::uint64_t extent : shape) {
            if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
                __builtin_mul_overflow(bytes, extent, &bytes)) {
                fail(name, "has a shape too large to exist");
            }
            result.shape.push_back(static_cast<std::int64_t>(extent));
        }
        if (bytes != offsets[1] - offsets[0]) {
            fail(name, fmt::format("spans {} bytes, but its shape and type need {}", offsets[1] - offsets[0], bytes));
        }
        result.data = m_data.subspan(offsets[0], bytes);
        m_claims.push_back({name, offsets[0], offsets[1]});
        return result;
    }

    std::vector<std::uint64_t> numbers(const std::string& name, const char* key, const nlohmann::json& value) const {
        if (!value.is_array()) fail(name, fmt::format("has a {} that is not a list", key));
        std::vector<std::uint64_t> result;
        for (const auto& element : value) {
            if (!element.is_number_unsigned()) fail(name, fmt::format("has a {} that holds {}", key, element.dump()));
            result.push_back(element.get<std::uint64_t>());
        }
        return result;
    }

    void checkCoverage() {
        std::ranges::sort(m_claims, [](const Claim& a, const Claim& b) {
            return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
        });
        std::uint64_t covered = 0;
        for (const Claim& claim : m_claims) {
            if (claim.begin < covered) fail(claim.name, "overlaps the tensor before it");
            if (claim.begin > covered)
                fail(claim.name, fmt::format("leaves a hole of {} bytes before it", claim.begin - covered));
            covered = claim.end;
        }
        if (covered != m_data.size()) {
            throw Error(m_path.string(), fmt::format("holds {} bytes after its last tensor", m_data.size() - covered),
                        "the file is damaged");
        }
    }

    const std::filesystem::path& m_path;
    std::span<const std::byte> m_data;
    std::vector<Claim> m_claims;
};

}  // namespace

WeightFile readSafetensors(const std::filesystem::path& path) {
    static_assert(std::endian::native == std::endian::little, "tensors are used in place");
    WeightFile result;
    result.mapping = MappedFile::open(path);
    const std::span<const std::byte> bytes = result.mapping->bytes();
    checkDownloaded(bytes, path);
    if (bytes.size() < kLengthBytes) throw Error(path.string(), "is too short for a safetensors file");
    std::uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, bytes.data(), kLengthBytes);
    if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - kLengthBytes) {
        throw Error(path.string(),
                    fmt::format("claims a header of {} bytes, but the file has {}", header_bytes, bytes.size()),
                    "truncated, or not a safetensors file");
    }
    result.header = bytes.subspan(kLengthBytes, header_bytes);
    const std::string_view text(reinterpret_cast<const char*>(result.header.data()), result.header.size());
    const nlohmann::json header = parseJsonObject(text, path);
    result.tensors = HeaderReader(path, bytes.subspan(kLengthBytes + header_bytes)).read(header);
    for (auto& [name, tensor] : result.tensors) tensor.owner = result.mapping;
    return result;
}

}  // namespace perfmamba::model
