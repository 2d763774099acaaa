// Token ids in decimal; and which file is read how.
#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "core/evaluate/token_source.h"
#include "core/model/mapped_file.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

// Read at once.
constexpr std::size_t kPiece = std::size_t{1} << 16U;
constexpr std::size_t kBytesKept = std::size_t{64} << 20U;

/// Quoted in a message: what fits a line, and nothing that a terminal would obey.
std::string quoted(std::string_view word) {
    constexpr std::size_t kLongest = 24;
    std::string text = report::toPlainUtf8(word.substr(0, kLongest));
    if (word.size() > kLongest) text += "…";
    return "\"" + text + "\"";
}

/// Reads ids from front to back and knows where it stands.
class DecimalSource : public TokenSource {
public:
    DecimalSource(const TokenRequest& request, bool text_was_meant, std::int64_t vocab)
        : m_mapped(model::MappedFile::open(request.source)),
          m_text(reinterpret_cast<const char*>(m_mapped->bytes().data()), m_mapped->bytes().size()),
          m_file(request.source),
          m_text_was_meant(text_was_meant),
          m_vocab(vocab) {
        if (m_text.empty()) throw Error(m_file, "is empty");
    }

    bool read(std::vector<std::int32_t>& tokens) override {
        const std::size_t before = tokens.size();
        while (tokens.size() < before + kPiece) {
            const std::string_view word = next();
            if (word.empty()) break;
            tokens.push_back(id(word));
        }
        if (m_at - m_released > kBytesKept) {
            m_mapped->releasePages();
            m_released = m_at;
        }
        return tokens.size() > before;
    }
    [[nodiscard]] std::string made() const override { return "token ids, in decimal"; }

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
                        m_text_was_meant
                            ? "to read a text, put the model's tokenizer.json into its folder; or give token "
                              "ids: .npy, .bin, .h5, or .ids with the ids in decimal"
                            : "the file holds ids in decimal, separated by white space or commas");
        }
        if (code == std::errc::result_out_of_range || value >= static_cast<std::uint64_t>(m_vocab)) {
            throw Error(m_file,
                        fmt::format("token id {} at {} is outside the model's vocabulary of {}", word.substr(0, 24),
                                    place, m_vocab),
                        "it may be of another tokenizer");
        }
        return static_cast<std::int32_t>(value);
    }

    std::shared_ptr<const model::MappedFile> m_mapped;
    std::string_view m_text;
    std::string m_file;
    bool m_text_was_meant;
    std::int64_t m_vocab;
    std::size_t m_at = 0;
    std::size_t m_released = 0;
    std::size_t m_line = 1;
    std::size_t m_line_start = 0;
    std::size_t m_word_line = 1;
    std::size_t m_word_column = 1;
};

bool endsIn(const std::filesystem::path& path, std::initializer_list<std::string_view> endings) {
    return std::ranges::find(endings, path.extension().string()) != endings.end();
}

}  // namespace

std::unique_ptr<TokenSource> openDecimal(const TokenRequest& request, bool text_was_meant, std::int64_t vocab) {
    return std::make_unique<DecimalSource>(request, text_was_meant, vocab);
}

bool holdsIds(const std::filesystem::path& path) {
    return endsIn(path, {".ids", ".npy", ".bin", ".h5", ".hdf5"});
}

bool holdsRecords(const TokenRequest& request) {
    return !request.field.empty() || endsIn(request.source, {".jsonl", ".ndjson"});
}

bool readsTexts(const model::Checkpoint& checkpoint) {
    std::error_code ignored;
    return tokensAreBytes(checkpoint) || std::filesystem::exists(checkpoint.folder() / "tokenizer.json", ignored);
}

Encoding encodingOf(const model::Checkpoint& checkpoint) {
    Encoding encoding;
    encoding.bytes = tokensAreBytes(checkpoint);
    const std::filesystem::path file = checkpoint.folder() / "tokenizer.json";
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) return encoding;
    // A vocabulary of 256 alone does not tell bytes from the tokens of a small tokenizer.
    if (!encoding.bytes || !std::filesystem::exists(checkpoint.folder() / "task.json", ignored)) {
        encoding.bytes = false;
        encoding.tokenizer = text::Tokenizer::open(file);
    }
    return encoding;
}

std::unique_ptr<TokenSource> openSource(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab) {
    const std::filesystem::path path(request.source);
    if (endsIn(path, {".npy", ".bin", ".h5", ".hdf5"})) return openArray(request, vocab);
    if (encoding.reads() && path.extension() != ".ids") return openText(request, encoding, vocab);
    return openDecimal(request, path.extension() != ".ids", vocab);
}

}  // namespace perfmamba::evaluate
