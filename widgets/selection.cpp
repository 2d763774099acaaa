#include "widgets/selection.h"

#include <algorithm>

namespace perfmamba::widgets {

const profile::Point* pointOf(const profile::Profile& profile, const Focus& focus) {
    if (profile.points.empty()) return nullptr;
    if (focus.length) {
        const auto it = std::find_if(profile.points.begin(), profile.points.end(),
                                     [&](const profile::Point& p) { return p.length == *focus.length; });
        if (it != profile.points.end()) return &*it;
    }
    return &profile.points.back();
}

void Selection::set(const Focus& focus) {
    if (focus == m_focus) return;
    m_focus = focus;
    Q_EMIT changed();
}

void Selection::setLayer(std::optional<std::int32_t> layer) {
    Focus next = m_focus;
    next.layer = layer;
    set(next);
}

void Selection::setComponent(std::optional<Component> component) {
    Focus next = m_focus;
    next.component = component;
    set(next);
}

void Selection::setCell(std::optional<std::int32_t> layer, std::optional<Component> component) {
    Focus next = m_focus;
    next.layer = layer;
    next.component = component;
    set(next);
}

void Selection::setState(std::optional<std::int64_t> state) {
    setCellState(m_focus.layer, state);
}

void Selection::setCellState(std::optional<std::int32_t> layer, std::optional<std::int64_t> state) {
    Focus next = m_focus;
    next.layer = layer;
    next.state = state;
    set(next);
}

void Selection::setLength(std::optional<std::int64_t> length) {
    Focus next = m_focus;
    next.length = length;
    if (next.length != m_focus.length) next.range_us.reset();  // another pass, another clock
    set(next);
}

void Selection::setRange(std::optional<std::pair<double, double>> range_us) {
    Focus next = m_focus;
    next.range_us = range_us;
    set(next);
}

void Selection::clear() {
    Focus next;
    next.length = m_focus.length;
    set(next);
}

}  // namespace perfmamba::widgets
