// Words that were encoded before, with their tokens: most of a text is words seen already.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/vocabulary.h"

namespace perfmamba::text {

/// Forgets everything when it is full, so that its memory is bounded.
class WordCache {
public:
    /// Null data: the word is not there.
    [[nodiscard]] const std::vector<std::int32_t>* find(std::string_view word) const {
        const auto found = m_words.find(word);
        return found == m_words.end() ? nullptr : &found->second;
    }
    void add(std::string_view word, std::span<const std::int32_t> ids) {
        if (word.size() > kLongest) return;
        if (m_words.size() >= kMost) m_words.clear();
        m_words.emplace(word, std::vector<std::int32_t>(ids.begin(), ids.end()));
    }

private:
    static constexpr std::size_t kLongest = 128;
    static constexpr std::size_t kMost = std::size_t{1} << 18;
    std::unordered_map<std::string, std::vector<std::int32_t>, TextHash, std::equal_to<>> m_words;
};

}  // namespace perfmamba::text
