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
    std::int64_t sequences = 0;
    std::int64_t predictions = 0;  // scored
    bool recall = false;           // only asked positions were scored

    Estimate correct;        // share of predictions whose most likely token is the wanted one, 0 … 1
    Estimate nats;           // −log p of the wanted token, mean
    Estimate perplexity;     // exp(nats)
    Estimate bits_per_byte;  // NaN where the bytes of a token are not known

    /// Against the unpruned model, over every position (recall: the asked ones); NaN where not compared.
    Estimate divergence;  // KL(unpruned ‖ this) of the next token's distribution, nats
    Estimate agreement;   // share of positions where both hold the same token most likely, 0 … 1

    [[nodiscard]] bool compared() const { return divergence.value == divergence.value; }
};

}  // namespace perfmamba::evaluate
