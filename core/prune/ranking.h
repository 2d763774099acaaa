// The best of some scores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace perfmamba::prune {

/// Indices from the highest score to the lowest; of equal ones the earlier first.
std::vector<std::size_t> bestFirst(std::span<const double> scores);

/// round(share · count): how many states a share is.
std::int64_t countOf(double share, std::int64_t count);

/// Sets the flags of the `count` best to 1, the others to 0. `flags` is as long as `scores`.
void keepBest(std::span<const double> scores, std::int64_t count, std::span<std::uint8_t> flags);

}  // namespace perfmamba::prune
