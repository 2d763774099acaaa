// Tables for people. JSON and CSV are in pruning_export.cpp.
#include "core/report/pruning_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "core/report/table.h"
#include "core/report/text.h"
#include "core/report/utf8.h"

namespace perfmamba::report {
namespace {

constexpr const char* kNotKnown = "n/a";
// "states for 90 %": how many of a layer's states carry this share of what is shown.
constexpr double kMostOfIt = 0.9;

/// How one statistic is shared among the states of a layer.
struct Spread {
    double mean = 0, least = 0, median = 0, most = 0;
    std::int64_t carriers = 0;  // the fewest states that carry kMostOfIt of the sum
    [[nodiscard]] bool known() const { return std::isfinite(mean); }
};

Spread spreadOf(std::vector<double> values) {
    Spread spread;
    if (values.empty()) return spread;
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    if (!std::isfinite(sum)) return {sum, sum, sum, sum};
    std::ranges::sort(values, std::greater());
    spread.mean = sum / static_cast<double>(values.size());
    spread.most = values.front();
    spread.least = values.back();
    spread.median = profile::quantile(values, 0.5);
    for (double carried = 0; carried < kMostOfIt * sum; ++spread.carriers) {
        carried += values[static_cast<std::size_t>(spread.carriers)];
    }
    return spread;
}

std::string workloadText(const study::Workload& workload) {
    return workload.mode == profile::Mode::Decode ? fmt::format("decode ×{}", workload.batch)
                                                  : fmt::format("prefill {} ×{}", workload.length, workload.batch);
}

/// The kept states as ranges: "0-11, 14".
std::string rangesText(const prune::Kept& kept) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        if (!kept[i]) continue;
        const std::size_t first = i;
        while (i + 1 < kept.size() && kept[i + 1]) ++i;
        parts.push_back(first == i ? fmt::format("{}", i) : fmt::format("{}-{}", first, i));
    }
    return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string cut(std::string text, std::size_t width) {
    if (text.size() > width) text = text.substr(0, text.rfind(',', width)) + ", …";
    return text;
}

std::string savedText(std::int64_t before, std::int64_t after) {
    return fmt::format("{} → {} ({:+.1f} %)", formatBytes(static_cast<double>(before)),
                       formatBytes(static_cast<double>(after)),
                       before > 0 ? 100.0 * static_cast<double>(after - before) / static_cast<double>(before) : 0.0);
}

std::string cellName(const study::Cell& cell) {
    return cell.layer ? fmt::format("{}, layer {} alone", cell.criterion, *cell.layer) : cell.criterion;
}

/// How texts became tokens, below their names.
std::string madeText(const std::string& made) {
    return made.empty() ? "" : fmt::format("           {}\n", toPlainUtf8(made));
}

/// On what, in what, when and by which command.
std::string computedText(const study::Study& study) {
    const profile::Provenance& by = study.provenance;
    std::string text =
        fmt::format("device     {}{}{}, {} thread{}\n", toPlainUtf8(by.device), by.instructions.empty() ? "" : ", ",
                    by.instructions, by.threads, by.threads == 1 ? "" : "s");
    text += fmt::format("computed   in {}", study.model.compute_type);
    if (study.model.compute_chunk > 0) text += fmt::format(", in chunks of {} tokens", study.model.compute_chunk);
    text += fmt::format("\ntaken      {} on {} by {}\n", by.created, toPlainUtf8(by.host), toPlainUtf8(by.creator));
    return by.command.empty() ? text : text + fmt::format("command    {}\n", toPlainUtf8(by.command));
}

/// What collecting costs; an interval where there are pairs enough for one.
std::string costText(const profile::Ratio& cost) {
    if (cost.pairs == 0) return "collecting costs: not measured\n";
    if (!cost.known()) {
        return fmt::format("collecting {} × the time of a pass without, too few pairs of passes for an interval: {}\n",
                           profile::formatRatio(cost.median), cost.pairs);
    }
    return fmt::format("collecting {} × the time of a pass without, {} pairs of passes\n", profile::formatRatio(cost),
                       cost.pairs);
}

}  // namespace

std::string formatEstimate(const evaluate::Estimate& estimate, double factor) {
    if (!std::isfinite(estimate.value)) return kNotKnown;
    const double value = estimate.value * factor;
    const double error = estimate.standard_error * factor;
    if (!std::isfinite(error) || error == 0) return formatNumber(value);
    // As many decimals as its error has with two digits.
    constexpr int kMostDecimals = 6;
    const int decimals = std::max(1 - static_cast<int>(std::floor(std::log10(error))), 0);
    if (decimals > kMostDecimals) return fmt::format("{:.1e} ± {:.1e}", value, error);
    return fmt::format("{:.{}f} ± {:.{}f}", value, decimals, error, decimals);
}

std::string activityText(const activity::Activity& activity, activity::Statistic statistic) {
    std::string text = fmt::format("model      {} ({}), {}\n", toPlainUtf8(activity.model.name),
                                   name(activity.model.config.architecture), activity.model.hash);
    text += fmt::format("tokens     {}\n", toPlainUtf8(activity.tokens));
    text += madeText(activity.tokens_made);
    text += fmt::format("seen       {} tokens of {} sequence{}\n", activity.tokens_seen, activity.sequences,
                        activity.sequences == 1 ? "" : "s");
    text += costText(activity.cost);
    if (!activity.complete) text += "           ended early\n";
    text += fmt::format("\n{} of each state, mean over tokens and {}\n\n", name(statistic),
                        activity.model.config.architecture == model::Architecture::Mamba1 ? "channels" : "heads");
    std::vector<TableRow> rows = {
        {"layer", "states", "mean", "least", "median", "most", "largest at a token", "states for 90 %"}};
    bool finite = true;
    for (std::size_t i = 0; i < activity.layers.size(); ++i) {
        const activity::LayerActivity& layer = activity.layers[i];
        const Spread spread = spreadOf(layer.stateMeans(statistic));
        const std::vector<double> most = layer.stateMost(statistic);
        finite = finite && spread.known();
        const double largest = most.empty() ? 0 : *std::ranges::max_element(most);
        rows.push_back({fmt::format("{}", i), fmt::format("{}", layer.states()), formatNumber(spread.mean),
                        formatNumber(spread.least), formatNumber(spread.median), formatNumber(spread.most),
                        spread.known() ? formatNumber(largest) : kNotKnown,
                        spread.known() ? fmt::format("{}", spread.carriers) : kNotKnown});
    }
    text += alignedTable(rows, {1});
    return finite ? text
                  : text + "\nn/a: some of the layer's numbers are not finite; the model overflows on these tokens\n";
}

std::string accuracyText(const evaluate::Accuracy& accuracy) {
    std::string text = fmt::format("tokens     {}\n", toPlainUtf8(accuracy.tokens));
    text += madeText(accuracy.made);
    text += fmt::format("scored     {} predictions of {} sequence{}; ± is the standard error over sequences\n\n",
                        accuracy.predictions, accuracy.sequences, accuracy.sequences == 1 ? "" : "s");
    const auto line = [&](const char* label, const std::string& value) {
        text += fmt::format("{:24}{}\n", label, value);
    };
    line(accuracy.recall      ? "answers correct"
         : accuracy.last_word ? "last word correct"
                              : "next token correct",
         formatEstimate(accuracy.correct, 100) + " %");
    line(accuracy.last_word ? "nats per word" : "nats per token", formatEstimate(accuracy.nats));
    line("perplexity", formatEstimate(accuracy.perplexity));
    line("bits per byte", formatEstimate(accuracy.bits_per_byte));
    if (accuracy.not_finite > 0) line("logits not finite", fmt::format("at {} positions", accuracy.not_finite));
    if (accuracy.compared()) {
        line("KL from the other, nats", formatEstimate(accuracy.divergence));
        line("same most likely token", formatEstimate(accuracy.agreement, 100) + " %");
    }
    return text;
}

std::string planText(const prune::Plan& plan, const prune::Facts& facts, prune::Form form) {
    constexpr std::size_t kRangesWidth = 60;
    std::vector<TableRow> rows = {{"layer", "kept", "of", "which"}};
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        rows.push_back({fmt::format("{}", i), fmt::format("{}", plan.kept(static_cast<std::int64_t>(i))),
                        fmt::format("{}", plan.layers[i].size()), cut(rangesText(plan.layers[i]), kRangesWidth)});
    }
    std::string text = alignedTable(rows, {1});
    text += fmt::format(
        "\nstates     {} of {} stay ({})\n", facts.states_kept, facts.states,
        formatPercent(facts.states > 0 ? static_cast<double>(facts.states_kept) / static_cast<double>(facts.states)
                                       : 1));
    text +=
        fmt::format("state      {} a sequence, {}\n", savedText(facts.state_bytes, facts.state_bytes_kept), name(form));
    text += fmt::format("weights    {} in float32, {}\n", savedText(facts.weight_bytes, facts.weight_bytes_kept),
                        name(form));
    text += std::isnan(facts.score_lost)
                ? fmt::format("score lost n/a: the plan does not hold the scores of '{}'\n", plan.criterion)
                : fmt::format("score lost {}, mean over layers, of '{}'\n", formatPercent(facts.score_lost),
                              plan.criterion);
    return text;
}

std::string changesText(std::vector<prune::TensorChange> changes) {
    // layers.2 before layers.10
    std::ranges::sort(changes, [](const prune::TensorChange& a, const prune::TensorChange& b) {
        return strverscmp(a.name.c_str(), b.name.c_str()) < 0;
    });
    std::vector<TableRow> rows = {{"tensor", "before", "after", "zeroed", "bytes before", "bytes after"}};
    std::int64_t before = 0;
    std::int64_t after = 0;
    std::size_t unchanged = 0;
    for (const prune::TensorChange& change : changes) {
        before += change.bytes_before;
        after += change.bytes_after;
        if (change.before == change.after && change.zeroed == 0) {
            ++unchanged;
            continue;
        }
        rows.push_back({toPlainUtf8(change.name), model::shapeText(change.before), model::shapeText(change.after),
                        change.zeroed > 0 ? fmt::format("{}", change.zeroed) : "",
                        fmt::format("{}", change.bytes_before), fmt::format("{}", change.bytes_after)});
    }
    rows.push_back({fmt::format("all {} tensors, {} unchanged", changes.size(), unchanged), "", "", "",
                    fmt::format("{}", before), fmt::format("{}", after)});
    return alignedTable(rows, {1, rows.size() - 1});
}

std::string studyText(const study::Study& study) {
    const study::Quality unpruned = study::qualityOf(study.unpruned);
    const bool percent = study.unpruned.recall || study.unpruned.last_word;
    const double factor = percent ? 100 : 1;
    std::string text = fmt::format("model      {} ({}), {}\n", toPlainUtf8(study.model.name),
                                   name(study.model.config.architecture), study.model.hash);
    text += computedText(study);
    if (!study.calibration.empty())
        text += fmt::format("calibrated {}\n{}", toPlainUtf8(study.calibration), madeText(study.calibration_made));
    text += fmt::format("evaluated  {}\n{}", toPlainUtf8(study.evaluation), madeText(study.unpruned.made));
    text += fmt::format("unpruned   {} {}{}\n", study::qualityName(study.unpruned),
                        formatEstimate({unpruned.value, unpruned.standard_error}, factor), percent ? " %" : "");
    text += fmt::format("cells      {} of {} measured{}\n\n", study.done(), study.cells.size(),
                        study.complete ? "" : "; the study is not complete");

    TableRow head = {"criterion", "removed",  percent ? "accuracy, %" : std::string(study::qualityName(study.unpruned)),
                     "KL, nats",  "agree, %", "state bytes"};
    for (const study::Workload& workload : study.options.workloads) head.push_back(workloadText(workload));
    std::vector<TableRow> rows = {head};
    std::vector<std::size_t> ruled = {1};
    std::string before;
    for (const study::Cell& cell : study.cells) {
        if (!before.empty() && before != cell.criterion) ruled.push_back(rows.size());
        before = cell.criterion;
        TableRow row = {cellName(cell), fmt::format("{:.0f} %", cell.share * 100)};
        if (cell.state == study::CellState::Failed) row.push_back("failed: " + cell.failure);
        if (cell.state == study::CellState::Waiting) row.emplace_back("not measured");
        if (cell.state == study::CellState::Measured) {
            const study::Quality quality = study::qualityOf(cell.measured.accuracy);
            row.push_back(formatEstimate({quality.value, quality.standard_error}, factor));
            row.push_back(formatEstimate(cell.measured.accuracy.divergence));
            row.push_back(formatEstimate(cell.measured.accuracy.agreement, 100));
            row.push_back(formatBytes(static_cast<double>(cell.measured.facts.state_bytes_kept)));
            for (const study::Speed& speed : cell.measured.speeds) {
                row.push_back(fmt::format("{} [{:.2f}]", profile::formatRatio(speed.speed_up), speed.bytes_ratio));
            }
        }
        rows.push_back(std::move(row));
    }
    text += alignedTable(rows, ruled);
    if (!study.options.workloads.empty()) {
        text +=
            "\nTimes are speed-ups: unpruned over pruned, passes taken in turn, with the 95 % interval. In brackets an "
            "estimate:\nthe least bytes moved, unpruned over pruned, which a pass limited by memory alone would win.\n";
    }
    return text;
}

}  // namespace perfmamba::report
