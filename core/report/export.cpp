// Text for programs: CSV and JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/profile/floors.h"
#include "core/report/layout.h"
#include "core/report/member_writer.h"
#include "core/report/report.h"
#include "core/report/text.h"
#include "core/report/utf8.h"

namespace perfmamba::report {
namespace {

using Json = nlohmann::json;

constexpr const char* kCsvHead =
    "mode,batch,length,layer,component,median_us,mad_us,p5_us,p95_us,ci_low_us,ci_high_us,n,share,calls,flops,"
    "gflop_per_s,bytes,gb_per_s,peak_bytes,counted_kernels,counted_us,dram_read_bytes,dram_written_bytes,dram_percent,"
    "occupancy_percent,tensor_instructions,instructions,exponentials,floor_us,of_floor,floor_bound,in_cache,"
    "tokens_per_second\r\n";

constexpr std::size_t kCostColumns = 19;  // from calls to in_cache

/// Shortest text that reads back as the same number; empty where there is none.
std::string cell(double value) {
    return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}

/// `row` is named and timed; its last column is the tokens a second of a whole pass.
void appendCsv(std::string& text, const std::string& row, const profile::Summary& time, double share,
               const std::string& rest, double tokens_per_second = std::nan("")) {
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\r\n", row, cell(time.median), cell(time.mad), cell(time.p5),
                        cell(time.p95), cell(time.ci_low), cell(time.ci_high), time.n(), cell(share), rest,
                        cell(tokens_per_second));
}

/// The columns of a component, or of the whole pass, behind its share.
std::string costCells(const profile::Profile& profile, const profile::Point& point, const profile::ComponentCost& cost,
                      const KernelCounts& counts) {
    const bool counted = cost.calls > 0;  // 'other' has none, nor has a pass that was not recorded
    const double time = cost.time.median;
    const double flops = counted ? cost.flops : std::nan("");
    const double bytes = counted ? cost.bytes : std::nan("");
    std::string text = fmt::format("{},{},{},{},{},{},", cost.calls, cell(flops), cell(gigaPerSecond(flops, time)),
                                   cell(bytes), cell(gigaPerSecond(bytes, time)), cost.peak_bytes);
    text += counts.kernels > 0 ? fmt::format("{}", counts.kernels) : "";
    layout::Columns<KernelCounts>::visitCounts(
        [&](const char*, const About&, auto field) { text += "," + cell(field(counts)); });
    const bool floored = cost.bound != profile::Bound::None;
    return text + fmt::format(",{},{},{},{},{}", counted ? cell(cost.exponentials) : "", cell(cost.floor_us),
                              cell(profile::ofFloor(cost)), floored ? name(cost.bound) : "",
                              floored ? fmt::format("{:d}", profile::inCache(profile, point, cost)) : "");
}

Json jsonOf(const profile::Summary& time) {
    return {{"median_us", time.median}, {"mad_us", time.mad},         {"p5_us", time.p5}, {"p95_us", time.p95},
            {"ci_low_us", time.ci_low}, {"ci_high_us", time.ci_high}, {"n", time.n()}};
}

Json jsonOf(const profile::Profile& profile, const profile::Point& point, const profile::ComponentCost& cost) {
    Json object = jsonOf(cost.time);
    object["component"] = name(cost.component);
    if (cost.layer != kNoLayer) object["layer"] = cost.layer;
    object["share"] = cost.share;
    object["calls"] = cost.calls;
    const bool counted = cost.component != Component::Other;
    object["flops"] = counted ? Json(cost.flops) : Json();
    object["bytes"] = counted ? Json(cost.bytes) : Json();
    object["exponentials"] = counted ? Json(cost.exponentials) : Json();
    object["floor_us"] = cost.floor_us;
    object["of_floor"] = profile::ofFloor(cost);
    object["floor_bound"] = name(cost.bound);
    object["in_cache"] = profile::inCache(profile, point, cost);
    object["peak_bytes"] = cost.peak_bytes;
    return object;
}

Json jsonOf(const profile::StageCost& stage) {
    Json object = jsonOf(stage.time);
    object["component"] = name(stage.component);
    object["stage"] = name(stage.stage);
    object["share"] = stage.share;
    return object;
}

Json jsonOf(const KernelRun& run) {
    Json object = {{"name", toPlainUtf8(run.name)}, {"kind", name(run.kind)},   {"component", name(run.component)},
                   {"stage", name(run.stage)},      {"begin_us", run.begin_us}, {"end_us", run.end_us}};
    if (run.layer != kNoLayer) object["layer"] = run.layer;
    if (run.kind == RunKind::Kernel) {
        object["grid"] = run.grid;
        object["block"] = run.block;
        object["registers"] = run.registers;
        object["shared_bytes"] = run.shared_bytes;
    } else if (run.kind != RunKind::Overhead) {
        object["bytes"] = run.bytes;
    }
    return object;
}

Json jsonOf(const KernelCounts& counts) {
    Json object = {{"component", name(counts.component)}, {"kernels", counts.kernels}};
    if (!counts.name.empty()) {
        object["name"] = toPlainUtf8(counts.name);
        object["stage"] = name(counts.stage);
        if (counts.layer != kNoLayer) object["layer"] = counts.layer;
    }
    layout::Columns<KernelCounts>::visitCounts(
        [&](const char* member, const About&, auto field) { object[member] = field(counts); });
    object["tensor_share"] = counts.tensorShare();
    return object;
}

Json jsonOf(const study::Evidence& evidence) {
    return {{"what", evidence.what},     {"text", evidence.text},       {"value", evidence.value},
            {"ci_low", evidence.ci_low}, {"ci_high", evidence.ci_high}, {"basis", name(evidence.basis)},
            {"length", evidence.length}};
}

Json jsonOf(const study::Advice& advice) {
    Json object = {
        {"topic", name(advice.topic)}, {"sentence", advice.sentence}, {"win", advice.win}, {"length", advice.length}};
    if (advice.component) object["component"] = name(*advice.component);
    object["evidence"] = Json::array();
    for (const study::Evidence& evidence : advice.evidence) object["evidence"].push_back(jsonOf(evidence));
    return object;
}

template <class Row>
Json listOf(const std::vector<Row>& rows) {
    Json list = Json::array();
    for (const Row& row : rows) list.push_back(jsonOf(row));
    return list;
}

Json jsonOf(const MemoryUse& use) {
    Json object;
    for (const MemoryKind kind : kMemoryKinds) object[std::string(name(kind))] = use[kind];
    object["total"] = use.total();
    return object;
}

/// Each component's sum, then the kernels inside them.
Json countersOf(const profile::Point& point) {
    Json object;
    layout::visitCounted(point.counted, MemberWriter{object});
    object["components"] = Json::array();
    for (const Component component : kComponents) {
        const KernelCounts counts = point.countsOf(component);
        if (counts.kernels > 0) object["components"].push_back(jsonOf(counts));
    }
    object["kernels"] = listOf(point.counted.kernels);
    return object;
}

Json jsonOf(const profile::Profile& profile, const profile::Point& point) {
    Json object;
    layout::visitPoint(point, MemberWriter{object});
    object["cut_short"] = point.cut_short;
    object["overhead_differs"] = point.overhead.differs();
    object["total"] = jsonOf(point.total);
    object["total"]["samples_us"] = point.total.samples;
    object["untraced"] = jsonOf(point.untraced);
    object["untraced"]["samples_us"] = point.untraced.samples;
    object["floor_us"] = profile::floorOfPass(point);
    const auto costs = [&](const std::vector<profile::ComponentCost>& rows) {
        Json list = Json::array();
        for (const profile::ComponentCost& cost : rows) list.push_back(jsonOf(profile, point, cost));
        return list;
    };
    object["components"] = costs(point.components);
    object["layers"] = costs(point.layers);
    object["stages"] = listOf(point.stages);
    layout::visitTrace(point, MemberWriter{object["trace"]});
    object["last_kernels"] = listOf(point.last_kernels);
    layout::visitDeviceUse(point.device_use, MemberWriter{object["device_use"]});
    object["counters"] = countersOf(point);

    Json memory;
    layout::visitMemory(point.memory, MemberWriter{memory});
    memory["peak"] = jsonOf(point.memory.peak);
    memory["at_start"] = jsonOf(point.memory.at_start);
    object["memory"] = std::move(memory);
    return object;
}

}  // namespace

std::string csv(const profile::Profile& profile) {
    std::string text = kCsvHead;
    for (const profile::Point& point : profile.points) {
        const std::string workload =
            fmt::format("{},{},{}", name(profile.options.mode), profile.options.batch, point.length);
        const auto append = [&](const std::string& layer, const profile::ComponentCost& cost) {
            appendCsv(text, fmt::format("{},{},{}", workload, layer, name(cost.component)), cost.time, cost.share,
                      costCells(profile, point, cost, point.countsOf(cost.component, cost.layer)));
        };
        for (const profile::ComponentCost& cost : point.components) append("all", cost);
        for (const profile::ComponentCost& cost : point.layers) {
            // What lies outside the layers is in the rows above already.
            if (cost.layer != kNoLayer) append(fmt::format("{}", cost.layer), cost);
        }
        for (const profile::StageCost& stage : point.stages) {
            appendCsv(text, fmt::format("{},stages,{}/{}", workload, name(stage.component), name(stage.stage)),
                      stage.time, stage.share, std::string(kCostColumns - 1, ','));
        }
        const profile::ComponentCost whole = point.whole();
        appendCsv(text, workload + ",pass,total", whole.time, whole.share,
                  costCells(profile, point, whole, sumOf(point.counted.kernels, {})), point.tokens_per_second);
    }
    return text;
}

nlohmann::json modelJson(const profile::ModelSummary& model) {
    Json object;
    layout::visitModel(model, MemberWriter{object});
    layout::visitChunk(model, MemberWriter{object});
    object["name"] = toPlainUtf8(model.name);
    object["hash"] = toPlainUtf8(model.hash);
    return object;
}

nlohmann::json provenanceJson(const profile::Provenance& provenance) {
    Json object;
    layout::visitProvenance(provenance, MemberWriter{object});
    layout::visitTracing(provenance, MemberWriter{object});
    object["ceilings"] = Json();
    if (provenance.ceilings) layout::visitCeilings(*provenance.ceilings, MemberWriter{object["ceilings"]});
    return object;
}

nlohmann::json pointJson(const profile::Profile& profile, const profile::Point& point) {
    return jsonOf(profile, point);
}

nlohmann::json json(const profile::Profile& profile) {
    Json object = provenanceJson(profile.provenance);
    object["format_name"] = kFormatName;
    object["format_version"] = kFormatVersion;
    object["complete"] = profile.complete;
    layout::visitModelName(profile.model, MemberWriter{object});
    object["seed"] = profile.options.seed;
    object["model"] = modelJson(profile.model);
    layout::visitOptions(profile.options, MemberWriter{object["options"]});
    object["options"]["lengths"] = profile.options.lengths;
    object["options"]["trace"] = name(profile.options.trace);
    object["options"]["counters"] = profile.options.counters;
    object["points"] = Json::array();
    for (const profile::Point& point : profile.points) object["points"].push_back(jsonOf(profile, point));
    object["advice"] = listOf(study::adviseOn(profile));
    return object;
}

}  // namespace perfmamba::report
