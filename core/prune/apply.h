// Removes a plan's states from a checkpoint, tensor by tensor. The coupled tensors of a state (rows of
// x_proj and a column of A_log in Mamba-1; rows of in_proj and channels of conv1d in Mamba-2) go together.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/checkpoint.h"
#include "core/prune/plan.h"

namespace perfmamba::prune {

enum class Form : std::uint8_t {
    Uniform,  // the same N everywhere, that of the fullest group; where fewer stay, zeroed states fill up: loads in
              // stock code
    Ragged,   // every group its own N: smallest and fastest, read back by this program
    Masked,   // shapes as they were, pruned states zeroed: loads in stock code
};
/// "uniform", "ragged", "masked".
std::string_view name(Form form);
std::optional<Form> formFromName(std::string_view name);

/// What happens to one tensor.
struct TensorChange {
    std::string name;
    std::vector<std::int64_t> before, after;
    std::int64_t bytes_before = 0, bytes_after = 0;  // as stored
    std::int64_t zeroed = 0;                         // rows (of vectors: elements) set to zero
};

/// As factsOf(), of the result in that form.
Facts factsOf(const model::Config& config, const Plan& plan, const Scores& scores, Form form);

/// The same tensors in the same order as in the checkpoint, without touching a weight.
std::vector<TensorChange> dryRun(const model::Checkpoint& checkpoint, const Plan& plan, Form form);

/// config.json's content for the result. Ragged: d_state is the largest N.
model::Config configOf(const model::Config& config, const Plan& plan, Form form);

/// The tensor of that name in the result, in the stored type; the source's own where nothing changes.
HostTensor prunedTensor(const model::Checkpoint& checkpoint, const Plan& plan, Form form, const std::string& name);

/// The result in memory. Unchanged tensors stay mapped from the source.
std::shared_ptr<const model::Checkpoint> apply(const std::shared_ptr<const model::Checkpoint>& checkpoint,
                                               const Plan& plan, Form form);

}  // namespace perfmamba::prune
