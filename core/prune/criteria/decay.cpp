#include "core/prune/criteria/criteria.h"

namespace perfmamba::prune {
namespace {

class Decay : public Criterion {
public:
    [[nodiscard]] std::string_view id() const override { return "decay"; }
    [[nodiscard]] std::string_view title() const override { return "Δ-activity (PerfMamba-style), decay"; }
    [[nodiscard]] std::string_view description() const override {
        return "mean over tokens and channels of 1 − exp(Δ_t·A_n): how much of a state is renewed at a token. After "
               "PerfMamba's Δ-guided activity, whose exact formula is not published.";
    }
    [[nodiscard]] Needs needs() const override { return Needs::Activity; }
    [[nodiscard]] std::string refusal(model::Architecture architecture) const override {
        if (architecture == model::Architecture::Mamba1) return {};
        return "in Mamba-2 A and Δ belong to a head, so that all states of a head get the same score";
    }
    [[nodiscard]] std::vector<double> score(const LayerInputs& inputs) const override {
        return inputs.activity->stateMeans(activity::Statistic::Decay);
    }
};

}  // namespace

const Criterion& decayCriterion() {
    static const Decay criterion;
    return criterion;
}

}  // namespace perfmamba::prune
