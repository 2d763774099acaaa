// Writes a pruned checkpoint to a new folder, and believes it only after having read it back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "core/engine/engine.h"
#include "core/profile/profiler.h"
#include "core/prune/apply.h"

namespace perfmamba::prune {

/// As what a model is written.
struct Format {
    bool gguf = false;  // model.gguf, for llama.cpp; else config.json and model.safetensors, as Hugging Face has them
    std::optional<DType> matrices;  // of GGUF: what matrices are stored as; nothing: what they are
};

/// Where a model is written, and as what.
struct Target {
    // NOLINTNEXTLINE(google-explicit-constructor): most are a folder and nothing else
    Target(std::filesystem::path new_folder, Format as = {}) : folder(std::move(new_folder)), format(as) {}
    Target(const char* new_folder) : folder(new_folder) {}

    std::filesystem::path folder;
    Format format;
};

struct Exported {
    std::filesystem::path folder;
    Form form = Form::Ragged;
    std::string note;  // what to know about using it; may be empty
    std::int64_t bytes = 0;
    double largest_difference = 0;  // of the reloaded model's logits to the live one's, over the largest logit
    std::int64_t positions = 0;     // compared
};

/// Makes a backend like the one the live engine runs on, to reload the result.
using MakeBackend = std::function<std::unique_ptr<kernels::Backend>()>;

/// Throws Error when the model cannot be written in that format and form.
void checkFormat(const model::Checkpoint& source, const Plan& plan, Form form, const Format& format);

/// As checkFormat(), and when the folder exists, lies inside the source, or cannot be made, or the disk has too little
/// room.
void checkTarget(const model::Checkpoint& source, const Plan& plan, Form form, const Target& target);

/// The pruning.json of a model that was pruned itself: its plans say which states were the original's.
std::optional<std::filesystem::path> pruningFileOf(const model::Checkpoint& model);

/// Writes the weights with their configuration, pruning.json (the plan and `results`, a JSON object, may be empty, and
/// of a source that was pruned itself its pruning.json; of a plan that keeps every state the source's own, if it has
/// one) and copies of the source's small files (tokenizer, task) to a hidden folder beside the target's; reloads it,
/// compares its logits with those of `live` under the plan's mask on `tokens` (1 × L), and renames it. Whatever fails
/// leaves nothing behind, and the source is never written to. `live` is left with no mask. Throws Error, and Cancelled
/// when stopped.
Exported exportModel(engine::Engine& live, const MakeBackend& make_backend, const Plan& plan, Form form,
                     const Target& target, const std::string& results, const std::vector<std::int32_t>& tokens,
                     const std::function<void(const profile::Progress&)>& progress = {},
                     const std::stop_token& stop = {});

}  // namespace perfmamba::prune
