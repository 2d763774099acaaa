// Sums over predictions, and the means and standard errors that they make.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/evaluate/accuracy.h"

namespace perfmamba::evaluate {

/// The distribution of the next token that one position's logits stand for. Sums are in double precision.
class NextToken {
public:
    /// @param logits without the vocabulary's padding; must outlive this
    explicit NextToken(std::span<const float> logits);

    /// Every logit is a finite number. Otherwise nothing is likeliest, and all else is NaN.
    [[nodiscard]] bool finite() const { return m_likeliest >= 0; }
    [[nodiscard]] std::int64_t likeliest() const { return m_likeliest; }  // the first of equals; −1: none
    /// −log p of a token, nats.
    [[nodiscard]] double nats(std::int64_t token) const;
    /// KL(this ‖ other), nats.
    [[nodiscard]] double divergence(const NextToken& other) const;

private:
    std::span<const float> m_logits;
    std::int64_t m_likeliest = -1;
    double m_largest = std::numeric_limits<double>::quiet_NaN();
    double m_log_sum = std::numeric_limits<double>::quiet_NaN();  // of exp(logit − the largest)
};

/// What was scored of one sequence.
struct Tally {
    std::int64_t predictions = 0;
    std::int64_t correct = 0;
    double nats = 0;
    std::int64_t compared = 0;
    std::int64_t agreed = 0;
    double divergence = 0;
    std::int64_t not_finite = 0;
};

/// The tallies of sequences that ask for one word each, by words: a word is predicted where all of its tokens were, and
/// its −log p is their sum. Sequences that were not scored yet stay as they are.
std::vector<Tally> asWords(std::vector<Tally> tallies);

/// Sets the estimates and counts of `accuracy`. A mean is over all predictions; its standard error takes the sequences
/// as the sample: √(n/(n−1)·Σ(sᵢ − mean·kᵢ)²)/Σkᵢ for sums sᵢ over kᵢ predictions (the ratio estimator of Cochran,
/// Sampling Techniques, 1977, 9.30), which is s/√n where all kᵢ are equal. NaN for n = 1.
void summarise(std::span<const Tally> tallies, double bytes_per_token, Accuracy& accuracy);

}  // namespace perfmamba::evaluate
