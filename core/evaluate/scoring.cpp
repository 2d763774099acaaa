#include "core/evaluate/scoring.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace perfmamba::evaluate {
namespace {

/// The mean of what `sum` says of each tally, over what `count` says.
template <class Sum>
Estimate estimate(std::span<const Tally> tallies, std::int64_t Tally::*count, const Sum& sum) {
    double total = 0;
    std::int64_t n = 0;
    std::int64_t all = 0;
    for (const Tally& tally : tallies) {
        if (tally.*count == 0) continue;
        ++n;
        all += tally.*count;
        total += sum(tally);
    }
    if (n == 0) return {};
    Estimate result;
    result.value = total / static_cast<double>(all);
    if (n == 1) return result;
    double squares = 0;
    for (const Tally& tally : tallies) {
        const double residual = sum(tally) - result.value * static_cast<double>(tally.*count);
        squares += residual * residual;
    }
    const auto sequences = static_cast<double>(n);
    result.standard_error = std::sqrt(sequences / (sequences - 1) * squares) / static_cast<double>(all);
    return result;
}

Estimate scaled(const Estimate& estimate, double factor) {
    return {estimate.value * factor, estimate.standard_error * factor};
}

}  // namespace

NextToken::NextToken(std::span<const float> logits) : m_logits(logits) {
    if (!std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); })) return;
    m_likeliest = std::max_element(logits.begin(), logits.end()) - logits.begin();
    m_largest = logits[static_cast<std::size_t>(m_likeliest)];
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - m_largest);
    m_log_sum = std::log(sum);
}

double NextToken::nats(std::int64_t token) const {
    return m_log_sum - (static_cast<double>(m_logits[static_cast<std::size_t>(token)]) - m_largest);
}

double NextToken::divergence(const NextToken& other) const {
    double sum = 0;
    for (std::size_t i = 0; i < m_logits.size(); ++i) {
        const double nats_here = nats(static_cast<std::int64_t>(i));
        const double p = std::exp(-nats_here);
        if (p != 0) sum += p * (other.nats(static_cast<std::int64_t>(i)) - nats_here);
    }
    // Never negative but by rounding; NaN stays.
    return sum < 0 ? 0 : sum;
}

std::vector<Tally> asWords(std::vector<Tally> tallies) {
    for (Tally& tally : tallies) {
        if (tally.predictions == 0) continue;
        tally.correct = tally.correct == tally.predictions ? 1 : 0;
        tally.predictions = 1;
    }
    return tallies;
}

void summarise(std::span<const Tally> tallies, double bytes_per_token, Accuracy& accuracy) {
    accuracy.sequences = 0;
    accuracy.predictions = 0;
    accuracy.not_finite = 0;
    accuracy.positions = 0;
    for (const Tally& tally : tallies) {
        accuracy.not_finite += tally.not_finite;
        accuracy.positions += tally.compared;
        accuracy.sequences += tally.predictions > 0 ? 1 : 0;
        accuracy.predictions += tally.predictions;
    }
    const auto real = [](std::int64_t value) { return static_cast<double>(value); };
    accuracy.correct = estimate(tallies, &Tally::predictions, [&](const Tally& t) { return real(t.correct); });
    accuracy.nats = estimate(tallies, &Tally::predictions, [](const Tally& t) { return t.nats; });
    // The delta method: d exp(x) = exp(x) dx.
    const double perplexity = std::exp(accuracy.nats.value);
    accuracy.perplexity = {perplexity, perplexity * accuracy.nats.standard_error};
    if (bytes_per_token > 0) accuracy.bits_per_byte = scaled(accuracy.nats, 1 / (std::numbers::ln2 * bytes_per_token));
    accuracy.divergence = estimate(tallies, &Tally::compared, [](const Tally& t) { return t.divergence; });
    accuracy.agreement = estimate(tallies, &Tally::compared, [&](const Tally& t) { return real(t.agreed); });
}

}  // namespace perfmamba::evaluate
