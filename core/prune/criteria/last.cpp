#include <algorithm>

#include "core/prune/criteria/criteria.h"
#include "core/prune/ranking.h"

namespace perfmamba::prune {
namespace {

// The least 1 − λ that is told from none: below it float32 sums of decay say nothing, and 1/(1 − λ)² runs away.
constexpr double kLeastDecay = 1e-6;

/// 1/(1 − λ)², the square of the largest gain at any frequency (H∞) of a state that keeps λ of itself at each token.
double hInfinity(double decay) {
    return 1 / (decay * decay);
}
/// 1/(1 − λ²), the energy of its impulse response (H2).
double h2(double decay) {
    return 1 / (decay * (2 - decay));
}

/// Of every state the mean over the group's rows (channels, heads) of a gain, λ of a row being 1 − its mean decay.
std::vector<double> meanGains(const activity::LayerActivity& activity, double (*gain)(double)) {
    const float* decay = activity.meanOf(activity::Statistic::Decay);
    const auto columns = static_cast<std::size_t>(activity.row_states);
    const std::size_t rows = static_cast<std::size_t>(activity.rows) / activity.group_states.size();
    std::vector<double> result;
    for (std::size_t group = 0; group < activity.group_states.size(); ++group) {
        for (std::size_t n = 0; n < static_cast<std::size_t>(activity.group_states[group]); ++n) {
            double sum = 0;
            for (std::size_t row = group * rows; row < (group + 1) * rows; ++row) {
                sum += gain(std::clamp(double{decay[row * columns + n]}, kLeastDecay, 1.0));
            }
            result.push_back(sum / static_cast<double>(rows));
        }
    }
    return result;
}

/// Each score over the sum of itself and all larger ones.
std::vector<double> overLarger(const std::vector<double>& scores) {
    std::vector<double> result(scores.size(), 0);
    double sum = 0;
    for (const std::size_t state : bestFirst(scores)) {
        sum += scores[state];
        if (sum > 0) result[state] = scores[state] / sum;
    }
    return result;
}

/// LAST and AIRE differ in the norm of a state's transfer function alone.
class LayerAdaptive : public Criterion {
public:
    LayerAdaptive(std::string_view id, std::string_view title, std::string_view description, double (*gain)(double))
        : m_id(id), m_title(title), m_description(description), m_gain(gain) {}
    [[nodiscard]] std::string_view id() const override { return m_id; }
    [[nodiscard]] std::string_view title() const override { return m_title; }
    [[nodiscard]] std::string_view description() const override { return m_description; }
    [[nodiscard]] Needs needs() const override { return Needs::Activity; }
    [[nodiscard]] bool comparable() const override { return true; }
    [[nodiscard]] std::vector<double> score(const LayerInputs& inputs) const override {
        const std::vector<double> norms = pairedNorms(inputs.checkpoint, inputs.layer);
        std::vector<double> scores = meanGains(*inputs.activity, m_gain);
        for (std::size_t n = 0; n < scores.size(); ++n) scores[n] *= norms[n] * norms[n];
        return overLarger(scores);
    }

private:
    std::string_view m_id;
    std::string_view m_title;
    std::string_view m_description;
    double (*m_gain)(double);
};

}  // namespace

const Criterion& lastCriterion() {
    static const LayerAdaptive criterion(
        "last", "LAST, adapted",
        "s_n = ‖W_C,n‖²‖W_B,n‖² · mean over channels of 1/(1 − λ_n)², sorted within the layer, each divided by the sum "
        "of itself and the larger ones; λ is 1 − the mean decay. An adaptation of LAST (arXiv 2411.02824) to Δ that "
        "depends on the input; compares across layers.",
        hInfinity);
    return criterion;
}

const Criterion& aireCriterion() {
    static const LayerAdaptive criterion(
        "aire", "AIRE, adapted",
        "s_n = ‖W_C,n‖²‖W_B,n‖² · mean over channels of 1/(1 − λ_n²), sorted within the layer, each divided by the sum "
        "of itself and the larger ones; λ is 1 − the mean decay. An adaptation of AIRE (arXiv 2602.00534) to Δ that "
        "depends on the input; compares across layers.",
        h2);
    return criterion;
}

}  // namespace perfmamba::prune
