// What programs read: JSON and CSV.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/report/member_writer.h"
#include "core/report/pruning_text.h"
#include "core/report/study_layout.h"
#include "core/report/text.h"
#include "core/report/utf8.h"

namespace perfmamba::report {
namespace {

using Json = nlohmann::json;

/// JSON knows no NaN: what is not known is null.
Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json();
}
Json numbers(const std::vector<double>& values) {
    Json list = Json::array();
    for (const double value : values) list.push_back(number(value));
    return list;
}
Json json(const evaluate::Estimate& estimate) {
    return {{"value", number(estimate.value)}, {"standard_error", number(estimate.standard_error)}};
}
Json json(const profile::Ratio& ratio) {
    return {{"median", number(ratio.median)},
            {"ci_low", number(ratio.ci_low)},
            {"ci_high", number(ratio.ci_high)},
            {"pairs", ratio.pairs}};
}
Json json(const profile::Summary& time) {
    return {{"median_us", number(time.median)},
            {"mad_us", number(time.mad)},
            {"ci_low_us", number(time.ci_low)},
            {"ci_high_us", number(time.ci_high)},
            {"n", time.n()}};
}
Json json(const prune::Facts& facts) {
    return {{"states", facts.states},
            {"states_kept", facts.states_kept},
            {"state_bytes", facts.state_bytes},
            {"state_bytes_kept", facts.state_bytes_kept},
            {"weight_bytes", facts.weight_bytes},
            {"weight_bytes_kept", facts.weight_bytes_kept},
            {"score_lost", number(facts.score_lost)}};
}
Json json(const study::Speed& speed) {
    return {{"mode", name(speed.workload.mode)},
            {"batch", speed.workload.batch},
            {"length", speed.workload.length},
            {"before", json(speed.before)},
            {"after", json(speed.after)},
            {"speed_up", json(speed.speed_up)},
            {"bytes_ratio", number(speed.bytes_ratio)},
            {"peak_bytes_before", speed.peak_bytes_before},
            {"peak_bytes_after", speed.peak_bytes_after}};
}

Json json(const study::Options& options) {
    Json object = {{"criteria", options.criteria}, {"shares", options.shares}, {"workloads", Json::array()}};
    layout::visitStudyOptions(options, MemberWriter{object});
    layout::visitTextOptions(options, MemberWriter{object});
    for (const study::Workload& workload : options.workloads) {
        Json& row = object["workloads"].emplace_back();
        layout::Columns<study::Workload>::visit(
            [&](const char* member, const About&, auto field) { MemberWriter{row}(member, field(workload)); });
    }
    return object;
}

/// As RFC 4180 quotes it.
std::string csvText(const std::string& text) {
    if (text.empty()) return {};
    std::string quoted = "\"";
    for (const char c : toPlainUtf8(text)) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
}

}  // namespace

Json activityJson(const activity::Activity& activity) {
    Json object = {{"model", {{"name", toPlainUtf8(activity.model.name)}, {"hash", activity.model.hash}}},
                   {"tokens", toPlainUtf8(activity.tokens)},
                   {"tokens_hash", activity.tokens_hash},
                   {"tokens_made", toPlainUtf8(activity.tokens_made)},
                   {"sequences", activity.sequences},
                   {"length", activity.length},
                   {"tokens_seen", activity.tokens_seen},
                   {"cost", json(activity.cost)},
                   {"complete", activity.complete},
                   {"layers", Json::array()}};
    for (const activity::LayerActivity& layer : activity.layers) {
        Json row = {{"group_states", layer.group_states}};
        for (const activity::Statistic statistic : kernels::kStatistics) {
            row[std::string(name(statistic))] = {{"mean", numbers(layer.stateMeans(statistic))},
                                                 {"max", numbers(layer.stateMost(statistic))}};
        }
        object["layers"].push_back(std::move(row));
    }
    return object;
}

Json accuracyJson(const evaluate::Accuracy& accuracy) {
    Json object = {{"tokens", toPlainUtf8(accuracy.tokens)},
                   {"tokens_hash", accuracy.tokens_hash},
                   {"sequences", accuracy.sequences},
                   {"predictions", accuracy.predictions},
                   {"made", toPlainUtf8(accuracy.made)},
                   {"recall", accuracy.recall},
                   {"last_word", accuracy.last_word},
                   {"correct", json(accuracy.correct)},
                   {"nats_per_token", json(accuracy.nats)},
                   {"perplexity", json(accuracy.perplexity)},
                   {"bits_per_byte", json(accuracy.bits_per_byte)}};
    if (accuracy.not_finite > 0) object["not_finite"] = accuracy.not_finite;
    if (accuracy.compared()) {
        object["kl_nats"] = json(accuracy.divergence);
        object["agreement"] = json(accuracy.agreement);
    }
    return object;
}

Json changesJson(const std::vector<prune::TensorChange>& changes) {
    Json list = Json::array();
    for (const prune::TensorChange& change : changes) {
        list.push_back({{"name", toPlainUtf8(change.name)},
                        {"before", change.before},
                        {"after", change.after},
                        {"zeroed", change.zeroed},
                        {"bytes_before", change.bytes_before},
                        {"bytes_after", change.bytes_after}});
    }
    return list;
}

Json measurementJson(const study::Measurement& measured) {
    Json object = {
        {"accuracy", accuracyJson(measured.accuracy)}, {"facts", json(measured.facts)}, {"speeds", Json::array()}};
    for (const study::Speed& speed : measured.speeds) object["speeds"].push_back(json(speed));
    return object;
}

std::string studyCsv(const study::Study& study) {
    std::string text =
        "criterion,removed,layer,state,failure,correct,correct_se,nats,nats_se,perplexity,bits_per_byte,kl_nats,kl_"
        "nats_se,"
        "agreement,not_finite,states_kept,states,state_bytes_kept,weight_bytes_kept,mode,batch,length,before_us,after_"
        "us,speed_up,"
        "speed_up_low,speed_up_high,bytes_ratio,peak_bytes_before,peak_bytes_after\r\n";
    const auto cell = [](double value) { return std::isfinite(value) ? fmt::format("{}", value) : std::string(); };
    for (const study::Cell& row : study.cells) {
        const evaluate::Accuracy& a = row.measured.accuracy;
        const prune::Facts& f = row.measured.facts;
        std::string start =
            fmt::format("{},{},{},{},{}", row.criterion, row.share, row.layer ? fmt::format("{}", *row.layer) : "",
                        name(row.state), csvText(row.failure));
        if (row.state != study::CellState::Measured) {
            text += start + std::string(25, ',') + "\r\n";
            continue;
        }
        start += fmt::format(",{},{},{},{},{},{},{},{},{},{},{},{},{},{}", cell(a.correct.value),
                             cell(a.correct.standard_error), cell(a.nats.value), cell(a.nats.standard_error),
                             cell(a.perplexity.value), cell(a.bits_per_byte.value), cell(a.divergence.value),
                             cell(a.divergence.standard_error), cell(a.agreement.value), a.not_finite, f.states_kept,
                             f.states, f.state_bytes_kept, f.weight_bytes_kept);
        if (row.measured.speeds.empty()) text += start + std::string(11, ',') + "\r\n";
        for (const study::Speed& speed : row.measured.speeds) {
            text += start + fmt::format(",{},{},{},{},{},{},{},{},{},{},{}\r\n", name(speed.workload.mode),
                                        speed.workload.batch, speed.workload.length, cell(speed.before.median),
                                        cell(speed.after.median), cell(speed.speed_up.median),
                                        cell(speed.speed_up.ci_low), cell(speed.speed_up.ci_high),
                                        cell(speed.bytes_ratio), speed.peak_bytes_before, speed.peak_bytes_after);
        }
    }
    return text;
}

Json studyJson(const study::Study& study) {
    Json object = provenanceJson(study.provenance);
    object["model"] = modelJson(study.model);
    object["options"] = json(study.options);
    layout::visitStudy(study, MemberWriter{object});
    layout::visitStudyTexts(study, MemberWriter{object});
    object["unpruned"] = accuracyJson(study.unpruned);
    object["complete"] = study.complete;
    object["cells"] = Json::array();
    for (const study::Cell& cell : study.cells) {
        Json row = {{"criterion", cell.criterion}, {"removed", cell.share}, {"state", name(cell.state)}};
        if (cell.layer) row["layer"] = *cell.layer;
        if (cell.state == study::CellState::Failed) row["failure"] = toPlainUtf8(cell.failure);
        if (cell.state == study::CellState::Measured) {
            row["measured"] = measurementJson(cell.measured);
            row["plan"] = Json::parse(prune::toJson(cell.plan));
        }
        object["cells"].push_back(std::move(row));
    }
    return object;
}

}  // namespace perfmamba::report
