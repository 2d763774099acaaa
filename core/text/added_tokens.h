// Tokens that stand beside the model's vocabulary ("<|endoftext|>", runs of spaces): found in the text before
// everything else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/normalizer.h"
#include "core/text/part.h"
#include "core/text/regex.h"
#include "core/text/vocabulary.h"

namespace perfmamba::text {

struct AddedToken {
    std::string content;
    bool single_word = false;  // not inside a word
    bool lstrip = false;       // takes the white space on its left, too
    bool rstrip = false;
    bool normalized = false;  // looked for in the normalized text
    bool special = false;
};

/// Finds texts of a set, the leftmost and of those the longest first, in one walk.
class Finder {
public:
    /// @param id nonnegative
    void add(std::string_view content, std::int32_t id);
    /// The id of the longest that begins at `at`, with its length; −1: none does.
    struct Found {
        std::int32_t id = -1;
        std::size_t length = 0;
    };
    [[nodiscard]] Found at(std::string_view text, std::size_t at) const;
    [[nodiscard]] bool empty() const { return m_nodes.size() == 1; }

private:
    struct Node {
        std::int32_t id = -1;
        std::map<char, std::size_t> next;
    };
    std::vector<Node> m_nodes = std::vector<Node>(1);
    std::vector<bool> m_begins = std::vector<bool>(256);
};

/// A stretch of text, or an added token in its place.
struct Stretch {
    std::string_view text;
    std::int32_t id = -1;  // −1: text
};

class AddedTokens {
public:
    AddedTokens() = default;
    /// The list `added_tokens` of a file. A token has the id that it has in the model's vocabulary, or the next one
    /// after that: so it is for the tokenizers package, whatever id the file says.
    AddedTokens(const Part& file, const Vocabulary& vocabulary, const Normalizer& normalizer);

    /// The text in stretches, looking for tokens that are normalized, or for those that are not. None is empty.
    [[nodiscard]] std::vector<Stretch> split(std::string_view text, bool normalized) const;
    /// −1: there is none.
    [[nodiscard]] std::int32_t find(std::string_view content) const;
    /// How many are not in the model's vocabulary.
    [[nodiscard]] std::int64_t outside(const Vocabulary& vocabulary) const;

    /// As Normalizer::cuts(): no token reaches across.
    /// @param prepends the normalizer puts something before the text that follows a token
    [[nodiscard]] bool cuts(bool prepends) const;

private:
    [[nodiscard]] bool insideWord(std::string_view text, Range found) const;

    std::map<std::int32_t, AddedToken> m_tokens;
    Vocabulary m_ids;
    std::map<std::int32_t, std::string> m_written;  // as they are looked for
    std::optional<Regex> m_word;                    // a character of a word
    Finder m_plain;
    Finder m_normalized;
};

}  // namespace perfmamba::text
