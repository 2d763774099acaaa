#include "core/activity/activity.h"

#include <algorithm>
#include <numeric>

namespace perfmamba::activity {
namespace {

std::size_t indexOf(Statistic statistic) {
    return static_cast<std::size_t>(statistic);
}

/// Combines the rows of each state's group.
template <typename Combine>
std::vector<double> overRows(const LayerActivity& layer, const float* plane, Combine combine) {
    const std::size_t rows = static_cast<std::size_t>(layer.rows) / layer.group_states.size();
    const auto columns = static_cast<std::size_t>(layer.row_states);
    std::vector<double> result;
    for (std::size_t group = 0; group < layer.group_states.size(); ++group) {
        for (std::size_t n = 0; n < static_cast<std::size_t>(layer.group_states[group]); ++n) {
            double value = 0;
            for (std::size_t row = group * rows; row < (group + 1) * rows; ++row) {
                value = combine(value, double{plane[row * columns + n]});
            }
            result.push_back(value);
        }
    }
    return result;
}

}  // namespace

std::int64_t LayerActivity::states() const {
    return std::reduce(group_states.begin(), group_states.end());
}

std::int64_t LayerActivity::groupOfRow(std::int64_t row) const {
    return row / (rows / std::ssize(group_states));
}

const float* LayerActivity::meanOf(Statistic statistic) const {
    return mean.data() + indexOf(statistic) * static_cast<std::size_t>(rows * row_states);
}

const float* LayerActivity::mostOf(Statistic statistic) const {
    return most.data() + indexOf(statistic) * static_cast<std::size_t>(rows * row_states);
}

const float* LayerActivity::binnedOf(Statistic statistic, std::int64_t bins) const {
    return binned.data() + indexOf(statistic) * static_cast<std::size_t>(bins * states());
}

std::vector<double> LayerActivity::stateMeans(Statistic statistic) const {
    std::vector<double> sums = overRows(*this, meanOf(statistic), [](double sum, double value) { return sum + value; });
    for (double& sum : sums) sum /= static_cast<double>(rows / std::ssize(group_states));
    return sums;
}

std::vector<double> LayerActivity::stateMost(Statistic statistic) const {
    return overRows(*this, mostOf(statistic), [](double largest, double value) { return std::max(largest, value); });
}

}  // namespace perfmamba::activity
