#include <algorithm>
#include <span>

#include "core/prune/criteria/criteria.h"
#include "core/prune/ranking.h"

namespace perfmamba::prune {
namespace {

// Ties of votes are broken by energies scaled to below this, so that they never outweigh a vote.
constexpr double kTieBreak = 0.5;

class SparseSsm : public Criterion {
public:
    [[nodiscard]] std::string_view id() const override { return "sparsessm"; }
    [[nodiscard]] std::string_view title() const override { return "SparseSSM, votes of bins"; }
    [[nodiscard]] std::string_view description() const override {
        return "Each bin of tokens votes for the states of least Σ A_log²·h², as many as are to go of each group; what "
               "most bins vote for goes first, ties by the summed energy. An adaptation of SparseSSM (arXiv "
               "2506.09613): there every token votes.";
    }
    [[nodiscard]] Needs needs() const override { return Needs::Activity; }

    [[nodiscard]] std::vector<double> score(const LayerInputs& inputs) const override {
        const activity::LayerActivity& activity = *inputs.activity;
        const auto states = static_cast<std::size_t>(activity.states());
        std::vector<double> stayed(states, 0);
        std::vector<double> energy(states, 0);
        for (std::size_t bin = 0; bin < static_cast<std::size_t>(inputs.bins); ++bin) {
            const auto energies = std::span(activity.votes).subspan(bin * states, states);
            // A bin that no token fell into has nothing to say.
            if (std::ranges::all_of(energies, [](double e) { return e == 0; })) continue;
            std::size_t first = 0;
            for (const std::int64_t count : activity.group_states) {
                const auto size = static_cast<std::size_t>(count);
                castVotes(energies.subspan(first, size), inputs.share, std::span(stayed).subspan(first, size));
                first += size;
            }
            for (std::size_t n = 0; n < states; ++n) energy[n] += energies[n];
        }
        const double most = states == 0 ? 0 : *std::ranges::max_element(energy);
        for (std::size_t n = 0; n < states && most > 0; ++n) stayed[n] += kTieBreak * energy[n] / most;
        return stayed;
    }

private:
    /// Adds one to each state of a group that this bin does not vote out: the votes against, counted from the top.
    static void castVotes(std::span<const double> energies, double share, std::span<double> stayed) {
        const auto count = std::ssize(energies);
        std::vector<std::uint8_t> stays(energies.size());
        keepBest(energies, count - countOf(share, count), stays);
        for (std::size_t n = 0; n < stays.size(); ++n) stayed[n] += stays[n];
    }
};

}  // namespace

const Criterion& sparseSsmCriterion() {
    static const SparseSsm criterion;
    return criterion;
}

}  // namespace perfmamba::prune
