#include <random>

#include "core/prune/criteria/criteria.h"

namespace perfmamba::prune {
namespace {

class Random : public Criterion {
public:
    [[nodiscard]] std::string_view id() const override { return "random"; }
    [[nodiscard]] std::string_view title() const override { return "Random"; }
    [[nodiscard]] std::string_view description() const override {
        return "A number of 0 to 1 drawn for each state, the same for the same seed. What every other criterion has to "
               "beat.";
    }
    [[nodiscard]] Needs needs() const override { return Needs::Nothing; }
    [[nodiscard]] bool comparable() const override { return true; }
    [[nodiscard]] std::vector<double> score(const LayerInputs& inputs) const override {
        // seed_seq and the generator are the same in every standard library; its distributions are not.
        std::seed_seq sequence{static_cast<std::uint32_t>(inputs.seed), static_cast<std::uint32_t>(inputs.seed >> 32U),
                               static_cast<std::uint32_t>(inputs.layer)};
        std::mt19937_64 generator(sequence);
        std::vector<double> scores(static_cast<std::size_t>(inputs.checkpoint.config().states(inputs.layer)));
        for (double& score : scores) score = static_cast<double>(generator() >> 11U) * 0x1p-53;
        return scores;
    }
};

}  // namespace

const Criterion& randomCriterion() {
    static const Random criterion;
    return criterion;
}

}  // namespace perfmamba::prune
