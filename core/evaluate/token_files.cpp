// Texts: as bytes, or as token ids in decimal.
#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "core/evaluate/generate.h"
#include "core/model/mapped_file.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

/// Quoted in a message: what fits a line, and nothing that a terminal would obey.
std::string quoted(std::string_view word) {
    constexpr std::size_t kLongest = 24;
    std::string text = report::toPlainUtf8(word.substr(0, kLongest));
    if (word.size() > kLongest) text += "…";
    return "\"" + text + "\"";
}

/// Reads ids from front to back and knows where it stands.
class IdReader {
public:
    IdReader(std::string_view text, std::string file, std::int64_t vocab)
        : m_text(text), m_file(std::move(file)), m_vocab(vocab) {}

    std::vector<std::int32_t> all() {
        std::vector<std::int32_t> ids;
        for (std::string_view word = next(); !word.empty(); word = next()) ids.push_back(id(word));
        if (ids.empty()) throw Error(m_file, "holds no token ids");
        return ids;
    }

private:
    static bool separates(char c) { return c == ' ' || c == ',' || (c >= '\t' && c <= '\r'); }

    /// The next word, which ends before m_at; empty at the end.
    std::string_view next() {
        while (m_at < m_text.size() && separates(m_text[m_at])) step();
        m_word_line = m_line;
        m_word_column = m_at - m_line_start + 1;
        const std::size_t begin = m_at;
        while (m_at < m_text.size() && !separates(m_text[m_at])) step();
        return m_text.substr(begin, m_at - begin);
    }

    void step() {
        if (m_text[m_at++] != '\n') return;
        ++m_line;
        m_line_start = m_at;
    }

    [[nodiscard]] std::int32_t id(std::string_view word) const {
        std::uint64_t value = 0;
        const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
        const std::string place = fmt::format("line {}, column {}", m_word_line, m_word_column);
        if (end != word.data() + word.size() || code == std::errc::invalid_argument) {
            if (word.find('\0') != std::string_view::npos) {
                throw Error(m_file, fmt::format("holds a zero byte at {}: it is not a text", place),
                            "a file of token ids holds them in decimal, separated by white space or commas");
            }
            throw Error(m_file, fmt::format("{} at {} is not a token id", quoted(word), place),
                        "this program does not read tokenizers yet, so that the file must hold token ids in decimal, "
                        "separated by white space or commas");
        }
        if (code == std::errc::result_out_of_range || value >= static_cast<std::uint64_t>(m_vocab)) {
            throw Error(m_file, fmt::format("token id {} at {} is outside the model's vocabulary of {}",
                                            word.substr(0, 24), place, m_vocab));
        }
        return static_cast<std::int32_t>(value);
    }

    std::string_view m_text;
    std::string m_file;
    std::int64_t m_vocab;
    std::size_t m_at = 0;
    std::size_t m_line = 1;
    std::size_t m_line_start = 0;
    std::size_t m_word_line = 1;
    std::size_t m_word_column = 1;
};

}  // namespace

TokenSet readText(const TokenRequest& request, std::int64_t vocab, bool bytes) {
    const std::filesystem::path path(request.source);
    const auto file = model::MappedFile::open(path);
    if (file->bytes().empty()) throw Error(request.source, "is empty");
    const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
    std::vector<std::int32_t> tokens;
    if (bytes && path.extension() != ".ids") {
        tokens.reserve(text.size());
        for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    } else {
        tokens = IdReader(text, request.source, vocab).all();
    }

    TokenSet set;
    set.length = request.length == 0 ? kWindow : request.length;
    const auto have = static_cast<std::int64_t>(tokens.size());
    if (have < set.length) {
        throw Error(request.source,
                    fmt::format("holds {} tokens, which is shorter than a window of {} tokens", have, set.length),
                    "give a longer text, or a smaller --window");
    }
    const std::int64_t whole = have / set.length;
    const std::int64_t windows = request.sequences == 0 ? whole : std::min(whole, request.sequences);
    for (auto at = tokens.begin(); std::ssize(set.sequences) < windows; at += set.length) {
        set.sequences.emplace_back(at, at + set.length);
    }
    set.source = std::filesystem::canonical(path).string();
    set.description = fmt::format("{}: {} window{} of {} tokens", report::toPlainUtf8(path.filename().string()),
                                  windows, windows == 1 ? "" : "s", set.length);
    set.bytes_per_token = bytes ? 1 : 0;
    return set;
}

}  // namespace perfmamba::evaluate
