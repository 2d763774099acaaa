// Runs tokens through a model and collects what its states do.
#pragma once

#include <functional>
#include <stop_token>

#include "core/activity/activity.h"
#include "core/engine/engine.h"
#include "core/evaluate/tokens.h"
#include "core/profile/profiler.h"

namespace perfmamba::activity {

struct Options {
    std::int64_t batch = 8;    // sequences at once; the result does not depend on it but for rounding
    std::int64_t bins = 64;    // along the sequence
    std::int64_t piece = 512;  // tokens of a sequence at once
    bool measure_cost = true;  // also time passes without observation
};

/// Called on the engine's thread, a few times a second. The activity is a snapshot of what was seen until then.
using Observer = std::function<void(const ActivityPtr&, const profile::Progress&)>;

/// Runs every sequence of `tokens` once from an empty state. Stopped, it returns what was seen until then with
/// complete = false. The engine's mask holds: a masked state shows no activity. Throws Error.
ActivityPtr collect(engine::Engine& engine, const evaluate::TokenSet& tokens, const Options& options,
                    const profile::Provenance& provenance, const Observer& observer = {},
                    const std::stop_token& stop = {});

/// The observer's sums of one layer as means.
LayerActivity layerOf(engine::StateObserver& observer, const model::Config& config, std::int64_t layer);

}  // namespace perfmamba::activity
