// The trade-off study: what pruning costs in accuracy and wins in time and memory. Plain values, a list of independent
// cells that each are measured or not yet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/evaluate/accuracy.h"
#include "core/evaluate/tokens.h"
#include "core/profile/profile.h"
#include "core/prune/plan.h"
#include "core/study/price.h"

namespace perfmamba::study {

/// Time of a workload, pruned (compact) and unpruned passes taken in turn.
struct Speed {
    Workload workload;
    profile::Summary before;  // µs a pass
    profile::Summary after;
    profile::Ratio speed_up;  // before / after
    double bytes_ratio = 0;   // estimate: least bytes before / after, what a pass limited by memory alone would win
    std::int64_t peak_bytes_before = 0;  // most in use over a pass, by the ledger
    std::int64_t peak_bytes_after = 0;
};

/// What was measured of one plan.
struct Measurement {
    evaluate::Accuracy accuracy;  // of the compact model, against the unpruned one
    std::vector<Speed> speeds;    // empty where only accuracy was asked for
    prune::Facts facts;
};

enum class CellState : std::uint8_t { Waiting, Measured, Failed };
std::string_view name(CellState state);

struct Cell {
    std::string criterion;              // "none" where nothing is removed
    double share = 0;                   // of the states removed, 0 … 1
    std::optional<std::int64_t> layer;  // sensitivity: only this layer is pruned
    CellState state = CellState::Waiting;
    std::string failure;  // why, where Failed
    prune::Plan plan;     // where Measured
    Measurement measured;
};

struct Options {
    std::vector<std::string> criteria = {"random", "magnitude", "output-energy", "ghost"};
    std::vector<double> shares = {0, 0.25, 0.5, 0.75, 0.9};  // removed
    prune::PlanKind kind = prune::PlanKind::Keep;            // Keep or Budget
    std::int64_t multiple_of = 1;
    std::uint64_t seed = 1;                                                     // of the random criterion
    evaluate::TokenRequest calibration = {.seed = evaluate::kCalibrationSeed};  // for the criteria
    evaluate::TokenRequest evaluation = {.seed = evaluate::kEvaluationSeed};
    std::vector<Workload> workloads;  // empty: accuracy only
    int pairs = 15;                   // of passes, for each speed-up; at least kFewestPairs
    double budget_s = 10;             // at most for each workload of a cell; at least kFewestPairs are taken
    /// Layers pruned one at a time by the first criterion that is not random, where there is one: this share of their
    /// states; 0: none are.
    double sensitivity_share = 0;

    bool operator==(const Options&) const = default;
};

struct Study {
    profile::ModelSummary model;
    profile::Provenance provenance;
    Options options;
    std::string identity;     // 16 hex digits over model, options and tokens: what resuming compares
    std::string calibration;  // TokenSet::description; empty where no criterion needs any
    std::string evaluation;
    std::string calibration_made;  // TokenSet::made; that of the evaluation stands in `unpruned`
    evaluate::Accuracy unpruned;   // of the model as it is
    /// Trade-off cells: one that removes nothing where that share was asked for, then criterion by criterion. Behind
    /// them those of sensitivity, layer by layer.
    std::vector<Cell> cells;
    bool complete = false;  // no cell waits

    /// Cells that are measured or failed.
    [[nodiscard]] std::size_t done() const;
};
using StudyPtr = std::shared_ptr<const Study>;

/// What the accuracy axis shows: the share correct of recall and of last words, or, of a text, bits per byte (nats
/// where bytes are not known).
struct Quality {
    double value = 0;
    double standard_error = 0;
    bool higher_is_better = true;
};
Quality qualityOf(const evaluate::Accuracy& accuracy);
/// "accuracy", "bits per byte", "nats per token".
std::string_view qualityName(const evaluate::Accuracy& accuracy);

/// The cell that removes nothing: a model timed against itself shows what the noise alone does. Null where it was not
/// measured.
const Cell* controlOf(const Study& study);
/// The cell's, where it is measured; null where there is none of that workload.
const Speed* speedOf(const Cell& cell, const Workload& workload);
/// What the cell's speed-up counts for: NaN where pruning was not faster beyond the noise, by its interval and beyond
/// that of the cell that removes nothing, which itself counts for 1.
double winOf(const Study& study, const Cell& cell, const Speed& speed);

/// Indices of the measured trade-off cells that no other one beats in quality and in the other respect (higher is
/// better), by ascending worth. `worth` has an entry for each cell; NaN leaves it out.
std::vector<std::size_t> paretoFrontier(const Study& study, const std::vector<double>& worth);

}  // namespace perfmamba::study
