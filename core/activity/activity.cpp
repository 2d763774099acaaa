#include "core/activity/activity.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace perfmamba::activity {
namespace {

std::size_t planeAt(Statistic statistic, std::int64_t plane) {
    return static_cast<std::size_t>(statistic) * static_cast<std::size_t>(plane);
}

/// Of every state of the layer: `join` of its group's rows, starting from `start`; then `finish`(joined, rows).
template <typename Join, typename Finish>
std::vector<double> overRows(const LayerActivity& layer, const float* values, double start, Join join, Finish finish) {
    std::vector<double> result;
    result.reserve(static_cast<std::size_t>(layer.states()));
    const auto groups = static_cast<std::int64_t>(layer.group_states.size());
    for (std::int64_t group = 0; group < groups; ++group) {
        const std::int64_t rows = layer.rows / groups;
        const std::int64_t n = layer.group_states[static_cast<std::size_t>(group)];
        std::vector<double> joined(static_cast<std::size_t>(n), start);
        for (std::int64_t row = group * rows; row < (group + 1) * rows; ++row) {
            const float* of_row = values + row * layer.row_states;
            for (std::int64_t state = 0; state < n; ++state) {
                double& to = joined[static_cast<std::size_t>(state)];
                to = join(to, static_cast<double>(of_row[state]));
            }
        }
        for (const double value : joined) result.push_back(finish(value, static_cast<double>(rows)));
    }
    return result;
}

}  // namespace

std::int64_t LayerActivity::states() const {
    return std::accumulate(group_states.begin(), group_states.end(), std::int64_t{0});
}

std::int64_t LayerActivity::groupOfRow(std::int64_t row) const {
    return row / (rows / static_cast<std::int64_t>(group_states.size()));
}

const float* LayerActivity::meanOf(Statistic statistic) const {
    return mean.data() + planeAt(statistic, rows * row_states);
}

const float* LayerActivity::mostOf(Statistic statistic) const {
    return most.data() + planeAt(statistic, rows * row_states);
}

const float* LayerActivity::binnedOf(Statistic statistic, std::int64_t bins) const {
    return binned.data() + planeAt(statistic, bins * states());
}

std::vector<double> LayerActivity::stateMeans(Statistic statistic) const {
    return overRows(
        *this, meanOf(statistic), 0, [](double sum, double value) { return sum + value; },
        [](double sum, double n) { return sum / n; });
}

std::vector<double> LayerActivity::stateMost(Statistic statistic) const {
    return overRows(
        *this, mostOf(statistic), -std::numeric_limits<double>::infinity(),
        [](double largest, double value) { return std::max(largest, value); },
        [](double largest, double) { return largest; });
}

}  // namespace perfmamba::activity
