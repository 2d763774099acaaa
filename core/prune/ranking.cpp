#include "core/prune/ranking.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace perfmamba::prune {

std::vector<std::size_t> bestFirst(std::span<const double> scores) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    return order;
}

std::int64_t countOf(double share, std::int64_t count) {
    return std::llround(share * static_cast<double>(count));
}

void keepBest(std::span<const double> scores, std::int64_t count, std::span<std::uint8_t> flags) {
    std::ranges::fill(flags, std::uint8_t{0});
    const std::vector<std::size_t> order = bestFirst(scores);
    for (std::size_t i = 0; i < order.size() && static_cast<std::int64_t>(i) < count; ++i) flags[order[i]] = 1;
}

}  // namespace perfmamba::prune
