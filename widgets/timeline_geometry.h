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

inline bool sameSpan(const Span& a, const Span& b) {
    return a.component == b.component && a.stage == b.stage && a.layer == b.layer;
}

}  // namespace perfmamba::widgets::timeline
