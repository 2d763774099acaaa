// Scores of states: which can go first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace perfmamba::prune {

/// The score of every state of every layer, as one criterion sees it: the lowest goes first. All finite.
struct Scores {
    std::string criterion;    // Criterion::id()
    std::string unit;         // what a score of 1 is, for axes: "× layer mean", "1", ...
    std::string calibration;  // TokenSet::description; empty where the criterion needs none
    std::string calibration_hash;
    std::string model_hash;
    std::uint64_t seed = 0;    // of the random criterion
    double interim_share = 0;  // layer by layer: share that was removed of each layer before the next was scored
    std::vector<std::vector<double>> layers;  // a layer each: its states, group 0's first
};

}  // namespace perfmamba::prune
