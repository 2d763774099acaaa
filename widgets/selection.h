// What the user looks at: one selection that every view reads and writes. Views do not know each other.
#pragma once

#include <QObject>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/profile/profile.h"
#include "kernels/component.h"

namespace perfmamba::widgets {

using ProfilePtr = std::shared_ptr<const profile::Profile>;

/// Empty fields mean "all".
struct Focus {
    std::optional<std::int32_t> layer;  // kNoLayer: what belongs to no layer
    std::optional<Component> component;
    std::optional<std::int64_t> length;                 // empty: the last one measured
    std::optional<std::pair<double, double>> range_us;  // within the last pass at that length
    std::optional<std::int64_t> state;                  // of a layer, numbered through its groups

    bool operator==(const Focus&) const = default;
};

/// The point the focus names; the last measured one where it names none or one that is not there. Null without points.
const profile::Point* pointOf(const profile::Profile& profile, const Focus& focus);

/// GUI thread only. Emits changed() once for each real change.
class Selection : public QObject {
    Q_OBJECT
public:
    using QObject::QObject;

    [[nodiscard]] const Focus& focus() const { return m_focus; }
    void set(const Focus& focus);
    void setLayer(std::optional<std::int32_t> layer);
    void setComponent(std::optional<Component> component);
    void setCell(std::optional<std::int32_t> layer, std::optional<Component> component);
    void setState(std::optional<std::int64_t> state);
    void setCellState(std::optional<std::int32_t> layer, std::optional<std::int64_t> state);
    void setLength(std::optional<std::int64_t> length);
    void setRange(std::optional<std::pair<double, double>> range_us);
    /// Back to everything; the length stays.
    void clear();

Q_SIGNALS:
    void changed();

private:
    Focus m_focus;
};

}  // namespace perfmamba::widgets
