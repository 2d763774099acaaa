#include "core/text/bpe.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <queue>
#include <utility>

#include <fmt/format.h>

#include "core/report/utf8.h"
#include "core/text/utf8.h"

namespace perfmamba::text {
namespace {

std::string shown(std::string_view token) {
    return "\"" + report::toPlainUtf8(token.substr(0, 60)) + "\"";
}

}  // namespace

void Bpe::Merges::reserve(std::size_t pairs) {
    m_slots.assign(std::bit_ceil(2 * pairs + 1), {});
    m_mask = m_slots.size() - 1;
}

/// The pair's slot, or the free one where it belongs.
std::size_t Bpe::Merges::slotOf(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key =
        (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U) | static_cast<std::uint32_t>(right);
    const std::uint64_t mixed = key * 0x9e3779b97f4a7c15ULL;
    std::size_t at = static_cast<std::size_t>(mixed ^ (mixed >> 32U)) & m_mask;
    while (m_slots[at].left >= 0 && (m_slots[at].left != left || m_slots[at].right != right)) at = (at + 1) & m_mask;
    return at;
}

void Bpe::Merges::set(std::int32_t left, std::int32_t right, Merge merge) {
    m_slots[slotOf(left, right)] = {left, right, merge};
}

const Bpe::Merge* Bpe::Merges::find(std::int32_t left, std::int32_t right) const {
    const Slot& slot = m_slots[slotOf(left, right)];
    return slot.left >= 0 ? &slot.merge : nullptr;
}

Bpe::Bpe(const Part& part) {
    // Files from before 2021 do not name the kind.
    const std::string type = part.text("type", "BPE");
    if (type != "BPE") part.unknown(fmt::format("is a model \"{}\"", type));
    if (part.has("dropout") && part.at("dropout").json() != 0.0) part.unknown("has a dropout");
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
        if (!part.text(affix, "").empty()) part.unknown(fmt::format("has a {}", affix));
    }
    readVocabulary(part);
    readMerges(part);
    m_fuse_unknown = part.flag("fuse_unk", false);
    m_ignore_merges = part.flag("ignore_merges", false);
    if (part.has("unk_token")) {
        const auto unknown = m_vocabulary.find(part.text("unk_token"));
        if (unknown == m_vocabulary.end()) part.at("unk_token").fail("is not in the vocabulary");
        m_unknown = unknown->second;
    }
    if (part.flag("byte_fallback", false)) {
        for (unsigned byte = 0; byte < 256; ++byte) {
            const auto token = m_vocabulary.find(fmt::format("<0x{:02X}>", byte));
            m_bytes.push_back(token == m_vocabulary.end() ? -1 : token->second);
        }
    }
    findBoundary();
}

void Bpe::readVocabulary(const Part& part) {
    const Part vocab = part.at("vocab");
    if (!vocab.json().is_object()) vocab.fail("is not an object of tokens and ids");
    m_vocabulary.reserve(vocab.json().size());
    for (const auto& [token, value] : vocab.json().items()) {
        const bool fits = value.is_number_integer() && value.get<std::int64_t>() >= 0 &&
                          value.get<std::int64_t>() <= std::numeric_limits<std::int32_t>::max();
        if (!fits) vocab.fail(fmt::format("the token {} has no id", shown(token)));
        m_vocabulary.emplace(token, value.get<std::int32_t>());
    }
}

void Bpe::readMerges(const Part& part) {
    const Part merges = part.at("merges");
    if (!merges.json().is_array()) merges.fail("is not a list");
    m_merges.reserve(merges.json().size());
    const auto idOf = [&](std::string_view token, std::size_t index) {
        const auto found = m_vocabulary.find(token);
        if (found != m_vocabulary.end()) return found->second;
        merges.fail(fmt::format("{} of merge {} is not in the vocabulary", shown(token), index));
    };
    std::uint32_t rank = 0;
    for (std::size_t i = 0; i < merges.json().size(); ++i) {
        const nlohmann::json& merge = merges.json()[i];
        std::string left;
        std::string right;
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            left = merge[0].get<std::string>();
            right = merge[1].get<std::string>();
        } else if (merge.is_string()) {
            const auto text = merge.get<std::string>();
            if (text.starts_with("#version")) continue;
            const std::size_t space = text.find(' ');
            if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
                left = text.substr(0, space);
                right = text.substr(space + 1);
            }
        }
        if (left.empty() && right.empty()) merges.fail(fmt::format("merge {} is not a pair of tokens", i));
        const std::int32_t left_id = idOf(left, i);
        const std::int32_t right_id = idOf(right, i);
        m_merges.set(left_id, right_id, {rank++, idOf(left + right, i)});
    }
}

/// "▁" and "Ġ" are letters to nobody but tokenizers: a vocabulary uses one of them.
void Bpe::findBoundary() {
    for (const std::string candidate : {"▁", "Ġ"}) {
        if (!m_vocabulary.contains(candidate)) continue;
        const bool only_in_front = std::ranges::all_of(m_vocabulary, [&](const auto& entry) {
            const std::string_view token = entry.first;
            std::size_t at = 0;
            while (token.substr(at).starts_with(candidate)) at += candidate.size();
            return token.find(candidate, at) == std::string_view::npos;
        });
        if (only_in_front) m_boundary = candidate;
        if (!m_boundary.empty()) return;
    }
}

void Bpe::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
    if (m_ignore_merges) {
        if (const auto whole = m_vocabulary.find(word); whole != m_vocabulary.end()) {
            ids.push_back(whole->second);
            return;
        }
    }
    std::vector<Symbol> symbols;
    symbols.reserve(word.size());
    start(word, symbols);
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        symbols[i].before = static_cast<std::int32_t>(i) - 1;
        symbols[i].after = i + 1 < symbols.size() ? static_cast<std::int32_t>(i) + 1 : -1;
    }
    join(symbols);
    for (const Symbol& symbol : symbols) {
        if (!symbol.gone) ids.push_back(symbol.id);
    }
}

/// A symbol for each character.
void Bpe::start(std::string_view word, std::vector<Symbol>& symbols) const {
    bool unknown = false;  // one that is still to come: others may fuse with it
    const auto endUnknown = [&] {
        if (std::exchange(unknown, false)) symbols.push_back({m_unknown});
    };
    while (!word.empty()) {
        const std::string_view character = word.substr(0, std::max<std::size_t>(1, characterLength(word)));
        word.remove_prefix(character.size());
        if (const auto known = m_vocabulary.find(character); known != m_vocabulary.end()) {
            endUnknown();
            symbols.push_back({known->second});
        } else if (!startInBytes(character, symbols) && m_unknown >= 0) {
            if (!m_fuse_unknown) endUnknown();
            unknown = true;
        }
    }
    endUnknown();
}

/// False where the vocabulary lacks one of the character's bytes.
bool Bpe::startInBytes(std::string_view character, std::vector<Symbol>& symbols) const {
    if (m_bytes.empty()) return false;
    const auto idOf = [this](char c) { return m_bytes[static_cast<unsigned char>(c)]; };
    if (std::ranges::any_of(character, [&](char c) { return idOf(c) < 0; })) return false;
    for (const char c : character) symbols.push_back({idOf(c)});
    return true;
}

void Bpe::join(std::vector<Symbol>& symbols) const {
    struct Candidate {
        std::uint32_t rank;
        std::int32_t at;
        std::int32_t id;
        bool operator<(const Candidate& other) const {  // the queue's top is the largest: the earliest, leftmost
            return std::pair(rank, at) > std::pair(other.rank, other.at);
        }
    };
    std::priority_queue<Candidate> queue;
    const auto symbol = [&](std::int32_t at) -> Symbol& { return symbols[static_cast<std::size_t>(at)]; };
    const auto offer = [&](std::int32_t at) {
        if (at < 0 || symbol(at).after < 0) return;
        const Merge* merge = m_merges.find(symbol(at).id, symbol(symbol(at).after).id);
        if (merge != nullptr) queue.push({merge->rank, at, merge->id});
    };
    for (std::int32_t at = 0; at < std::ssize(symbols); ++at) offer(at);
    while (!queue.empty()) {
        const Candidate top = queue.top();
        queue.pop();
        Symbol& left = symbol(top.at);
        if (left.gone || left.after < 0) continue;
        Symbol& right = symbol(left.after);
        // One of the two may have been joined with another meanwhile.
        const Merge* merge = m_merges.find(left.id, right.id);
        if (merge == nullptr || merge->id != top.id) continue;
        left.id = top.id;
        left.after = right.after;
        right.gone = true;
        if (right.after >= 0) symbol(right.after).before = top.at;
        offer(left.before);
        offer(top.at);
    }
}

}  // namespace perfmamba::text
