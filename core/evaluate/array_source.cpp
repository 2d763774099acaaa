// Token ids as numbers: NumPy's .npy, plain .bin, datasets of HDF5.
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "core/evaluate/token_source.h"
#include "core/model/mapped_file.h"
#include "core/report/integer_dataset.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

using Tokens = std::vector<std::int32_t>;

// Read at once.
constexpr std::int64_t kPiece = std::int64_t{1} << 16;
// After so many pieces the pages read so far are let go of.
constexpr int kPiecesKept = 256;
constexpr const char* kIntegers = "integers of 8 to 64 bits";

struct Numbers {
    std::string type;  // "u16", "i64", …
    std::size_t size = 0;
    bool is_signed = false;
    bool big_endian = false;
};

std::uint64_t valueAt(const std::byte* at, const Numbers& numbers) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < numbers.size; ++i) {
        const std::size_t byte = numbers.big_endian ? i : numbers.size - 1 - i;
        value = (value << 8U) | static_cast<std::uint64_t>(at[byte]);
    }
    return value;
}

/// Numbers that lie in a mapped file one behind the other.
class MappedNumbers : public TokenSource {
public:
    MappedNumbers(std::string file, std::shared_ptr<const model::MappedFile> mapped, std::size_t begin, Numbers numbers,
                  std::int64_t length, std::int64_t vocab)
        : m_file(std::move(file)),
          m_mapped(std::move(mapped)),
          m_values(m_mapped->bytes().subspan(begin)),
          m_numbers(std::move(numbers)),
          m_length(length),
          m_vocab(vocab) {}

    bool read(Tokens& tokens) override {
        const auto all = static_cast<std::int64_t>(m_values.size() / m_numbers.size);
        const std::int64_t end = std::min(all, m_at + kPiece);
        if (m_at == end) return false;
        for (; m_at < end; ++m_at) {
            const std::uint64_t value =
                valueAt(m_values.data() + static_cast<std::size_t>(m_at) * m_numbers.size, m_numbers);
            // A negative id is a large one here.
            if (value >= static_cast<std::uint64_t>(m_vocab)) {
                const bool negative = m_numbers.is_signed && (value >> (8 * m_numbers.size - 1)) != 0;
                if (negative) throw Error(m_file, fmt::format("the token id at position {} is negative", m_at));
                refuseId(m_file, value, fmt::format("position {}", m_at), m_vocab);
            }
            tokens.push_back(static_cast<std::int32_t>(value));
        }
        if (++m_pieces % kPiecesKept == 0) m_mapped->releasePages();
        return true;
    }
    [[nodiscard]] std::string made() const override { return "token ids, " + m_numbers.type; }
    [[nodiscard]] std::int64_t length() const override { return m_length; }

private:
    std::string m_file;
    std::shared_ptr<const model::MappedFile> m_mapped;
    std::span<const std::byte> m_values;
    Numbers m_numbers;
    std::int64_t m_length;
    std::int64_t m_vocab;
    std::int64_t m_at = 0;
    int m_pieces = 0;
};

/// The header of a .npy file: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
class NpyHeader {
public:
    NpyHeader(const std::string& file, std::span<const std::byte> bytes) : m_file(file) {
        constexpr std::string_view kMagic("\x93NUMPY", 6);
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (!text.starts_with(kMagic) || text.size() < 10) refuse("is not a .npy file");
        const bool long_header = text[6] != 1;  // version 1 counts in 16 bits, versions 2 and 3 in 32
        const std::size_t begin = long_header ? 12 : 10;
        if (text.size() < begin) refuse("ends within its header");
        const std::uint64_t size = valueAt(bytes.data() + 8, {"", long_header ? 4U : 2U, false, false});
        if (size > text.size() - begin) refuse("ends within its header");
        m_header = text.substr(begin, static_cast<std::size_t>(size));
        m_data = begin + m_header.size();
    }

    [[nodiscard]] std::size_t data() const { return m_data; }

    [[nodiscard]] Numbers numbers() const {
        const std::string descr(quoted("'descr'"));
        const std::string_view known = "1248";
        const bool valid = descr.size() == 3 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos &&
                           (descr[1] == 'u' || descr[1] == 'i') && known.find(descr[2]) != std::string_view::npos;
        if (!valid) {
            refuse(fmt::format("holds values of the type '{}', and token ids are {}", report::toPlainUtf8(descr),
                               kIntegers));
        }
        const auto size = static_cast<std::size_t>(descr[2] - '0');
        return {fmt::format("{}{}", descr[1], 8 * size), size, descr[1] == 'i', descr[0] == '>'};
    }

    /// The extents: one axis, or two (sequences, tokens).
    [[nodiscard]] std::vector<std::int64_t> shape() const {
        if (after("'fortran_order'").starts_with("True")) refuse("has its axes in Fortran's order");
        std::string_view text = after("'shape'");
        if (!text.starts_with('(')) refuse("has no shape in its header");
        text = text.substr(1, text.find(')') - 1);
        std::vector<std::int64_t> extents;
        while (!text.empty()) {
            std::int64_t extent = -1;
            const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), extent);
            if (code != std::errc() || extent < 0) refuse("has a shape in its header that cannot be read");
            extents.push_back(extent);
            text.remove_prefix(static_cast<std::size_t>(end - text.data()));
            text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
        }
        if (extents.empty() || extents.size() > 2) {
            refuse(fmt::format("has {} axes: token ids have one, or two (sequences, tokens)", extents.size()));
        }
        return extents;
    }

private:
    [[noreturn]] void refuse(const std::string& reason) const { throw Error(m_file, reason); }

    /// What follows "KEY:" of the header.
    [[nodiscard]] std::string_view after(std::string_view key) const {
        const std::size_t at = m_header.find(key);
        if (at == std::string_view::npos) refuse(fmt::format("lacks {} in its header", key));
        std::string_view rest = m_header.substr(at + key.size());
        rest.remove_prefix(std::min(rest.find_first_not_of(": "), rest.size()));
        return rest;
    }
    [[nodiscard]] std::string_view quoted(std::string_view key) const {
        const std::string_view rest = after(key);
        const std::size_t end = rest.empty() ? std::string_view::npos : rest.find('\'', 1);
        return rest.starts_with('\'') && end != std::string_view::npos ? rest.substr(1, end - 1) : "";
    }

    const std::string& m_file;
    std::string_view m_header;
    std::size_t m_data = 0;
};

std::unique_ptr<TokenSource> openNpy(const std::string& file, std::int64_t vocab) {
    auto mapped = model::MappedFile::open(file);
    const NpyHeader header(file, mapped->bytes());
    const Numbers numbers = header.numbers();
    const std::vector<std::int64_t> shape = header.shape();
    const std::size_t have = mapped->bytes().size() - header.data();
    double claimed = static_cast<double>(numbers.size);
    for (const std::int64_t extent : shape) claimed *= static_cast<double>(extent);
    if (claimed != static_cast<double>(have)) {
        throw Error(file, fmt::format("has {} bytes of values where its shape asks for {:.0f}", have, claimed));
    }
    const std::int64_t length = shape.size() == 2 ? shape[1] : 0;
    return std::make_unique<MappedNumbers>(file, std::move(mapped), header.data(), numbers, length, vocab);
}

/// A .bin has no header: ids of 16 bits, but for where the upper halves of 32 bits show.
bool looksLike32Bits(std::span<const std::byte> bytes, std::int64_t vocab) {
    if (vocab > std::numeric_limits<std::uint16_t>::max() + std::int64_t{1}) return true;
    constexpr std::size_t kLooked = std::size_t{1} << 16U;
    if (bytes.size() % 4 != 0 || bytes.size() < 64) return false;
    for (std::size_t i = 0; i + 4 <= std::min(bytes.size(), kLooked); i += 4) {
        if (bytes[i + 2] != std::byte{0} || bytes[i + 3] != std::byte{0}) return false;
    }
    return true;
}

std::unique_ptr<TokenSource> openBin(const std::string& file, std::int64_t vocab) {
    auto mapped = model::MappedFile::open(file);
    const std::size_t size = looksLike32Bits(mapped->bytes(), vocab) ? 4 : 2;
    if (mapped->bytes().empty()) throw Error(file, "is empty");
    if (mapped->bytes().size() % size != 0) {
        throw Error(file, fmt::format("has {} bytes, which are no whole number of ids of {} bits",
                                      mapped->bytes().size(), 8 * size));
    }
    Numbers numbers{fmt::format("u{}", 8 * size), size, false, false};
    return std::make_unique<MappedNumbers>(file, std::move(mapped), 0, std::move(numbers), 0, vocab);
}

class DatasetSource : public TokenSource {
public:
    DatasetSource(const std::string& file, const std::string& name, std::int64_t vocab)
        : m_file(file), m_dataset(file, name), m_vocab(vocab) {}

    bool read(Tokens& tokens) override {
        const std::vector<std::int64_t> values = m_dataset.read(m_at, kPiece);
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (values[i] < 0 || values[i] >= m_vocab) {
                const std::string place = fmt::format("position {}", m_at + static_cast<std::int64_t>(i));
                if (values[i] < 0) throw Error(m_file, fmt::format("the token id at {} is negative", place));
                refuseId(m_file, static_cast<std::uint64_t>(values[i]), place, m_vocab);
            }
            tokens.push_back(static_cast<std::int32_t>(values[i]));
        }
        m_at += std::ssize(values);
        return !values.empty();
    }
    [[nodiscard]] std::string made() const override {
        return fmt::format("token ids, the dataset \"{}\"", report::toPlainUtf8(m_dataset.name()));
    }
    [[nodiscard]] std::int64_t length() const override { return m_dataset.rowLength(); }

private:
    std::string m_file;
    report::IntegerDataset m_dataset;
    std::int64_t m_vocab;
    std::int64_t m_at = 0;
};

}  // namespace

void refuseId(const std::string& file, std::uint64_t id, const std::string& place, std::int64_t vocab) {
    throw Error(file, fmt::format("token id {} at {} is outside the model's vocabulary of {}", id, place, vocab),
                "it may be of another tokenizer");
}

std::unique_ptr<TokenSource> openArray(const TokenRequest& request, std::int64_t vocab) {
    const std::string ending = std::filesystem::path(request.source).extension().string();
    if (ending == ".npy") return openNpy(request.source, vocab);
    if (ending == ".bin") return openBin(request.source, vocab);
    return std::make_unique<DatasetSource>(request.source, request.field, vocab);
}

}  // namespace perfmamba::evaluate
