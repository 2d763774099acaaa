// Made-up activity of states, and a plan and scores that fit it, for tests of what reads them. Log-normal, the same
// every time, with every field filled.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "core/activity/activity.h"
#include "core/prune/plan.h"
#include "core/prune/scores.h"
#include "tests/unit/fabricated_profile.h"

namespace perfmamba::test {

/// What a fabricated activity looks like. Mamba-1 where there are no heads.
struct ActivityShape {
    std::int64_t layers = 6;
    std::int64_t heads = 8;
    std::int64_t channels = 0;
    std::vector<std::int64_t> group_states = {64};
    std::int64_t bins = 16;
    std::int64_t length = 512;
};

/// Most states are weak and a few strong, later layers stronger, and what a state does grows along the sequence.
inline activity::LayerActivity fabricatedLayerActivity(const ActivityShape& shape, std::int64_t index,
                                                       std::mt19937& random) {
    std::normal_distribution<double> normal;
    activity::LayerActivity layer;
    layer.rows = shape.heads > 0 ? shape.heads : shape.channels;
    layer.group_states = shape.group_states;
    for (const std::int64_t n : shape.group_states) layer.row_states = std::max(layer.row_states, n);
    const std::int64_t states = layer.states();
    std::vector<double> strength(static_cast<std::size_t>(states));
    for (double& s : strength) s = std::exp(1.2 * normal(random) + 0.1 * static_cast<double>(index));
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    const auto plane = static_cast<std::size_t>(layer.rows * layer.row_states);
    layer.mean.assign(activity::kStatisticCount * plane, nan);
    layer.most.assign(activity::kStatisticCount * plane, nan);
    layer.binned.assign(activity::kStatisticCount * static_cast<std::size_t>(shape.bins * states), nan);
    layer.votes.assign(static_cast<std::size_t>(shape.bins * states), 0);
    for (std::size_t statistic = 0; statistic < activity::kStatisticCount; ++statistic) {
        const double size = 0.02 * static_cast<double>(statistic + 1);
        std::int64_t first_state = 0;
        for (std::size_t group = 0; group < layer.group_states.size(); ++group) {
            const auto groups = static_cast<std::int64_t>(layer.group_states.size());
            for (std::int64_t row = 0; row < layer.rows; ++row) {
                if (row / (layer.rows / groups) != static_cast<std::int64_t>(group)) continue;
                for (std::int64_t state = 0; state < layer.group_states[group]; ++state) {
                    const auto at = statistic * plane + static_cast<std::size_t>(row * layer.row_states + state);
                    const double mean =
                        size * strength[static_cast<std::size_t>(first_state + state)] * std::exp(0.5 * normal(random));
                    layer.mean[at] = static_cast<float>(mean);
                    layer.most[at] = static_cast<float>(mean * (2 + std::abs(normal(random))));
                }
            }
            first_state += layer.group_states[group];
        }
        for (std::int64_t bin = 0; bin < shape.bins; ++bin) {
            const double grown = 1 - std::exp(-3.0 * static_cast<double>(bin + 1) / static_cast<double>(shape.bins));
            for (std::int64_t state = 0; state < states; ++state) {
                const auto at = static_cast<std::size_t>(bin * states + state);
                layer.binned[statistic * static_cast<std::size_t>(shape.bins * states) + at] = static_cast<float>(
                    size * strength[static_cast<std::size_t>(state)] * grown * std::exp(0.2 * normal(random)));
                layer.votes[at] = strength[static_cast<std::size_t>(state)] * grown;
            }
        }
    }
    return layer;
}

inline std::shared_ptr<activity::Activity> fabricatedActivity(const ActivityShape& shape = {}) {
    const auto profile = fabricatedProfile();
    auto activity = std::make_shared<activity::Activity>();
    activity->model = profile->model;
    activity->provenance = profile->provenance;
    activity->provenance.ceilings.reset();  // of profiles only
    model::Config& config = activity->model.config;
    config.n_layer = shape.layers;
    config.d_state = shape.group_states.front();
    if (shape.heads > 0) {
        config.n_heads = shape.heads;
        config.n_groups = static_cast<std::int64_t>(shape.group_states.size());
    } else {
        config.architecture = model::Architecture::Mamba1;
        config.d_inner = shape.channels;
    }
    activity->tokens = "tale.txt, first 4096 tokens, as bytes";
    activity->tokens_hash = "fedcba9876543210";
    activity->sequences = 8;
    activity->length = shape.length;
    activity->bins = shape.bins;
    activity->bin_tokens = (shape.length + shape.bins - 1) / shape.bins;
    activity->cost = {1.12, 1.1, 1.15, 12};
    std::mt19937 random(7);
    for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
        activity->layers.push_back(fabricatedLayerActivity(shape, layer, random));
    }
    activity->complete = true;
    return activity;
}

/// Scores that are the output energy over its layer's mean.
inline std::shared_ptr<prune::Scores> fabricatedScores(const activity::Activity& activity) {
    auto scores = std::make_shared<prune::Scores>();
    scores->criterion = "output-energy";
    scores->unit = "× layer mean";
    scores->calibration = activity.tokens;
    scores->calibration_hash = activity.tokens_hash;
    scores->model_hash = activity.model.hash;
    for (const activity::LayerActivity& layer : activity.layers) {
        std::vector<double> of_layer = layer.stateMeans(activity::Statistic::OutputEnergy);
        double sum = 0;
        for (const double score : of_layer) sum += score;
        for (double& score : of_layer) score *= static_cast<double>(of_layer.size()) / sum;
        scores->layers.push_back(std::move(of_layer));
    }
    return scores;
}

/// A plan that removes what scores under the threshold.
inline std::shared_ptr<prune::Plan> fabricatedPlan(const activity::Activity& activity, const prune::Scores& scores,
                                                   double threshold) {
    auto plan = std::make_shared<prune::Plan>();
    plan->model_name = activity.model.name;
    plan->model_hash = activity.model.hash;
    plan->criterion = scores.criterion;
    plan->calibration = scores.calibration;
    plan->calibration_hash = scores.calibration_hash;
    plan->choice.kind = prune::PlanKind::Threshold;
    plan->choice.value = threshold;
    for (std::size_t layer = 0; layer < scores.layers.size(); ++layer) {
        plan->group_states.push_back(activity.layers[layer].group_states);
        prune::Kept kept;
        for (const double score : scores.layers[layer]) kept.push_back(score >= threshold ? 1 : 0);
        plan->layers.push_back(std::move(kept));
    }
    return plan;
}

}  // namespace perfmamba::test
