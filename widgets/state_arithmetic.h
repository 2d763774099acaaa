// Arithmetic between what the states did and what is drawn of it: free functions on values, tested without a window.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/activity/activity.h"
#include "core/prune/plan.h"
#include "core/prune/scores.h"

namespace perfmamba::widgets {

/// Scores in bins of equal width on their axis.
struct ScoreBins {
    bool log = false;
    std::vector<double> edges;  // one more than counts; empty where nothing can be drawn
    std::vector<std::int64_t> counts;
    std::int64_t off_axis = 0;  // not above zero where the axis is logarithmic
};
/// Every score of every layer, ascending.
std::vector<double> sortedScores(const prune::Scores& scores);
/// Logarithmic where most scores are above zero and span more than two decades. `sorted` ascends.
ScoreBins scoreBinsOf(std::span<const double> sorted, std::size_t bins);
/// How many are under the threshold: what a plan of that threshold removes. `sorted` ascends.
std::int64_t countUnder(std::span<const double> sorted, double threshold);

}  // namespace perfmamba::widgets
