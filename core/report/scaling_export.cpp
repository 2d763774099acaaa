// What programs read: JSON and CSV.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/profile/floors.h"
#include "core/report/layout.h"
#include "core/report/report.h"
#include "core/report/scaling_text.h"
#include "core/report/text.h"
#include "core/report/utf8.h"

namespace perfmamba::report {
namespace {

using Json = nlohmann::json;
using study::CellState;
using study::ScalingCell;
using study::ScalingStudy;

/// As RFC 4180 quotes it.
std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : toPlainUtf8(text)) result += c == '"' ? "\"\"" : std::string(1, c);
    return result + "\"";
}

std::string field(double value) {
    return std::isfinite(value) ? fmt::format(",{}", value) : ",";
}

Json jsonOf(const study::PowerLaw& law) {
    return {{"exponent", law.exponent},
            {"exponent_ci_low", law.exponent_ci_low},
            {"exponent_ci_high", law.exponent_ci_high},
            {"factor", law.factor},
            {"r_squared", law.r_squared},
            {"points", law.points}};
}

Json jsonOf(const ScalingStudy& study, const study::Series& series) {
    return {{"model", series.model},     {"model_name", toPlainUtf8(study.models[series.model].name)},
            {"device", series.device},   {"precision", series.precision},
            {"mode", name(series.mode)}, {"batch", series.batch},
            {"states", series.states},   {"n", study.statesOf(series)}};
}

}  // namespace

std::string scalingCsv(const ScalingStudy& study) {
    std::string text =
        "model,model_hash,states,n,device,precision,mode,batch,length,state,failure,host,device_name,threads,median_us,"
        "mad_us,ci_low_us,ci_high_us,samples,converged,tokens_per_second,floor_us,of_floor,peak_bytes";
    for (const MemoryKind kind : kMemoryKinds) text += fmt::format(",peak_{}_bytes", name(kind));
    for (const Component component : kComponents) text += fmt::format(",share_{}", name(component));
    text += "\r\n";
    const std::size_t numbers = 13 + kMemoryKindCount + kComponents.size();
    for (const ScalingCell& cell : study.cells) {
        const study::Series& series = cell.series;
        const profile::ModelSummary& model = study.models[series.model];
        text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}", quoted(model.name), model.hash, series.states,
                            study.statesOf(series), series.device, series.precision, name(series.mode), series.batch,
                            cell.length, name(cell.state), cell.failure.empty() ? "" : quoted(cell.failure));
        if (cell.state != CellState::Measured) {
            text += std::string(numbers, ',') + "\r\n";
            continue;
        }
        const profile::Provenance& provenance = study.provenances[cell.provenance];
        const profile::Point& point = cell.point;
        const double floor = profile::floorOfPass(point);
        text += fmt::format(",{},{},{}", quoted(provenance.host), quoted(provenance.device), provenance.threads);
        for (const double value : {point.total.median, point.total.mad, point.total.ci_low, point.total.ci_high}) {
            text += field(value);
        }
        text += fmt::format(",{},{:d}", point.total.n(), point.converged);
        for (const double value : {point.tokens_per_second, floor, floor / point.total.median}) text += field(value);
        text += fmt::format(",{}", point.memory.peak.total());
        for (const MemoryKind kind : kMemoryKinds) text += fmt::format(",{}", point.memory.peak[kind]);
        for (const Component component : kComponents) {
            const profile::ComponentCost* cost = point.find(component);
            text += field(cost ? cost->share : std::nan(""));
        }
        text += "\r\n";
    }
    return text;
}

Json scalingJson(const ScalingStudy& study) {
    Json object = {{"format_name", kFormatName}, {"format_version", kFormatVersion}, {"content", "scaling"},
                   {"identity", study.identity}, {"complete", study.complete},       {"shard", study.shard},
                   {"shards", study.shards},     {"models", Json::array()},          {"provenances", Json::array()}};
    for (const profile::ModelSummary& model : study.models) object["models"].push_back(modelJson(model));
    for (const profile::Provenance& provenance : study.provenances) {
        object["provenances"].push_back(provenanceJson(provenance));
    }
    const study::ScalingOptions& options = study.options;
    Json modes = Json::array();
    for (const profile::Mode mode : options.modes) modes.push_back(name(mode));
    object["options"] = {{"lengths", options.lengths}, {"modes", modes},
                         {"batches", options.batches}, {"precisions", options.precisions},
                         {"devices", options.devices}, {"states", options.states},
                         {"threads", options.threads}, {"repeat", options.repeat},
                         {"bound", options.bound},     {"budget_s", options.budget_s},
                         {"seed", options.seed}};
    object["cells"] = Json::array();
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        const ScalingCell& cell = study.cells[i];
        Json row = jsonOf(study, cell.series);
        row["length"] = cell.length;
        row["state"] = name(cell.state);
        if (cell.state == CellState::Failed) row["failure"] = toPlainUtf8(cell.failure);
        if (cell.state == CellState::Measured) {
            row["provenance"] = cell.provenance;
            row["point"] = pointJson(profileOf(study, i), cell.point);
        }
        object["cells"].push_back(std::move(row));
    }
    object["fits"] = Json::array();
    for (const study::Series& series : study.series()) {
        Json row = jsonOf(study, series);
        row["time"] = jsonOf(fitTime(study, series));
        row["peak_memory"] = jsonOf(fitMemory(study, series));
        row["mixes_machines"] = mixesMachines(study, series);
        object["fits"].push_back(std::move(row));
    }
    return object;
}

}  // namespace perfmamba::report
