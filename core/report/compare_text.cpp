#include "core/report/compare_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/report/table.h"
#include "core/report/text.h"
#include "core/report/utf8.h"

namespace perfmamba::report {
namespace {

using Json = nlohmann::json;
using profile::Change;
using profile::Comparison;
using profile::PointComparison;
using profile::Subject;
using profile::Verdict;

std::string formatDelta(const Change& change) {
    const double delta = change.delta();
    if (!std::isfinite(delta)) return "n/a";
    const double size = std::abs(delta);
    const std::string text = change.isTime() ? formatTime(size) : formatBytes(size);
    return delta > 0 ? "+" + text : delta < 0 ? "−" + text : text;
}

std::string intervalText(const profile::Ratio& ratio) {
    if (!ratio.known() || std::isnan(ratio.median)) return "n/a";
    return fmt::format("{} … {}", formatRatio(ratio.ci_low), formatRatio(ratio.ci_high));
}

// Text -----------------------------------------------------------------------------------------------------------

const TableRow kTimeHead = {"time of",       "before",       "after",       "Δ",    "ratio",
                            "95 % interval", "share before", "share after", "it is"};
const TableRow kMemoryHead = {"at the peak", "before", "after", "Δ", "ratio", "it is"};

TableRow timeRow(const Change& change) {
    return {subjectText(change),
            formatTime(change.before),
            formatTime(change.after),
            formatDelta(change),
            formatRatio(change.ratio.median),
            intervalText(change.ratio),
            formatPercent(change.share_before),
            formatPercent(change.share_after),
            std::string(verdictText(change))};
}

TableRow memoryRow(const Change& change) {
    return {subjectText(change), formatBytes(change.before),       formatBytes(change.after),
            formatDelta(change), formatRatio(change.ratio.median), std::string(verdictText(change))};
}

/// A line is ruled where what changed ends.
template <class Row>
std::string changeTable(const TableRow& head, std::vector<Change> changes, Row row) {
    std::ranges::stable_sort(changes, profile::changedMore);
    std::vector<TableRow> rows = {head};
    std::vector<std::size_t> ruled_before = {1};
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (i > 0 && changes[i - 1].differs() && !changes[i].differs()) ruled_before.push_back(rows.size());
        rows.push_back(row(changes[i]));
    }
    return alignedTable(rows, ruled_before);
}

template <class Wanted>
std::vector<Change> those(const PointComparison& point, Wanted wanted) {
    std::vector<Change> changes;
    std::ranges::copy_if(point.changes, std::back_inserter(changes), wanted);
    return changes;
}

std::string runText(const profile::Profile& run, const std::string& name) {
    const profile::Provenance& provenance = run.provenance;
    return fmt::format("{}: {}, taken {} on {} ({})", name, run.model.name, provenance.created, provenance.device,
                       provenance.host);
}

std::string passText(const Comparison& comparison, const PointComparison& point) {
    const Change& pass = *point.find(Subject::Pass);
    const profile::Options& options = comparison.after->options;
    std::string text = options.mode == profile::Mode::Prefill ? fmt::format("prefill of {}", point.length)
                                                              : fmt::format("decode after {}", point.length);
    text += fmt::format(" token{}, batch {}: {} {} before, {} after: {}", point.length == 1 ? "" : "s", options.batch,
                        formatTime(pass.before), timedName(options.mode), formatTime(pass.after), verdictText(pass));
    if (!pass.ratio.known()) return text + "\n";
    return text +
           fmt::format(", ratio {} (95 % interval {})\n", formatRatio(pass.ratio.median), intervalText(pass.ratio));
}

std::string headText(const Comparison& comparison, const std::string& before_name, const std::string& after_name) {
    std::string text = "before     " + runText(*comparison.before, before_name) + "\n";
    text += "after      " + runText(*comparison.after, after_name) + "\n";
    const char* title = "differs    ";
    for (const profile::Difference& difference : comparison.differences) {
        text += fmt::format("{}{}: {} before, {} after\n", title, difference.what, difference.before, difference.after);
        title = "           ";
    }
    title = "note       ";
    for (const std::string& note : comparison.notes) {
        text += title + note + "\n";
        title = "           ";
    }
    return text + title + kNotInTurn + "\n";
}

/// How much of it chance alone would bring about.
std::string countText(const Comparison& comparison, bool layers) {
    std::size_t compared = 0;
    std::size_t differ = 0;
    for (const PointComparison& point : comparison.points) {
        for (const Change& change : point.changes) {
            if (!change.isTime() || !change.ratio.known() || (change.subject == Subject::Layer && !layers)) continue;
            ++compared;
            if (change.differs()) ++differ;
        }
    }
    if (compared == 0) return {};
    return fmt::format("\nof {} time{} compared {} differ{}; 1 in 20 would by chance alone\n", compared,
                       compared == 1 ? "" : "s", differ, differ == 1 ? "s" : "");
}

// CSV and JSON ---------------------------------------------------------------------------------------------------

constexpr const char* kCsvHead =
    "mode,batch,length,subject,layer,component,stage,memory,unit,before,after,delta,ratio,ci_low,ci_high,n,share_"
    "before,"
    "share_after,verdict\r\n";

std::string_view nameOf(Subject subject) {
    switch (subject) {
        case Subject::Pass: return "pass";
        case Subject::Unrecorded: return "pass_not_recorded";
        case Subject::Component: return "component";
        case Subject::Stage: return "stage";
        case Subject::Layer: return "layer";
        case Subject::MemoryKind: return "memory";
        case Subject::MemoryPeak: return "memory_peak";
        case Subject::Reserved: return "memory_reserved";
    }
    return {};
}

bool hasComponent(const Change& change) {
    return change.subject == Subject::Component || change.subject == Subject::Stage || change.subject == Subject::Layer;
}

std::string cell(double value) {
    return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}

std::string csvRow(const std::string& workload, const Change& change) {
    const bool layer = change.subject == Subject::Layer;
    std::string row = fmt::format(
        "{},{},{},{},{},{},{}", workload, nameOf(change.subject), layer ? fmt::format("{}", change.layer) : "",
        hasComponent(change) ? name(change.component) : "", change.subject == Subject::Stage ? name(change.stage) : "",
        change.subject == Subject::MemoryKind ? name(change.kind) : "", change.isTime() ? "us" : "bytes");
    for (const double value : {change.before, change.after, change.delta(), change.ratio.median}) {
        row += "," + cell(value);
    }
    const bool interval = change.isTime() && change.ratio.known();
    row += interval ? fmt::format(",{},{}", cell(change.ratio.ci_low), cell(change.ratio.ci_high)) : ",,";
    row += "," + (change.isTime() ? fmt::format("{}", change.ratio.pairs) : std::string());
    return row + fmt::format(",{},{},{}\r\n", cell(change.share_before), cell(change.share_after), verdictText(change));
}

Json jsonOf(const Change& change) {
    Json object = {{"subject", nameOf(change.subject)}, {"unit", change.isTime() ? "us" : "bytes"},
                   {"before", change.before},           {"after", change.after},
                   {"delta", change.delta()},           {"ratio", change.ratio.median},
                   {"verdict", verdictText(change)}};
    if (hasComponent(change)) {
        object["component"] = name(change.component);
        object["share_before"] = change.share_before;
        object["share_after"] = change.share_after;
    }
    if (change.subject == Subject::Stage) object["stage"] = name(change.stage);
    if (change.subject == Subject::Layer) object["layer"] = change.layer;
    if (change.subject == Subject::MemoryKind) object["memory"] = name(change.kind);
    if (!change.isTime()) return object;
    object["n"] = change.ratio.pairs;
    object["ci_low"] = change.ratio.known() ? Json(change.ratio.ci_low) : Json();
    object["ci_high"] = change.ratio.known() ? Json(change.ratio.ci_high) : Json();
    return object;
}

Json jsonOf(const profile::Profile& run) {
    return {{"model", toPlainUtf8(run.model.name)},           {"hash", toPlainUtf8(run.model.hash)},
            {"device", toPlainUtf8(run.provenance.device)},   {"host", toPlainUtf8(run.provenance.host)},
            {"created", toPlainUtf8(run.provenance.created)}, {"command", toPlainUtf8(run.provenance.command)}};
}

}  // namespace

std::string_view verdictText(const Change& change) {
    switch (change.verdict) {
        case Verdict::Less: return change.isTime() ? "faster" : "less";
        case Verdict::More: return change.isTime() ? "slower" : "more";
        case Verdict::Same: return change.isTime() ? "no difference measured" : "the same";
        case Verdict::TooFew: return "too few passes to tell";
        case Verdict::Unmatched: return std::isnan(change.before) ? "only after" : "only before";
    }
    return {};
}

std::string subjectText(const Change& change) {
    switch (change.subject) {
        case Subject::Pass: return "whole pass";
        case Subject::Unrecorded: return "pass, not recorded";
        case Subject::Component: return std::string(name(change.component));
        case Subject::Stage: return fmt::format("{}: {}", name(change.component), name(change.stage));
        case Subject::Layer: return fmt::format("{} {}", change.layer, name(change.component));
        case Subject::MemoryKind: return std::string(name(change.kind));
        case Subject::MemoryPeak: return "in all";
        case Subject::Reserved: return "held from the system";
    }
    return {};
}

std::string comparisonText(const Comparison& comparison, const std::string& before_name, const std::string& after_name,
                           bool layers) {
    std::string text = headText(comparison, before_name, after_name);
    for (const PointComparison& point : comparison.points) {
        const auto parts = [](const Change& c) { return c.isTime() && c.subject != Subject::Layer; };
        const auto in_layers = [](const Change& c) { return c.subject == Subject::Layer; };
        const auto memory = [](const Change& c) { return !c.isTime(); };
        text +=
            fmt::format("\n{}\n{}", passText(comparison, point), changeTable(kTimeHead, those(point, parts), timeRow));
        if (const std::vector<Change> rows = those(point, in_layers); layers && !rows.empty()) {
            text += "\n" + changeTable(kTimeHead, rows, timeRow);
        }
        text += "\n" + changeTable(kMemoryHead, those(point, memory), memoryRow);
    }
    return text + countText(comparison, layers);
}

std::string comparisonCsv(const Comparison& comparison) {
    std::string text = kCsvHead;
    const profile::Options& options = comparison.after->options;
    for (const PointComparison& point : comparison.points) {
        const std::string workload = fmt::format("{},{},{}", name(options.mode), options.batch, point.length);
        for (const Change& change : point.changes) text += csvRow(workload, change);
    }
    return text;
}

Json comparisonJson(const Comparison& comparison) {
    const profile::Options& options = comparison.after->options;
    Json object = {{"before", jsonOf(*comparison.before)},
                   {"after", jsonOf(*comparison.after)},
                   {"mode", name(options.mode)},
                   {"batch", options.batch}};
    object["differences"] = Json::array();
    for (const profile::Difference& difference : comparison.differences) {
        object["differences"].push_back({{"what", difference.what},
                                         {"before", toPlainUtf8(difference.before)},
                                         {"after", toPlainUtf8(difference.after)}});
    }
    object["notes"] = comparison.notes;
    object["notes"].push_back(kNotInTurn);
    object["points"] = Json::array();
    for (const PointComparison& point : comparison.points) {
        Json changes = Json::array();
        for (const Change& change : point.changes) changes.push_back(jsonOf(change));
        object["points"].push_back({{"length", point.length}, {"changes", std::move(changes)}});
    }
    return object;
}

}  // namespace perfmamba::report
