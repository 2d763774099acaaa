#include "widgets/timeline_layout.h"

#include <algorithm>
#include <cmath>

namespace perfmamba::widgets {
namespace {

constexpr double kShortestView = 0.01;  // µs

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
    for (const KernelRun& run : runs) {
        auto row = std::ranges::find(rows, run.layer, &TimelineRow::layer);
        if (row == rows.end()) {
            if (run.layer != kNoLayer) continue;
            row = rows.insert(rows.begin(), TimelineRow{});
        }
        row->kernels.push_back({run.component, run.stage, run.layer, run.begin_us, run.end_us});
        row->runs.push_back(&run);
    }
}

std::vector<Block> blocksOf(std::span<const Span> spans, const TimeView& view) {
    std::vector<Block> blocks;
    auto it = std::partition_point(spans.begin(), spans.end(), [&](const Span& s) { return s.end_us < view.begin_us; });
    while (it != spans.end() && it->begin_us <= view.end_us) {
        const auto index = static_cast<std::size_t>(it - spans.begin());
        const double x0 = view.toX(it->begin_us);
        const double x1 = view.toX(it->end_us);
        if (x1 - x0 >= 1) {
            blocks.push_back({x0, x1, index, false});
            ++it;
            continue;
        }
        // Everything that ends within this pixel is one block; only its first few are looked at for the longest.
        const double edge_us = view.toTime(std::floor(x0) + 1);
        const auto past = std::partition_point(it, spans.end(), [&](const Span& s) { return s.end_us <= edge_us; });
        const auto stop = std::max(past, it + 1);
        constexpr std::ptrdiff_t kLooked = 16;
        const auto longest = std::max_element(it, std::min(stop, it + kLooked), [](const Span& a, const Span& b) {
            return a.duration_us() < b.duration_us();
        });
        blocks.push_back(
            {std::floor(x0), std::floor(x0) + 1, static_cast<std::size_t>(longest - spans.begin()), stop - it > 1});
        it = stop;
    }
    return blocks;
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
