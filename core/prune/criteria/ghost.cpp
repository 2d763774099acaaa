#include "core/prune/criteria/criteria.h"

namespace perfmamba::prune {
namespace {

class Ghost : public Criterion {
public:
    [[nodiscard]] std::string_view id() const override { return "ghost"; }
    [[nodiscard]] std::string_view title() const override { return "GHOST, layer by layer"; }
    [[nodiscard]] std::string_view description() const override {
        return "Output energy, √ mean of (C_t,n·h_t,n)², of each layer while the layers before it are already without "
               "the share of states that is to go (arXiv 2602.11408).";
    }
    [[nodiscard]] Needs needs() const override { return Needs::LayerByLayer; }
    [[nodiscard]] std::vector<double> score(const LayerInputs& inputs) const override {
        return outputEnergies(*inputs.activity);
    }
};

}  // namespace

const Criterion& ghostCriterion() {
    static const Ghost criterion;
    return criterion;
}

}  // namespace perfmamba::prune
