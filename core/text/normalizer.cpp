#include "core/text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <new>

#include <fmt/format.h>

#include "core/text/byte_characters.h"
#include "core/text/utf8.h"
#include "kernels/error.h"

namespace perfmamba::text {
namespace {

bool isAscii(char c) {
    return static_cast<unsigned char>(c) < 0x80;
}

/// Appends `text` in the normal form that `options` of utf8proc stand for.
void appendNormal(std::string& out, std::string_view text, utf8proc_option_t options,
                  std::vector<utf8proc_int32_t>& buffer) {
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    const auto size = static_cast<utf8proc_ssize_t>(text.size());
    utf8proc_ssize_t count = 0;
    for (bool fits = false; !fits;) {
        count = utf8proc_decompose(bytes, size, buffer.data(), static_cast<utf8proc_ssize_t>(buffer.size()), options);
        if (count < 0) throw std::bad_alloc();  // the text is UTF-8: nothing else can fail
        fits = count <= static_cast<utf8proc_ssize_t>(buffer.size());
        if (!fits) buffer.resize(static_cast<std::size_t>(count));
    }
    count = utf8proc_normalize_utf32(buffer.data(), count, options);
    for (utf8proc_ssize_t i = 0; i < count; ++i)
        append(out, static_cast<char32_t>(buffer[static_cast<std::size_t>(i)]));
}

/// Only runs of characters beyond ASCII are touched, each with the ASCII character before it, which may compose with
/// them: between two ASCII characters nothing does.
std::string normalForm(std::string_view text, utf8proc_option_t options) {
    std::string out;
    out.reserve(text.size() + text.size() / 8);
    std::vector<utf8proc_int32_t> buffer(256);
    while (!text.empty()) {
        const auto other = std::ranges::find_if_not(text, isAscii);
        const auto ascii = static_cast<std::size_t>(other - text.begin());
        const bool any = other != text.end();
        const std::size_t kept = any && ascii > 0 ? ascii - 1 : ascii;
        out += text.substr(0, kept);
        if (!any) break;
        const auto run = static_cast<std::size_t>(std::find_if(other, text.end(), isAscii) - text.begin());
        appendNormal(out, text.substr(kept, run - kept), options, buffer);
        text.remove_prefix(run);
    }
    return out;
}

constexpr auto kCanonical = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
constexpr auto kCompatible = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE);
constexpr auto kCanonicalApart = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
constexpr auto kCompatibleApart =
    static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE);

std::string replaced(std::string_view text, const std::vector<Range>& found, const std::string& content) {
    std::string out;
    std::size_t from = 0;
    for (const Range& range : found) {
        out += text.substr(from, range.begin - from);
        out += content;
        from = range.end;
    }
    out += text.substr(from);
    return out;
}

std::vector<Range> occurrences(std::string_view text, std::string_view literal) {
    std::vector<Range> found;
    for (std::size_t at = text.find(literal); at != std::string_view::npos; at = text.find(literal, at)) {
        found.push_back({at, at + literal.size()});
        at += literal.size();
    }
    return found;
}

}  // namespace

void Normalizer::add(const Part& part) {
    static const std::map<std::string, Kind> kinds = {{"NFC", Kind::Nfc},
                                                      {"NFD", Kind::Nfd},
                                                      {"NFKC", Kind::Nfkc},
                                                      {"NFKD", Kind::Nfkd},
                                                      {"ByteLevel", Kind::ByteLevel}};
    const std::string type = part.text("type");
    if (type == "Sequence") {
        for (const Part& each : part.list("normalizers")) add(each);
    } else if (type == "Prepend") {
        m_steps.push_back({Kind::Prepend, part.text("prepend"), {}, {}});
    } else if (type == "Replace") {
        addReplace(part);
    } else if (const auto kind = kinds.find(type); kind != kinds.end()) {
        m_steps.push_back({kind->second, {}, {}, {}});
    } else {
        part.unknown(fmt::format("is a normalizer \"{}\"", type));
    }
}

void Normalizer::addReplace(const Part& part) {
    const Part pattern = part.at("pattern");
    Step step{Kind::Replace, part.text("content"), {}, {}};
    if (pattern.has("String")) {
        step.literal = pattern.text("String");
        if (step.literal.empty()) pattern.unknown("is an empty text");
    } else {
        step.regex = Regex(pattern.text("Regex"), pattern.subject());
    }
    m_steps.push_back(std::move(step));
}

std::string Normalizer::normalized(std::string text, bool continues) const {
    for (const Step& step : m_steps) {
        switch (step.kind) {
            case Kind::Nfc: text = normalForm(text, kCanonical); break;
            case Kind::Nfd: text = normalForm(text, kCanonicalApart); break;
            case Kind::Nfkc: text = normalForm(text, kCompatible); break;
            case Kind::Nfkd: text = normalForm(text, kCompatibleApart); break;
            case Kind::Prepend:
                if (!text.empty() && !continues) text.insert(0, step.content);
                break;
            case Kind::Replace: {
                std::vector<Range> found;
                if (step.regex) {
                    step.regex->matches(text, found);
                } else {
                    found = occurrences(text, step.literal);
                }
                if (!found.empty()) text = replaced(text, found, step.content);
                break;
            }
            case Kind::ByteLevel: text = byteCharacters(text); break;
        }
    }
    return text;
}

bool Normalizer::prepends() const {
    return std::ranges::any_of(m_steps, [](const Step& step) { return step.kind == Kind::Prepend; });
}

bool Normalizer::cuts() const {
    // A text that is replaced could stand across the cut, unless it is a single character.
    return std::ranges::all_of(m_steps, [](const Step& step) {
        if (step.kind != Kind::Replace) return true;
        return !step.regex && characterLength(step.literal) == step.literal.size();
    });
}

}  // namespace perfmamba::text
