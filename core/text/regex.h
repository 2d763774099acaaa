// Regular expressions as tokenizer.json has them: written for Oniguruma (its Ruby syntax, which the tokenizers package
// uses), matched by PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace perfmamba::text {

/// Begin and end, in bytes.
struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// Not for two threads at once. Character classes are those of PCRE2's Unicode tables (14.0 in Debian 12): characters
/// that are younger belong to none.
class Regex {
public:
    /// Throws Error, in the name of `subject`, for what is malformed or means in PCRE2 something that cannot be put as
    /// Oniguruma has it.
    Regex(std::string_view pattern, const std::string& subject);
    /// One that stands for itself.
    static Regex literal(std::string_view text, const std::string& subject);

    /// Appends every match in `text`, which is UTF-8, from left to right. Throws Error where one takes too long.
    void matches(std::string_view text, std::vector<Range>& found) const;

private:
    struct Compiled;
    std::shared_ptr<const Compiled> m_compiled;
    std::string m_subject;
};

/// The pattern in PCRE2's words. Throws Error as Regex().
std::string translated(std::string_view pattern, const std::string& subject);

}  // namespace perfmamba::text
