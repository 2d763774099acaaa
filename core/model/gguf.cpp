#include "core/model/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kLongestName = 512;
constexpr std::uint32_t kMostAxes = 4;

constexpr std::array kTensorTypes = {
    GgufTensorType{0, "F32", 4},       GgufTensorType{1, "F16", 2},   GgufTensorType{2, "Q4_0"},
    GgufTensorType{3, "Q4_1"},         GgufTensorType{6, "Q5_0"},     GgufTensorType{7, "Q5_1"},
    GgufTensorType{8, "Q8_0", 34, 32}, GgufTensorType{9, "Q8_1"},     GgufTensorType{10, "Q2_K"},
    GgufTensorType{11, "Q3_K"},        GgufTensorType{12, "Q4_K"},    GgufTensorType{13, "Q5_K"},
    GgufTensorType{14, "Q6_K"},        GgufTensorType{15, "Q8_K"},    GgufTensorType{16, "IQ2_XXS"},
    GgufTensorType{17, "IQ2_XS"},      GgufTensorType{18, "IQ3_XXS"}, GgufTensorType{19, "IQ1_S"},
    GgufTensorType{20, "IQ4_NL"},      GgufTensorType{21, "IQ3_S"},   GgufTensorType{22, "IQ2_S"},
    GgufTensorType{23, "IQ4_XS"},      GgufTensorType{24, "I8"},      GgufTensorType{25, "I16"},
    GgufTensorType{26, "I32"},         GgufTensorType{27, "I64"},     GgufTensorType{28, "F64", 8},
    GgufTensorType{29, "IQ1_M"},       GgufTensorType{30, "BF16", 2}, GgufTensorType{34, "TQ1_0"},
    GgufTensorType{35, "TQ2_0"},       GgufTensorType{39, "MXFP4"},
};

/// Bytes of a value of fixed size; 0 for texts and lists.
std::uint64_t sizeOf(GgufType type) {
    switch (type) {
        case GgufType::U8:
        case GgufType::I8:
        case GgufType::Bool: return 1;
        case GgufType::U16:
        case GgufType::I16: return 2;
        case GgufType::U32:
        case GgufType::I32:
        case GgufType::F32: return 4;
        case GgufType::U64:
        case GgufType::I64:
        case GgufType::F64: return 8;
        case GgufType::Text:
        case GgufType::List: return 0;
    }
    return 0;
}

template <class Number>
Number as(std::span<const std::byte> bytes) {
    Number value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

class Reader {
public:
    Reader(const std::filesystem::path& path, std::span<const std::byte> bytes) : m_path(path), m_bytes(bytes) {}

    void read(GgufFile& file) {
        checkBegin();
        const auto tensors = take<std::uint64_t>();
        const auto values = take<std::uint64_t>();
        for (std::uint64_t i = 0; i < values; ++i) {
            const std::string key = name("key");
            if (!file.metadata.emplace(key, value(key)).second) fail("holds the key " + key + " twice");
        }
        for (std::uint64_t i = 0; i < tensors; ++i) readTensor(file);
        const std::uint64_t begin = dataBegin(file);
        file.weights.header = m_bytes.first(m_at);
        place(file, m_bytes.subspan(begin));
    }

private:
    struct Claim {
        std::string name;
        std::uint64_t begin = 0;
        std::uint64_t bytes = 0;
    };

    [[noreturn]] void fail(const std::string& reason, const std::string& advice = {}) const {
        throw Error(m_path.string(), reason, advice);
    }
    [[noreturn]] void cut() const { fail("ends in the middle: the file is truncated or damaged"); }

    std::span<const std::byte> take(std::uint64_t bytes) {
        if (bytes > m_bytes.size() - m_at) cut();
        const std::span<const std::byte> taken = m_bytes.subspan(m_at, bytes);
        m_at += bytes;
        return taken;
    }
    template <class Number>
    Number take() {
        return as<Number>(take(sizeof(Number)));
    }

    std::string name(const char* what) {
        const auto length = take<std::uint64_t>();
        if (length > kLongestName) fail(fmt::format("holds a {} of {} bytes: the file is damaged", what, length));
        const std::span<const std::byte> text = take(length);
        return report::toPlainUtf8({reinterpret_cast<const char*>(text.data()), text.size()});
    }

    void checkBegin() {
        if (m_bytes.size() < kGgufMagic.size() ||
            std::memcmp(m_bytes.data(), kGgufMagic.data(), kGgufMagic.size()) != 0) {
            fail("is not a GGUF file: it does not begin with \"GGUF\"");
        }
        m_at = kGgufMagic.size();
        const auto version = take<std::uint32_t>();
        constexpr std::uint32_t kLowHalf = 0xffff;
        if (version != 0 && (version & kLowHalf) == 0) {
            fail("is a big-endian GGUF file", "convert it again on, or for, a little-endian machine");
        }
        if (version != 2 && version != 3) {
            fail(fmt::format("is GGUF version {}; 2 and 3 are read", version), "convert the model again");
        }
    }

    GgufValue value(const std::string& key) {
        const auto type = static_cast<GgufType>(take<std::uint32_t>());
        if (type == GgufType::Text) return {type, take(take<std::uint64_t>())};
        if (type != GgufType::List) return {type, take(fixedSize(key, type))};
        const std::size_t begin = m_at;
        const auto items = static_cast<GgufType>(take<std::uint32_t>());
        const auto count = take<std::uint64_t>();
        if (items == GgufType::List) fail("key " + key + " holds a list of lists, which no model has");
        if (items == GgufType::Text) {
            for (std::uint64_t i = 0; i < count; ++i) take(take<std::uint64_t>());
        } else {
            const std::uint64_t size = fixedSize(key, items);
            if (count > (m_bytes.size() - m_at) / size) cut();
            take(count * size);
        }
        return {type, m_bytes.subspan(begin, m_at - begin)};
    }

    [[nodiscard]] std::uint64_t fixedSize(const std::string& key, GgufType type) const {
        const std::uint64_t size = sizeOf(type);
        if (size == 0) fail(fmt::format("key {} is of the unknown type {}", key, static_cast<std::uint32_t>(type)));
        return size;
    }

    void readTensor(GgufFile& file) {
        const std::string tensor = name("tensor's name");
        StoredTensor stored;
        const auto axes = take<std::uint32_t>();
        if (axes > kMostAxes) fail(fmt::format("tensor {} has {} axes: the file is damaged", tensor, axes));
        std::uint64_t numbers = 1;
        for (std::uint32_t axis = 0; axis < axes; ++axis) {
            const auto extent = take<std::uint64_t>();
            if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
                __builtin_mul_overflow(numbers, extent, &numbers)) {
                fail("tensor " + tensor + " has a shape too large to exist");
            }
            stored.shape.insert(stored.shape.begin(), static_cast<std::int64_t>(extent));
        }
        const auto number = take<std::uint32_t>();
        const GgufTensorType* const type = ggufTensorType(number);
        if (!type || type->block_bytes == 0) {
            fail(fmt::format("tensor {} is of type {}; F64, F32, F16, BF16 and Q8_0 are read", tensor,
                             type ? std::string(type->name) : fmt::format("number {}", number)),
                 "convert the model to one of them");
        }
        stored.dtype = type->name;
        const std::uint64_t row = stored.shape.empty() ? 1 : static_cast<std::uint64_t>(stored.shape.back());
        std::uint64_t bytes = 0;
        if (row % type->block_numbers != 0 ||
            __builtin_mul_overflow(numbers / type->block_numbers, type->block_bytes, &bytes)) {
            fail(fmt::format("tensor {} has rows of {} numbers, which type {} cannot hold", tensor, row, type->name));
        }
        m_claims.push_back({tensor, take<std::uint64_t>(), bytes});
        if (!file.weights.tensors.emplace(tensor, std::move(stored)).second) {
            fail("holds tensor " + tensor + " twice");
        }
    }

    [[nodiscard]] std::uint64_t dataBegin(const GgufFile& file) {
        m_alignment = kDefaultAlignment;
        if (const auto given = file.integer("general.alignment")) m_alignment = static_cast<std::uint64_t>(*given);
        constexpr std::uint64_t kLargest = std::uint64_t{1} << 30U;
        if (!std::has_single_bit(m_alignment) || m_alignment > kLargest) {
            fail(fmt::format("key general.alignment is {}, not a power of two", m_alignment));
        }
        const std::uint64_t begin = (m_at + m_alignment - 1) / m_alignment * m_alignment;
        // A model without tensors may end before its data would begin.
        if (begin > m_bytes.size() && !m_claims.empty()) cut();
        return std::min<std::uint64_t>(begin, m_bytes.size());
    }

    /// Gives each tensor its bytes. None may lie in another: what is converted then never takes more memory than a
    /// few times the file.
    void place(GgufFile& file, std::span<const std::byte> data) {
        std::ranges::sort(m_claims, {}, &Claim::begin);
        std::uint64_t end = 0;
        for (const Claim& claim : m_claims) {
            if (claim.begin % m_alignment != 0) fail("tensor " + claim.name + " does not lie where it may");
            if (claim.begin > data.size() || claim.bytes > data.size() - claim.begin) {
                fail(fmt::format("tensor {} ends at byte {} of the data, but there are only {}: the file is truncated",
                                 claim.name, claim.begin + claim.bytes, data.size()));
            }
            if (claim.bytes > 0 && claim.begin < end) fail("tensor " + claim.name + " overlaps the one before it");
            end = std::max(end, claim.begin + claim.bytes);
            StoredTensor& stored = file.weights.tensors.at(claim.name);
            stored.data = data.subspan(claim.begin, claim.bytes);
            stored.owner = file.weights.mapping;
        }
    }

    const std::filesystem::path& m_path;
    std::span<const std::byte> m_bytes;
    std::size_t m_at = 0;
    std::uint64_t m_alignment = kDefaultAlignment;
    std::vector<Claim> m_claims;
};

}  // namespace

const GgufTensorType* ggufTensorType(std::uint32_t number) {
    const auto* const found = std::ranges::find(kTensorTypes, number, &GgufTensorType::number);
    return found == kTensorTypes.end() ? nullptr : found;
}

const GgufTensorType& ggufTensorType(std::string_view name) {
    return *std::ranges::find(kTensorTypes, name, &GgufTensorType::name);
}

std::optional<std::int64_t> GgufFile::integer(const std::string& key) const {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return std::nullopt;
    const std::span<const std::byte> bytes = found->second.bytes;
    switch (found->second.type) {
        case GgufType::U8: return as<std::uint8_t>(bytes);
        case GgufType::I8: return as<std::int8_t>(bytes);
        case GgufType::U16: return as<std::uint16_t>(bytes);
        case GgufType::I16: return as<std::int16_t>(bytes);
        case GgufType::U32: return as<std::uint32_t>(bytes);
        case GgufType::I32: return as<std::int32_t>(bytes);
        case GgufType::I64: return as<std::int64_t>(bytes);
        case GgufType::U64:
            if (const auto value = as<std::uint64_t>(bytes); std::in_range<std::int64_t>(value)) {
                return static_cast<std::int64_t>(value);
            }
            break;
        default: break;
    }
    throw Error(path.string(), "key " + key + " is not an integer");
}

std::optional<double> GgufFile::number(const std::string& key) const {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return std::nullopt;
    if (found->second.type == GgufType::F32) return as<float>(found->second.bytes);
    if (found->second.type == GgufType::F64) return as<double>(found->second.bytes);
    throw Error(path.string(), "key " + key + " is not a number");
}

std::optional<bool> GgufFile::flag(const std::string& key) const {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return std::nullopt;
    if (found->second.type == GgufType::Bool) return found->second.bytes[0] != std::byte{0};
    throw Error(path.string(), "key " + key + " is not true or false");
}

std::optional<std::string> GgufFile::text(const std::string& key) const {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return std::nullopt;
    if (found->second.type != GgufType::Text) throw Error(path.string(), "key " + key + " is not a text");
    const std::span<const std::byte> bytes = found->second.bytes;
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

GgufFile readGguf(const std::filesystem::path& path) {
    static_assert(std::endian::native == std::endian::little, "tensors are used in place");
    GgufFile file;
    file.path = path;
    file.weights.mapping = MappedFile::open(path);
    checkDownloaded(file.weights.mapping->bytes(), path);
    Reader(path, file.weights.mapping->bytes()).read(file);
    return file;
}

}  // namespace perfmamba::model
