// A tokenizer as Hugging Face keeps it (tokenizer.json), for byte pair encoding: the same tokens as the tokenizers
// package gives.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/normalizer.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/word_cache.h"

namespace perfmamba::text {

/// Not for two threads at once. What the file says of truncation and padding is not done.
class Tokenizer {
public:
    /// Throws Error naming the file and the part: not there, broken, or of a kind that this program does not know.
    static std::unique_ptr<Tokenizer> open(const std::filesystem::path& file);
    /// The same of a file's contents. @param name what errors call it
    static std::unique_ptr<Tokenizer> parse(std::string_view json, const std::string& name);

    /// The tokens of a whole text: begin(), those of the text itself, end().
    [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text);

    /// Appends the tokens of the text itself. What is not UTF-8 becomes U+FFFD (replaceInvalid()).
    /// @param continues the text goes on from one that was cut at cut()
    void append(std::string_view text, std::vector<std::int32_t>& ids, bool continues = false);
    /// What stands before and behind each text by the file's post_processor ("<s>").
    [[nodiscard]] const std::vector<std::int32_t>& begin() const { return m_begin; }
    [[nodiscard]] const std::vector<std::int32_t>& end() const { return m_end; }

    /// Whether a text may be tokenized in pieces: those that cut() makes give the same tokens as the whole.
    [[nodiscard]] bool cuts() const { return m_cuts; }
    /// How many bytes of the text's begin may be tokenized on their own, as many as possible; 0: none.
    [[nodiscard]] std::size_t cut(std::string_view text) const;

    /// The id of a token, of the vocabulary or an added one; −1: there is none.
    [[nodiscard]] std::int32_t find(std::string_view token) const;
    /// How many different tokens the vocabulary has, with those added.
    [[nodiscard]] std::int64_t size() const;
    /// 16 hex digits over the file.
    [[nodiscard]] const std::string& hash() const { return m_hash; }

private:
    Tokenizer(const Part& file, std::string hash);
    void readPostProcessor(const Part& part);
    void readTemplate(const Part& part);
    void appendStretch(std::string_view text, std::vector<std::int32_t>& ids, bool first, bool continues);
    void appendWord(std::string_view word, std::vector<std::int32_t>& ids);
    /// The words that byte pair encoding is given of a text.
    [[nodiscard]] std::vector<std::string> wordsOf(std::string_view text, bool continues) const;
    void splitAtBoundaries(std::vector<Word>& words) const;
    void findWhetherCuts();

    Normalizer m_normalizer;
    Bpe m_bpe;
    AddedTokens m_added;
    PreTokenizer m_pre_tokenizer;
    std::vector<std::int32_t> m_begin, m_end;
    std::string m_hash;
    WordCache m_cache;
    bool m_cuts = false;
    bool m_cuts_lines = false;
};

}  // namespace perfmamba::text
