// Geometry of the timeline, free of any widget: time to pixels and back, zoom, ticks, and which spans are worth
// drawing.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/profile/profile.h"
#include "kernels/component.h"
#include "kernels/trace/run.h"

namespace perfmamba::widgets {

/// The stretch of time on screen and the pixels it is spread over.
struct TimeView {
    double begin_us = 0;
    double end_us = 1;
    double left = 0;   // pixels
    double width = 1;  // pixels

    [[nodiscard]] double toX(double time_us) const { return left + (time_us - begin_us) / (end_us - begin_us) * width; }
    [[nodiscard]] double toTime(double x) const { return begin_us + (x - left) / width * (end_us - begin_us); }
    /// Zooms by `factor` (< 1: closer) with the time under `x` staying put, within [0, total] and not below 10 ns.
    void zoom(double x, double factor, double total_us);
    /// Moves by so many pixels, within [0, total].
    void pan(double pixels, double total_us);
};

/// The step between ticks (1, 2 or 5 times a power of ten) that gives at most `most` of them over `extent`.
double tickStep(double extent, int most);

/// A row of the timeline: what ran in one layer, in order of begin; stages apart, as they lie inside.
struct TimelineRow {
    std::int32_t layer = kNoLayer;
    std::vector<Span> spans;
    std::vector<Span> stages;
    std::vector<Span> kernels;           // where the device was traced so finely, in order of their begin
    std::vector<const KernelRun*> runs;  // of `kernels`, one each
};

/// First what belongs to no layer, then a row a layer. Layers that never ran have no row.
std::vector<TimelineRow> timelineRows(std::span<const Span> spans);

/// Puts kernels, copies and fills into their layers' rows; `runs` outlive the rows. What no component launched, and the
/// tracer's overhead, lie in the row of no layer, which is made where it is missing.
void addKernels(std::vector<TimelineRow>& rows, std::span<const KernelRun> runs);

/// A pass laid out: built once, on whatever thread, in time and memory linear in the pass's events.
struct TimelineLayout {
    std::int64_t length = 0;  // tokens
    std::vector<Span> whole;  // every component, in order
    std::vector<TimelineRow> rows;
    std::vector<std::pair<double, double>> gaps;  // where the device was idle, or between components
    double gap_us = 0;                            // in sum
    double total_us = 0;
    double median_us = 0;  // of all passes
    bool has_stages = false;
    bool has_kernels = false;
};
/// The rows point into `point`, which outlives them.
TimelineLayout timelineLayout(const profile::Point& point);

/// One rectangle to draw: a span, or several that fall into the same pixel, shown as the longest of them.
struct Block {
    double x0 = 0;
    double x1 = 0;
    std::size_t index = 0;  // of the span in its row
    bool merged = false;
};

/// Level of detail: the blocks of `spans` (in order, not overlapping) that are in view, at most two a pixel. They cover
/// every pixel that a span touches.
std::vector<Block> blocksOf(std::span<const Span> spans, const TimeView& view);

/// The gaps (in order, not overlapping) in view that are a pixel wide or wider, from where to where in pixels.
std::vector<std::pair<double, double>> wideGaps(std::span<const std::pair<double, double>> gaps, const TimeView& view);

/// Index of the span at that time, or of one less than `reach_us` away; −1 where there is none.
int spanAt(std::span<const Span> spans, double time_us, double reach_us);

}  // namespace perfmamba::widgets
