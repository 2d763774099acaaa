#include "widgets/state_arithmetic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace perfmamba::widgets {
namespace {

constexpr double kLogSpan = 100;       // from the 5th percentile to the largest
constexpr double kLogShare = 0.8;      // of the scores must be above zero
constexpr double kLeastOfMost = 1e-9;  // nothing smaller widens a logarithmic axis

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr double kMostDecades = 1e6;  // of a logarithmic colour scale

/// Layers hold as many values each as the activity has states.
template <typename Layers>
bool sameShape(const Layers& layers, const activity::Activity& activity) {
    return std::equal(layers.begin(), layers.end(), activity.layers.begin(), activity.layers.end(),
                      [](const auto& values, const activity::LayerActivity& layer) {
                          return static_cast<std::int64_t>(values.size()) == layer.states();
                      });
}

/// One that does not know its model's hash, as a plan written by hand, is taken at its shape.
bool sameModel(const std::string& hash, const activity::Activity& activity) {
    return hash.empty() || activity.model.hash.empty() || hash == activity.model.hash;
}

}  // namespace

double ColourScale::position(double value) const {
    if (!std::isfinite(value)) return kNaN;
    if (!(most > least)) return value > 0 ? 1 : 0;
    if (!log) return std::clamp((value - least) / (most - least), 0.0, 1.0);
    if (!(value > least)) return 0;
    return std::min(std::log(value / least) / std::log(most / least), 1.0);
}

ColourScale scaleOf(std::span<const float> values, bool log) {
    ColourScale scale{0, 0, log};
    double least_above = std::numeric_limits<double>::infinity();
    for (const float value : values) {
        if (!std::isfinite(value)) continue;
        const auto v = static_cast<double>(value);
        scale.least = std::min(scale.least, v);
        scale.most = std::max(scale.most, v);
        if (v > 0) least_above = std::min(least_above, v);
    }
    if (log) scale.least = scale.most > 0 ? std::max(least_above, scale.most / kMostDecades) : 0;
    return scale;
}

double niceStep(double least) {
    if (!(least > 0)) return 1;
    const double decade = std::pow(10.0, std::floor(std::log10(least)));
    for (const double part : {1.0, 2.0, 5.0}) {
        if (part * decade >= least * (1 - 1e-9)) return part * decade;
    }
    return 10 * decade;
}

std::vector<double> ticksOf(const ColourScale& scale, int count) {
    std::vector<double> ticks;
    if (!(scale.most > scale.least) || count < 1) return ticks;
    if (scale.log && scale.most / scale.least >= 10) {
        const double decades = std::log10(scale.most / scale.least);
        const auto stride = static_cast<int>(niceStep(std::max(1.0, decades / count)));
        const auto first = static_cast<int>(std::ceil(std::log10(scale.least) - 1e-9));
        for (int power = first; power <= std::log10(scale.most) + 1e-9; power += stride) {
            ticks.push_back(std::pow(10.0, power));
        }
        if (ticks.size() >= 2 || count < 2) return ticks;
        ticks.clear();
        for (const double part : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0}) {
            const double tick = part * std::pow(10.0, first);
            if (tick >= scale.least && tick <= scale.most) ticks.push_back(tick);
        }
        return ticks;
    }
    const double step = niceStep((scale.most - scale.least) / count);
    const auto first = static_cast<std::int64_t>(std::ceil(scale.least / step - 1e-9));
    const auto last = static_cast<std::int64_t>(std::floor(scale.most / step + 1e-9));
    for (std::int64_t i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
    return ticks;
}

std::vector<std::int32_t> descendingOrder(std::span<const double> values) {
    std::vector<std::int32_t> order(values.size());
    std::iota(order.begin(), order.end(), 0);
    const auto key = [&](std::int32_t i) {
        const double value = values[static_cast<std::size_t>(i)];
        return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
    };
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return key(a) > key(b); });
    return order;
}

std::int64_t rankOf(std::span<const double> values, std::size_t index) {
    const double value = values[index];
    if (std::isnan(value)) return 0;
    return 1 + std::count_if(values.begin(), values.end(), [value](double other) { return other > value; });
}

std::optional<std::int32_t> StateGrid::stateAt(std::int64_t layer, std::int64_t column) const {
    if (layer < 0 || layer >= layers || column < 0) return std::nullopt;
    const auto& order = orders[static_cast<std::size_t>(layer)];
    if (column >= static_cast<std::int64_t>(order.size())) return std::nullopt;
    return order[static_cast<std::size_t>(column)];
}

std::optional<std::int64_t> StateGrid::columnOf(std::int64_t layer, std::int64_t state) const {
    if (layer < 0 || layer >= layers) return std::nullopt;
    const auto& order = orders[static_cast<std::size_t>(layer)];
    const auto it = std::find(order.begin(), order.end(), state);
    if (it == order.end()) return std::nullopt;
    return it - order.begin();
}

StateGrid stateGridOf(const activity::Activity& activity, const StateMeasure& measure, bool sorted) {
    StateGrid grid;
    grid.layers = static_cast<std::int64_t>(activity.layers.size());
    for (const activity::LayerActivity& layer : activity.layers) {
        grid.columns = std::max(grid.columns, layer.states());
        grid.of_layer.push_back(measure.most ? layer.stateMost(measure.statistic)
                                             : layer.stateMeans(measure.statistic));
        const std::vector<double>& values = grid.of_layer.back();
        if (sorted) {
            grid.orders.push_back(descendingOrder(values));
        } else {
            grid.orders.emplace_back(values.size());
            std::iota(grid.orders.back().begin(), grid.orders.back().end(), 0);
        }
    }
    for (std::size_t layer = 0; layer < grid.orders.size(); ++layer) {
        for (const std::int32_t state : grid.orders[layer]) {
            grid.values.push_back(static_cast<float>(grid.of_layer[layer][static_cast<std::size_t>(state)]));
        }
        grid.values.resize((layer + 1) * static_cast<std::size_t>(grid.columns), kMissing);
    }
    return grid;
}

StateInGroup inGroup(const activity::LayerActivity& layer, std::int64_t state) {
    StateInGroup result{0, state};
    for (const std::int64_t n : layer.group_states) {
        if (result.state < n) break;
        result.state -= n;
        ++result.group;
    }
    return result;
}

std::int64_t inLayer(const activity::LayerActivity& layer, const StateInGroup& state) {
    const auto first = layer.group_states.begin();
    return std::accumulate(first, first + state.group, state.state);
}

std::vector<std::vector<std::int32_t>> groupOrders(const activity::LayerActivity& layer,
                                                   std::span<const std::int32_t> order) {
    std::vector<std::vector<std::int32_t>> groups(layer.group_states.size());
    for (const std::int32_t state : order) {
        const StateInGroup at = inGroup(layer, state);
        groups[static_cast<std::size_t>(at.group)].push_back(static_cast<std::int32_t>(at.state));
    }
    return groups;
}

std::vector<float> rowGridOf(const activity::LayerActivity& layer, const StateMeasure& measure,
                             const std::vector<std::vector<std::int32_t>>& groups) {
    const float* values = measure.most ? layer.mostOf(measure.statistic) : layer.meanOf(measure.statistic);
    std::vector<float> grid(static_cast<std::size_t>(layer.rows * layer.row_states), kMissing);
    for (std::int64_t row = 0; row < layer.rows; ++row) {
        auto to = grid.begin() + row * layer.row_states;
        const float* from = values + row * layer.row_states;
        for (const std::int32_t state : groups[static_cast<std::size_t>(layer.groupOfRow(row))]) *to++ = from[state];
    }
    return grid;
}

std::vector<float> timeGridOf(const activity::LayerActivity& layer, activity::Statistic statistic, std::int64_t bins,
                              std::span<const std::int32_t> order) {
    const float* values = layer.binnedOf(statistic, bins);
    std::vector<float> grid;
    grid.reserve(order.size() * static_cast<std::size_t>(bins));
    for (const std::int32_t state : order) {
        for (std::int64_t bin = 0; bin < bins; ++bin) grid.push_back(values[bin * layer.states() + state]);
    }
    return grid;
}

bool fits(const prune::Plan& plan, const activity::Activity& activity) {
    return sameModel(plan.model_hash, activity) && sameShape(plan.layers, activity);
}

bool fits(const prune::Scores& scores, const activity::Activity& activity) {
    return sameModel(scores.model_hash, activity) && sameShape(scores.layers, activity);
}

std::vector<double> sortedScores(const prune::Scores& scores) {
    std::vector<double> sorted;
    for (const std::vector<double>& layer : scores.layers) sorted.insert(sorted.end(), layer.begin(), layer.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

ScoreBins scoreBinsOf(std::span<const double> sorted, std::size_t bins) {
    ScoreBins result;
    if (sorted.empty() || bins == 0) return result;
    const auto first_above = std::upper_bound(sorted.begin(), sorted.end(), 0.0);
    const std::span<const double> above(first_above, sorted.end());
    const double most = sorted.back();
    result.log = static_cast<double>(above.size()) >= kLogShare * static_cast<double>(sorted.size()) &&
                 most > kLogSpan * above[above.size() / 20];
    double low = sorted.front();
    double high = most;
    if (result.log) {
        low = std::max(above.front(), most * kLeastOfMost);
        result.off_axis = static_cast<std::int64_t>(sorted.size() - above.size());
    } else if (!(high > low)) {
        const double half = std::max(std::abs(low) * 0.05, 1e-12);
        low -= half;
        high += half;
    }
    for (std::size_t i = 0; i <= bins; ++i) {
        const double part = static_cast<double>(i) / static_cast<double>(bins);
        result.edges.push_back(result.log ? low * std::pow(high / low, part) : low + (high - low) * part);
    }
    result.edges.front() = low;
    result.edges.back() = high;
    // Counted between the very edges that are drawn; the last bin holds its upper edge too.
    std::int64_t before = result.off_axis;
    for (std::size_t i = 1; i < bins; ++i) {
        const std::int64_t until = std::max(before, countUnder(sorted, result.edges[i]));
        result.counts.push_back(until - before);
        before = until;
    }
    result.counts.push_back(static_cast<std::int64_t>(sorted.size()) - before);
    return result;
}

std::int64_t countUnder(std::span<const double> sorted, double threshold) {
    return std::lower_bound(sorted.begin(), sorted.end(), threshold) - sorted.begin();
}

}  // namespace perfmamba::widgets
