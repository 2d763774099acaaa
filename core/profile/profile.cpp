#include "core/profile/profile.h"

#include <algorithm>

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

}  // namespace perfmamba::profile
