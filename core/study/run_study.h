// Runs studies and measures single plans. A cell is measured on its own, so that a study can be stopped, killed and
// resumed at any cell.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "core/engine/engine.h"
#include "core/profile/profiler.h"
#include "core/prune/export.h"
#include "core/study/identity.h"
#include "core/study/study.h"

namespace perfmamba::study {

/// Called on the engine's thread after each cell (cell_done) and now and then within one.
using Observer = std::function<void(const StudyPtr&, const profile::Progress&, bool cell_done)>;

/// Throws Error for what is wrong whatever the model: criteria, shares or workloads that are none or equal, shares
/// outside 0 … 0.99, a plan by threshold, fewer than 6 pairs, no budget.
void check(const Options& options);

/// Measures the cells that `resume` (may be null) has not. A cell that fails is marked so and the study goes on;
/// stopped, it returns what there is. Throws Error before anything is measured: as check() does, for criteria that are
/// unknown or cannot rank this architecture, shares that leave no state, calibration tokens that are also evaluated,
/// tokens that cannot be had; and when `resume` is another study (another model, precision, other options or tokens,
/// or, where something is timed, another device, number of threads or chunk) or has cells that are not its options'.
/// @param resume_name of the report that `resume` is in, for messages
StudyPtr run(engine::Engine& engine, const prune::MakeBackend& make_backend, const Options& options,
             const profile::Provenance& provenance, const StudyPtr& resume = nullptr, const Observer& observer = {},
             const std::stop_token& stop = {}, const std::string& resume_name = kResumed);

/// What a live view needs of one plan: accuracy under a mask, at once, without speeds.
evaluate::Accuracy measureMasked(engine::Engine& engine, const prune::Plan& plan, const evaluate::TokenSet& tokens,
                                 const std::function<void(const profile::Progress&)>& progress = {},
                                 const std::stop_token& stop = {});

/// For the record: compacts, then accuracy against the unpruned model and, for each workload, speed in turn with it.
Measurement measure(engine::Engine& engine, const prune::MakeBackend& make_backend, const prune::Plan& plan,
                    const prune::Facts& facts, const evaluate::TokenSet& tokens, const Options& options,
                    const std::function<void(const profile::Progress&)>& progress = {},
                    const std::stop_token& stop = {});

/// Times the workloads with all states, 3/4, 1/2 and 1/4 of each group's and with one: up from the smallest and down
/// again, so that a drift of the machine does not look like a cost of states. Which states are removed does not matter
/// to time: the last ones are. One compact model is in memory at a time.
CostPtr measureCostOfStates(engine::Engine& engine, const prune::MakeBackend& make_backend,
                            const std::vector<Workload>& workloads, double budget_s,
                            const std::function<void(const profile::Progress&)>& progress = {},
                            const std::stop_token& stop = {});

}  // namespace perfmamba::study
