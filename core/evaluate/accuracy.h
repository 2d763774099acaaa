// How well a model predicts: plain values.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace perfmamba::evaluate {

/// A mean and its standard error over sequences. NaN: not known.
struct Estimate {
    double value = std::numeric_limits<double>::quiet_NaN();
    double standard_error = std::numeric_limits<double>::quiet_NaN();
};

struct Accuracy {
    std::string tokens;  // TokenSet::description
    std::string tokens_hash;
    std::string made;  // TokenSet::made
    std::int64_t sequences = 0;
    std::int64_t predictions = 0;  // scored
    bool recall = false;           // only asked positions were scored
    bool last_word = false;        // a prediction is the last word of a line, right where all of its tokens are

    Estimate correct;        // share of predictions whose most likely token is the wanted one, 0 … 1
    Estimate nats;           // −log p of the wanted token, mean
    Estimate perplexity;     // exp(nats)
    Estimate bits_per_byte;  // NaN where the bytes of a token are not known

    /// Positions scored or compared where a logit, of either model, is not a finite number: they count as neither
    /// correct nor agreed, and the means that they enter are NaN.
    std::int64_t not_finite = 0;

    /// Against the unpruned model, over every position (recall: the asked ones); NaN where not compared.
    std::int64_t positions = 0;  // compared
    Estimate divergence;         // KL(unpruned ‖ this) of the next token's distribution, nats
    Estimate agreement;          // share of positions where both hold the same token most likely, 0 … 1

    [[nodiscard]] bool compared() const { return positions > 0; }
};

}  // namespace perfmamba::evaluate
