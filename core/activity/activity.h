// What the states of a model did on some tokens: plain values, collected by collect() or read from a report.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/profile/profile.h"
#include "core/profile/statistics.h"
#include "kernels/observation.h"

namespace perfmamba::activity {

using kernels::kStatisticCount;
using kernels::Statistic;

/// The finest division of a sequence: what views may count on when they make something of each bin.
inline constexpr std::int64_t kMostBins = 1'000'000;

/// One layer. Its states are numbered through its groups: group 0's first. Rows are channels in Mamba-1, heads in
/// Mamba-2; a row belongs to one group and has that group's states.
struct LayerActivity {
    std::int64_t rows = 0;
    std::vector<std::int64_t> group_states;  // N of each group; one entry in Mamba-1
    std::int64_t row_states = 0;             // the largest of them: columns of mean and most

    /// (statistic, row, state of the row's group): over sequences, tokens and, in Mamba-2, the head's channels.
    /// NaN beyond the group's states.
    std::vector<float> mean;
    std::vector<float> most;
    /// (statistic, bin, state of the layer): mean over sequences, the group's rows and the bin's tokens. NaN where a
    /// bin had no token.
    std::vector<float> binned;
    std::vector<double> votes;  // (bin, state of the layer): Σ A_log²·h² (kernels/observation.h)

    [[nodiscard]] std::int64_t states() const;
    [[nodiscard]] std::int64_t groupOfRow(std::int64_t row) const;
    /// One statistic's (row, state) or (bin, state) plane.
    [[nodiscard]] const float* meanOf(Statistic statistic) const;
    [[nodiscard]] const float* mostOf(Statistic statistic) const;
    [[nodiscard]] const float* binnedOf(Statistic statistic, std::int64_t bins) const;
    /// Of every state of the layer: the mean over its group's rows, or the largest of them.
    [[nodiscard]] std::vector<double> stateMeans(Statistic statistic) const;
    [[nodiscard]] std::vector<double> stateMost(Statistic statistic) const;
};

struct Activity {
    profile::ModelSummary model;
    profile::Provenance provenance;
    std::string tokens;            // what was run, in words: TokenSet::description
    std::string tokens_hash;       // TokenSet::hash
    std::string tokens_made;       // TokenSet::made; empty: generated, or not known
    std::int64_t sequences = 0;    // begun: all of them where complete
    std::int64_t length = 0;       // tokens of each
    std::int64_t tokens_seen = 0;  // of all sequences, by every layer; fewer than sequences · length where stopped
    std::int64_t bins = 0;
    std::int64_t bin_tokens = 0;
    profile::Ratio cost;  // time of a pass with observation over one without, passes taken in turn
    std::vector<LayerActivity> layers;
    bool complete = false;  // false: under way, or stopped
};

using ActivityPtr = std::shared_ptr<const Activity>;

}  // namespace perfmamba::activity
