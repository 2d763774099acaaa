// A model with another number of states, to learn what they cost.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/model/checkpoint.h"
#include "core/prune/plan.h"

namespace perfmamba::study {

/// Of each group the first states stay, as many as `kept` says of its N, but at least one and at most all. Which states
/// are removed does not matter to time.
prune::Plan keepFirst(const model::Checkpoint& checkpoint, const std::function<std::int64_t(std::int64_t)>& kept);

/// The model with N = `states` in every group of every layer, in memory; itself for 0, or where that is so already.
/// Where no group has fewer, the model is compacted; else the tensors that depend on N are of random weights, of the
/// stored types.
std::shared_ptr<const model::Checkpoint> withStates(const std::shared_ptr<const model::Checkpoint>& checkpoint,
                                                    std::int64_t states);

}  // namespace perfmamba::study
