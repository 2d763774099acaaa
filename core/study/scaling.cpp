#include "core/study/scaling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "kernels/devices.h"

namespace perfmamba::study {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// @param value of a point
template <class Value>
PowerLaw fit(const ScalingStudy& study, const Series& series, Value value) {
    std::vector<double> lengths, values;
    for (const std::size_t cell : study.measured(series)) {
        lengths.push_back(static_cast<double>(study.cells[cell].length));
        values.push_back(value(study.cells[cell].point));
    }
    return fitPowerLaw(lengths, values);
}

double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

}  // namespace

std::size_t ScalingStudy::shardOf(std::size_t cell, std::size_t of_shards) const {
    const std::size_t lengths = std::max<std::size_t>(options.lengths.size(), 1);
    return (cell % lengths + cell / lengths) % of_shards + 1;
}

std::size_t ScalingStudy::done() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(cells, [](const ScalingCell& cell) { return cell.state != CellState::Waiting; }));
}

std::vector<Series> ScalingStudy::series() const {
    std::vector<Series> distinct;
    for (const ScalingCell& cell : cells) {
        if (std::ranges::find(distinct, cell.series) == distinct.end()) distinct.push_back(cell.series);
    }
    return distinct;
}

std::vector<std::size_t> ScalingStudy::measured(const Series& series) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (cells[i].state == CellState::Measured && cells[i].series == series) found.push_back(i);
    }
    std::ranges::stable_sort(found, {}, [&](std::size_t i) { return cells[i].length; });
    return found;
}

std::int64_t ScalingStudy::statesOf(const Series& series) const {
    return series.states > 0 ? series.states : models[series.model].config.d_state;
}

bool ScalingStudy::hasOwnStates(const Series& series) const {
    const model::Config& config = models[series.model].config;
    return series.states == 0 || (config.state_sizes.empty() && series.states == config.d_state);
}

std::vector<ScalingCell> cellsOf(std::size_t models, const ScalingOptions& options) {
    std::vector<Series> all;
    for (std::size_t model = 0; model < models; ++model) {
        for (const std::int64_t states : options.states) {
            for (const std::string& device : options.devices) {
                for (const std::string& precision : options.precisions) {
                    for (const profile::Mode mode : options.modes) {
                        for (const std::int64_t batch : options.batches) {
                            all.push_back({model, device, precision, mode, batch, states});
                        }
                    }
                }
            }
        }
    }
    std::vector<ScalingCell> cells;
    for (const Series& series : all) {
        for (const std::int64_t length : options.lengths) {
            ScalingCell& cell = cells.emplace_back();
            cell.series = series;
            cell.length = length;
        }
    }
    return cells;
}

std::string inWords(const ScalingStudy& study, const Series& series) {
    return fmt::format("{}{}, {}, {}, {}, batch {}", study.models[series.model].name,
                       series.states > 0 ? fmt::format(", N = {}", series.states) : "", series.device, series.precision,
                       profile::name(series.mode), series.batch);
}

std::string inWords(const ScalingStudy& study, const ScalingCell& cell) {
    return fmt::format("{}, {}", inWords(study, cell.series), cell.length);
}

bool sameMachine(const profile::Provenance& a, const profile::Provenance& b) {
    const auto kind = [](const profile::Provenance& p) {
        return std::tie(p.device, p.device_id, p.instructions, p.threads, p.operating_system, p.creator, p.tracer,
                        p.sensors);
    };
    return kind(a) == kind(b);
}

std::size_t rowOf(std::vector<profile::Provenance>& rows, const profile::Provenance& taken) {
    const auto ceilings = [](const profile::Provenance& p) { return p.ceilings ? p.ceilings->taken : ""; };
    const auto same = std::ranges::find_if(rows, [&](const profile::Provenance& row) {
        return sameMachine(row, taken) && row.host == taken.host && row.command == taken.command &&
               ceilings(row) == ceilings(taken);
    });
    const auto index = static_cast<std::size_t>(same - rows.begin());
    if (same == rows.end()) rows.push_back(taken);
    return index;
}

Machines machinesOf(const ScalingStudy& study) {
    Machines machines;
    for (std::size_t i = 0; i < study.provenances.size(); ++i) {
        const auto same = std::ranges::find_if(machines.first, [&](std::size_t first) {
            return sameMachine(study.provenances[first], study.provenances[i]);
        });
        machines.of.push_back(static_cast<std::size_t>(same - machines.first.begin()));
        if (same == machines.first.end()) machines.first.push_back(i);
    }
    return machines;
}

bool mixesMachines(const ScalingStudy& study, const Series& series) {
    std::set<std::size_t> seen;
    const Machines machines = machinesOf(study);
    for (const std::size_t cell : study.measured(series)) seen.insert(machines.of[study.cells[cell].provenance]);
    return seen.size() > 1;
}

profile::Profile profileOf(const ScalingStudy& study, std::size_t index) {
    const ScalingCell& cell = study.cells[index];
    profile::Profile profile;
    profile.model = study.models[cell.series.model];
    profile.model.compute_type = perfmamba::name(kernels::precisionFromName(cell.series.precision));
    if (cell.series.states > 0) {
        profile.model.config.d_state = cell.series.states;
        profile.model.config.state_sizes.clear();
    }
    profile.provenance = study.provenances[cell.provenance];
    profile.options = optionsOf(study.options, cell);
    profile.points = {cell.point};
    profile.complete = true;
    return profile;
}

profile::Options optionsOf(const ScalingOptions& options, const ScalingCell& cell) {
    profile::Options asked;
    asked.mode = cell.series.mode;
    asked.batch = cell.series.batch;
    asked.lengths = {cell.length};
    asked.threads = options.threads;
    asked.repeat = options.repeat;
    asked.bound = options.bound;
    asked.budget_s = options.budget_s;
    asked.seed = options.seed;
    return asked;
}

double PowerLaw::at(double length) const {
    return factor * std::pow(length, exponent);
}

PowerLaw fitPowerLaw(const std::vector<double>& lengths, const std::vector<double>& values) {
    PowerLaw law{kNaN, kNaN, kNaN, kNaN, kNaN, lengths.size()};
    const auto positive = [](double value) { return value > 0 && std::isfinite(value); };
    if (std::set<double>(lengths.begin(), lengths.end()).size() < 2 || !std::ranges::all_of(values, positive)) {
        return law;
    }
    std::vector<double> x, y;
    for (const double length : lengths) x.push_back(std::log(length));
    for (const double value : values) y.push_back(std::log(value));
    const double x_mean = mean(x), y_mean = mean(y);
    double xx = 0, xy = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xx += (x[i] - x_mean) * (x[i] - x_mean);
        xy += (x[i] - x_mean) * (y[i] - y_mean);
        yy += (y[i] - y_mean) * (y[i] - y_mean);
    }
    law.exponent = xy / xx;
    law.factor = std::exp(y_mean - law.exponent * x_mean);
    const double residual = std::max(0.0, yy - law.exponent * xy);
    // A constant is fitted by itself, whatever rounding leaves of its spread.
    constexpr double kNoSpread = 1e-24;
    law.r_squared = yy > kNoSpread ? 1 - residual / yy : 1;
    if (x.size() > 2) {
        const std::size_t degrees = x.size() - 2;
        const double half = profile::studentT(degrees) * std::sqrt(residual / static_cast<double>(degrees) / xx);
        law.exponent_ci_low = law.exponent - half;
        law.exponent_ci_high = law.exponent + half;
    }
    return law;
}

PowerLaw fitTime(const ScalingStudy& study, const Series& series) {
    return fit(study, series, [](const profile::Point& point) { return point.total.median; });
}

PowerLaw fitMemory(const ScalingStudy& study, const Series& series) {
    return fit(study, series,
               [](const profile::Point& point) { return static_cast<double>(point.memory.peak.total()); });
}

}  // namespace perfmamba::study
