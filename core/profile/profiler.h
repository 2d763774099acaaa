// Runs a model at several lengths and measures where its time and memory go.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "core/engine/engine.h"
#include "core/profile/profile.h"

namespace perfmamba::profile {

struct Progress {
    double done = 0;                     // 0 … 1 of the whole run, estimated
    std::optional<double> seconds_left;  // estimated from the passes so far
    std::string what;                    // "prefill 1024, batch 1: pass 12, ±1.8 %"
    std::size_t point = 0;               // index of the length being measured
};

/// How far a model is loaded: what engine::Loading's observer is told, for those who show progress.
Progress loadingProgress(double done);

/// Called on the engine's thread after a pass, at most about every 30 ms, and at the end of each length. The profile is
/// a snapshot: complete points first, the one being measured last.
using Observer = std::function<void(const std::shared_ptr<const Profile>&, const Progress&)>;

/// Throws Error when `options` ask for something that cannot be run on this model: no lengths, a length or batch below
/// 1, a repeat below 0, a bound or budget that is not positive.
void check(const Options& options);

/// Measures every length of `options` in turn: warm-up, then recorded and unrecorded passes alternately, until the
/// median's 95 % interval is within the bound or the budget is spent. Floors come from the provenance's ceilings.
///
/// Returns the complete profile, or, when `stop` was requested, what was measured until then with complete = false: a
/// length whose measurement was cut short stays in, marked so, when it has at least one pass.
/// Throws Error when a pass fails (out of memory); the engine stays usable.
std::shared_ptr<const Profile> run(engine::Engine& engine, const Options& options, const Provenance& provenance,
                                   const Observer& observer = {}, const std::stop_token& stop = {});

ModelSummary summaryOf(const model::Checkpoint& checkpoint, DType precision = DType::F32);
/// As it runs there.
ModelSummary summaryOf(engine::Engine& engine);

/// Fills in what can be known about this machine and program; the caller adds `command`.
Provenance provenanceOf(const kernels::DeviceInfo& device);

}  // namespace perfmamba::profile
