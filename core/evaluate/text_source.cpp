// Tokens of texts: encoded piece by piece, documents joined.
#include <algorithm>

#include <fmt/format.h>

#include "core/evaluate/documents.h"
#include "core/evaluate/token_source.h"
#include "core/report/utf8.h"
#include "core/text/token_advice.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

using Tokens = std::vector<std::int32_t>;

// Encoded at once: enough that the pieces cost nothing, and little beside the tokens.
constexpr std::size_t kPiece = std::size_t{256} << 10U;
// A longer stretch without a place to cut at is refused: it would have to be held and encoded whole.
constexpr std::size_t kLongestPiece = std::size_t{256} << 20U;
// Tokens that end a document, by the names that tokenizers give them.
constexpr const char* kEnds[] = {"<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>"};

/// What stands between documents.
struct Joint {
    Tokens tokens;
    std::string text;   // instead
    std::string words;  // "the token 0 <|endoftext|>"
};

/// With \n, \t and \\ as what they stand for.
std::string unescaped(std::string_view given) {
    std::string text;
    for (std::size_t i = 0; i < given.size(); ++i) {
        const char next = given[i] == '\\' && i + 1 < given.size() ? given[i + 1] : '\0';
        const char meant = next == 'n' ? '\n' : next == 't' ? '\t' : next == '\\' ? '\\' : '\0';
        text += meant == '\0' ? given[i] : meant;
        if (meant != '\0') ++i;
    }
    return text;
}

std::string escaped(std::string_view text) {
    std::string shown;
    for (const char c : text) shown += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
    return "\"" + report::toPlainUtf8(shown) + "\"";
}

Joint textJoint(const std::string& text) {
    if (text.empty()) return {{}, "", "with nothing between them"};
    return {{}, text, "by the text " + escaped(text)};
}

/// By a token that ends a document where there is one and nothing else is asked for.
Joint jointOf(const TokenRequest& request, const Encoding& encoding) {
    const bool asked_for_end = request.join == "eos";
    if (!request.join.empty() && !asked_for_end) {
        return textJoint(request.join == "nothing" ? "" : unescaped(request.join));
    }
    for (const char* name : kEnds) {
        const std::int32_t id = encoding.tokenizer ? encoding.tokenizer->find(name) : -1;
        if (id >= 0) return {{id}, "", fmt::format("by the token {} {}", id, name)};
    }
    if (asked_for_end) {
        throw Error("--join", "the model's tokenizer has no token that ends a document",
                    "give a text to join by, such as '\\n\\n'");
    }
    return textJoint("\n\n");
}

class TextSource : public TokenSource {
public:
    TextSource(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab)
        : m_file(request.source),
          m_encoding(encoding),
          m_vocab(vocab),
          m_records(holdsRecords(request)),
          m_field(request.field.empty() ? "text" : request.field),
          m_joint(jointOf(request, encoding)),
          m_documents(request.source, m_records ? Documents::Kind::Records : Documents::Kind::Whole, m_field) {}

    bool read(Tokens& tokens) override {
        const std::size_t before = tokens.size();
        while (tokens.size() == before && (m_in_text || beginText(tokens))) encodeSome(tokens);
        check(tokens, before);
        m_tokens += static_cast<double>(tokens.size() - before);
        return tokens.size() > before;
    }

    [[nodiscard]] std::string made() const override {
        std::string words = m_encoding.inWords();
        if (!m_records) return words + "; the text is one document" + added();
        words += fmt::format("; {} document{}, the field \"{}\" of each line{}", m_count, m_count == 1 ? "" : "s",
                             report::toPlainUtf8(m_field), added());
        return words + (m_count > 1 ? ", joined " + m_joint.words : "");
    }
    [[nodiscard]] double bytesPerToken() const override {
        if (m_encoding.bytes) return 1;
        return m_tokens > 0 ? m_bytes / m_tokens : 0;
    }

private:
    /// Where documents are joined by a text they are one, to the tokenizer.
    [[nodiscard]] bool oneText() const { return !m_records || m_joint.tokens.empty(); }

    [[nodiscard]] std::string added() const {
        const bool adds =
            m_encoding.tokenizer && !(m_encoding.tokenizer->begin().empty() && m_encoding.tokenizer->end().empty());
        if (!adds) return "";
        return oneText() ? ", with the tokenizer's special tokens once" : ", each with the tokenizer's special tokens";
    }

    /// False: there is none.
    bool beginText(Tokens& tokens) {
        if (!m_documents.next(m_rest)) return false;
        if (m_count > 0) put(m_joint.tokens, tokens);
        if (m_encoding.tokenizer) put(m_encoding.tokenizer->begin(), tokens);
        ++m_count;
        if (m_records && oneText()) {
            m_joined = m_rest;
            m_rest = m_joined;
        }
        m_continues = false;
        m_in_text = true;
        return true;
    }

    /// The next piece of the text at hand.
    void encodeSome(Tokens& tokens) {
        for (std::size_t size = kPiece;; size *= 2) {
            joinMore(size);
            if (m_rest.size() <= size) break;
            if (const std::size_t cut = m_encoding.cut(m_rest.substr(0, size)); cut > 0) {
                encode(m_rest.substr(0, cut), tokens);
                m_rest.remove_prefix(cut);
                if (!m_records) m_documents.release(m_rest.data());
                return;
            }
            if (size >= kLongestPiece) refuseLong();
        }
        encode(m_rest, tokens);
        if (m_encoding.tokenizer) put(m_encoding.tokenizer->end(), tokens);
        m_rest = {};
        m_in_text = false;
    }

    /// Where documents are joined as texts: makes the text at hand longer than `size`, if there are as many.
    void joinMore(std::size_t size) {
        if (!m_records || !oneText() || m_rest.size() > size) return;
        m_joined.erase(0, m_joined.size() - m_rest.size());
        for (std::string_view document; m_joined.size() <= size && m_documents.next(document); ++m_count) {
            m_joined += m_joint.text;
            m_joined += document;
        }
        m_rest = m_joined;
    }

    static void put(const Tokens& more, Tokens& tokens) { tokens.insert(tokens.end(), more.begin(), more.end()); }

    void encode(std::string_view text, Tokens& tokens) {
        m_encoding.append(text, tokens, m_continues);
        m_continues = true;
        m_bytes += static_cast<double>(text.size());
    }

    void check(const Tokens& tokens, std::size_t from) const {
        for (std::size_t i = from; i < tokens.size(); ++i) {
            if (tokens[i] < m_vocab) continue;
            throw Error(m_file,
                        fmt::format("the tokenizer makes the token {} of it, and the model's vocabulary has {}",
                                    tokens[i], m_vocab),
                        "put the model's own tokenizer.json into its folder, or give token ids");
        }
    }

    [[noreturn]] void refuseLong() const {
        throw Error(
            m_file,
            fmt::format("has {} MiB in a row that its tokenizer cannot take piece by piece", kLongestPiece >> 20U),
            text::kGiveTokens);
    }

    std::string m_file;
    const Encoding& m_encoding;
    std::int64_t m_vocab;
    bool m_records;
    std::string m_field;
    Joint m_joint;
    Documents m_documents;
    std::string_view m_rest;  // of the text at hand
    std::string m_joined;     // where documents are joined as texts: what m_rest is the end of
    bool m_in_text = false;
    bool m_continues = false;
    std::size_t m_count = 0;
    double m_bytes = 0;
    double m_tokens = 0;
};

}  // namespace

std::string Encoding::inWords() const {
    if (tokenizer == nullptr) return "a token is a byte";
    return fmt::format("tokenizer.json of {} tokens, hash {}", tokenizer->size(), tokenizer->hash());
}

void Encoding::append(std::string_view text, Tokens& tokens, bool continues) const {
    if (tokenizer != nullptr) {
        tokenizer->append(text, tokens, continues);
        return;
    }
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
}

std::size_t Encoding::cut(std::string_view text) const {
    return tokenizer != nullptr ? tokenizer->cut(text) : text.size();
}

Tokens Encoding::opened(std::string_view text) const {
    Tokens tokens;
    if (tokenizer != nullptr) tokens = tokenizer->begin();
    append(text, tokens, false);
    return tokens;
}

std::unique_ptr<TokenSource> openText(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab) {
    return std::make_unique<TextSource>(request, encoding, vocab);
}

}  // namespace perfmamba::evaluate
