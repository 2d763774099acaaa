// Runs a criterion over a model.
#pragma once

#include <functional>
#include <stop_token>

#include "core/activity/collect.h"
#include "core/engine/engine.h"
#include "core/evaluate/tokens.h"
#include "core/prune/criterion.h"
#include "core/prune/plan.h"
#include "core/prune/scores.h"

namespace perfmamba::prune {

using Progress = std::function<void(const profile::Progress&)>;

/// Scores that need no run: of Needs::Nothing and Needs::Weights, or from an activity that was collected before.
/// @param share of the states that are to go, for criteria whose ranking depends on it
/// Throws Error when the criterion cannot rank this architecture, or needs what is not given.
Scores score(const Criterion& criterion, const model::Checkpoint& checkpoint, const activity::Activity* activity,
             double share, std::uint64_t seed);

/// Scores of any criterion, collecting what it needs over `tokens`. LayerByLayer: all tokens go through the model as
/// one batch; each layer is observed with the layers before it already without the share `share` of their states, then
/// loses the same share itself. The engine is left with no mask. Throws Error, and Cancelled when stopped.
Scores score(const Criterion& criterion, engine::Engine& engine, const evaluate::TokenSet* tokens, double share,
             std::uint64_t seed, const Progress& progress = {}, const std::stop_token& stop = {});

/// The engine's mask for a plan.
engine::Mask maskOf(const Plan& plan);

}  // namespace perfmamba::prune
