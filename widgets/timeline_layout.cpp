#include "widgets/timeline_layout.h"

#include <algorithm>
#include <cmath>

#include "widgets/derive.h"

namespace perfmamba::widgets {
namespace {

constexpr double kShortestView = 0.01;  // µs

/// std::partition_point for one that is likely near: looks 1, 2, 4, … items ahead first.
template <typename Iterator, typename Before>
Iterator partitionPointNear(Iterator from, Iterator end, Before before) {
    std::ptrdiff_t step = 1;
    while (step < end - from && before(from[step])) {
        from += step;
        step *= 2;
    }
    return std::partition_point(from, from + std::min(step, end - from), before);
}

}  // namespace

void TimeView::zoom(double x, double factor, double total_us) {
    const double fixed = toTime(x);
    const double extent = std::clamp((end_us - begin_us) * factor, std::min(kShortestView, total_us), total_us);
    const double share = std::clamp((x - left) / width, 0.0, 1.0);
    begin_us = std::clamp(fixed - share * extent, 0.0, total_us - extent);
    end_us = begin_us + extent;
}

void TimeView::pan(double pixels, double total_us) {
    const double extent = end_us - begin_us;
    begin_us = std::clamp(begin_us + pixels / width * extent, 0.0, std::max(0.0, total_us - extent));
    end_us = begin_us + extent;
}

double tickStep(double extent, int most) {
    if (!(extent > 0) || most < 1) return 1;
    const double raw = extent / most;
    const double power = std::pow(10.0, std::floor(std::log10(raw)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (power * factor >= raw * (1 - 1e-9)) return power * factor;
    }
    return power * 10;
}

std::vector<TimelineRow> timelineRows(std::span<const Span> spans) {
    std::int32_t layers = 0;
    for (const Span& span : spans) layers = std::max(layers, span.layer + 1);
    std::vector<TimelineRow> rows(static_cast<std::size_t>(layers) + 1);
    for (std::size_t i = 1; i < rows.size(); ++i) rows[i].layer = static_cast<std::int32_t>(i) - 1;
    for (const Span& span : spans) {
        TimelineRow& row = rows[static_cast<std::size_t>(std::max(span.layer, kNoLayer) - kNoLayer)];
        (span.stage == Stage::Whole ? row.spans : row.stages).push_back(span);
    }
    std::erase_if(rows, [](const TimelineRow& row) { return row.spans.empty() && row.stages.empty(); });
    return rows;
}

void addKernels(std::vector<TimelineRow>& rows, std::span<const KernelRun> runs) {
    const bool outside = !rows.empty() && rows.front().layer == kNoLayer;
    if (!outside && std::ranges::find(runs, kNoLayer, &KernelRun::layer) != runs.end()) {
        rows.insert(rows.begin(), TimelineRow{});
    }
    std::vector<TimelineRow*> row_of;  // by layer, from kNoLayer on
    for (TimelineRow& row : rows) {
        row_of.resize(static_cast<std::size_t>(row.layer - kNoLayer) + 1);
        row_of.back() = &row;
    }
    for (const KernelRun& run : runs) {
        const auto at = static_cast<std::size_t>(std::max(run.layer, kNoLayer) - kNoLayer);
        TimelineRow* row = at < row_of.size() ? row_of[at] : nullptr;
        if (row == nullptr) continue;
        row->kernels.push_back({run.component, run.stage, run.layer, run.begin_us, run.end_us});
        row->runs.push_back(&run);
    }
}

TimelineLayout timelineLayout(const profile::Point& point) {
    TimelineLayout layout;
    if (point.last_pass.empty()) return layout;
    layout.length = point.length;
    layout.median_us = point.total.median;
    layout.total_us = std::max(point.last_pass_us, point.last_pass.back().end_us);
    layout.rows = timelineRows(point.last_pass);
    for (const Span& span : point.last_pass) {
        if (span.stage == Stage::Whole) layout.whole.push_back(span);
        layout.has_stages = layout.has_stages || span.stage != Stage::Whole;
    }
    layout.has_kernels = !point.last_kernels.empty();
    if (layout.has_kernels) addKernels(layout.rows, point.last_kernels);
    layout.gaps =
        layout.has_kernels ? idleOf(point.last_kernels, layout.total_us) : gapsOf(layout.whole, layout.total_us);
    for (const auto& [begin, end] : layout.gaps) layout.gap_us += end - begin;
    return layout;
}

std::vector<Block> blocksOf(std::span<const Span> spans, const TimeView& view) {
    std::vector<Block> blocks;
    // As TimeView has it, without a division for each.
    const double pixels_per_us = view.width / (view.end_us - view.begin_us);
    const double us_per_pixel = 1 / pixels_per_us;
    const auto toX = [&](double time_us) { return view.left + (time_us - view.begin_us) * pixels_per_us; };
    auto it = std::partition_point(spans.begin(), spans.end(), [&](const Span& s) { return s.end_us < view.begin_us; });
    while (it != spans.end() && it->begin_us <= view.end_us) {
        const auto index = static_cast<std::size_t>(it - spans.begin());
        const double x0 = toX(it->begin_us);
        const double x1 = toX(it->end_us);
        if (x1 - x0 >= 1) {
            blocks.push_back({x0, x1, index, false});
            ++it;
            continue;
        }
        // Everything that ends within this pixel is one block; only its first few are looked at for the longest.
        const double edge_us = view.begin_us + (std::floor(x0) + 1 - view.left) * us_per_pixel;
        const auto past = partitionPointNear(it, spans.end(), [&](const Span& s) { return s.end_us <= edge_us; });
        const auto stop = std::max(past, it + 1);
        constexpr std::ptrdiff_t kLooked = 8;
        const auto longest = std::max_element(it, std::min(stop, it + kLooked), [](const Span& a, const Span& b) {
            return a.duration_us() < b.duration_us();
        });
        blocks.push_back(
            {std::floor(x0), std::floor(x0) + 1, static_cast<std::size_t>(longest - spans.begin()), stop - it > 1});
        it = stop;
    }
    return blocks;
}

std::vector<std::pair<double, double>> wideGaps(std::span<const std::pair<double, double>> gaps, const TimeView& view) {
    std::vector<std::pair<double, double>> wide;
    auto it =
        std::partition_point(gaps.begin(), gaps.end(), [&](const auto& gap) { return gap.second < view.begin_us; });
    while (it != gaps.end() && it->first <= view.end_us) {
        const double x0 = view.toX(it->first);
        const double x1 = view.toX(it->second);
        if (x1 - x0 >= 1) wide.emplace_back(std::max(x0, view.left), std::min(x1, view.left + view.width));
        // What ends within the same pixel is narrower.
        const double edge_us = view.toTime(std::floor(x0) + 1);
        it = partitionPointNear(it + 1, gaps.end(), [&](const auto& gap) { return gap.second <= edge_us; });
    }
    return wide;
}

int spanAt(std::span<const Span> spans, double time_us, double reach_us) {
    const auto it = std::partition_point(spans.begin(), spans.end(), [&](const Span& s) { return s.end_us < time_us; });
    double nearest = reach_us;
    int found = -1;
    const auto consider = [&](auto candidate) {
        const double distance = time_us < candidate->begin_us ? candidate->begin_us - time_us
                                : time_us > candidate->end_us ? time_us - candidate->end_us
                                                              : 0;
        if (distance <= nearest) {
            nearest = distance;
            found = static_cast<int>(candidate - spans.begin());
        }
    };
    if (it != spans.begin()) consider(it - 1);
    if (it != spans.end()) consider(it);
    return found;
}

}  // namespace perfmamba::widgets
