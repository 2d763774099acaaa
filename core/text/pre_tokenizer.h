// Splits a text into the words that byte pair encoding works on.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/part.h"
#include "core/text/regex.h"

namespace perfmamba::text {

/// A stretch of a text on its way to words.
struct Word {
    std::string_view text;
    bool first = false;  // it begins where the whole text begins
};

/// The part `pre_tokenizer`: ByteLevel, Split, Digits, Punctuation, Metaspace, Whitespace, WhitespaceSplit, or a
/// Sequence of them; nothing leaves the text whole.
class PreTokenizer {
public:
    PreTokenizer() = default;
    /// Throws Error for a kind that is not known.
    explicit PreTokenizer(const Part& part);

    /// Replaces the words, none empty, by what they are split into.
    /// @param made keeps the texts that had to be made
    void split(std::vector<Word>& words, std::deque<std::string>& made) const;

    /// Whether the words come out as they stand in the text and their bytes must still be written as characters
    /// (byteCharacters()): a ByteLevel that stands last leaves that undone, for whoever meets a word for the first
    /// time.
    [[nodiscard]] bool bytes() const { return m_bytes; }

private:
    /// What becomes of a match: a word of its own, gone, part of the word before or after, one word with its
    /// neighbours.
    enum class Behavior { Isolated, Removed, MergedWithPrevious, MergedWithNext, Contiguous };
    /// What a step does, in this order, each where it is set.
    struct Step {
        bool replaces_spaces = false;  // by `prefix`
        std::string prefix;            // put before a word that does not begin with it
        enum { Always, First, Never } prepend = Never;
        std::optional<Regex> regex;  // splits
        Behavior behavior = Behavior::Isolated;
        bool invert = false;  // what lies between matches is the match
        bool bytes = false;   // writes bytes as characters
    };
    void add(const Part& part);
    void addByteLevel(const Part& part);
    void addMetaspace(const Part& part);
    void addSplit(const Part& part);
    static Behavior behaviorOf(const Part& part);
    static void apply(const Step& step, std::vector<Word>& words, std::deque<std::string>& made);
    static void splitWord(const Step& step, const Word& word, std::vector<Range>& found, std::vector<Word>& out);

    std::vector<Step> m_steps;
    bool m_bytes = false;
};

}  // namespace perfmamba::text
