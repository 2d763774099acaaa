#include "core/report/summary_html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "core/profile/floors.h"
#include "core/report/colours.h"
#include "core/report/compare_text.h"
#include "core/report/html.h"
#include "core/report/pruning_text.h"
#include "core/report/text.h"
#include "core/study/advice.h"

namespace perfmamba::report {
namespace {

// So that all of it fits one page, the sections with the comparison are shorter.
constexpr std::size_t kMostLengths = 10;
constexpr std::size_t kMostLengthsBeside = 6;
constexpr std::size_t kMostAdvice = 6;
constexpr std::size_t kMostAdviceBeside = 4;
constexpr std::size_t kMostChanges = 4;
constexpr std::size_t kMostComparedLengths = 3;  // the longest

/// "1.23 ms (1.22 … 1.25)": one unit for all would be shorter, and the interval may need another.
std::string withInterval(const profile::Summary& time) {
    return fmt::format("{} <small>({} … {})</small>", formatTime(time.median), formatTime(time.ci_low),
                       formatTime(time.ci_high));
}

// Head -------------------------------------------------------------------------------------------------------------

std::string modelFacts(const profile::ModelSummary& model) {
    const model::Config& config = model.config;
    return fmt::format("{}, {} parameters, {} as {}, computed in {}; {} layers, d_model {}, d_inner {}, d_state {}",
                       name(config.architecture), formatCount(static_cast<double>(model.parameters)),
                       formatBytes(static_cast<double>(model.file_bytes)), html::escaped(model.stored_type),
                       html::escaped(model.compute_type), config.n_layer, config.d_model, config.d_inner,
                       html::escaped(model::stateSizeText(config)));
}

std::string deviceFacts(const profile::Provenance& provenance) {
    std::string text = html::escaped(provenance.device);
    if (!provenance.instructions.empty()) text += ", " + html::escaped(provenance.instructions);
    if (provenance.threads > 0)
        text += fmt::format(", {} thread{}", provenance.threads, provenance.threads == 1 ? "" : "s");
    if (!provenance.tracer.empty()) text += ", recorded by " + html::escaped(provenance.tracer);
    return text;
}

std::string takenFacts(const profile::Provenance& provenance) {
    return fmt::format("{} on {} ({}) by {}", html::escaped(provenance.created), html::escaped(provenance.host),
                       html::escaped(provenance.operating_system), html::escaped(provenance.creator));
}

std::string headOf(const profile::ModelSummary& model, const profile::Provenance& provenance, const std::string& what,
                   const std::string& measured) {
    std::string text =
        fmt::format("<header><h1>{}</h1><p class=lead>{}</p></header>\n<dl>\n", html::escaped(model.name), what);
    const auto fact = [&](const char* title, const std::string& value) {
        text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", title, value);
    };
    fact("model", modelFacts(model) + fmt::format("; {}", html::escaped(model.hash)));
    fact("device", deviceFacts(provenance));
    fact("measured", measured);
    fact("taken", takenFacts(provenance));
    if (!provenance.command.empty()) fact("command", "<code>" + html::escaped(provenance.command) + "</code>");
    return text + "</dl>\n";
}

// A profile --------------------------------------------------------------------------------------------------------

/// The longest is always among them.
std::vector<const profile::Point*> shownPoints(const profile::Profile& profile, std::size_t most) {
    std::vector<const profile::Point*> points;
    const std::size_t count = profile.points.size();
    const std::size_t shown = std::min(count, most);
    for (std::size_t i = 0; i < shown; ++i) {
        points.push_back(&profile.points[shown == 1 ? count - 1 : i * (count - 1) / (shown - 1)]);
    }
    return points;
}

/// What the page's tables are of: the largest workload measured.
const profile::Point& mainPoint(const profile::Profile& profile) {
    return *std::ranges::max_element(profile.points, {}, &profile::Point::length);
}

std::string whatText(const profile::Profile& profile) {
    std::vector<std::int64_t> lengths;
    for (const profile::Point& point : profile.points) lengths.push_back(point.length);
    return fmt::format("Where the time of a {} pass goes: batch {}, {} {} token{}{}", name(profile.options.mode),
                       profile.options.batch, profile.options.mode == profile::Mode::Prefill ? "of" : "after",
                       fmt::join(lengths, ", "), lengths == std::vector<std::int64_t>{1} ? "" : "s",
                       profile.complete ? "" : "; incomplete: the run ended early");
}

std::string measuredText(const profile::Options& options) {
    const std::string passes = options.repeat > 0
                                   ? fmt::format("{} recorded passes at each length", options.repeat)
                                   : fmt::format(
                                         "passes until the median's 95 % interval is within ±{:g} %, or {:g} s are "
                                         "spent, at each length",
                                         options.bound * 100, options.budget_s);
    return fmt::format("{}; medians, in brackets 95 % intervals; token ids from seed {}", passes, options.seed);
}

html::Part shareOf(const profile::ComponentCost& cost) {
    return {fmt::format("{} {}", name(cost.component), formatPercent(cost.share)), html::classOf(cost.component),
            cost.share};
}

std::string timeByLength(const profile::Profile& profile, std::size_t most) {
    const std::vector<const profile::Point*> points = shownPoints(profile, most);
    std::string text = "<section><h2>Time by length</h2>\n<table class=bars>\n";
    text += "<tr><th>tokens</th><th class=wide>share of each component</th><th>a pass</th><th>tokens/s</th></tr>\n";
    for (const profile::Point* point : points) {
        std::vector<html::Part> parts;
        for (const profile::ComponentCost& cost : point->components) parts.push_back(shareOf(cost));
        text +=
            fmt::format("<tr><td>{}</td><td>{}</td><td>{}{}</td><td>{}</td></tr>\n", point->length, html::bar(parts),
                        withInterval(point->total), profile.options.repeat == 0 && !point->converged ? " *" : "",
                        formatCount(point->tokens_per_second));
    }
    std::vector<html::Part> all;
    for (const Component component : kComponents) {
        const auto has = [&](const profile::Point* point) { return point->find(component) != nullptr; };
        if (std::ranges::any_of(points, has)) all.push_back({std::string(name(component)), html::classOf(component)});
    }
    text += "</table>\n" + html::legend(all);
    if (points.size() < profile.points.size())
        text += fmt::format("<p class=note>{} of {} lengths; the report has all.</p>\n", points.size(),
                            profile.points.size());
    const auto loose = [&](const profile::Point* point) { return !point->converged; };
    if (profile.options.repeat == 0 && std::ranges::any_of(points, loose)) {
        std::vector<const profile::Point*> of;
        std::ranges::copy_if(points, std::back_inserter(of), loose);
        text += fmt::format("<p class=note>* not within ±{:g} % {}</p>\n", profile.options.bound * 100,
                            profile::whyEnded(of));
    }
    return text + "</section>\n";
}

std::string limitText(const profile::Profile& profile, const profile::Point& point,
                      const profile::ComponentCost& cost) {
    if (profile::inCache(profile, point, cost)) return "in cache";
    return cost.bound == profile::Bound::None ? "n/a" : std::string(profile::name(cost.bound));
}

std::string componentRows(const profile::Profile& profile, const profile::Point& point, bool stages) {
    std::string text;
    for (const profile::ComponentCost& cost : point.components) {
        const bool counted = cost.component != Component::Other;
        text += fmt::format(
            "<tr><td>{}{}</td><td>{}</td><td class=wide>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
            "<td>{}</td></tr>\n",
            html::chip(html::classOf(cost.component)), name(cost.component), withInterval(cost.time),
            html::bar({shareOf(cost)}), formatPercent(cost.share), formatTime(cost.floor_us),
            formatPercent(profile::ofFloor(cost)), limitText(profile, point, cost),
            counted ? formatBytes(cost.bytes) : "n/a",
            counted ? formatBytes(static_cast<double>(cost.peak_bytes)) : "n/a");
        for (const profile::StageCost& stage : point.stages) {
            if (!stages || stage.component != cost.component) continue;
            text += fmt::format("<tr class=stage><td>{}</td><td>{}</td><td></td><td>{}</td></tr>\n", name(stage.stage),
                                withInterval(stage.time), formatPercent(stage.share));
        }
    }
    const double floor_us = profile::floorOfPass(point);
    const double time_us = point.total.median;
    text += fmt::format(
        "<tr class=total><td>total</td><td>{}</td><td></td><td>{}</td><td>{}</td><td>{}</td><td colspan=3></td></tr>\n",
        withInterval(point.total), formatPercent(1), formatTime(floor_us),
        formatPercent(time_us > 0 ? floor_us / time_us : std::nan("")));
    return text;
}

/// No line begins with "%".
std::string keptTogether(std::string text) {
    for (std::size_t at = 0; (at = text.find(" %", at)) != std::string::npos;) text.replace(at, 1, "\u00a0");
    return text;
}

std::string adviceSection(const profile::Profile& profile, const study::Known& known) {
    std::vector<study::Advice> advice = study::adviseOn(profile, known);
    if (advice.empty()) return {};
    const std::size_t most = known.comparison ? kMostAdviceBeside : kMostAdvice;
    if (advice.size() > most) advice.resize(most);
    std::string text = "<section><h2>What this says</h2>\n<ul class=says>\n";
    for (const study::Advice& each : advice) text += "<li>" + keptTogether(html::escaped(each.sentence)) + "</li>\n";
    return text + "</ul></section>\n";
}

std::string componentTable(const profile::Profile& profile, bool stages) {
    const profile::Point& point = mainPoint(profile);
    std::string text =
        fmt::format("<section><h2>Components, {} {} tokens</h2>\n", name(profile.options.mode), point.length);
    if (profile.options.trace == TraceMode::Off)
        return text + "<p class=note>Recording was off: only whole passes were timed.</p></section>\n";
    text +=
        "<table>\n<tr><th>component</th><th>time</th><th class=wide>share</th><th></th><th>floor</th><th>of floor</th>"
        "<th>limit</th><th>bytes</th><th>working memory</th></tr>\n" +
        componentRows(profile, point, stages) + "</table>\n";
    text += profile.provenance.ceilings
                ? fmt::format("<p class=note>Floor: the least time by bytes, FLOPs and exponentials, from {}.</p>\n",
                              html::escaped(ceilingsText(*profile.provenance.ceilings)))
                : "<p class=note>Floors are not known: the profile holds no ceilings of its device.</p>\n";
    return text + "</section>\n";
}

std::string memorySection(const profile::Profile& profile, std::size_t shown) {
    std::string text =
        "<section><h2>Memory at the peak of a pass</h2>\n<table class=bars>\n"
        "<tr><th>tokens</th><th class=wide>what was alive</th><th>in use</th><th class=left>during</th></tr>\n";
    const std::vector<const profile::Point*> points = shownPoints(profile, shown);
    std::int64_t most = 1;
    for (const profile::Point* point : points) most = std::max(most, point->memory.peak.total());
    std::vector<html::Part> parts;
    for (const profile::Point* point : points) {
        const profile::MemoryProfile& memory = point->memory;
        parts.clear();
        for (const MemoryKind kind : kMemoryKinds) {
            const auto bytes = static_cast<double>(memory.peak[kind]);
            parts.push_back({fmt::format("{} {}", name(kind), formatBytes(bytes)), html::classOf(kind),
                             bytes / static_cast<double>(most)});
        }
        std::string during = "n/a";
        if (profile.options.trace != TraceMode::Off) during = name(memory.peak_component);
        if (memory.peak_layer != kNoLayer) during += fmt::format(" of layer {}", memory.peak_layer);
        text += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td class=left>{}</td></tr>\n", point->length,
                            html::bar(parts), formatBytes(static_cast<double>(memory.peak.total())), during);
    }
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i].title = name(kMemoryKinds[i]);
    return text + "</table>\n" + html::legend(parts) + "</section>\n";
}

// A comparison -----------------------------------------------------------------------------------------------------

std::string ratioText(const profile::Ratio& ratio) {
    if (!std::isfinite(ratio.median)) return "n/a";
    if (ratio.pairs == 0) return formatRatio(ratio.median);  // of memory: exact
    return fmt::format("{} <small>({} … {})</small>", formatRatio(ratio.median), formatRatio(ratio.ci_low),
                       formatRatio(ratio.ci_high));
}

std::string changeRow(std::int64_t length, const profile::Change& change) {
    const auto amount = [&](double value) { return change.isTime() ? formatTime(value) : formatBytes(value); };
    return fmt::format(
        "<tr><td>{}</td><td class=left>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=left>{}</td></tr>\n", length,
        subjectText(change), amount(change.before), amount(change.after), ratioText(change.ratio), verdictText(change));
}

std::string comparisonSection(const profile::Comparison& comparison, const std::string& before_name) {
    std::string text = fmt::format("<section><h2>Compared with {}</h2>\n", html::escaped(before_name));
    text += fmt::format("<p class=note>{}, {}, taken {}{}</p>\n", html::escaped(comparison.before->model.name),
                        html::escaped(comparison.before->provenance.device),
                        html::escaped(comparison.before->provenance.created),
                        comparison.differences.empty() ? "" : "; otherwise different:");
    if (!comparison.differences.empty()) {
        std::vector<std::string> differences;
        for (const profile::Difference& difference : comparison.differences) {
            differences.push_back(fmt::format("{} {} → {}", html::escaped(difference.what),
                                              html::escaped(difference.before), html::escaped(difference.after)));
        }
        text += fmt::format("<p class=note>{}</p>\n", fmt::join(differences, "; "));
    }
    text +=
        "<table>\n<tr><th>tokens</th><th class=left>what</th><th>before</th><th>after</th><th>ratio</th>"
        "<th class=left></th></tr>\n";
    const std::size_t count = comparison.points.size();
    for (std::size_t i = count - std::min(count, kMostComparedLengths); i < count; ++i) {
        text += changeRow(comparison.points[i].length, *comparison.points[i].find(profile::Subject::Pass));
    }
    // Of the largest workload, what changed beyond the noise.
    const auto largest = std::ranges::max_element(comparison.points, {}, &profile::PointComparison::length);
    std::vector<profile::Change> changes = largest->changes;
    std::erase_if(changes, [](const profile::Change& change) {
        const bool shown_kind = change.subject == profile::Subject::Component ||
                                change.subject == profile::Subject::MemoryKind ||
                                change.subject == profile::Subject::MemoryPeak;
        return !shown_kind || !change.differs();
    });
    std::ranges::stable_sort(changes, profile::changedMore);
    if (changes.size() > kMostChanges) changes.resize(kMostChanges);
    for (const profile::Change& change : changes) text += changeRow(largest->length, change);
    return text + fmt::format("</table>\n<p class=note>Ratio: after / before; {}.</p></section>\n", kNotInTurn);
}

// A study ----------------------------------------------------------------------------------------------------------

std::string workloadText(const study::Workload& workload) {
    return html::escaped(study::inWords(workload));
}

double factorOf(const study::Study& study) {
    return study.unpruned.recall || study.unpruned.last_word ? 100 : 1;
}

std::string qualityTitle(const study::Study& study) {
    return std::string(study::qualityName(study.unpruned)) + (factorOf(study) == 100 ? ", %" : "");
}

/// Of each cell what that workload wins beyond the noise; NaN where it does not, or was not measured.
std::vector<double> winsOf(const study::Study& study, const study::Workload& workload) {
    std::vector<double> wins;
    for (const study::Cell& cell : study.cells) {
        const study::Speed* speed = study::speedOf(cell, workload);
        wins.push_back(speed ? study::winOf(study, cell, *speed) : std::nan(""));
    }
    return wins;
}

/// In which pruning wins most, beyond the noise.
study::Workload bestWorkload(const study::Study& study) {
    study::Workload best = study.options.workloads.front();
    double most = 0;
    for (const study::Workload& workload : study.options.workloads) {
        for (const study::Cell& cell : study.cells) {
            const study::Speed* speed = study::speedOf(cell, workload);
            if (!speed || cell.share == 0 || !(speed->speed_up.ci_low > most)) continue;
            most = speed->speed_up.ci_low;
            best = workload;
        }
    }
    return best;
}

std::string frontierPlot(const study::Study& study, const study::Workload& workload) {
    const std::vector<std::size_t> frontier = study::paretoFrontier(study, winsOf(study, workload));
    html::Scatter scatter;
    scatter.x_title = "speed-up, " + workloadText(workload);
    scatter.y_title = html::escaped(qualityTitle(study));
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        const study::Cell& cell = study.cells[i];
        const study::Speed* speed = study::speedOf(cell, workload);
        if (!speed || cell.layer || std::isnan(speed->speed_up.median)) continue;
        const study::Quality quality = study::qualityOf(cell.measured.accuracy);
        const profile::Ratio& ratio = speed->speed_up;
        const double factor = factorOf(study);
        scatter.points.push_back(
            {.x = ratio.median,
             .x_low = ratio.known() ? ratio.ci_low : ratio.median,
             .x_high = ratio.known() ? ratio.ci_high : ratio.median,
             .y = quality.value * factor,
             .y_error = quality.standard_error * factor,
             .marked = std::ranges::find(frontier, i) != frontier.end(),
             .title = fmt::format("{}, {:.0f} % removed", html::escaped(cell.criterion), cell.share * 100)});
    }
    return html::svg(scatter);
}

std::string frontierTable(const study::Study& study, const study::Workload& workload) {
    std::string text = fmt::format(
        "<table class=stacked>\n<tr><th class=left>criterion</th><th>removed</th><th>{}</th>"
        "<th>KL, nats</th><th>state bytes</th>",
        html::escaped(qualityTitle(study)));
    for (const study::Workload& each : study.options.workloads) text += fmt::format("<th>{}</th>", workloadText(each));
    text += "</tr>\n";
    std::vector<const study::Cell*> shown;
    if (const study::Cell* control = study::controlOf(study)) shown.push_back(control);
    for (const std::size_t i : study::paretoFrontier(study, winsOf(study, workload))) {
        if (study.cells[i].share > 0) shown.push_back(&study.cells[i]);
    }
    for (const study::Cell* row : shown) {
        const study::Cell& cell = *row;
        const study::Quality quality = study::qualityOf(cell.measured.accuracy);
        text += fmt::format("<tr><td class=left>{}</td><td>{:.0f} %</td><td>{}</td><td>{}</td><td>{}</td>",
                            html::escaped(cell.criterion), cell.share * 100,
                            formatEstimate({quality.value, quality.standard_error}, factorOf(study)),
                            formatEstimate(cell.measured.accuracy.divergence),
                            formatBytes(static_cast<double>(cell.measured.facts.state_bytes_kept)));
        for (const study::Workload& each : study.options.workloads) {
            const study::Speed* speed = study::speedOf(cell, each);
            text += fmt::format("<td>{}</td>", speed ? ratioText(speed->speed_up) : "n/a");
        }
        text += "</tr>\n";
    }
    return text + "</table>\n";
}

bool anyFaster(const study::Study& study, const study::Workload& workload) {
    return std::ranges::any_of(study.cells, [&](const study::Cell& cell) {
        const study::Speed* speed = study::speedOf(cell, workload);
        return speed && !cell.layer && cell.share > 0 && std::isfinite(study::winOf(study, cell, *speed));
    });
}

std::string frontierSection(const study::Study& study) {
    if (study.options.workloads.empty()) {
        return "<section><h2>Frontier</h2><p class=note>Only accuracy was measured: no speed-up to weigh it "
               "against.</p></section>\n";
    }
    const study::Workload workload = bestWorkload(study);
    const auto timed = [&](const study::Cell& cell) { return !cell.layer && study::speedOf(cell, workload); };
    if (std::ranges::none_of(study.cells, timed))
        return "<section><h2>Frontier</h2><p class=note>No cell was measured yet.</p></section>\n";
    return fmt::format(
        "<section><h2>What pruning wins and costs, {}</h2>\n{}{}"
        "<p class=note>Speed-ups are unpruned over pruned, passes taken in turn, with the 95 % interval; ± is the "
        "standard error over sequences. Where nothing is removed, the model is timed against itself: so far the noise "
        "goes. "
        "Filled points, and the table's other rows: faster beyond the noise, and no other cell is both faster and as "
        "good{}.</p></section>\n",
        workloadText(workload), frontierPlot(study, workload), frontierTable(study, workload),
        anyFaster(study, workload) ? "" : "; no cell is");
}

std::string studyMeasured(const study::Study& study) {
    const study::Quality unpruned = study::qualityOf(study.unpruned);
    return fmt::format("{} of {} cells{}; unpruned: {} {}{}; evaluated on {}", study.done(), study.cells.size(),
                       study.complete ? "" : ", the study is not complete", html::escaped(qualityTitle(study)),
                       formatEstimate({unpruned.value, unpruned.standard_error}, factorOf(study)),
                       study.calibration.empty() ? "" : "; calibrated on " + html::escaped(study.calibration),
                       html::escaped(study.evaluation));
}

}  // namespace

std::string summaryHtml(const profile::Profile& profile, const study::Known& known, const std::string& baseline_name) {
    std::string body = headOf(profile.model, profile.provenance, whatText(profile), measuredText(profile.options));
    if (profile.points.empty()) {
        body += "<p>No length was measured.</p>\n";
    } else {
        body += adviceSection(profile, known);
        const std::size_t lengths = known.comparison ? kMostLengthsBeside : kMostLengths;
        body += "<div class=columns>" + timeByLength(profile, lengths) + memorySection(profile, lengths) + "</div>\n";
        body += componentTable(profile, known.comparison == nullptr);
        if (known.comparison) body += comparisonSection(*known.comparison, baseline_name);
    }
    return html::page(profile.model.name, body);
}

std::string summaryHtml(const study::Study& study) {
    return html::page(study.model.name, headOf(study.model, study.provenance, "What removing states wins and costs",
                                               studyMeasured(study)) +
                                            frontierSection(study));
}

}  // namespace perfmamba::report
