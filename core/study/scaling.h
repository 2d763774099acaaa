// The scaling study: what a pass costs over lengths, batches, precisions, devices, models and numbers of states. Plain
// values, a list of independent cells that each are measured or not yet; and what is read off them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/profile/profile.h"
#include "core/study/study.h"

namespace perfmamba::study {

/// What is asked for: every combination is a cell. One that cannot be (a precision that a device lacks) fails when it
/// is its turn, for what a device can is known only where it is.
struct ScalingOptions {
    std::vector<std::int64_t> lengths{profile::kLengths.begin(), profile::kLengths.end()};
    std::vector<profile::Mode> modes = {profile::Mode::Prefill, profile::Mode::Decode};
    std::vector<std::int64_t> batches = {1};
    std::vector<std::string> precisions = {"f32"};
    std::vector<std::string> devices = {"cpu"};
    /// Numbers of states N of every group; 0: as the model has them. Fewer are compacted from the model's weights
    /// (which ones go does not matter to time), more are of random weights.
    std::vector<std::int64_t> states = {0};
    int threads = 0;
    int repeat = 0;          // as profile::Options'
    double bound = 0.01;     // as profile::Options'
    double budget_s = 5;     // as profile::Options': of a cell
    std::uint64_t seed = 1;  // of the token ids

    bool operator==(const ScalingOptions&) const = default;
};

/// What a cell has besides its length: the cells that agree in it are a curve.
struct Series {
    std::size_t model = 0;  // index into ScalingStudy::models
    std::string device = "cpu";
    std::string precision = "f32";
    profile::Mode mode = profile::Mode::Prefill;
    std::int64_t batch = 1;
    std::int64_t states = 0;  // as asked for: 0 is as the model has them

    bool operator==(const Series&) const = default;
};

/// One point of one curve, measured on its own.
struct ScalingCell {
    Series series;
    std::int64_t length = 0;
    CellState state = CellState::Waiting;
    std::string failure;         // why, where Failed
    std::size_t provenance = 0;  // index into ScalingStudy::provenances, where Measured
    /// Where Measured; without the last pass's timeline, kernels and memory events, and without rows of single layers.
    profile::Point point;
};

struct ScalingStudy {
    std::vector<profile::ModelSummary> models;     // in the order asked for
    std::vector<profile::Provenance> provenances;  // a machine, device and precision each: parts may come from several
    ScalingOptions options;
    std::string identity;            // 16 hex digits over models and options: what resuming and merging compare
    std::vector<ScalingCell> cells;  // all of the study's; those of other shards wait
    std::size_t shard = 1;           // of `shards`, from 1: which cells this part is to measure
    std::size_t shards = 1;
    bool complete = false;  // no cell of this shard waits

    /// Whether this part is to measure that cell: shards take the cells of a curve in turn, and on each curve another
    /// shard begins, so that none gets all the long ones.
    [[nodiscard]] bool mine(std::size_t cell) const { return shardOf(cell, shards) == shard; }
    /// The shard, from 1, of so many, that is to measure that cell.
    [[nodiscard]] std::size_t shardOf(std::size_t cell, std::size_t of_shards) const;
    /// Cells that are measured or failed.
    [[nodiscard]] std::size_t done() const;
    /// The distinct series, in the order of the cells.
    [[nodiscard]] std::vector<Series> series() const;
    /// Indices of the cells of a series that are measured, by ascending length.
    [[nodiscard]] std::vector<std::size_t> measured(const Series& series) const;
    /// The number of states that a series ran with: its own, or its model's d_state.
    [[nodiscard]] std::int64_t statesOf(const Series& series) const;
    /// Whether that is what the model has: where its groups differ, no number is.
    [[nodiscard]] bool hasOwnStates(const Series& series) const;
};
using ScalingPtr = std::shared_ptr<const ScalingStudy>;

/// All cells of such a study, waiting: for each model, number of states, device, precision, mode and batch a curve over
/// the lengths, in that order.
std::vector<ScalingCell> cellsOf(std::size_t models, const ScalingOptions& options);

/// "mamba2-130m, cpu, bf16, decode, batch 4", with the number of states where it is not the model's own.
std::string inWords(const ScalingStudy& study, const Series& series);
/// The same, and the length: "…, batch 4, 1024".
std::string inWords(const ScalingStudy& study, const ScalingCell& cell);

/// Whether two provenances are of one kind of machine, on whichever host of it: of the same device, instructions,
/// threads and operating system, by the same program, tracer and sensors' driver. Their times make a curve.
bool sameMachine(const profile::Provenance& a, const profile::Provenance& b);
/// The index of that provenance among `rows`: of the one by the same program and command on the same host, or of a
/// new one.
std::size_t rowOf(std::vector<profile::Provenance>& rows, const profile::Provenance& taken);
/// The first provenance of each kind of machine, and of each provenance which of these kinds it is of.
struct Machines {
    std::vector<std::size_t> first;  // indices into ScalingStudy::provenances
    std::vector<std::size_t> of;     // a provenance each: index into `first`
};
Machines machinesOf(const ScalingStudy& study);
/// Whether a curve's points are from several kinds of machine: they are no curve then.
bool mixesMachines(const ScalingStudy& study, const Series& series);

/// What the profiler is asked for, to measure that cell.
profile::Options optionsOf(const ScalingOptions& options, const ScalingCell& cell);
/// A measured cell as a profile of one length, for all that shows profiles.
profile::Profile profileOf(const ScalingStudy& study, std::size_t cell);

/// value ≈ factor · length^exponent.
struct PowerLaw {
    double exponent = 0;
    double exponent_ci_low = 0;  // 95 % interval, Student's t over the residuals; NaN below three points
    double exponent_ci_high = 0;
    double factor = 0;
    double r_squared = 0;
    std::size_t points = 0;

    [[nodiscard]] double at(double length) const;
};

/// Least squares over the logarithms. All NaN below two distinct lengths or where a value is not positive.
PowerLaw fitPowerLaw(const std::vector<double>& lengths, const std::vector<double>& values);
/// Of the median time of a pass, µs, and of the most memory in use over one, bytes, over a series' measured lengths.
PowerLaw fitTime(const ScalingStudy& study, const Series& series);
PowerLaw fitMemory(const ScalingStudy& study, const Series& series);

}  // namespace perfmamba::study
