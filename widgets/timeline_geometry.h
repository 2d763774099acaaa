// What painting and input of the timeline share: where the parts lie, in pixels.
#pragma once

#include "kernels/component.h"

namespace perfmamba::widgets::timeline {

inline constexpr int kGutter = 74;  // the rows' names
inline constexpr int kMapHeight = 12;
inline constexpr int kAxisHeight = 20;
inline constexpr int kLaneHeight = 24;
inline constexpr int kTop = kMapHeight + 3 + kAxisHeight + kLaneHeight + 5;  // where the rows begin
inline constexpr double kLeastRow = 9;
inline constexpr double kMostRow = 30;
inline constexpr double kDefaultWithStages = 26;
inline constexpr int kClickReach = 4;  // pixels
inline constexpr double kWithKernels = 30;
inline constexpr double kLeastForLanes = 12;  // pixels of a row that stages or kernels are shown in

/// How a row is shared among the components, their stages and their kernels.
struct Lanes {
    double whole = 0;
    double stages = 0;
    double kernels = 0;
};
inline Lanes lanesOf(double inner, bool with_stages, bool with_kernels) {
    if (inner < kLeastForLanes) return {inner, 0, 0};
    const double kernels = with_kernels ? inner * 0.42 : 0;
    const double above = inner - kernels;
    const double whole = with_stages ? above * 0.58 : above;
    return {whole, above - whole, kernels};
}

/// The same component of the same layer, whenever it ran.
inline bool sameSpan(const Span& a, const Span& b) {
    return a.component == b.component && a.stage == b.stage && a.layer == b.layer;
}

}  // namespace perfmamba::widgets::timeline
