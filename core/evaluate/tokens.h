// The tokens that a model is calibrated and judged on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/model/checkpoint.h"

namespace perfmamba::evaluate {

/// Multi-query associative recall, as a demo's task.json describes it: `pairs` key-value pairs (key in 1 … keys, then
/// value in keys + 1 … keys + values), then filler 0 with each key asked once, in random order at random places. At a
/// key asked the prediction scored is its value. (Arora et al., Zoology, arXiv 2312.04927.)
struct RecallTask {
    std::int64_t pairs = 0, keys = 0, values = 0, length = 0;
};

/// Sequences of one length, and where they are from.
struct TokenSet {
    std::string description;  // "recall: 8 pairs in 64 tokens, 64 sequences, seed 7"
    std::string source;       // "task", "random", or the file's canonical path
    std::string made;         // how they were made: tokenizer, documents and what joins them, windows; empty: generated
    std::string hash;         // 16 hex digits over all tokens
    std::int64_t length = 0;  // tokens of a sequence
    std::vector<std::vector<std::int32_t>> sequences;
    /// Where not every next token counts: at each position the token wanted next, −1 where nothing is asked. Of recall
    /// the values, of last words their tokens.
    std::vector<std::vector<std::int32_t>> targets;
    bool last_word = false;      // each sequence asks for one word, which is right where all of its tokens are
    double bytes_per_token = 0;  // the mean over the text; 1 where a token is a byte; 0: not known
    std::uint64_t seed = 0;      // of what was generated

    [[nodiscard]] std::int64_t tokens() const { return length * static_cast<std::int64_t>(sequences.size()); }
};

/// What tokens a user asks for.
struct TokenRequest {
    /// "task": what task.json beside the weights describes; "random": uniform ids; anything else is a file, as of
    /// openSource().
    std::string source = "task";
    std::int64_t length = 0;     // tokens of a sequence; 0: a task's own, which no other may replace, or kWindow of a
                                 // text, or kRandomLength
    std::int64_t sequences = 0;  // at most; 0: kRecallSequences of a task, kRandomSequences, of a text all
    std::uint64_t seed = 1;      // of what is generated
    std::string field = {};      // of JSON lines: the text's; of an HDF5 file: the dataset. Empty: "text", the only one
    /// Between documents: "eos", a token that ends one; "nothing"; or a text, in which \n stands for a line feed.
    /// Empty: "eos" where the tokenizer has it, otherwise an empty line.
    std::string join = {};
    bool last_word = false;  // score the last word of each line only

    bool operator==(const TokenRequest&) const = default;
};
inline constexpr const char* kNoTask = "has no task.json that describes a recall task to generate tokens for";
inline constexpr std::int64_t kWindow = 2048;
inline constexpr std::int64_t kRecallSequences = 256;
inline constexpr std::int64_t kRandomLength = 256;
inline constexpr std::int64_t kRandomSequences = 32;
inline constexpr std::int64_t kPassage = 256;
inline constexpr std::int64_t kMostTokens = std::int64_t{1} << 28;  // of a set: 1 GiB
/// Seeds that keep generated calibration and evaluation apart.
inline constexpr std::uint64_t kCalibrationSeed = 7;
inline constexpr std::uint64_t kEvaluationSeed = 12345;

/// The recall task that the folder's task.json describes; empty where there is none or it is another task. Throws Error
/// for one that is broken or does not fit the model's vocabulary.
std::optional<RecallTask> recallTask(const model::Checkpoint& checkpoint);

/// Whether the model's tokens are bytes: its task.json says so, or, where that names no task, its vocabulary is 256.
/// Throws Error as recallTask().
bool tokensAreBytes(const model::Checkpoint& checkpoint);

/// Whether texts can be read for the model: its tokens are bytes, or a tokenizer.json lies in its folder (which may
/// turn out to be of a kind that is not known). Throws Error as recallTask().
bool readsTexts(const model::Checkpoint& checkpoint);

/// Generates or reads what is asked for. A text is cut into windows that do not overlap; what is left at its end,
/// shorter than a window, is left out, and so is what comes after kMostTokens. A file is read as far as it is needed
/// and never held as a whole. Throws Error: no task, a file that is missing, empty or shorter than a window, an id
/// outside the vocabulary (naming id and place), a text for a model without a tokenizer that this program reads.
TokenSet load(const TokenRequest& request, const model::Checkpoint& checkpoint);

/// Throws Error when both are the same text or share a passage (of a window, and at least kPassage tokens), or were
/// generated with the same seed: nobody may calibrate on what is evaluated.
void checkApart(const TokenSet& calibration, const TokenSet& evaluation);

}  // namespace perfmamba::evaluate
