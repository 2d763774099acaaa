#include "widgets/state_arithmetic.h"

#include <algorithm>
#include <cmath>

namespace perfmamba::widgets {
namespace {

constexpr double kLogSpan = 100;       // from the 5th percentile to the largest
constexpr double kLogShare = 0.8;      // of the scores must be above zero
constexpr double kLeastOfMost = 1e-9;  // nothing smaller widens a logarithmic axis

}  // namespace

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
