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

/// Where a value stands between the ends of a colour scale.
struct ColourScale {
    double least = 0;
    double most = 1;
    bool log = false;

    /// 0 … 1, clamped; NaN for what is not finite.
    [[nodiscard]] double position(double value) const;
    bool operator==(const ColourScale&) const = default;
};
/// Linear from zero (or the least, if that is below), so that twice the colour is twice the number; logarithmic from
/// the least above zero, over six decades at most.
ColourScale scaleOf(std::span<const float> values, bool log);
/// At most about `count` round numbers within the scale.
std::vector<double> ticksOf(const ColourScale& scale, int count);
/// The smallest of 1, 2, 5, 10, 20, 50 … that is no less than `least`.
double niceStep(double least);

/// What is shown of a state.
struct StateMeasure {
    activity::Statistic statistic = activity::Statistic::State;
    bool most = false;  // the largest of tokens and rows, not the mean
};

/// Indices of the values, largest first; equal ones by index, NaN last.
std::vector<std::int32_t> descendingOrder(std::span<const double> values);
/// 1 for the largest value; equal values share the better rank. 0 for NaN.
std::int64_t rankOf(std::span<const double> values, std::size_t index);

/// Layers × states as drawn, NaN where a layer has fewer states.
struct StateGrid {
    std::int64_t layers = 0;
    std::int64_t columns = 0;
    std::vector<float> values;
    std::vector<std::vector<double>> of_layer;      // the same by state
    std::vector<std::vector<std::int32_t>> orders;  // of each layer: the state that stands in each column

    [[nodiscard]] std::optional<std::int32_t> stateAt(std::int64_t layer, std::int64_t column) const;
    [[nodiscard]] std::optional<std::int64_t> columnOf(std::int64_t layer, std::int64_t state) const;
};
StateGrid stateGridOf(const activity::Activity& activity, const StateMeasure& measure, bool sorted);

/// A state of a layer as its group counts it.
struct StateInGroup {
    std::int64_t group = 0;
    std::int64_t state = 0;
    bool operator==(const StateInGroup&) const = default;
};
StateInGroup inGroup(const activity::LayerActivity& layer, std::int64_t state);
/// The layer's number of a group's state.
std::int64_t inLayer(const activity::LayerActivity& layer, const StateInGroup& state);
/// Each group's states in the order in which `order` has them.
std::vector<std::vector<std::int32_t>> groupOrders(const activity::LayerActivity& layer,
                                                   std::span<const std::int32_t> order);

/// One layer, rows × states of the row's group, as `groups` orders them; NaN where a group has fewer.
std::vector<float> rowGridOf(const activity::LayerActivity& layer, const StateMeasure& measure,
                             const std::vector<std::vector<std::int32_t>>& groups);
/// One layer, states in that order × bins along the sequence.
std::vector<float> timeGridOf(const activity::LayerActivity& layer, activity::Statistic statistic, std::int64_t bins,
                              std::span<const std::int32_t> order);

/// Whether a plan is of the activity's model, with as many states in each layer.
bool fits(const prune::Plan& plan, const activity::Activity& activity);
bool fits(const prune::Scores& scores, const activity::Activity& activity);

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
