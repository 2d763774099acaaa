// The timeline under mouse and keys: what lies at the cursor, zooming and panning, walking from span to span.
#include <QKeyEvent>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/profile/floors.h"
#include "widgets/format.h"
#include "widgets/timeline.h"
#include "widgets/timeline_geometry.h"

namespace perfmamba::widgets {

using namespace timeline;

Timeline::Hit Timeline::hitAt(const QPoint& at) const {
    Hit hit;
    if (m_layout->whole.empty()) return hit;
    hit.in_map = at.y() <= kMapHeight + 1 && at.x() >= kGutter;
    hit.in_gutter = at.x() < kGutter;
    const double time = m_view.toTime(at.x());
    const double reach = kClickReach * (m_view.end_us - m_view.begin_us) / m_view.width;
    const auto pick = [&](const std::vector<Span>& spans) {
        const int i = spanAt(spans, time, reach);
        return i >= 0 ? &spans[static_cast<std::size_t>(i)] : nullptr;
    };
    if (hit.in_map) return hit;
    if (at.y() < kTop) {
        if (at.y() >= kMapHeight + 3 + kAxisHeight && !hit.in_gutter) hit.span = pick(m_layout->whole);
        return hit;
    }
    const double height = spanHeight();
    const double y = at.y() - kTop + verticalScrollBar()->value();
    const auto index = static_cast<std::size_t>(std::max(0.0, y / height));
    if (index >= m_layout->rows.size()) return hit;
    const TimelineRow& row = m_layout->rows[index];
    hit.row_layer = row.layer;
    if (hit.in_gutter) return hit;
    const double inside = y - static_cast<double>(index) * height - 1;
    const Lanes lanes =
        lanesOf(std::max(height - 2, 3.0), m_layout->has_stages && !row.stages.empty(), m_layout->has_kernels);
    if (lanes.kernels > 0 && inside > lanes.whole + lanes.stages) {
        const int i = spanAt(row.kernels, time, reach);
        if (i >= 0) hit.kernel = row.runs[static_cast<std::size_t>(i)];
    } else if (lanes.stages > 0 && inside > lanes.whole) {
        hit.span = pick(row.stages);
    }
    if (hit.span == nullptr) hit.span = pick(row.spans);
    return hit;
}

QString Timeline::kernelTip(const KernelRun& run) const {
    const QString where = run.component == Component::Other ? tr("launched by no component")
                          : run.layer == kNoLayer           ? nameOf(run.component)
                                                  : tr("%1, layer %2").arg(nameOf(run.component)).arg(run.layer);
    QString text = tr("<b>%1</b><br>%2<br>%3, from %4 to %5")
                       .arg(QString::fromStdString(run.name).toHtmlEscaped(), where, timeText(run.duration_us()),
                            timeText(run.begin_us), timeText(run.end_us));
    if (run.kind == RunKind::Overhead) return text + tr("<br>time of the host, charged to no component");
    if (run.bytes > 0) text += QStringLiteral("<br>") + bytesText(static_cast<double>(run.bytes));
    if (run.kind != RunKind::Kernel) return text;
    return text + tr("<br>grid %1 × %2 × %3, block %4 × %5 × %6<br>%7 registers a thread, %8 shared memory a block")
                      .arg(run.grid[0])
                      .arg(run.grid[1])
                      .arg(run.grid[2])
                      .arg(run.block[0])
                      .arg(run.block[1])
                      .arg(run.block[2])
                      .arg(run.registers)
                      .arg(bytesText(static_cast<double>(run.shared_bytes)));
}

QString Timeline::tipFor(const Hit& hit) const {
    if (hit.kernel != nullptr) return kernelTip(*hit.kernel);
    if (hit.span == nullptr) return {};
    const Span& span = *hit.span;
    const QString where = span.layer == kNoLayer ? tr("outside the layers") : tr("layer %1").arg(span.layer);
    const QString what = span.stage == Stage::Whole
                             ? nameOf(span.component)
                             : nameOf(span.component) + QStringLiteral(" · ") + nameOf(span.stage);
    QString text =
        tr("<b>%1</b>, %2<br>%3, %4 of the pass<br>from %5 to %6")
            .arg(what, where, timeText(span.duration_us()), percentText(span.duration_us() / m_layout->total_us),
                 timeText(span.begin_us), timeText(span.end_us));
    if (span.stage == Stage::Whole && m_point != nullptr) {
        if (const profile::ComponentCost* cost = m_point->find(span.component, span.layer)) {
            text += tr("<br>median of %1 passes: %2").arg(cost->time.n()).arg(timeText(cost->time));
            if (std::isfinite(cost->floor_us)) {
                text += tr(", of its floor %1").arg(percentText(profile::ofFloor(*cost)));
            }
        }
    }
    return text;
}

bool Timeline::viewportEvent(QEvent* event) {
    if (event->type() == QEvent::ToolTip) return true;  // shown while the mouse moves, without the delay
    return QAbstractScrollArea::viewportEvent(event);
}

void Timeline::resizeEvent(QResizeEvent* event) {
    QAbstractScrollArea::resizeEvent(event);
    m_view.left = kGutter;
    m_view.width = std::max(1, viewport()->width() - kGutter - 8);
    updateScrollBar();
}

void Timeline::wheelEvent(QWheelEvent* event) {
    if (m_layout->whole.empty()) return;
    const QPoint delta = event->angleDelta();
    const double notches = (delta.y() != 0 ? delta.y() : delta.x()) / 120.0;
    if (event->modifiers().testFlag(Qt::ControlModifier)) {
        m_row_height = std::clamp(spanHeight() * std::pow(1.15, notches), kLeastRow, 3 * kMostRow);
        updateScrollBar();
    } else if (event->position().x() < kGutter) {
        verticalScrollBar()->setValue(verticalScrollBar()->value() - static_cast<int>(notches * 3 * spanHeight()));
    } else if (delta.y() == 0) {
        m_view.pan(-notches * 80, m_layout->total_us);
    } else {
        m_view.zoom(event->position().x(), std::pow(0.8, notches), m_layout->total_us);
        m_fitted = m_view.end_us - m_view.begin_us >= m_layout->total_us * (1 - 1e-9);
    }
    viewport()->update();
    event->accept();
}

void Timeline::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return;
    m_press = m_last = event->pos();
    m_moved = false;
    const Hit hit = hitAt(event->pos());
    m_drag = hit.in_map                                         ? Drag::Map
             : event->modifiers().testFlag(Qt::ControlModifier) ? Drag::Range
             : event->modifiers().testFlag(Qt::ShiftModifier)   ? Drag::PanX
                                                                : Drag::Pan;
    if (m_drag == Drag::Map) centreMap(event->pos().x());
}

void Timeline::centreMap(int x) {
    TimeView whole = m_view;
    whole.begin_us = 0;
    whole.end_us = m_layout->total_us;
    const double extent = m_view.end_us - m_view.begin_us;
    m_view.begin_us = std::clamp(whole.toTime(x) - extent / 2, 0.0, m_layout->total_us - extent);
    m_view.end_us = m_view.begin_us + extent;
    viewport()->update();
}

void Timeline::mouseMoveEvent(QMouseEvent* event) {
    const QPoint at = event->pos();
    if (m_drag == Drag::None) {
        const QString tip = tipFor(hitAt(at));
        if (tip.isEmpty()) {
            QToolTip::hideText();
        } else {
            QToolTip::showText(event->globalPosition().toPoint() + QPoint(12, 14), tip, viewport());
        }
        return;
    }
    if (!m_moved && (at - m_press).manhattanLength() < kClickReach) return;
    m_moved = true;
    switch (m_drag) {
        case Drag::Map: centreMap(at.x()); break;
        case Drag::Range: {
            const double a = std::clamp(m_view.toTime(m_press.x()), 0.0, m_layout->total_us);
            const double b = std::clamp(m_view.toTime(at.x()), 0.0, m_layout->total_us);
            m_own_change = true;
            m_selection.setRange(std::minmax(a, b));
            m_own_change = false;
            break;
        }
        case Drag::Pan:
            verticalScrollBar()->setValue(verticalScrollBar()->value() - (at.y() - m_last.y()));
            [[fallthrough]];
        case Drag::PanX:
            m_view.pan(m_last.x() - at.x(), m_layout->total_us);
            viewport()->setCursor(Qt::ClosedHandCursor);
            break;
        case Drag::None: break;
    }
    m_last = at;
    viewport()->update();
}

void Timeline::mouseReleaseEvent(QMouseEvent* event) {
    const Drag drag = std::exchange(m_drag, Drag::None);
    viewport()->unsetCursor();
    if (event->button() != Qt::LeftButton || m_moved || drag == Drag::Map) return;
    const Hit hit = hitAt(event->pos());
    if (hit.span != nullptr) {
        chooseSpan(*hit.span);
    } else if (hit.in_gutter && hit.row_layer) {
        m_current.reset();
        m_selection.setCell(hit.row_layer, std::nullopt);
    } else {
        m_current.reset();
        m_selection.clear();
    }
}

void Timeline::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton) fit();
}

/// The component that runs, or whose stage runs, in the middle of that span; null where there is none.
const Span* Timeline::wholeAt(const Span& span) const {
    const int i = spanAt(m_layout->whole, (span.begin_us + span.end_us) / 2, 0);
    if (i < 0) return nullptr;
    const Span& whole = m_layout->whole[static_cast<std::size_t>(i)];
    return whole.component == span.component && whole.layer == span.layer ? &whole : nullptr;
}

void Timeline::chooseSpan(const Span& span) {
    // The whole component's times, where a stage was meant.
    const Span* whole = wholeAt(span);
    m_current = whole != nullptr ? *whole : span;
    m_current->stage = Stage::Whole;
    m_own_change = true;
    m_selection.setCell(span.layer, span.component);
    m_own_change = false;
    viewport()->update();
}

void Timeline::step(int delta) {
    const std::vector<Span>& all = m_layout->whole;
    if (all.empty()) return;
    const Focus& focus = m_selection.focus();
    const Span* here = m_current ? wholeAt(*m_current) : nullptr;
    if (here == nullptr && (focus.component || focus.layer)) {
        const auto first = std::ranges::find_if(all, [&](const Span& span) {
            return (!focus.component || *focus.component == span.component) &&
                   (!focus.layer || *focus.layer == span.layer);
        });
        if (first != all.end()) here = &*first;
    }
    const auto last = static_cast<std::ptrdiff_t>(all.size()) - 1;
    const std::ptrdiff_t index = here != nullptr ? std::clamp<std::ptrdiff_t>(here - all.data() + delta, 0, last)
                                 : delta > 0     ? 0
                                                 : last;
    const Span span = m_layout->whole[static_cast<std::size_t>(index)];
    chooseSpan(span);
    followSelection();
    if (span.begin_us < m_view.begin_us || span.end_us > m_view.end_us) {
        const double extent = m_view.end_us - m_view.begin_us;
        m_view.begin_us =
            std::clamp((span.begin_us + span.end_us - extent) / 2, 0.0, std::max(0.0, m_layout->total_us - extent));
        m_view.end_us = m_view.begin_us + extent;
    }
}

void Timeline::stepLayer(int delta) {
    if (m_layout->rows.empty()) return;
    const Focus& focus = m_selection.focus();
    int row = -1;
    for (std::size_t i = 0; i < m_layout->rows.size(); ++i) {
        if (focus.layer && m_layout->rows[i].layer == *focus.layer) row = static_cast<int>(i);
    }
    row = std::clamp(row + delta, 0, static_cast<int>(m_layout->rows.size()) - 1);
    const TimelineRow& target = m_layout->rows[static_cast<std::size_t>(row)];
    const auto same = std::find_if(target.spans.begin(), target.spans.end(),
                                   [&](const Span& s) { return focus.component && s.component == *focus.component; });
    if (same != target.spans.end()) {
        chooseSpan(*same);
    } else if (!target.spans.empty()) {
        chooseSpan(target.spans.front());
    }
    followSelection();
}

void Timeline::keyPressEvent(QKeyEvent* event) {
    const double middle = m_view.left + m_view.width / 2;
    switch (event->key()) {
        case Qt::Key_Left: step(-1); break;
        case Qt::Key_Right: step(1); break;
        case Qt::Key_Up: stepLayer(-1); break;
        case Qt::Key_Down: stepLayer(1); break;
        case Qt::Key_F: fitSelection(); break;
        case Qt::Key_Home: fit(); break;
        case Qt::Key_Plus:
        case Qt::Key_Equal:
        case Qt::Key_Minus:
            m_view.zoom(middle, event->key() == Qt::Key_Minus ? 1.5 : 1 / 1.5, std::max(m_layout->total_us, 1e-3));
            m_fitted = m_view.end_us - m_view.begin_us >= m_layout->total_us * (1 - 1e-9);
            break;
        default: QAbstractScrollArea::keyPressEvent(event); return;
    }
    viewport()->update();
}

QPoint Timeline::spanCentre(std::int32_t layer, Component component) const {
    for (std::size_t i = 0; i < m_layout->rows.size(); ++i) {
        if (m_layout->rows[i].layer != layer) continue;
        for (const Span& span : m_layout->rows[i].spans) {
            if (span.component != component) continue;
            const double y = kTop - verticalScrollBar()->value() + (static_cast<double>(i) + 0.3) * spanHeight();
            return {static_cast<int>(m_view.toX((span.begin_us + span.end_us) / 2)), static_cast<int>(y)};
        }
    }
    return {-1, -1};
}

QPoint Timeline::kernelCentre(std::int32_t layer, Component component) const {
    for (std::size_t i = 0; i < m_layout->rows.size(); ++i) {
        if (m_layout->rows[i].layer != layer) continue;
        for (const Span& kernel : m_layout->rows[i].kernels) {
            if (kernel.component != component) continue;
            const double y = kTop - verticalScrollBar()->value() + (static_cast<double>(i) + 0.85) * spanHeight();
            return {static_cast<int>(m_view.toX((kernel.begin_us + kernel.end_us) / 2)), static_cast<int>(y)};
        }
    }
    return {-1, -1};
}

}  // namespace perfmamba::widgets
