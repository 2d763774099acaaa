// Tables for people. JSON and CSV are in scaling_export.cpp.
#include "core/report/scaling_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/profile/floors.h"
#include "core/report/table.h"
#include "core/report/text.h"
#include "core/report/utf8.h"

namespace perfmamba::report {
namespace {

using study::CellState;
using study::ScalingCell;
using study::ScalingStudy;
using study::Series;

constexpr const char* kMixed =
    "note: these cells were measured on several kinds of machine, or by several programs or drivers; their times are "
    "no curve\n";

std::string intervalText(const profile::Summary& time) {
    return fmt::format("{} … {}", formatTime(time.ci_low), formatTime(time.ci_high));
}

double peakOf(const ScalingCell& cell) {
    return static_cast<double>(cell.point.memory.peak.total());
}

double ofFloor(const ScalingCell& cell) {
    return profile::floorOfPass(cell.point) / cell.point.total.median;
}

std::vector<const ScalingCell*> cellsOf(const ScalingStudy& study, const Series& series) {
    std::vector<const ScalingCell*> cells;
    for (const ScalingCell& cell : study.cells) {
        if (cell.series == series) cells.push_back(&cell);
    }
    return cells;
}

// The header ------------------------------------------------------------------------------------------------------

std::string modelText(const profile::ModelSummary& model) {
    return fmt::format("{} ({}, N = {}), {}", toPlainUtf8(model.name), name(model.config.architecture),
                       model::stateSizeText(model.config), model.hash);
}

/// "example", "2 hosts of one kind: a, b".
std::string hostsText(const ScalingStudy& study, const study::Machines& machines, std::size_t machine) {
    std::set<std::string> hosts;
    for (std::size_t i = 0; i < machines.of.size(); ++i) {
        if (machines.of[i] == machine) hosts.insert(toPlainUtf8(study.provenances[i].host));
    }
    return fmt::format("{}{}", hosts.size() > 1 ? fmt::format("{} hosts of one kind: ", hosts.size()) : "",
                       fmt::join(hosts, ", "));
}

/// Beside others it says all that makes a kind.
std::string machineText(const ScalingStudy& study, const study::Machines& machines, std::size_t machine) {
    const profile::Provenance& provenance = study.provenances[machines.first[machine]];
    std::string text = fmt::format("{} ({}), {}{}, on {}", toPlainUtf8(provenance.device), provenance.device_id,
                                   provenance.instructions,
                                   provenance.threads > 0 ? fmt::format(", {} threads", provenance.threads) : "",
                                   hostsText(study, machines, machine));
    if (machines.first.size() == 1) return text;
    for (const std::string& fact :
         {provenance.operating_system, provenance.creator, provenance.tracer, provenance.sensors}) {
        if (!fact.empty()) text += ", " + toPlainUtf8(fact);
    }
    return text;
}

std::string measuredText(const study::ScalingOptions& options) {
    if (options.repeat > 0) return fmt::format("{} recorded passes of each cell", options.repeat);
    return fmt::format("until the median's 95 % interval is within ±{:g} %, for at most {:g} s of each cell",
                       options.bound * 100, options.budget_s);
}

std::string cellsText(const ScalingStudy& study) {
    const auto count = [&](CellState state) { return std::ranges::count(study.cells, state, &ScalingCell::state); };
    std::string text = fmt::format("{} of {} measured", count(CellState::Measured), study.cells.size());
    if (count(CellState::Failed) > 0) text += fmt::format(", {} failed", count(CellState::Failed));
    if (study.shards > 1) text += fmt::format("; this is shard {} of {}", study.shard, study.shards);
    if (!study.complete) text += "; the study is not complete";
    return text;
}

// A curve -----------------------------------------------------------------------------------------------------------

std::string lawText(const char* what, const study::PowerLaw& law) {
    if (std::isnan(law.exponent)) return {};
    std::string text = fmt::format("{} ∝ length^{}", what, exponentText(law.exponent));
    if (std::isnan(law.exponent_ci_low)) return text + " (two lengths: no interval)";
    return text + fmt::format(" ({} … {}, R² {:.3f})", exponentText(law.exponent_ci_low),
                              exponentText(law.exponent_ci_high), law.r_squared);
}

std::string fitsText(const ScalingStudy& study, const Series& series) {
    const std::string time = lawText("time", study::fitTime(study, series));
    if (time.empty()) return {};
    return fmt::format("{}; {}\n", time, lawText("peak memory", study::fitMemory(study, series)));
}

/// Which lengths of a curve have no numbers, and why.
std::string gapsText(const std::vector<const ScalingCell*>& cells) {
    std::map<std::string, std::vector<std::int64_t>> lengths;
    for (const ScalingCell* cell : cells) {
        if (cell->state == CellState::Waiting) lengths["not measured"].push_back(cell->length);
        if (cell->state == CellState::Failed) lengths["failed: " + toPlainUtf8(cell->failure)].push_back(cell->length);
    }
    std::string text;
    for (const auto& [why, of] : lengths) text += fmt::format("{} {}\n", fmt::join(of, ", "), why);
    return text;
}

std::string curveText(const ScalingStudy& study, const Series& series, const study::Machines& machines) {
    const bool several = machines.first.size() > 1;
    const std::vector<const ScalingCell*> cells = cellsOf(study, series);
    std::vector<TableRow> rows = {{"length", "time", "95 % interval", "tokens/s", "floor", "of floor", "peak memory"}};
    if (several) rows.front().emplace_back("device");
    for (const ScalingCell* cell : cells) {
        if (cell->state != CellState::Measured) continue;
        rows.push_back({fmt::format("{}", cell->length), formatTime(cell->point.total.median),
                        intervalText(cell->point.total), formatCount(cell->point.tokens_per_second),
                        formatTime(profile::floorOfPass(cell->point)), formatPercent(ofFloor(*cell)),
                        formatBytes(peakOf(*cell))});
        if (several) rows.back().push_back(fmt::format("{}", machines.of[cell->provenance] + 1));
    }
    std::string text = fmt::format("\n{}\n\n", toPlainUtf8(inWords(study, series)));
    if (rows.size() > 1) text += alignedTable(rows, {1}, 0);
    text += gapsText(cells) + fitsText(study, series);
    return study::mixesMachines(study, series) ? text + kMixed : text;
}

// What states cost --------------------------------------------------------------------------------------------------

std::string statesText(const ScalingStudy& study, const Series& series) {
    std::vector<TableRow> rows = {{"length", "N", "time", "95 % interval", "× own N", "floor", "of floor"}};
    std::vector<std::size_t> ruled;
    const study::Machines machines = study::machinesOf(study);
    std::set<std::size_t> seen;
    for (const ScalingCell* cell : cellsOf(study, series)) {
        const std::vector<const ScalingCell*> cells = otherStates(study, *cell);
        const auto own =
            std::ranges::find_if(cells, [&](const ScalingCell* other) { return study.hasOwnStates(other->series); });
        if (!cells.empty()) ruled.push_back(rows.size());
        for (const ScalingCell* other : cells) {
            const profile::Summary& time = other->point.total;
            const double ratio = own == cells.end() ? std::nan("") : time.median / (*own)->point.total.median;
            seen.insert(machines.of[other->provenance]);
            rows.push_back({fmt::format("{}", other->length), statesName(study, other->series), formatTime(time.median),
                            intervalText(time), formatNumber(ratio), formatTime(profile::floorOfPass(other->point)),
                            formatPercent(ofFloor(*other))});
        }
    }
    if (rows.size() == 1) return {};
    Series shown = series;
    shown.states = 0;
    return fmt::format("\nwhat d_state costs: {}\n\n{}{}", toPlainUtf8(inWords(study, shown)),
                       alignedTable(rows, ruled, 0), seen.size() > 1 ? kMixed : "");
}

std::string fewPassesText(const ScalingStudy& study) {
    constexpr std::size_t kFewest = 6;  // that have an interval
    const bool few = std::ranges::any_of(study.cells, [](const ScalingCell& cell) {
        return cell.state == CellState::Measured && cell.point.total.n() < kFewest;
    });
    return few ? "Where fewer than six passes were taken, their whole range stands for the interval.\n" : "";
}

/// Whether memory sets the floor of the cell's largest component, and caches serve it.
bool isCached(const ScalingStudy& study, std::size_t index) {
    const ScalingCell& cell = study.cells[index];
    if (cell.state != CellState::Measured || cell.point.components.empty()) return false;
    const auto largest = std::ranges::max_element(cell.point.components, {}, &profile::ComponentCost::share);
    return profile::inCache(profileOf(study, index), cell.point, *largest);
}

/// What a floor of memory is not a floor of.
std::string cacheText(const ScalingStudy& study) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < study.cells.size(); ++i) count += isCached(study, i) ? 1 : 0;
    if (count == 0) return {};
    return fmt::format(
        "In {} of {} cells caches serve the largest component, and are faster than the memory that its floor is of.\n",
        count, study.cells.size());
}

}  // namespace

std::vector<HeaderLine> headerLines(const ScalingStudy& study) {
    const study::Machines machines = study::machinesOf(study);
    std::vector<HeaderLine> lines;
    for (const profile::ModelSummary& model : study.models) lines.push_back({"model", modelText(model)});
    for (std::size_t i = 0; i < machines.first.size(); ++i) {
        const std::string title = machines.first.size() > 1 ? fmt::format("device {}", i + 1) : "device";
        lines.push_back({title, machineText(study, machines, i)});
    }
    lines.push_back({"measured", measuredText(study.options)});
    for (const profile::Provenance& provenance : study.provenances) {
        lines.push_back(
            {"taken", fmt::format("{} by {}{}{}", provenance.created, toPlainUtf8(provenance.creator),
                                  provenance.command.empty() ? "" : ": ", toPlainUtf8(provenance.command))});
    }
    lines.push_back({"cells", cellsText(study)});
    return lines;
}

std::string exponentText(double exponent) {
    return fmt::format("{:.2f}", std::abs(exponent) < 0.005 ? 0.0 : exponent);
}

std::vector<const ScalingCell*> otherStates(const ScalingStudy& study, const ScalingCell& cell) {
    std::vector<const ScalingCell*> found;
    for (const ScalingCell& other : study.cells) {
        Series series = other.series;
        series.states = cell.series.states;
        const bool same = series == cell.series && other.length == cell.length;
        if (same && other.state == CellState::Measured) found.push_back(&other);
    }
    std::ranges::stable_sort(found, {}, [&](const ScalingCell* c) { return study.statesOf(c->series); });
    return found;
}

std::string statesName(const ScalingStudy& study, const Series& series) {
    if (!study.hasOwnStates(series)) return fmt::format("{}", series.states);
    return "own " + model::stateSizeText(study.models[series.model].config);
}

std::string scalingText(const ScalingStudy& study) {
    const study::Machines machines = study::machinesOf(study);
    std::string text;
    for (const auto& [title, value] : headerLines(study)) text += fmt::format("{:11}{}\n", title, value);
    const std::vector<Series> all = study.series();
    for (const Series& series : all) text += curveText(study, series, machines);
    text +=
        "\nTimes are medians of a pass: over the whole prompt in prefill, of one token after it in decode. The floor "
        "is "
        "what a pass\nneeds at least, by the device's ceilings. Exponents are fitted to the logarithms; in parentheses "
        "their 95 % interval.\n" +
        fewPassesText(study) + cacheText(study);
    if (study.options.states.size() < 2) return text;
    for (const Series& series : all) {
        if (series.states == study.options.states.front()) text += statesText(study, series);
    }
    return text +
           "\nFewer states are compacted from the model's weights, more are of random weights. Ratios are of medians "
           "that "
           "were not\ntaken in turn.\n";
}

}  // namespace perfmamba::report
