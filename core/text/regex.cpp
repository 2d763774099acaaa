#include "core/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/report/utf8.h"
#include "core/text/token_advice.h"
#include "core/text/utf8.h"
#include "kernels/error.h"

namespace perfmamba::text {
namespace {

// Steps of one match: far more than any tokenizer's pattern takes, and over in a fraction of a second.
constexpr std::uint32_t kMostSteps = 2'000'000;
constexpr std::size_t kJitStack = std::size_t{8} << 20U;
constexpr std::size_t kLongestPattern = 1 << 16;

struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
using Code = std::unique_ptr<pcre2_code, FreeCode>;

/// Null with PCRE2's reason where it does not compile.
Code compile(const std::string& pattern, std::string* reason = nullptr) {
    int error = 0;
    std::size_t offset = 0;
    // Ruby's ^ and $ always stand at lines.
    constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
    Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), kOptions, &error, &offset,
                            nullptr));
    if (code == nullptr && reason != nullptr) {
        std::array<PCRE2_UCHAR, 256> text{};
        pcre2_get_error_message(error, text.data(), text.size());
        *reason = fmt::format("{} at byte {}", reinterpret_cast<const char*>(text.data()), offset);
    }
    return code;
}

/// Reads a pattern from front to back and writes what PCRE2 understands the same way.
class Translator {
public:
    Translator(std::string_view pattern, const std::string& subject) : m_pattern(pattern), m_subject(subject) {}

    std::string all() {
        while (m_at < m_pattern.size()) {
            const char c = m_pattern[m_at];
            if (c == '\\') {
                escape();
            } else if (m_class) {
                inClass(c);
            } else if (c == '[') {
                beginClass();
            } else if (m_pattern.substr(m_at, 2) == "(?") {
                group();
            } else if (const std::string_view two = m_pattern.substr(m_at, 2);
                       two == "{," || two == "}+" || two == "}?") {
                refuse(two);  // they mean something else in PCRE2
            } else {
                put(1);
            }
        }
        return std::move(m_out);
    }

private:
    [[noreturn]] void refuse(std::string_view what) const {
        throw Error(m_subject,
                    fmt::format("the pattern {} has {}, which this program does not read",
                                report::toPlainUtf8(m_pattern.substr(0, 80)), report::toPlainUtf8(what)),
                    kGiveTokens);
    }

    void put(std::size_t count) {
        m_out += m_pattern.substr(m_at, count);
        m_at += count;
    }
    void put(std::size_t count, std::string_view instead) {
        m_out += instead;
        m_at += count;
    }

    void beginClass() {
        m_class = true;
        put(1);
        if (m_at < m_pattern.size() && m_pattern[m_at] == '^') put(1);
        // A bracket that comes first stands for itself.
        if (m_at < m_pattern.size() && m_pattern[m_at] == ']') put(1);
    }

    void inClass(char c) {
        // Sets within sets, and what two have in common.
        if (c == '[') refuse("a class inside a class");
        if (m_pattern.substr(m_at, 2) == "&&") refuse("&&");
        if (c == ']') m_class = false;
        put(1);
    }

    /// "(?", outside a class.
    void group() {
        for (const std::string_view known : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:", "(?i)"}) {
            // An option in the middle holds for other alternatives in Ruby than in Perl.
            const bool in_the_middle = known == "(?i)" && m_at > 0;
            if (m_pattern.substr(m_at, known.size()) == known && !in_the_middle) {
                put(known.size());
                return;
            }
        }
        refuse(m_pattern.substr(m_at, 4));
    }

    void escape() {
        if (m_at + 1 == m_pattern.size()) refuse("a backslash at the end");
        const char c = m_pattern[m_at + 1];
        const std::string_view both = m_pattern.substr(m_at, 2);
        if (static_cast<unsigned char>(c) >= 0x80) {
            put(2);  // a character that stands for itself; the bytes after it follow
            return;
        }
        switch (c) {
            // PCRE2 counts U+180E among the spaces, Unicode does not.
            case 's': put(2, R"(\p{WSpace})"); return;
            case 'S': put(2, R"(\P{WSpace})"); return;
            case 'w': put(2, m_class ? kWord : "[" + kWord + "]"); return;
            case 'W':
                if (m_class) refuse(both);
                put(2, "[^" + kWord + "]");
                return;
            case 'h': put(2, m_class ? "0-9a-fA-F" : "[0-9a-fA-F]"); return;
            case 'v': put(2, R"(\x0B)"); return;
            case 'p':
            case 'P': property(); return;
            case 'u': hexadecimal(4); return;
            case 'x':
                if (m_pattern.substr(m_at, 3) != "\\x{") {
                    hexadecimal(2);
                } else if (const std::size_t close = m_pattern.find('}', m_at); close != std::string_view::npos) {
                    put(close + 1 - m_at);
                } else {
                    refuse("\\x{");
                }
                return;
            case 'd':
            case 'D':
            case 'r':
            case 'n':
            case 't':
            case 'f':
            case 'a':
            case 'e': put(2); return;
            case 'b':
            case 'B':
            case 'A':
            case 'z':
            case 'Z':
                if (m_class) refuse(both);
                put(2);
                return;
            default: break;
        }
        const bool letter_or_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter_or_digit) refuse(both);
        put(2);
    }

    void hexadecimal(std::size_t most) {
        std::size_t digits = 0;
        while (digits < most && m_at + 2 + digits < m_pattern.size() &&
               std::string_view("0123456789abcdefABCDEF").find(m_pattern[m_at + 2 + digits]) !=
                   std::string_view::npos) {
            ++digits;
        }
        if (digits == 0 || (most == 4 && digits < 4)) refuse(m_pattern.substr(m_at, 2 + most));
        put(2 + digits, fmt::format("\\x{{{}}}", m_pattern.substr(m_at + 2, digits)));
    }

    /// \p{NAME}. For PCRE2 the name of a script alone also means its extensions.
    void property() {
        const std::size_t close = m_pattern.find('}', m_at);
        if (m_pattern.substr(m_at + 2, 1) != "{" || close == std::string_view::npos) refuse(m_pattern.substr(m_at, 3));
        const std::string name(m_pattern.substr(m_at + 3, close - m_at - 3));
        const std::string_view sign = m_pattern.substr(m_at, 2);
        const std::size_t whole = close + 1 - m_at;
        const bool negated = name.starts_with('^');
        const std::string bare = name.substr(negated ? 1 : 0);
        for (const std::string& put_as : {bare.size() > 2 ? "sc:" + bare : bare, bare}) {
            if (compile(R"(\p{)" + put_as + "}") == nullptr) continue;
            put(whole, fmt::format("{}{{{}{}}}", sign, negated ? "^" : "", put_as));
            return;
        }
        refuse(m_pattern.substr(m_at, whole));
    }

    /// A word's characters inside a class. Oniguruma counts some of Latin-1's numbers among them.
    static inline const std::string kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\xB2\xB3\xB9\xBC-\xBE)";

    std::string_view m_pattern;
    const std::string& m_subject;
    std::size_t m_at = 0;
    bool m_class = false;
    std::string m_out;
};

}  // namespace

std::string translated(std::string_view pattern, const std::string& subject) {
    return Translator(pattern, subject).all();
}

struct Regex::Compiled {
    Code code;
    std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data{nullptr, pcre2_match_data_free};
    std::unique_ptr<pcre2_match_context, void (*)(pcre2_match_context*)> context{nullptr, pcre2_match_context_free};
    std::unique_ptr<pcre2_jit_stack, void (*)(pcre2_jit_stack*)> stack{nullptr, pcre2_jit_stack_free};
};

Regex::Regex(std::string_view pattern, const std::string& subject) : m_subject(subject) {
    if (pattern.size() > kLongestPattern) throw Error(subject, "has a pattern that is too long", kGiveTokens);
    auto compiled = std::make_shared<Compiled>();
    std::string reason;
    compiled->code = compile(translated(pattern, subject), &reason);
    if (compiled->code == nullptr) {
        throw Error(
            subject,
            fmt::format("the pattern {} cannot be used: {}", report::toPlainUtf8(pattern.substr(0, 80)), reason),
            kGiveTokens);
    }
    // Without it, matching is slower and the same.
    pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);
    compiled->data.reset(pcre2_match_data_create_from_pattern(compiled->code.get(), nullptr));
    compiled->context.reset(pcre2_match_context_create(nullptr));
    compiled->stack.reset(pcre2_jit_stack_create(32 * 1024, kJitStack, nullptr));
    if (compiled->data == nullptr || compiled->context == nullptr) throw std::bad_alloc();
    pcre2_set_match_limit(compiled->context.get(), kMostSteps);
    pcre2_jit_stack_assign(compiled->context.get(), nullptr, compiled->stack.get());
    m_compiled = std::move(compiled);
}

Regex Regex::literal(std::string_view text, const std::string& subject) {
    std::string escaped;
    for (const char c : text) {
        // Whatever is no letter, digit or part of a longer character may have a backslash.
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain) escaped += '\\';
        escaped += c;
    }
    return Regex(escaped, subject);
}

void Regex::matches(std::string_view text, std::vector<Range>& found) const {
    const Compiled& compiled = *m_compiled;
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    std::optional<std::size_t> last_end;
    for (std::size_t from = 0; from <= text.size();) {
        const int result = pcre2_match(compiled.code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                                       compiled.data.get(), compiled.context.get());
        if (result == PCRE2_ERROR_NOMATCH) return;
        if (result < 0) {
            throw Error(m_subject, fmt::format("a pattern cannot be matched with the text (PCRE2's error {})", result),
                        kGiveTokens);
        }
        const std::size_t* ends = pcre2_get_ovector_pointer(compiled.data.get());
        const Range range{ends[0], ends[1]};
        // \K and look-behind may set a begin behind the end; no tokenizer's pattern does.
        if (range.end < range.begin || range.begin < from) throw Error(m_subject, "a pattern matches backwards");
        if (range.begin == range.end && last_end == range.end) {
            // Nothing, where a match has just ended: one character on.
            from += from < text.size() ? std::max<std::size_t>(1, characterLength(text.substr(from))) : 1;
            continue;
        }
        found.push_back(range);
        from = range.end;
        last_end = range.end;
    }
}

}  // namespace perfmamba::text
