// Writes a pruned checkpoint to a new folder, and believes it only after having read it back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/engine/engine.h"
#include "core/profile/profiler.h"
#include "core/prune/apply.h"

namespace perfmamba::prune {

struct Exported {
    std::filesystem::path folder;
    Form form = Form::Ragged;
    std::int64_t bytes = 0;
    double largest_difference = 0;  // of the reloaded model's logits to the live one's, over the largest logit
    std::int64_t positions = 0;     // compared
};

/// Makes a backend like the one the live engine runs on, to reload the result.
using MakeBackend = std::function<std::unique_ptr<kernels::Backend>()>;

/// Throws Error when `folder` exists, lies inside the source, or cannot be made, or the disk has too little room.
void checkTarget(const model::Checkpoint& source, const Plan& plan, Form form, const std::filesystem::path& folder);

/// Writes config.json, the weights, pruning.json (the plan and `results`, a JSON object, may be empty) and copies of
/// the source's small files (tokenizer, task) to a hidden folder beside `folder`; reloads it, compares its logits with
/// those of `live` under the plan's mask on `tokens` (1 × L), and renames it to `folder`. Whatever fails leaves nothing
/// behind, and the source is never written to. `live` is left with no mask. Throws Error, and Cancelled when stopped.
Exported exportModel(engine::Engine& live, const MakeBackend& make_backend, const Plan& plan, Form form,
                     const std::filesystem::path& folder, const std::string& results,
                     const std::vector<std::int32_t>& tokens,
                     const std::function<void(const profile::Progress&)>& progress = {},
                     const std::stop_token& stop = {});

}  // namespace perfmamba::prune
