#include "widgets/derive.h"

#include "core/profile/floors.h"
#include "widgets/format.h"

#include <QObject>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <unordered_map>

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

namespace {

template <std::size_t N>
struct Steps {
    std::vector<double> time_us;
    std::array<std::vector<double>, N> bytes;
};

/// Replays the pass's events over `use`, one number a band, and joins what falls into one of `columns`.
/// `apply(use, event)` says which bands an event changes.
template <std::size_t N, typename Apply>
Steps<N> stepsOf(const profile::Point& point, std::size_t columns, std::array<std::int64_t, N> use, Apply apply) {
    using Use = std::array<std::int64_t, N>;
    struct Step {
        double time_us;
        Use use;
    };
    const auto total = [](const Use& u) { return std::accumulate(u.begin(), u.end(), std::int64_t{0}); };
    std::vector<Step> steps;
    steps.push_back({0, use});
    const double width = columns > 0 ? point.last_pass_us / static_cast<double>(columns) : 0;
    double column_begin = 0;
    Use last = use;
    for (const MemoryEvent& event : point.memory.events) {
        apply(use, event);
        const bool same_column = steps.size() > 1 && event.time_us < column_begin + width;
        if (same_column) {
            if (total(use) > total(steps.back().use)) steps.back().use = use;
        } else {
            // The column before ends with what was in use at its end, not with its peak.
            if (steps.size() > 1 && total(steps.back().use) != total(last)) {
                const double end = std::max(steps.back().time_us, std::min(event.time_us, column_begin + width));
                steps.push_back({end, last});
            }
            steps.push_back({event.time_us, use});
            column_begin = event.time_us;
        }
        last = use;
    }
    steps.push_back({point.last_pass_us, last});

    Steps<N> result;
    result.time_us.reserve(steps.size());
    for (const Step& step : steps) {
        result.time_us.push_back(step.time_us);
        for (std::size_t i = 0; i < N; ++i) result.bytes[i].push_back(static_cast<double>(step.use[i]));
    }
    return result;
}

constexpr std::size_t kBeforeBand = kComponentCount;
constexpr std::size_t kWeightsBand = kComponentCount + 1;
using ComponentUse = std::array<std::int64_t, kComponentCount + 2>;

/// A release beyond what its component holds ends something older: of the time before the pass, or, in reports whose
/// releases name the component that released, of the component that holds most.
void release(ComponentUse& use, std::size_t band, std::int64_t bytes) {
    const auto take = [&](std::size_t from) {
        const std::int64_t taken = std::min(bytes, use[from]);
        use[from] -= taken;
        bytes -= taken;
    };
    take(band);
    if (band != kWeightsBand) take(kBeforeBand);
    while (bytes > 0) {
        const auto most = std::max_element(use.begin(), use.end());
        if (*most <= 0) return;
        take(static_cast<std::size_t>(most - use.begin()));
    }
}

}  // namespace

MemoryCurve memoryCurveOf(const profile::Point& point, std::size_t columns) {
    auto steps = stepsOf(point, columns, point.memory.at_start.bytes, [](auto& use, const MemoryEvent& event) {
        use[static_cast<std::size_t>(event.kind)] += event.delta_bytes;
    });
    return {std::move(steps.time_us), std::move(steps.bytes)};
}

ComponentMemoryCurve componentMemoryCurveOf(const profile::Point& point, std::size_t columns) {
    const MemoryUse& at_start = point.memory.at_start;
    ComponentUse start{};
    start[kWeightsBand] = at_start[MemoryKind::Weights];
    start[kBeforeBand] = at_start.total() - at_start[MemoryKind::Weights];
    auto steps = stepsOf(point, columns, start, [](ComponentUse& use, const MemoryEvent& event) {
        const std::size_t band =
            event.kind == MemoryKind::Weights ? kWeightsBand : static_cast<std::size_t>(event.component);
        if (event.delta_bytes >= 0) {
            use[band] += event.delta_bytes;
        } else {
            release(use, band, -event.delta_bytes);
        }
    });
    ComponentMemoryCurve curve;
    curve.time_us = std::move(steps.time_us);
    curve.before = std::move(steps.bytes[kBeforeBand]);
    curve.weights = std::move(steps.bytes[kWeightsBand]);
    for (std::size_t i = 0; i < kComponentCount; ++i) curve.bytes[i] = std::move(steps.bytes[i]);
    return curve;
}

QString deviceText(const profile::Provenance& provenance, const profile::DeviceUse& use) {
    QStringList parts{QString::fromStdString(provenance.device)};
    if (provenance.device_id == "cpu") {
        parts << QObject::tr("%1 threads").arg(provenance.threads);
        if (!provenance.instructions.empty()) parts << QString::fromStdString(provenance.instructions);
    }
    const double clock = std::isfinite(use.clock_mhz) ? use.clock_mhz : provenance.clock_end_mhz;
    if (clock > 0) parts << QObject::tr("%1 MHz").arg(clock, 0, 'f', 0);
    if (std::isfinite(use.temperature_c)) parts << QObject::tr("%1 °C").arg(use.temperature_c, 0, 'f', 0);
    if (std::isfinite(use.power_w)) parts << QObject::tr("%1 W").arg(use.power_w, 0, 'f', 0);
    return parts.join(QStringLiteral(" · "));
}

QString lostRecordsText(const TraceCounts& counts) {
    const std::int64_t lost = counts.dropped + counts.missing + counts.untimed;
    return lost > 0 ? QObject::tr("%1 records lost").arg(grouped(lost)) : QString();
}

std::vector<std::pair<double, double>> idleOf(std::span<const KernelRun> runs, double total_us) {
    std::vector<std::pair<double, double>> gaps;
    double covered = 0;
    for (const KernelRun& run : runs) {
        if (run.kind == RunKind::Overhead) continue;
        if (run.begin_us > covered) gaps.emplace_back(covered, run.begin_us);
        covered = std::max(covered, run.end_us);
    }
    if (total_us > covered) gaps.emplace_back(covered, total_us);
    return gaps;
}

QString shortKernelName(std::string_view name) {
    constexpr std::string_view kReturns = "void ";
    constexpr std::string_view kUnnamed = "(anonymous namespace)::";
    std::string whole(name.substr(name.starts_with(kReturns) ? kReturns.size() : 0));
    for (std::size_t at = whole.find(kUnnamed); at != std::string::npos; at = whole.find(kUnnamed)) {
        whole.erase(at, kUnnamed.size());
    }
    // Template arguments go, however deep, and the parameters; then what stands before the last '::'.
    std::string plain;
    int depth = 0;
    for (const char c : whole) {
        if (c == '(' && depth == 0) break;
        if (c == '<' || c == '(') ++depth;
        if (depth == 0) plain += c;
        if ((c == '>' || c == ')') && depth > 0) --depth;
    }
    if (const std::size_t colons = plain.rfind("::"); colons != std::string::npos) plain.erase(0, colons + 2);
    return plain.empty() ? fromView(name) : QString::fromStdString(plain);
}

std::vector<KernelSum> kernelsInside(const profile::Point& point, std::optional<Component> component,
                                     std::optional<std::int32_t> layer) {
    std::vector<KernelSum> sums;
    std::unordered_map<std::string_view, std::size_t> known;
    const std::vector<double> times = exclusiveTimes(point.last_kernels);
    for (std::size_t i = 0; i < times.size(); ++i) {
        const KernelRun& run = point.last_kernels[i];
        if (run.kind == RunKind::Overhead || (component && run.component != *component)) continue;
        if (layer && run.layer != *layer) continue;
        const auto [place, fresh] = known.try_emplace(run.name, sums.size());
        if (fresh) sums.push_back({shortKernelName(run.name), QString::fromStdString(run.name), run.kind, 0, 0});
        KernelSum& sum = sums[place->second];
        ++sum.count;
        sum.time_us += times[i];
    }
    std::ranges::stable_sort(sums, std::ranges::greater(), &KernelSum::time_us);
    return sums;
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
        case MapMetric::OfFloor: return profile::ofFloor(cost);
        case MapMetric::Change: return kMissing;
    }
    return kMissing;
}

QString limitText(const profile::Profile& profile, const profile::Point& point, const profile::ComponentCost& cost) {
    if (profile::inCache(profile, point, cost)) return QObject::tr("in cache");
    switch (cost.bound) {
        case profile::Bound::None: return QStringLiteral("n/a");
        case profile::Bound::Memory: return QObject::tr("memory");
        case profile::Bound::Work: return QObject::tr("work");
        case profile::Bound::Exponentials: return QObject::tr("exp");
    }
    return {};
}

InCache inCacheOf(const profile::Profile& profile, const profile::Point& point, std::optional<std::int32_t> layer) {
    InCache result{{}, true};
    for (const profile::ComponentCost& cost : layer ? point.layers : point.components) {
        if ((layer && cost.layer != *layer) || cost.bound != profile::Bound::Memory) continue;
        if (profile::inCache(profile, point, cost)) {
            result.names << nameOf(cost.component);
        } else {
            result.all = false;
        }
    }
    return result;
}

QString whyNoFloor(const profile::Profile& profile) {
    if (profile.provenance.ceilings) return QObject::tr("nothing is counted for it that a ceiling stands beside");
    return QObject::tr("n/a: the report holds no ceilings (Run → Measure ceilings, then measure again)");
}

QString floorTip(const profile::Profile& profile, const profile::Point& point, const profile::ComponentCost& cost) {
    if (!std::isfinite(cost.floor_us)) return whyNoFloor(profile);
    const QString by = cost.bound == profile::Bound::Memory ? QObject::tr("bytes over the memory's bandwidth")
                       : cost.bound == profile::Bound::Work ? QObject::tr("work over the products' rate")
                                                            : QObject::tr("exponentials over their rate");
    QString text = QObject::tr("floor %1: %2; %3 of it reached")
                       .arg(timeText(cost.floor_us), by, percentText(profile::ofFloor(cost)));
    if (profile::inCache(profile, point, cost)) {
        text += QObject::tr("\nin cache: its data fit into caches, which are faster than the memory of that floor");
    } else if (profile::ofFloor(cost) > 1) {
        text +=
            QObject::tr("\nfaster than the ceiling: that was measured too low; Run → Measure ceilings does it anew");
    }
    return text;
}

QString ceilingsText(const profile::Ceilings& ceilings) {
    return QObject::tr("%1 GB/s, %2 GFLOP/s in %3, %4 Gexp/s")
        .arg(threeDigits(ceilings.bytes_per_s * 1e-9), threeDigits(ceilings.flops_per_s * 1e-9),
             QString::fromStdString(ceilings.precision), threeDigits(ceilings.exponentials_per_s * 1e-9));
}

std::vector<RooflineDot> rooflineOf(const profile::Point& point, std::optional<std::int32_t> layer) {
    const bool one_layer = layer && *layer >= 0;
    std::vector<RooflineDot> dots;
    for (const profile::ComponentCost& cost : one_layer ? point.layers : point.components) {
        if (one_layer && cost.layer != *layer) continue;
        const bool drawn = cost.flops > 0 && cost.bytes > 0 && cost.time.median > 0;
        if (!drawn || cost.component == Component::Other) continue;
        const auto rate = [&](double us) { return us > 0 ? cost.flops / us * 1e6 : std::nan(""); };
        dots.push_back({&cost, cost.flops / cost.bytes, rate(cost.time.median), rate(cost.time.ci_high),
                        rate(cost.time.ci_low), rate(cost.floor_us)});
    }
    std::ranges::stable_sort(dots, {}, &RooflineDot::flops_per_byte);
    return dots;
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
    const std::size_t enough = next->complete ? 1
                               : next->options.repeat > 0
                                   ? std::min(kEnough, static_cast<std::size_t>(next->options.repeat))
                                   : kEnough;
    // Not a copy of the whole: points hold every event of their last pass.
    auto merged = std::make_shared<profile::Profile>();
    merged->model = next->model;
    merged->provenance = next->provenance;
    merged->options = next->options;
    merged->complete = next->complete;
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
