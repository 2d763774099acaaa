// Which states of which layer stay. Plain values and arithmetic: a slider calls makePlan() and factsOf() as it moves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/config.h"
#include "core/prune/scores.h"

namespace perfmamba::prune {

enum class PlanKind : std::uint8_t {
    Threshold,  // a state stays where its score is at least `value`
    Keep,       // the best share `value` of each group of each layer stays: the same count everywhere
    Budget,     // the best share `value` of all states of the model stays
};
/// "threshold", "keep", "budget".
std::string_view name(PlanKind kind);

/// What the user chose; a plan follows from it and the scores.
struct Choice {
    PlanKind kind = PlanKind::Keep;
    double value = 1;
    std::int64_t multiple_of = 1;             // each group's count is rounded up to a multiple of this, at most N
    std::set<std::int64_t> protected_layers;  // keep all their states
    std::map<std::int64_t, std::int64_t> overrides;  // layer → states of each of its groups that stay

    bool operator==(const Choice&) const = default;
};

/// Flags of one layer's states, group 0's first: 1 stays, 0 goes.
using Kept = std::vector<std::uint8_t>;

struct Plan {
    std::string model_name;
    std::string model_hash;
    std::string criterion;
    std::string calibration;  // TokenSet::description; empty where none was needed
    std::string calibration_hash;
    std::uint64_t seed = 0;
    Choice choice;
    std::vector<std::vector<std::int64_t>> group_states;  // N before pruning: a layer, a group
    std::vector<Kept> layers;

    /// States of that layer (and group) that stay.
    [[nodiscard]] std::int64_t kept(std::int64_t layer) const;
    [[nodiscard]] std::int64_t kept(std::int64_t layer, std::int64_t group) const;
    [[nodiscard]] std::int64_t kept() const;
    [[nodiscard]] std::int64_t states() const;
    /// The same number in every group of every layer.
    [[nodiscard]] bool uniform() const;
};
using PlanPtr = std::shared_ptr<const Plan>;

/// Throws Error for what is wrong whatever the model: a share not in 0 … 1 or that lets nothing stay, a threshold that
/// is not finite, a layer that is protected and given a number of states.
void check(const Choice& choice);

/// Throws Error as check() does, for a value that this model cannot have (a multiple or override below 0 or beyond N, a
/// layer that is not there), and when no state of any layer would stay.
Plan makePlan(const model::Config& config, const std::string& model_name, const Scores& scores, const Choice& choice);

/// Every state stays.
Plan fullPlan(const model::Config& config, const std::string& model_name, const std::string& model_hash);

/// What a plan saves, from shapes alone (float32, as the engine computes).
struct Facts {
    std::int64_t states = 0;
    std::int64_t states_kept = 0;
    std::int64_t state_bytes = 0;  // what one sequence carries: h and the convolution's inputs
    std::int64_t state_bytes_kept = 0;
    std::int64_t weight_bytes = 0;
    std::int64_t weight_bytes_kept = 0;  // after compacting
    double score_lost = 0;  // share of the sum of all scores that goes, mean over layers, 0 … 1; NaN without scores
};
Facts factsOf(const model::Config& config, const Plan& plan, const Scores& scores);

/// The configuration of the compact model: state_sizes set where the counts differ.
model::Config compactConfig(const model::Config& config, const Plan& plan);

/// JSON, documented in resources/docs/pruning.md.
std::string toJson(const Plan& plan);
/// Throws Error naming `source` for anything that is no plan.
Plan planFromJson(std::string_view json, const std::filesystem::path& source);
/// Of a file: a plan, or the pruning.json of a pruned model. Throws Error.
Plan readPlan(const std::filesystem::path& file);
/// Throws Error when the plan was made for another model.
void checkFor(const Plan& plan, const model::Config& config, const std::string& model_name,
              const std::string& model_hash);

}  // namespace perfmamba::prune
