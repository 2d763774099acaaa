// A scaling study on one page; profiles and pruning studies are in summary_html.cpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "core/profile/floors.h"
#include "core/report/html.h"
#include "core/report/scaling_text.h"
#include "core/report/summary_html.h"
#include "core/report/text.h"

namespace perfmamba::report {
namespace {

using study::CellState;
using study::ScalingCell;
using study::ScalingStudy;
using study::Series;

// So that all of it fits one page.
constexpr std::size_t kMostModels = 3;
constexpr std::size_t kMostSeries = 16;
constexpr std::size_t kMostLengths = 6;
constexpr std::size_t kMostStates = 6;
constexpr std::size_t kMostTaken = 3;

/// So many of them, spread evenly; the last is always among them.
template <class T>
std::vector<T> spread(const std::vector<T>& all, std::size_t most) {
    const std::size_t shown = std::min(all.size(), most);
    std::vector<T> some;
    for (std::size_t i = 0; i < shown; ++i) {
        some.push_back(all[shown == 1 ? all.size() - 1 : i * (all.size() - 1) / (shown - 1)]);
    }
    return some;
}

std::string leftOut(std::size_t shown, std::size_t all, const char* what) {
    if (shown >= all) return {};
    return fmt::format("<p class=note>{} of {} {}; the report has all.</p>\n", shown, all, what);
}

std::string headOf(const ScalingStudy& study) {
    std::vector<std::string> names;
    for (const profile::ModelSummary& model : study.models) names.push_back(html::escaped(model.name));
    std::string text =
        fmt::format("<header><h1>{}</h1><p class=lead>What a pass costs over the length</p></header>\n<dl>\n",
                    fmt::join(names, ", "));
    std::size_t taken = 0;
    for (const auto& [title, value] : headerLines(study)) {
        if (title == "taken" && ++taken > kMostTaken) continue;
        text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", title, html::escaped(value));
    }
    if (taken > kMostTaken) text += fmt::format("<dt></dt><dd>taken in {} parts; the report has all</dd>\n", taken);
    return text + "</dl>\n";
}

std::string timeCell(const ScalingStudy& study, const Series& series, std::int64_t length) {
    const auto cell = std::ranges::find_if(
        study.cells, [&](const ScalingCell& each) { return each.series == series && each.length == length; });
    if (cell == study.cells.end() || cell->state == CellState::Waiting) return "<td></td>";
    if (cell->state == CellState::Failed) return "<td>failed</td>";
    return fmt::format("<td>{}</td>", formatTime(cell->point.total.median));
}

std::string exponentCell(const study::PowerLaw& law) {
    if (std::isnan(law.exponent)) return "<td></td>";
    if (std::isnan(law.exponent_ci_low)) return fmt::format("<td>{}</td>", exponentText(law.exponent));
    return fmt::format("<td>{} <small>({} … {})</small></td>", exponentText(law.exponent),
                       exponentText(law.exponent_ci_low), exponentText(law.exponent_ci_high));
}

/// A row a curve: its times, and at its longest length what it reaches.
std::string seriesTable(const ScalingStudy& study) {
    std::vector<std::int64_t> all = study.options.lengths;
    std::ranges::sort(all);
    const std::vector<std::int64_t> lengths = spread(all, kMostLengths);
    std::string text = "<section><h2>Time of a pass by length</h2>\n<table>\n<tr><th>curve</th>";
    for (const std::int64_t length : lengths) text += fmt::format("<th>{}</th>", length);
    text += "<th>exponent</th><th>tokens/s</th><th>of floor</th></tr>\n";
    std::vector<Series> series = study.series();
    const std::size_t count = series.size();
    // What other numbers of states take has a table of its own.
    std::ranges::stable_sort(series, {},
                             [&](const Series& each) { return each.states != study.options.states.front(); });
    series.resize(std::min(count, kMostSeries));
    bool mixed = false;
    for (const Series& each : series) {
        const bool mixes = study::mixesMachines(study, each);
        mixed = mixed || mixes;
        text += fmt::format("<tr><td>{}{}</td>", html::escaped(inWords(study, each)), mixes ? " *" : "");
        for (const std::int64_t length : lengths) text += timeCell(study, each, length);
        text += exponentCell(study::fitTime(study, each));
        const std::vector<std::size_t> measured = study.measured(each);
        if (measured.empty()) {
            text += "<td></td><td></td></tr>\n";
            continue;
        }
        const profile::Point& longest = study.cells[measured.back()].point;
        text += fmt::format("<td>{}</td><td>{}</td></tr>\n", formatCount(longest.tokens_per_second),
                            formatPercent(profile::floorOfPass(longest) / longest.total.median));
    }
    text += "</table>\n" + leftOut(lengths.size(), all.size(), "lengths") + leftOut(series.size(), count, "curves");
    if (mixed) text += "<p class=note>* measured on several kinds of machine: no curve</p>\n";
    return text +
           "<p class=note>Medians: of the whole prompt in prefill, of one token after it in decode. Exponent: of time "
           "over "
           "length, with its 95 % interval. Tokens/s and the floor's share are those of the longest length.</p>"
           "</section>\n";
}

html::Part partOf(const profile::ComponentCost& cost) {
    return {fmt::format("{} {}", name(cost.component), formatPercent(cost.share)), html::classOf(cost.component),
            cost.share};
}

/// The first curve of a model that has been measured; null where there is none.
const Series* firstMeasured(const std::vector<Series>& all, const ScalingStudy& study, std::size_t model) {
    const auto found = std::ranges::find_if(
        all, [&](const Series& series) { return series.model == model && !study.measured(series).empty(); });
    return found == all.end() ? nullptr : &*found;
}

/// What takes the time, of each model's first curve.
std::string sharesSection(const ScalingStudy& study) {
    const std::vector<Series> all = study.series();
    std::string rows;
    std::set<Component> seen;
    const std::size_t models = std::min(study.models.size(), kMostModels);
    for (std::size_t model = 0; model < models; ++model) {
        const Series* series = firstMeasured(all, study, model);
        if (!series) continue;
        rows += fmt::format("<tr><th colspan=3>{}</th></tr>\n", html::escaped(inWords(study, *series)));
        for (const std::size_t index : spread(study.measured(*series), kMostLengths)) {
            const ScalingCell& cell = study.cells[index];
            std::vector<html::Part> parts;
            for (const profile::ComponentCost& cost : cell.point.components) {
                parts.push_back(partOf(cost));
                seen.insert(cost.component);
            }
            rows += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n", cell.length, html::bar(parts),
                                formatTime(cell.point.total.median));
        }
    }
    if (rows.empty()) return "<section><p class=note>No cell was measured yet.</p></section>\n";
    std::vector<html::Part> legend;
    for (const Component component : kComponents) {
        if (seen.contains(component)) legend.push_back({std::string(name(component)), html::classOf(component)});
    }
    return "<section><h2>Where the time goes</h2>\n<table class=bars>\n"
           "<tr><th>tokens</th><th class=wide>share of each component</th><th>a pass</th></tr>\n" +
           rows + "</table>\n" + html::legend(legend) + leftOut(models, study.models.size(), "models") + "</section>\n";
}

/// Of a model's first curve, at the longest length, what each number of states takes.
std::string statesRows(const ScalingStudy& study, const Series& series) {
    const ScalingCell& longest = study.cells[study.measured(series).back()];
    const std::vector<const ScalingCell*> all = otherStates(study, longest);
    const auto own =
        std::ranges::find_if(all, [&](const ScalingCell* cell) { return study.hasOwnStates(cell->series); });
    Series shown = series;
    shown.states = 0;
    std::string text = fmt::format("<tr><th colspan=5>{}, {} tokens</th></tr>\n", html::escaped(inWords(study, shown)),
                                   longest.length);
    for (const ScalingCell* cell : spread(all, kMostStates)) {
        const double time_us = cell->point.total.median;
        const double floor_us = profile::floorOfPass(cell->point);
        text += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                            statesName(study, cell->series), formatTime(time_us),
                            formatNumber(own == all.end() ? std::nan("") : time_us / (*own)->point.total.median),
                            formatTime(floor_us), formatPercent(floor_us / time_us));
    }
    return text;
}

std::string statesSection(const ScalingStudy& study) {
    if (study.options.states.size() < 2) return {};
    const std::vector<Series> all = study.series();
    std::string rows;
    for (std::size_t model = 0; model < std::min(study.models.size(), kMostModels); ++model) {
        if (const Series* series = firstMeasured(all, study, model)) rows += statesRows(study, *series);
    }
    if (rows.empty()) return {};
    return "<section><h2>What d_state costs</h2>\n<table>\n"
           "<tr><th>N</th><th>time</th><th>× own N</th><th>floor</th><th>of floor</th></tr>\n" +
           rows +
           "</table>\n<p class=note>Fewer states are compacted from the model's weights, more are of random weights; "
           "ratios are of medians that were not taken in turn.</p></section>\n";
}

}  // namespace

std::string summaryHtml(const ScalingStudy& study) {
    std::vector<std::string> names;
    for (const profile::ModelSummary& model : study.models) names.push_back(model.name);
    return html::page(fmt::format("{}", fmt::join(names, ", ")), headOf(study) + seriesTable(study) +
                                                                     "<div class=columns>" + sharesSection(study) +
                                                                     statesSection(study) + "</div>\n");
}

}  // namespace perfmamba::report
