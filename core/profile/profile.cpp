#include "core/profile/profile.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/profile/floors.h"

namespace perfmamba::profile {

std::string_view name(Mode mode) {
    return mode == Mode::Prefill ? "prefill" : "decode";
}

std::optional<Mode> modeFromName(std::string_view text) {
    if (text == name(Mode::Prefill)) return Mode::Prefill;
    if (text == name(Mode::Decode)) return Mode::Decode;
    return std::nullopt;
}

const ComponentCost* Point::find(Component component, std::int32_t layer) const {
    const auto searchIn = [&](const std::vector<ComponentCost>& rows) -> const ComponentCost* {
        const auto found = std::ranges::find_if(
            rows, [&](const ComponentCost& row) { return row.component == component && row.layer == layer; });
        return found == rows.end() ? nullptr : &*found;
    };
    // A component outside the layers has layer = kNoLayer in both lists; the sums come first.
    if (layer == kNoLayer) return searchIn(components);
    return searchIn(layers);
}

ComponentCost Point::whole() const {
    ComponentCost sum;
    sum.time = total;
    sum.share = 1;
    sum.exponentials = 0;
    for (const ComponentCost& cost : components) {
        if (cost.component == Component::Other) continue;
        sum.calls += cost.calls;
        sum.flops += cost.flops;
        sum.bytes += cost.bytes;
        sum.exponentials += cost.exponentials;
    }
    if (sum.calls == 0) sum.flops = sum.bytes = sum.exponentials = std::numeric_limits<double>::quiet_NaN();
    sum.floor_us = floorOfPass(*this);
    sum.peak_bytes = memory.peak.total();
    return sum;
}

KernelCounts Point::countsOf(Component component, std::int32_t layer, Stage stage) const {
    std::vector<KernelCounts> inside;
    for (const KernelCounts& kernel : counted.kernels) {
        const bool of_layer = layer == kNoLayer || kernel.layer == layer;
        const bool of_stage = stage == Stage::Whole || kernel.stage == stage;
        if (kernel.component == component && of_layer && of_stage) inside.push_back(kernel);
    }
    KernelCounts of;
    of.component = component;
    of.stage = stage;
    of.layer = layer;
    return sumOf(inside, of);
}

bool outOfTime(const Point& point) {
    return !point.cut_short && point.total.n() < kMostPasses;
}

std::string whyEnded(const std::vector<const Point*>& points) {
    const auto why = [](const Point* point) -> std::string {
        if (point->cut_short) return "when the run was ended";
        if (outOfTime(*point)) return "when the time for it was spent";
        return fmt::format("when {} passes were taken", kMostPasses);
    };
    const auto alike = [&](const Point* point) { return why(point) == why(points.front()); };
    return !points.empty() && std::ranges::all_of(points, alike) ? why(points.front()) : "when measuring ended";
}

std::size_t Profile::measured() const {
    return static_cast<std::size_t>(std::ranges::count(points, false, &Point::cut_short));
}

}  // namespace perfmamba::profile
