#include <cmath>

#include "core/prune/criteria/criteria.h"

namespace perfmamba::prune {
namespace {

class OutputEnergy : public Criterion {
public:
    [[nodiscard]] std::string_view id() const override { return "output-energy"; }
    [[nodiscard]] std::string_view title() const override { return "Output energy"; }
    [[nodiscard]] std::string_view description() const override {
        return "√ mean over tokens and channels of (C_t,n·h_t,n)²: what a state gives to the output, multiplied at "
               "each "
               "token and then averaged. GHOST's score (arXiv 2602.11408) from one pass over the unpruned model.";
    }
    [[nodiscard]] Needs needs() const override { return Needs::Activity; }
    [[nodiscard]] std::vector<double> score(const LayerInputs& inputs) const override {
        return outputEnergies(*inputs.activity);
    }
};

}  // namespace

std::vector<double> outputEnergies(const activity::LayerActivity& activity) {
    std::vector<double> scores = activity.stateMeans(activity::Statistic::OutputEnergy);
    for (double& score : scores) score = std::sqrt(score);
    return scores;
}

const Criterion& outputEnergyCriterion() {
    static const OutputEnergy criterion;
    return criterion;
}

}  // namespace perfmamba::prune
