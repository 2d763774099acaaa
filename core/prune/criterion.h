// The ways to score states. One interface; a criterion is one file in criteria/ and a line in criterion.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/activity/activity.h"
#include "core/model/checkpoint.h"

namespace perfmamba::prune {

/// What a criterion looks at beside the weights.
enum class Needs : std::uint8_t {
    Nothing,       // not even the weights
    Weights,       // the checkpoint
    Activity,      // a run over calibration tokens
    LayerByLayer,  // a run in which every layer is scored with the layers before it already pruned
};

/// What one layer is scored by. `activity` is null where the criterion does not need it.
struct LayerInputs {
    const model::Checkpoint& checkpoint;
    std::int64_t layer = 0;
    const activity::LayerActivity* activity = nullptr;
    std::int64_t bins = 0;   // of the activity
    double share = 0.5;      // of the states that are to go: for criteria whose ranking depends on it
    std::uint64_t seed = 1;  // for the random one
};

class Criterion {
public:
    virtual ~Criterion() = default;
    /// On the command line and in files: "output-energy".
    [[nodiscard]] virtual std::string_view id() const = 0;
    /// In the window: "Output energy".
    [[nodiscard]] virtual std::string_view title() const = 0;
    /// Formula and source, a sentence or two.
    [[nodiscard]] virtual std::string_view description() const = 0;
    [[nodiscard]] virtual Needs needs() const = 0;
    /// Why it cannot rank the states of that architecture; empty where it can.
    [[nodiscard]] virtual std::string refusal(model::Architecture) const { return {}; }
    /// Whether its scores compare across layers as they are; where not, they are divided by their layer's mean.
    [[nodiscard]] virtual bool comparable() const { return false; }
    /// A score for each state of the layer, group 0's first; the lowest goes first.
    [[nodiscard]] virtual std::vector<double> score(const LayerInputs& inputs) const = 0;
};

/// All of them: random, magnitude, decay, delta-input, output-energy, ghost, sparsessm, last, aire.
std::span<const Criterion* const> criteria();
std::vector<std::string> criterionIds();
/// Throws Error naming those there are.
const Criterion& criterion(std::string_view id);
/// The criterion, if it can rank that architecture's states; otherwise throws Error with the reason.
const Criterion& criterionFor(std::string_view id, model::Architecture architecture);

}  // namespace perfmamba::prune
