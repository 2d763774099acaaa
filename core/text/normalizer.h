// What is done to a text before it is split: Unicode normal forms and replacements.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/text/part.h"
#include "core/text/regex.h"

namespace perfmamba::text {

/// The part `normalizer`: NFC, NFD, NFKC, NFKD, Prepend, Replace, ByteLevel, or a Sequence of them.
class Normalizer {
public:
    Normalizer() = default;
    /// Throws Error for a kind that is not known.
    explicit Normalizer(const Part& part) { add(part); }

    /// @param text is UTF-8
    /// @param continues something stands before it that belongs to the same text: nothing is prepended
    [[nodiscard]] std::string normalized(std::string text, bool continues = false) const;

    /// Whether the text may be taken apart between a letter and a white space that follows.
    [[nodiscard]] bool cuts() const;
    /// Whether something is put before every text.
    [[nodiscard]] bool prepends() const;

private:
    enum class Kind { Nfc, Nfd, Nfkc, Nfkd, Prepend, Replace, ByteLevel };
    struct Step {
        Kind kind = Kind::Nfc;
        std::string content;         // what is prepended, or put in
        std::string literal;         // what is replaced, where it is no pattern
        std::optional<Regex> regex;  // what is replaced
    };
    void add(const Part& part);
    void addReplace(const Part& part);

    std::vector<Step> m_steps;
};

}  // namespace perfmamba::text
