// Runs scaling studies: plans the cells, goes on with an earlier study, measures what waits. A cell is measured on its
// own, so that a study can be stopped, killed and resumed at any cell, and its parts can come from several machines.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/model/checkpoint.h"
#include "core/profile/profiler.h"
#include "core/study/identity.h"
#include "core/study/scaling.h"
#include "kernels/devices.h"

namespace perfmamba::study {

using Models = std::vector<std::shared_ptr<const model::Checkpoint>>;

/// As kernels::makeBackend, which it usually is.
using MakeBackendOn =
    std::function<std::unique_ptr<kernels::Backend>(const std::string& device, const kernels::BackendOptions& options)>;

/// The ceilings of a backend's device, before anything is measured on it; none, or an Error: its floors are not known.
using CeilingsOf = std::function<std::optional<profile::Ceilings>(kernels::Backend& backend)>;

/// What a study runs on.
struct ScalingMachine {
    MakeBackendOn make_backend;
    CeilingsOf ceilings;  // may be empty
    std::string creator;  // as profile::Provenance's
    std::string command;  // as profile::Provenance's
};

/// Called on the engine's thread after each cell (cell_done), and at most about every 0.1 s within one. The progress'
/// `point` is the cell that is, or was, under way; `done` and `seconds_left` are of this shard's cells.
using ScalingObserver = std::function<void(const ScalingPtr&, const profile::Progress&, bool cell_done)>;

/// Throws Error for what is wrong whatever the models, of which there are so many: a list that is empty or has equal
/// entries, a length or batch below 1, a number of states below 0 or beyond 4096, a precision unknown, a repeat, bound
/// or budget as profile::check() refuses it, more than 100000 cells.
void check(const ScalingOptions& options, std::size_t models);

/// The study that is asked for, all its cells waiting; an engine serves all its curves before the next is made. Throws
/// Error as check() does, when there are no models or one twice, or `shard` is not one of 1 … shards.
ScalingPtr planScaling(const Models& models, const ScalingOptions& options, std::size_t shard = 1,
                       std::size_t shards = 1);

/// The plan with what `earlier` has measured, whichever shard that was; what failed there waits. On another machine,
/// with another number of threads where none was asked for, it goes on, and the new cells have a provenance of their
/// own. Throws Error naming the first difference when it is another study (other models or options).
/// @param shown_name of the report that `earlier` is in, for messages
ScalingPtr resumeScaling(const ScalingStudy& plan, const ScalingStudy& earlier,
                         const std::string& shown_name = kResumed);

/// Measures the cells of `plan`'s shard that wait. A cell that fails (it does not fit into memory, the device is not
/// there or lacks the precision) is marked so and the study goes on; stopped, it returns what there is, without the
/// cell under way.
/// @param models those that the plan was made of
ScalingPtr runScaling(const Models& models, const ScalingPtr& plan, const ScalingMachine& machine,
                      const ScalingObserver& observer = {}, const std::stop_token& stop = {});

}  // namespace perfmamba::study
