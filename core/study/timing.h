// How a study's passes are taken.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <vector>

#include "core/profile/pass_runner.h"
#include "core/study/price.h"

namespace perfmamba::study {

// A median of fewer has no 95 % interval.
inline constexpr std::size_t kFewestPairs = 6;

profile::PassRunner passesOf(engine::Engine& engine, const Workload& workload, const std::stop_token& stop);

void warmUp(profile::PassRunner& passes);

/// Times of passes of two models, µs, paired in the order they were taken.
struct PairedTimes {
    std::vector<double> before;
    std::vector<double> after;
};

/// Runs a pass and returns its time, µs.
using TimedPass = std::function<double()>;

/// Takes turns: in each a few timed passes of one model, then as many of the other, and the next turn begins with the
/// other one. Before each model's timed passes stands one that is not kept: it finds the caches full of the other
/// model, and the other one's threads not yet asleep, which no pass of a model that runs alone does. A pass shorter
/// than 10 ms is repeated for that long, and the mean kept. Ends at `most` pairs, or once `budget_s` is spent, with at
/// least kFewestPairs.
/// @param each called after each turn with the pairs there are
PairedTimes takeTurns(const TimedPass& before, const TimedPass& after, std::size_t most, double budget_s,
                      const std::function<void(std::size_t)>& each = {});

}  // namespace perfmamba::study
