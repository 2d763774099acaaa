#include "core/prune/criteria/criteria.h"

namespace perfmamba::prune {
namespace {

class DeltaInput : public Criterion {
public:
    [[nodiscard]] std::string_view id() const override { return "delta-input"; }
    [[nodiscard]] std::string_view title() const override { return "Δ-activity (PerfMamba-style), with input"; }
    [[nodiscard]] std::string_view description() const override {
        return "mean over tokens and channels of |Δ_t·B_t,n·x_t|: how much enters a state at a token. After "
               "PerfMamba's Δ-guided activity, whose exact formula is not published.";
    }
    [[nodiscard]] Needs needs() const override { return Needs::Activity; }
    [[nodiscard]] std::vector<double> score(const LayerInputs& inputs) const override {
        return inputs.activity->stateMeans(activity::Statistic::DeltaBx);
    }
};

}  // namespace

const Criterion& deltaInputCriterion() {
    static const DeltaInput criterion;
    return criterion;
}

}  // namespace perfmamba::prune
