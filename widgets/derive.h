// Arithmetic between a profile and what is drawn: free functions on values, tested without a window.
#pragma once

#include <QString>
#include <QStringList>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/profile/profile.h"
#include "widgets/selection.h"

namespace perfmamba::widgets {

/// How the stacked bars measure a component.
enum class Measure { Share, Time, PerToken };

/// Components that occur at any length, in the order of the pass.
std::vector<Component> componentsIn(const profile::Profile& profile);
/// Components that layers have, in the order of the pass: the columns of the map.
std::vector<Component> layerComponentsIn(const profile::Point& point);
/// Number of layers the point has rows for.
std::int32_t layerCountOf(const profile::Point& point);

/// Tokens one pass processes: batch × length for a prefill, batch for a decode step.
double tokensOf(const profile::Profile& profile, const profile::Point& point);

/// A component's height in a bar: share (0 … 1), µs, or µs a token. 0 where the component is missing.
double measureOf(const profile::Profile& profile, const profile::Point& point, Component component, Measure measure);

/// Index of the segment of a stack in which `height` lies; −1 outside. Segments are given bottom first.
int segmentAt(std::span<const double> heights, double height);

/// Spreads labels so that they keep `gap` apart, staying as near as they can to where they want to be and within
/// [low, high]. `wanted` ascends; so does the result.
std::vector<double> spreadLabels(std::span<const double> wanted, double gap, double low, double high);

/// Memory over a pass, by kind, as steps: value i holds from time i to time i + 1.
struct MemoryCurve {
    std::vector<double> time_us;
    std::array<std::vector<double>, kMemoryKindCount> bytes;
};
/// At most about `columns` steps; where steps are joined, the moment of the largest total stands for them, so that
/// the peak is never lost.
MemoryCurve memoryCurveOf(const profile::Point& point, std::size_t columns);

/// The same by the component that allocated, at the same times and with the same totals; no value is ever negative.
struct ComponentMemoryCurve {
    std::vector<double> time_us;
    std::array<std::vector<double>, kComponentCount> bytes;
    std::vector<double> before;   // in use when the pass began, but for the weights: the state above all
    std::vector<double> weights;  // whoever asked for them
};
ComponentMemoryCurve componentMemoryCurveOf(const profile::Point& point, std::size_t columns);

/// The stretches of [0, total] that no component covers. `spans` are in order of their begin; stages are ignored.
std::vector<std::pair<double, double>> gapsOf(std::span<const Span> spans, double total_us);

/// The same of what a device ran, kernel by kernel, the tracer's overhead left out. `runs` in order of their begin.
std::vector<std::pair<double, double>> idleOf(std::span<const KernelRun> runs, double total_us);

/// A kernel's name without return type, namespaces, template arguments and parameters: "scan" of
/// "void ns::scan<float, 4>(float const*)".
QString shortKernelName(std::string_view name);

/// Kernels of one name, summed.
struct KernelSum {
    QString name;  // as shortKernelName()
    QString full;
    RunKind kind = RunKind::Kernel;
    std::int64_t count = 0;
    double time_us = 0;
};
/// What ran inside a component of a layer (of all layers, of all components) in the last pass, the longest first. The
/// tracer's overhead is not among it.
std::vector<KernelSum> kernelsInside(const profile::Point& point, std::optional<Component> component,
                                     std::optional<std::int32_t> layer);

/// For the status bar: device, and its clock, temperature and power where they are known.
QString deviceText(const profile::Provenance& provenance, const profile::DeviceUse& use);
/// "3 records lost"; empty where none is.
QString lostRecordsText(const TraceCounts& counts);

/// What the map colours cells by.
enum class MapMetric { Time, Share, Memory, Flops, FlopRate, OfFloor, Change };
/// NaN where there is nothing measured, and for Change, which is not of one run.
double metricOf(const profile::ComponentCost& cost, MapMetric metric);

/// "memory", "work", "exp", "in cache"; "n/a" where the floor is not known.
QString limitText(const profile::Profile& profile, const profile::Point& point, const profile::ComponentCost& cost);
/// Which of a pass's or a layer's components have floors that are none, because caches serve them.
struct InCache {
    QStringList names;
    bool all = false;  // of those whose floor is by memory
};
InCache inCacheOf(const profile::Profile& profile, const profile::Point& point, std::optional<std::int32_t> layer);
/// "floor 12.3 ms by memory, 81.2 % of it reached", and why that is more than 100 %; why it is not known.
QString floorTip(const profile::Profile& profile, const profile::Point& point, const profile::ComponentCost& cost);
/// Why floors of that profile are not known.
QString whyNoFloor(const profile::Profile& profile);
/// "25.8 GB/s, 92.5 GFLOP/s, 2.32 Gexp/s".
QString ceilingsText(const profile::Ceilings& ceilings);

/// A component under the roofs of its device: of all layers or of one.
struct RooflineDot {
    const profile::ComponentCost* cost = nullptr;
    double flops_per_byte = 0;
    double flops_per_s = 0;          // measured
    double slowest_flops_per_s = 0;  // by the 95 % interval of the median
    double fastest_flops_per_s = 0;
    double floor_flops_per_s = 0;  // if it took its floor; NaN where that is not known
};
/// Those that compute and were timed, by their FLOPs a byte. Layer kNoLayer or empty: summed over the layers.
std::vector<RooflineDot> rooflineOf(const profile::Point& point, std::optional<std::int32_t> layer);

/// A repeated run over the last one: points not yet measured again are shown as they were. `next` alone where the two
/// did not measure the same thing in the same way.
ProfilePtr mergedForLive(const ProfilePtr& previous, const ProfilePtr& next);

}  // namespace perfmamba::widgets
