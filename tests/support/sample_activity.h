// An activity made up for a configuration: every number differs, and can be computed again.
#pragma once

#include <cmath>
#include <limits>

#include "core/activity/activity.h"

namespace perfmamba::tests {

/// A number of 0.05 to 0.95 that depends on all its arguments.
inline double sampleValue(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d = 0) {
    const double mixed = std::sin(static_cast<double>(a * 7919 + b * 104729 + c * 1299709 + d * 15485863));
    return 0.5 + 0.45 * mixed;
}

inline activity::LayerActivity sampleLayer(const model::Config& config, std::int64_t layer, std::int64_t bins) {
    activity::LayerActivity result;
    result.rows = config.architecture == model::Architecture::Mamba1 ? config.d_inner : config.n_heads;
    for (std::int64_t group = 0; group < config.groups(); ++group) {
        result.group_states.push_back(config.states(layer, group));
        result.row_states = std::max(result.row_states, result.group_states.back());
    }
    const auto statistics = static_cast<std::int64_t>(activity::kStatisticCount);
    for (std::int64_t s = 0; s < statistics; ++s) {
        for (std::int64_t row = 0; row < result.rows; ++row) {
            const std::int64_t group = row / (result.rows / config.groups());
            for (std::int64_t n = 0; n < result.row_states; ++n) {
                const bool there = n < config.states(layer, group);
                const double value = there ? sampleValue(s, layer, row, n) : std::numeric_limits<double>::quiet_NaN();
                result.mean.push_back(static_cast<float>(value));
                result.most.push_back(static_cast<float>(2 * value));
            }
        }
        for (std::int64_t i = 0; i < bins * config.states(layer); ++i) {
            result.binned.push_back(static_cast<float>(sampleValue(s, layer, i, -1)));
        }
    }
    for (std::int64_t i = 0; i < bins * config.states(layer); ++i) {
        result.votes.push_back(sampleValue(statistics, layer, i, -1));
    }
    return result;
}

inline activity::Activity sampleActivity(const std::string& hash, const model::Config& config, std::int64_t bins) {
    activity::Activity result;
    result.model.hash = hash;
    result.tokens = "made up";
    result.tokens_hash = "beef";
    result.bins = bins;
    result.complete = true;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        result.layers.push_back(sampleLayer(config, layer, bins));
    }
    return result;
}

}  // namespace perfmamba::tests
