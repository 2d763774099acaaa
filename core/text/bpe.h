// Byte pair encoding (Sennrich et al. 2016, arXiv 1508.07909): a word's characters, joined pair by pair in the order in
// which the pairs were learned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/part.h"
#include "core/text/vocabulary.h"

namespace perfmamba::text {

/// The part `model`.
class Bpe {
public:
    /// Throws Error for another kind of model, and for one that contradicts itself.
    explicit Bpe(const Part& part);

    [[nodiscard]] const Vocabulary& vocabulary() const { return m_vocabulary; }
    /// A word that is a token is that token, however it would be joined.
    [[nodiscard]] bool ignoresMerges() const { return m_ignore_merges; }

    /// Appends the tokens of a word, in characters of the vocabulary (for byte-level models byteCharacters()). Time
    /// grows as n·log n with its length.
    void encode(std::string_view word, std::vector<std::int32_t>& ids) const;

    /// The character that stands for a space ("▁", "Ġ") where no token holds it behind another character: a word then
    /// falls apart in front of each such character that follows another, and the tokens are the same. Empty: there is
    /// no such character.
    [[nodiscard]] const std::string& boundary() const { return m_boundary; }

private:
    /// What a pair of tokens becomes, and how early.
    struct Merge {
        std::uint32_t rank = 0;
        std::int32_t id = 0;
    };
    /// Pairs of ids and what they become, in a table with open addressing.
    class Merges {
    public:
        void reserve(std::size_t pairs);
        void set(std::int32_t left, std::int32_t right, Merge merge);
        [[nodiscard]] const Merge* find(std::int32_t left, std::int32_t right) const;

    private:
        struct Slot {
            std::int32_t left = -1, right = -1;
            Merge merge;
        };
        [[nodiscard]] std::size_t slotOf(std::int32_t left, std::int32_t right) const;
        std::vector<Slot> m_slots;
        std::size_t m_mask = 0;
    };
    /// A token of the word at hand, and its neighbours (−1: none).
    struct Symbol {
        std::int32_t id = 0;
        std::int32_t before = -1, after = -1;
        bool gone = false;
    };

    void readVocabulary(const Part& part);
    void readMerges(const Part& part);
    void findBoundary();
    void start(std::string_view word, std::vector<Symbol>& symbols) const;
    [[nodiscard]] bool startInBytes(std::string_view character, std::vector<Symbol>& symbols) const;
    void join(std::vector<Symbol>& symbols) const;

    Vocabulary m_vocabulary;
    Merges m_merges;
    std::vector<std::int32_t> m_bytes;  // of "<0x00>" …, −1: not there; empty without byte_fallback
    std::int32_t m_unknown = -1;        // −1: characters that the vocabulary lacks are left out
    bool m_fuse_unknown = false;
    bool m_ignore_merges = false;
    std::string m_boundary;
};

}  // namespace perfmamba::text
