#include "core/text/added_tokens.h"

#include <algorithm>

#include "core/text/cut.h"
#include "core/text/utf8.h"
#include "core/text/white_space.h"

namespace perfmamba::text {
namespace {

/// The begin of the last character of `text`, which is not empty.
std::size_t lastCharacter(std::string_view text) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) --at;
    return at;
}

/// Where the white space at the end of `text` begins.
std::size_t spaceBefore(std::string_view text) {
    while (!text.empty() && isWhiteSpace(characterAt(text.substr(lastCharacter(text))))) {
        text = text.substr(0, lastCharacter(text));
    }
    return text.size();
}

/// Where the white space at the begin of `text` ends.
std::size_t spaceAfter(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size() && isWhiteSpace(characterAt(text.substr(at)))) at += characterLength(text.substr(at));
    return at;
}

}  // namespace

void Finder::add(std::string_view content, std::int32_t id) {
    std::size_t node = 0;
    m_begins[static_cast<unsigned char>(content.front())] = true;
    for (const char c : content) {
        const auto [edge, fresh] = m_nodes[node].next.try_emplace(c, m_nodes.size());
        node = edge->second;
        if (fresh) m_nodes.emplace_back();
    }
    m_nodes[node].id = id;
}

Finder::Found Finder::at(std::string_view text, std::size_t at) const {
    Found longest;
    if (!m_begins[static_cast<unsigned char>(text[at])]) return longest;
    std::size_t node = 0;
    for (std::size_t i = at; i < text.size(); ++i) {
        const auto edge = m_nodes[node].next.find(text[i]);
        if (edge == m_nodes[node].next.end()) break;
        node = edge->second;
        if (m_nodes[node].id >= 0) longest = {m_nodes[node].id, i + 1 - at};
    }
    return longest;
}

AddedTokens::AddedTokens(const Part& file, const Vocabulary& vocabulary, const Normalizer& normalizer) {
    if (!file.has("added_tokens")) return;
    Vocabulary added;
    auto next = static_cast<std::int32_t>(vocabulary.size());
    for (const Part& part : file.list("added_tokens")) {
        const AddedToken token{part.text("content"),          part.flag("single_word", false),
                               part.flag("lstrip", false),    part.flag("rstrip", false),
                               part.flag("normalized", true), part.flag("special", false)};
        if (token.content.empty()) continue;
        std::int32_t id = find(token.content);
        if (const auto known = vocabulary.find(token.content); id < 0) {
            id = known != vocabulary.end() ? known->second : next++;
        }
        m_tokens[id] = token;
        m_ids[token.content] = id;
        m_written[id] = token.normalized ? normalizer.normalized(token.content) : token.content;
    }
    for (const auto& [id, token] : m_tokens) {
        if (!m_written[id].empty()) (token.normalized ? m_normalized : m_plain).add(m_written[id], id);
    }
    const bool words = std::ranges::any_of(m_tokens, [](const auto& entry) { return entry.second.single_word; });
    if (words) m_word.emplace(R"(\A[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}])", file.subject());
}

bool AddedTokens::insideWord(std::string_view text, Range found) const {
    std::vector<Range> word;
    if (found.begin > 0) m_word->matches(text.substr(lastCharacter(text.substr(0, found.begin))), word);
    if (found.end < text.size()) m_word->matches(text.substr(found.end), word);
    return !word.empty();
}

std::vector<Stretch> AddedTokens::split(std::string_view text, bool normalized) const {
    const Finder& finder = normalized ? m_normalized : m_plain;
    std::vector<Stretch> stretches;
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size() && !finder.empty();) {
        const Finder::Found found = finder.at(text, at);
        if (found.id < 0) {
            ++at;
            continue;
        }
        Range range{at, at + found.length};
        at = range.end;
        const AddedToken& token = m_tokens.at(found.id);
        if (token.single_word && insideWord(text, range)) continue;
        if (token.lstrip) range.begin = std::max(spaceBefore(text.substr(0, range.begin)), done);
        if (token.rstrip) range.end += spaceAfter(text.substr(range.end));
        if (done < range.begin) stretches.push_back({text.substr(done, range.begin - done)});
        stretches.push_back({text.substr(range.begin, range.end - range.begin), found.id});
        done = range.end;
    }
    if (done < text.size()) stretches.push_back({text.substr(done)});
    return stretches;
}

std::int32_t AddedTokens::find(std::string_view content) const {
    const auto found = m_ids.find(content);
    return found == m_ids.end() ? -1 : found->second;
}

std::int64_t AddedTokens::outside(const Vocabulary& vocabulary) const {
    return std::ranges::count_if(m_ids, [&](const auto& entry) { return !vocabulary.contains(entry.first); });
}

bool AddedTokens::cuts(bool prepends) const {
    return std::ranges::all_of(m_tokens, [this, prepends](const auto& entry) {
        const auto& [id, token] = entry;
        const std::string& written = m_written.at(id);
        return !hasCut(token.content) && !hasCut(written) && !((token.rstrip || prepends) && endsInLetter(written));
    });
}

}  // namespace perfmamba::text
