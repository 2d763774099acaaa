// Arithmetic between a profile and what is drawn: free functions on values, tested without a window.
#pragma once

#include <array>
#include <cstdint>
#include <span>
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

/// What the map colours cells by.
enum class MapMetric { Time, Share, Memory, Flops, FlopRate };
/// NaN where there is nothing measured.
double metricOf(const profile::ComponentCost& cost, MapMetric metric);

/// A repeated run over the last one: points not yet measured again are shown as they were. `next` alone where the two
/// did not measure the same thing in the same way.
ProfilePtr mergedForLive(const ProfilePtr& previous, const ProfilePtr& next);

}  // namespace perfmamba::widgets
