#include "widgets/derive.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace perfmamba::widgets {

std::vector<Component> componentsIn(const profile::Profile& profile) {
    std::array<bool, kComponentCount> seen{};
    for (const profile::Point& point : profile.points) {
        for (const profile::ComponentCost& cost : point.components)
            seen[static_cast<std::size_t>(cost.component)] = true;
    }
    std::vector<Component> result;
    for (const Component component : kComponents) {
        if (seen[static_cast<std::size_t>(component)]) result.push_back(component);
    }
    return result;
}

std::vector<Component> layerComponentsIn(const profile::Point& point) {
    std::array<bool, kComponentCount> seen{};
    for (const profile::ComponentCost& cost : point.layers) {
        if (cost.layer >= 0) seen[static_cast<std::size_t>(cost.component)] = true;
    }
    std::vector<Component> result;
    for (const Component component : kComponents) {
        if (seen[static_cast<std::size_t>(component)]) result.push_back(component);
    }
    return result;
}

std::int32_t layerCountOf(const profile::Point& point) {
    std::int32_t count = 0;
    for (const profile::ComponentCost& cost : point.layers) count = std::max(count, cost.layer + 1);
    return count;
}

double tokensOf(const profile::Profile& profile, const profile::Point& point) {
    const auto batch = static_cast<double>(profile.options.batch);
    return profile.options.mode == profile::Mode::Prefill ? batch * static_cast<double>(point.length) : batch;
}

double measureOf(const profile::Profile& profile, const profile::Point& point, Component component, Measure measure) {
    const profile::ComponentCost* cost = point.find(component);
    if (cost == nullptr) return 0;
    const double value = measure == Measure::Share  ? cost->share
                         : measure == Measure::Time ? cost->time.median
                                                    : cost->time.median / tokensOf(profile, point);
    return std::isfinite(value) ? value : 0;
}

int segmentAt(std::span<const double> heights, double height) {
    if (height < 0) return -1;
    double top = 0;
    for (std::size_t i = 0; i < heights.size(); ++i) {
        top += heights[i];
        if (height < top) return static_cast<int>(i);
    }
    return -1;
}

std::vector<double> spreadLabels(std::span<const double> wanted, double gap, double low, double high) {
    std::vector<double> at(wanted.begin(), wanted.end());
    if (at.empty()) return at;
    // Up once pushing each above the one before, then down from the top: what does not fit moves as little as needed.
    at.front() = std::max(at.front(), low);
    for (std::size_t i = 1; i < at.size(); ++i) at[i] = std::max(at[i], at[i - 1] + gap);
    if (at.back() > high) {
        at.back() = high;
        for (std::size_t i = at.size() - 1; i-- > 0;) at[i] = std::min(at[i], at[i + 1] - gap);
    }
    return at;
}

MemoryCurve memoryCurveOf(const profile::Point& point, std::size_t columns) {
    const profile::MemoryProfile& memory = point.memory;
    struct Step {
        double time_us;
        MemoryUse use;
    };
    std::vector<Step> steps;
    steps.push_back({0, memory.at_start});
    const double width = columns > 0 ? point.last_pass_us / static_cast<double>(columns) : 0;
    MemoryUse use = memory.at_start;
    double column_begin = 0;
    MemoryUse last = use;
    for (const MemoryEvent& event : memory.events) {
        use[event.kind] += event.delta_bytes;
        const bool same_column = steps.size() > 1 && event.time_us < column_begin + width;
        if (same_column) {
            if (use.total() > steps.back().use.total()) steps.back().use = use;
        } else {
            // The column before ends with what was in use at its end, not with its peak.
            if (steps.size() > 1 && steps.back().use.total() != last.total()) {
                const double end = std::max(steps.back().time_us, std::min(event.time_us, column_begin + width));
                steps.push_back({end, last});
            }
            steps.push_back({event.time_us, use});
            column_begin = event.time_us;
        }
        last = use;
    }
    steps.push_back({point.last_pass_us, last});

    MemoryCurve curve;
    curve.time_us.reserve(steps.size());
    for (const Step& step : steps) {
        curve.time_us.push_back(step.time_us);
        for (const MemoryKind kind : kMemoryKinds) {
            curve.bytes[static_cast<std::size_t>(kind)].push_back(static_cast<double>(step.use[kind]));
        }
    }
    return curve;
}

std::vector<std::pair<double, double>> gapsOf(std::span<const Span> spans, double total_us) {
    std::vector<std::pair<double, double>> gaps;
    double covered = 0;
    for (const Span& span : spans) {
        if (span.stage != Stage::Whole || span.component == Component::Other) continue;
        if (span.begin_us > covered) gaps.emplace_back(covered, span.begin_us);
        covered = std::max(covered, span.end_us);
    }
    if (total_us > covered) gaps.emplace_back(covered, total_us);
    return gaps;
}

double metricOf(const profile::ComponentCost& cost, MapMetric metric) {
    constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
    if (cost.time.n() == 0) return kMissing;
    switch (metric) {
        case MapMetric::Time: return cost.time.median;
        case MapMetric::Share: return cost.share;
        case MapMetric::Memory: return static_cast<double>(cost.peak_bytes);
        case MapMetric::Flops: return cost.flops;
        case MapMetric::FlopRate:
            return cost.flops > 0 && cost.time.median > 0 ? cost.flops / cost.time.median : kMissing;
    }
    return kMissing;
}

namespace {

/// Whether two runs measured the same thing in the same way, so that their points can stand side by side.
bool comparable(const profile::Profile& a, const profile::Profile& b) {
    return a.model.hash == b.model.hash && a.options.mode == b.options.mode && a.options.batch == b.options.batch &&
           a.options.threads == b.options.threads && a.options.repeat == b.options.repeat &&
           a.options.bound == b.options.bound && a.options.budget_s == b.options.budget_s &&
           a.options.seed == b.options.seed && a.provenance.device_id == b.provenance.device_id &&
           a.provenance.device == b.provenance.device;
}

}  // namespace

ProfilePtr mergedForLive(const ProfilePtr& previous, const ProfilePtr& next) {
    if (!previous || !next || !comparable(*previous, *next)) return next;
    // A point of one or two passes says little, unless no more are wanted.
    constexpr std::size_t kEnough = 3;
    const std::size_t enough = next->complete             ? 1
                               : next->options.repeat > 0 ? std::min<std::size_t>(kEnough, next->options.repeat)
                                                          : kEnough;
    auto merged = std::make_shared<profile::Profile>(*next);
    merged->points.clear();
    for (const std::int64_t length : next->options.lengths) {
        const auto at_length = [length](const profile::Point& p) { return p.length == length; };
        const auto fresh = std::find_if(next->points.begin(), next->points.end(), at_length);
        if (fresh != next->points.end() && fresh->total.n() >= enough) {
            merged->points.push_back(*fresh);
            continue;
        }
        const auto old = std::find_if(previous->points.begin(), previous->points.end(), at_length);
        if (old != previous->points.end()) {
            merged->points.push_back(*old);
        } else if (fresh != next->points.end()) {
            merged->points.push_back(*fresh);
        }
    }
    return merged;
}

}  // namespace perfmamba::widgets
