#include "core/text/pre_tokenizer.h"

#include <map>

#include <fmt/format.h>

#include "core/text/byte_characters.h"
#include "core/text/utf8.h"

namespace perfmamba::text {
namespace {

/// Of GPT-2 (Radford et al. 2019, encoder.py).
constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// Words as Rust's \w has them, and what stands between white space else.
constexpr const char* kWords =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\s]+)";
constexpr const char* kPunctuation = R"([!-/:-@\[-`{-~\p{P}])";

/// A stretch, and whether it is a match.
struct Mark {
    Range range;
    bool match = false;
};

/// Matches and what lies between them, without a gap.
std::vector<Mark> marksOf(std::size_t size, const std::vector<Range>& found, bool invert) {
    std::vector<Mark> marks;
    std::size_t done = 0;
    for (const Range& range : found) {
        if (done != range.begin) marks.push_back({{done, range.begin}, invert});
        marks.push_back({range, !invert});
        done = range.end;
    }
    if (done != size) marks.push_back({{done, size}, invert});
    return marks;
}

std::string replacedSpaces(std::string_view text, const std::string& with) {
    std::string out;
    out.reserve(text.size() + text.size() / 2);
    for (const char c : text) {
        if (c == ' ') {
            out += with;
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace

PreTokenizer::PreTokenizer(const Part& part) {
    add(part);
    if (m_steps.empty() || !m_steps.back().bytes) return;
    m_steps.back().bytes = false;
    m_bytes = true;
}

void PreTokenizer::add(const Part& part) {
    const std::string type = part.text("type");
    const auto pattern = [&](const char* text) {
        Step& step = m_steps.emplace_back();
        step.regex = Regex(text, part.subject());
        return &step;
    };
    if (type == "Sequence") {
        for (const Part& each : part.list("pretokenizers")) add(each);
    } else if (type == "ByteLevel") {
        addByteLevel(part);
    } else if (type == "Metaspace") {
        addMetaspace(part);
    } else if (type == "Split") {
        addSplit(part);
    } else if (type == "Digits") {
        const bool each = part.flag("individual_digits", false);
        pattern(R"(\p{N})")->behavior = each ? Behavior::Isolated : Behavior::Contiguous;
    } else if (type == "Punctuation") {
        pattern(kPunctuation)->behavior = part.has("behavior") ? behaviorOf(part) : Behavior::Isolated;
    } else if (type == "Whitespace") {
        Step* step = pattern(kWords);
        step->behavior = Behavior::Removed;
        step->invert = true;
    } else if (type == "WhitespaceSplit") {
        pattern(R"(\s)")->behavior = Behavior::Removed;
    } else {
        part.unknown(fmt::format("is a pre-tokenizer \"{}\"", type));
    }
}

void PreTokenizer::addByteLevel(const Part& part) {
    Step& step = m_steps.emplace_back();
    if (part.flag("add_prefix_space", true)) {
        step.prefix = " ";
        step.prepend = Step::Always;
    }
    if (part.flag("use_regex", true)) step.regex = Regex(kGpt2, part.subject());
    step.bytes = true;
}

void PreTokenizer::addMetaspace(const Part& part) {
    Step& step = m_steps.emplace_back();
    step.replaces_spaces = true;
    step.prefix = part.text("replacement");
    if (step.prefix.empty() || characterLength(step.prefix) != step.prefix.size()) {
        part.at("replacement").fail("is not a single character");
    }
    // Older files say add_prefix_space, newer ones prepend_scheme.
    const bool prefixed = part.flag("add_prefix_space", true);
    const std::string scheme = part.text("prepend_scheme", prefixed ? "always" : "never");
    if (!prefixed && scheme != "never") part.fail("has an add_prefix_space that contradicts its prepend_scheme");
    if (scheme == "always") {
        step.prepend = Step::Always;
    } else if (scheme == "first") {
        step.prepend = Step::First;
    } else if (scheme != "never") {
        part.at("prepend_scheme").unknown(fmt::format("is \"{}\"", scheme));
    }
    if (!part.flag("split", true)) return;
    step.regex = Regex::literal(step.prefix, part.subject());
    step.behavior = Behavior::MergedWithNext;
}

void PreTokenizer::addSplit(const Part& part) {
    const Part pattern = part.at("pattern");
    Step& step = m_steps.emplace_back();
    step.regex = pattern.has("String") ? Regex::literal(pattern.text("String"), pattern.subject())
                                       : Regex(pattern.text("Regex"), pattern.subject());
    step.behavior = behaviorOf(part);
    step.invert = part.flag("invert", false);
}

PreTokenizer::Behavior PreTokenizer::behaviorOf(const Part& part) {
    static const std::map<std::string, Behavior> names = {{"Isolated", Behavior::Isolated},
                                                          {"Removed", Behavior::Removed},
                                                          {"MergedWithPrevious", Behavior::MergedWithPrevious},
                                                          {"MergedWithNext", Behavior::MergedWithNext},
                                                          {"Contiguous", Behavior::Contiguous}};
    const auto found = names.find(part.text("behavior"));
    if (found == names.end()) part.at("behavior").unknown(fmt::format("is \"{}\"", part.text("behavior")));
    return found->second;
}

void PreTokenizer::split(std::vector<Word>& words, std::deque<std::string>& made) const {
    for (const Step& step : m_steps) apply(step, words, made);
}

void PreTokenizer::apply(const Step& step, std::vector<Word>& words, std::deque<std::string>& made) {
    for (Word& word : words) {
        if (step.replaces_spaces) word.text = made.emplace_back(replacedSpaces(word.text, step.prefix));
        const bool prepends = step.prepend == Step::Always || (step.prepend == Step::First && word.first);
        if (prepends && !word.text.starts_with(step.prefix)) {
            word.text = made.emplace_back(step.prefix + std::string(word.text));
        }
    }
    if (step.regex) {
        std::vector<Word> out;
        std::vector<Range> found;
        for (const Word& word : words) splitWord(step, word, found, out);
        words = std::move(out);
    }
    if (!step.bytes) return;
    for (Word& word : words) word.text = made.emplace_back(byteCharacters(word.text));
}

/// Appends the word's parts.
void PreTokenizer::splitWord(const Step& step, const Word& word, std::vector<Range>& found, std::vector<Word>& out) {
    found.clear();
    step.regex->matches(word.text, found);
    const auto put = [&](std::size_t begin, std::size_t end) {
        if (begin == end) return;
        out.push_back({word.text.substr(begin, end - begin), word.first && begin == 0});
    };
    if (step.behavior == Behavior::Isolated) {
        std::size_t done = 0;
        for (const Range& range : found) {
            put(done, range.begin);
            put(range.begin, range.end);
            done = range.end;
        }
        put(done, word.text.size());
        return;
    }
    const std::vector<Mark> marks = marksOf(word.text.size(), found, step.invert);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < marks.size(); ++i) {
        const Mark& mark = marks[i];
        const bool next_is_match = i + 1 < marks.size() && marks[i + 1].match;
        bool ends = true;  // a word ends with this mark
        switch (step.behavior) {
            case Behavior::Contiguous: ends = i + 1 == marks.size() || next_is_match != mark.match; break;
            // Of several matches in a row the first alone joins what stands before.
            case Behavior::MergedWithPrevious: ends = !(next_is_match && !mark.match); break;
            // Of several, the last alone joins what follows.
            case Behavior::MergedWithNext: ends = !mark.match || i + 1 == marks.size() || next_is_match; break;
            default: break;
        }
        if (step.behavior == Behavior::Removed && mark.match) {
            begin = mark.range.end;
        } else if (ends) {
            put(begin, mark.range.end);
            begin = mark.range.end;
        }
    }
}

}  // namespace perfmamba::text
