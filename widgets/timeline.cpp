#include "widgets/timeline.h"

#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "widgets/derive.h"
#include "widgets/format.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kGutter = 74;    // the rows' names
constexpr int kMapHeight = 12;
constexpr int kAxisHeight = 20;
constexpr int kLaneHeight = 24;
constexpr int kTop = kMapHeight + 3 + kAxisHeight + kLaneHeight + 5;  // where the rows begin
constexpr double kLeastRow = 9;
constexpr double kMostRow = 30;
constexpr double kDefaultWithStages = 26;
constexpr int kClickReach = 4;  // pixels

bool sameSpan(const Span& a, const Span& b) {
    return a.component == b.component && a.stage == b.stage && a.layer == b.layer;
}

}  // namespace

Timeline::Timeline(Selection& selection, QWidget* parent) : QAbstractScrollArea(parent), m_selection(selection) {
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::StrongFocus);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setMinimumHeight(120);
    viewport()->setMouseTracking(true);
    setAccessibleName(tr("Timeline of the last pass"));
    setAccessibleDescription(tr("Left and right walk from span to span, up and down from layer to layer, F shows the "
                                "selection, Home the whole pass, plus and minus zoom."));
    m_picture.name = QStringLiteral("timeline");
    m_picture.size = [this] { return viewport()->size(); };
    m_picture.paint = [this](QPaintDevice& device, QSize size) {
        QPainter painter(&device);
        paint(painter, size, false);
    };
    m_picture.csv = [this] {
        QString text = QStringLiteral("component,stage,layer,begin [µs],end [µs]\n");
        if (m_point == nullptr) return text;
        for (const Span& span : m_point->last_pass) {
            text += QStringLiteral("%1,%2,%3,%4,%5\n")
                        .arg(nameOf(span.component), nameOf(span.stage),
                             span.layer == kNoLayer ? QString() : QString::number(span.layer),
                             QString::number(span.begin_us, 'f', 3), QString::number(span.end_us, 'f', 3));
        }
        return text;
    };
    m_picture.reset = [this] { fit(); };
    addPictureMenu(*viewport(), m_picture);
    connect(&m_selection, &Selection::changed, this, [this] { updateView(); });
    connect(&theme(), &Theme::changed, viewport(), qOverload<>(&QWidget::update));
}

void Timeline::setProfile(const ProfilePtr& profile) {
    m_profile = profile;
    m_point = nullptr;
    updateView();
}

void Timeline::updateView() {
    const profile::Point* point = m_profile ? pointOf(*m_profile, m_selection.focus()) : nullptr;
    if (point != m_point || point == nullptr) {
        m_point = point;
        m_rows.clear();
        m_all.clear();
        m_gaps.clear();
        m_has_stages = false;
        m_total_us = 0;
        QString caption;
        if (point != nullptr && !point->last_pass.empty()) {
            m_total_us = std::max(point->last_pass_us, point->last_pass.back().end_us);
            m_rows = timelineRows(point->last_pass);
            for (const Span& span : point->last_pass) {
                if (span.stage == Stage::Whole) m_all.push_back(span);
                m_has_stages = m_has_stages || span.stage != Stage::Whole;
            }
            m_gaps = gapsOf(m_all, m_total_us);
            double between = 0;
            for (const auto& [begin, end] : m_gaps) between += end - begin;
            caption = tr("Last pass at %1 tokens: %2, of which %3 (%4) between components")
                          .arg(grouped(point->length), timeText(m_total_us), timeText(between),
                               percentText(m_total_us > 0 ? between / m_total_us : 0));
            if (m_current) {
                const auto again = std::find_if(m_all.begin(), m_all.end(),
                                                [&](const Span& s) { return sameSpan(s, *m_current); });
                m_current = again != m_all.end() ? std::optional(*again) : std::nullopt;
            }
        }
        Q_EMIT captionChanged(caption);
        if (m_fitted || m_view.end_us > m_total_us || m_total_us <= 0) {
            m_view.begin_us = 0;
            m_view.end_us = std::max(m_total_us, 1e-3);
            m_fitted = true;
        }
    }
    if (!m_own_change) followSelection();
    updateScrollBar();
    viewport()->update();
}

void Timeline::followSelection() {
    const Focus& focus = m_selection.focus();
    if (m_current && (focus.component != m_current->component || (focus.layer && focus.layer != m_current->layer))) {
        m_current.reset();
    }
    if (!focus.layer) return;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        if (m_rows[i].layer != *focus.layer) continue;
        const double height = spanHeight();
        const auto top = static_cast<int>(static_cast<double>(i) * height);
        const int room = viewport()->height() - kTop;
        if (top < verticalScrollBar()->value()) {
            verticalScrollBar()->setValue(top);
        } else if (top + height > verticalScrollBar()->value() + room) {
            verticalScrollBar()->setValue(static_cast<int>(top + height) - room);
        }
    }
}

double Timeline::spanHeight() const {
    if (m_row_height > 0) return m_row_height;
    if (m_rows.empty()) return kMostRow;
    const double fit = (viewport()->height() - kTop) / static_cast<double>(m_rows.size());
    // As all rows fit, if they can be told apart then; else scroll, at a height at which names can be read.
    return fit >= kLeastRow ? std::min(fit, kMostRow) : m_has_stages ? kDefaultWithStages - 8 : kLeastRow + 5;
}

void Timeline::updateScrollBar() {
    const auto content = static_cast<int>(std::ceil(spanHeight() * static_cast<double>(m_rows.size())));
    const int room = std::max(0, viewport()->height() - kTop);
    verticalScrollBar()->setRange(0, std::max(0, content - room));
    verticalScrollBar()->setPageStep(room);
    verticalScrollBar()->setSingleStep(static_cast<int>(spanHeight()));
}

void Timeline::fit() {
    m_view.begin_us = 0;
    m_view.end_us = std::max(m_total_us, 1e-3);
    m_fitted = true;
    viewport()->update();
}

void Timeline::fitSelection() {
    const Focus& focus = m_selection.focus();
    double begin = m_total_us;
    double end = 0;
    if (focus.range_us) {
        std::tie(begin, end) = *focus.range_us;
    } else if (m_current && focus.component) {
        begin = m_current->begin_us;
        end = m_current->end_us;
    } else {
        for (const Span& span : m_all) {
            if (focus.layer && span.layer != *focus.layer) continue;
            if (focus.component && span.component != *focus.component) continue;
            begin = std::min(begin, span.begin_us);
            end = std::max(end, span.end_us);
        }
    }
    if (!(end > begin)) return;
    const double margin = (end - begin) * 0.06;
    m_view.begin_us = std::max(0.0, begin - margin);
    m_view.end_us = std::min(m_total_us, end + margin);
    m_fitted = false;
    viewport()->update();
}

// Painting ------------------------------------------------------------------------------------------------------------

void Timeline::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(viewport());
    paint(painter, viewport()->size(), true);
}

void Timeline::paint(QPainter& painter, QSize size, bool on_screen) {
    const Colours& c = theme().colours();
    painter.fillRect(QRect(QPoint(0, 0), size), c.surface);
    painter.setFont(Theme::smallFont());
    if (m_all.empty()) {
        painter.setPen(c.muted);
        painter.drawText(QRect(QPoint(0, 0), size), Qt::AlignCenter,
                         tr("Each component of the last forward pass appears here, a row a layer."));
        return;
    }
    m_view.left = kGutter;
    m_view.width = std::max(1, size.width() - kGutter - 8);
    paintMap(painter, size);
    paintAxis(painter, size);
    painter.save();
    painter.setClipRect(0, kTop, size.width(), size.height() - kTop);
    paintRows(painter, size);
    painter.restore();

    const double lane = kMapHeight + 3 + kAxisHeight;
    painter.setPen(c.text);
    painter.drawText(QRectF(8, lane, kGutter - 12, kLaneHeight), Qt::AlignLeft | Qt::AlignVCenter, tr("pass"));
    painter.save();
    painter.setClipRect(QRectF(m_view.left, 0, m_view.width, size.height()));
    painter.fillRect(QRectF(m_view.left, lane, m_view.width, kLaneHeight), c.window);
    paintGaps(painter, lane, kLaneHeight);
    paintLane(painter, m_all, lane, kLaneHeight, true);
    if (const auto range = m_selection.focus().range_us) {
        QColor band = c.accent;
        band.setAlphaF(0.16F);
        const double x0 = m_view.toX(range->first);
        const double x1 = m_view.toX(range->second);
        painter.fillRect(QRectF(x0, kMapHeight + 3, x1 - x0, size.height()), band);
        painter.setPen(QPen(c.accent, 1));
        painter.drawLine(QPointF(x0, kMapHeight + 3), QPointF(x0, size.height()));
        painter.drawLine(QPointF(x1, kMapHeight + 3), QPointF(x1, size.height()));
    }
    painter.restore();
    if (on_screen && hasFocus()) {
        painter.setPen(QPen(c.accent, 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(QRectF(0.5, 0.5, size.width() - 1, size.height() - 1));
    }
}

void Timeline::paintMap(QPainter& painter, QSize /*size*/) const {
    // The whole pass in one strip, with a frame around what is on screen below it.
    const Colours& c = theme().colours();
    TimeView whole = m_view;
    whole.begin_us = 0;
    whole.end_us = m_total_us;
    painter.fillRect(QRectF(whole.left, 2, whole.width, kMapHeight - 3), c.window);
    for (const Block& block : blocksOf(m_all, whole)) {
        painter.fillRect(QRectF(block.x0, 2, block.x1 - block.x0, kMapHeight - 3), brushFor(m_all[block.index]));
    }
    const double x0 = whole.toX(m_view.begin_us);
    const double x1 = std::max(whole.toX(m_view.end_us), x0 + 2);
    QColor veil = c.surface;
    veil.setAlphaF(0.62F);
    painter.fillRect(QRectF(whole.left, 1, x0 - whole.left, kMapHeight), veil);
    painter.fillRect(QRectF(x1, 1, whole.left + whole.width - x1, kMapHeight), veil);
    if (!m_fitted) {
        painter.setPen(QPen(c.text, 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(QRectF(x0 - 0.5, 0.5, x1 - x0, kMapHeight));
    }
}

void Timeline::paintAxis(QPainter& painter, QSize size) const {
    const Colours& c = theme().colours();
    const double extent = m_view.end_us - m_view.begin_us;
    const double step = tickStep(extent, std::max(2, static_cast<int>(m_view.width / 90)));
    const Unit unit = timeUnit(m_view.end_us);
    const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step * unit.factor) - 1e-9)));
    const double top = kMapHeight + 3;
    for (double t = std::ceil(m_view.begin_us / step) * step; t <= m_view.end_us + step * 1e-6; t += step) {
        const double x = std::floor(m_view.toX(t)) + 0.5;
        painter.setPen(QPen(c.grid, 1));
        painter.drawLine(QPointF(x, top + kAxisHeight - 4), QPointF(x, size.height()));
        painter.setPen(c.muted);
        const QString text = QString::number(t * unit.factor, 'f', decimals) + QLatin1Char(' ') + unit.name;
        const double w = painter.fontMetrics().horizontalAdvance(text) + 4;
        const double left = std::clamp(x - w / 2, m_view.left, std::max(m_view.left, size.width() - w));
        painter.drawText(QRectF(left, top, w, kAxisHeight - 3), Qt::AlignCenter, text);
    }
}

QBrush Timeline::brushFor(const Span& span) const {
    const Focus& focus = m_selection.focus();
    const QColor colour = span.stage == Stage::Whole ? theme().of(span.component) : theme().of(span.stage);
    const bool chosen = (!focus.component || *focus.component == span.component) &&
                        (!focus.layer || *focus.layer == span.layer);
    return chosen ? colour : theme().faded(colour);
}

void Timeline::paintGaps(QPainter& painter, double y, double height) const {
    const QBrush hatch = theme().brushOf(Component::Other);
    auto it = std::partition_point(m_gaps.begin(), m_gaps.end(),
                                   [&](const auto& gap) { return gap.second < m_view.begin_us; });
    for (; it != m_gaps.end() && it->first <= m_view.end_us; ++it) {
        const double x0 = std::max(m_view.toX(it->first), m_view.left);
        const double x1 = std::min(m_view.toX(it->second), m_view.left + m_view.width);
        if (x1 - x0 >= 1) painter.fillRect(QRectF(x0, y, x1 - x0, height), hatch);
    }
}

void Timeline::paintLane(QPainter& painter, std::span<const Span> spans, double y, double height, bool named) const {
    const QFontMetrics metrics = painter.fontMetrics();
    const double right = m_view.left + m_view.width;
    for (const Block& block : blocksOf(spans, m_view)) {
        const Span& span = spans[block.index];
        const QBrush brush = brushFor(span);
        // A pixel's gap between neighbours, where there is room for one.
        const double width = block.x1 - block.x0 > 4 ? block.x1 - block.x0 - 1 : std::max(block.x1 - block.x0, 0.7);
        const QRectF rect(block.x0, y, width, height);
        painter.fillRect(rect, brush);
        if (m_current && sameSpan(*m_current, span)) {
            painter.setPen(QPen(theme().colours().text, 1));
            painter.setBrush(Qt::NoBrush);
            painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5));
        }
        if (!named || height < metrics.height() - 3) continue;
        const QRectF visible(std::max(rect.left(), m_view.left), y, 0, height);
        const double room = std::min(rect.right(), right) - visible.left() - 6;
        if (room < 12) continue;
        QString text = span.stage == Stage::Whole ? nameOf(span.component) : nameOf(span.stage);
        const int name_width = metrics.horizontalAdvance(text);
        if (name_width > room) continue;
        const QString longer = text + QStringLiteral("  ") + timeText(span.duration_us());
        if (metrics.horizontalAdvance(longer) < room) text = longer;
        painter.setPen(Theme::textOn(brush.color()));
        painter.drawText(QRectF(visible.left() + 3, y, room + 3, height), Qt::AlignLeft | Qt::AlignVCenter, text);
    }
}

void Timeline::paintRows(QPainter& painter, QSize size) const {
    const Colours& c = theme().colours();
    const double height = spanHeight();
    const double offset = kTop - verticalScrollBar()->value();
    const auto chosen_layer = m_selection.focus().layer;
    const int label_step = std::max(1, static_cast<int>(std::ceil((painter.fontMetrics().height() - 2) / height)));
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const double y = offset + static_cast<double>(i) * height;
        if (y + height < kTop || y > size.height()) continue;
        const TimelineRow& row = m_rows[i];
        const bool chosen = chosen_layer && *chosen_layer == row.layer;
        if (chosen) painter.fillRect(QRectF(0, y, size.width(), height), c.raised);
        if (chosen || i % static_cast<std::size_t>(label_step) == 0) {
            painter.setPen(chosen ? c.text : c.muted);
            painter.drawText(QRectF(8, y - 4, kGutter - 12, height + 8), Qt::AlignLeft | Qt::AlignVCenter,
                             row.layer == kNoLayer ? tr("outside") : tr("layer %1").arg(row.layer));
        }
        painter.save();
        painter.setClipRect(QRectF(m_view.left, std::max<double>(y, kTop), m_view.width, height));
        const double inner = std::max(height - 2, 3.0);
        const double whole = m_has_stages && inner >= 12 ? std::floor(inner * 0.58) : inner;
        paintLane(painter, row.spans, y + 1, row.stages.empty() ? inner : whole, true);
        if (!row.stages.empty() && inner >= 12) {
            // Components without stages fill the row; those with stages leave its lower part to them.
            paintLane(painter, row.stages, y + 1 + whole, inner - whole, true);
            for (const Block& block : blocksOf(row.spans, m_view)) {
                if (block.x1 - block.x0 < 1) continue;
                const Span& span = row.spans[block.index];
                const bool staged = spanAt(row.stages, (span.begin_us + span.end_us) / 2, 0) >= 0;
                if (!staged) {
                    const double w = block.x1 - block.x0 > 4 ? block.x1 - block.x0 - 1 : block.x1 - block.x0;
                    painter.fillRect(QRectF(block.x0, y + 1 + whole, w, inner - whole), brushFor(span));
                }
            }
        }
        painter.restore();
    }
}

// Mouse and keys ------------------------------------------------------------------------------------------------------

Timeline::Hit Timeline::hitAt(const QPoint& at) const {
    Hit hit;
    if (m_all.empty()) return hit;
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
        if (at.y() >= kMapHeight + 3 + kAxisHeight && !hit.in_gutter) hit.span = pick(m_all);
        return hit;
    }
    const double height = spanHeight();
    const double y = at.y() - kTop + verticalScrollBar()->value();
    const auto index = static_cast<std::size_t>(std::max(0.0, y / height));
    if (index >= m_rows.size()) return hit;
    const TimelineRow& row = m_rows[index];
    hit.row_layer = row.layer;
    if (hit.in_gutter) return hit;
    const double inside = y - static_cast<double>(index) * height;
    if (!row.stages.empty() && inside > height * 0.58) hit.span = pick(row.stages);
    if (hit.span == nullptr) hit.span = pick(row.spans);
    return hit;
}

QString Timeline::tipFor(const Hit& hit) const {
    if (hit.span == nullptr) return {};
    const Span& span = *hit.span;
    const QString where = span.layer == kNoLayer ? tr("outside the layers") : tr("layer %1").arg(span.layer);
    const QString what = span.stage == Stage::Whole
                             ? nameOf(span.component)
                             : nameOf(span.component) + QStringLiteral(" · ") + nameOf(span.stage);
    QString text = tr("<b>%1</b>, %2<br>%3, %4 of the pass<br>from %5 to %6")
                       .arg(what, where, timeText(span.duration_us()), percentText(span.duration_us() / m_total_us),
                            timeText(span.begin_us), timeText(span.end_us));
    if (span.stage == Stage::Whole && m_point != nullptr) {
        if (const profile::ComponentCost* cost = m_point->find(span.component, span.layer)) {
            text += tr("<br>median of %1 passes: %2").arg(cost->time.n()).arg(timeText(cost->time));
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
    if (m_all.empty()) return;
    const QPoint delta = event->angleDelta();
    const double notches = (delta.y() != 0 ? delta.y() : delta.x()) / 120.0;
    if (event->modifiers().testFlag(Qt::ControlModifier)) {
        m_row_height = std::clamp(spanHeight() * std::pow(1.15, notches), kLeastRow, 3 * kMostRow);
        updateScrollBar();
    } else if (event->position().x() < kGutter) {
        verticalScrollBar()->setValue(verticalScrollBar()->value() - static_cast<int>(notches * 3 * spanHeight()));
    } else if (delta.y() == 0) {
        m_view.pan(-notches * 80, m_total_us);
    } else {
        m_view.zoom(event->position().x(), std::pow(0.8, notches), m_total_us);
        m_fitted = m_view.end_us - m_view.begin_us >= m_total_us * (1 - 1e-9);
    }
    viewport()->update();
    event->accept();
}

void Timeline::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return;
    m_press = m_last = event->pos();
    m_moved = false;
    const Hit hit = hitAt(event->pos());
    m_drag = hit.in_map                                               ? Drag::Map
             : event->modifiers().testFlag(Qt::ControlModifier) ? Drag::Range
             : event->modifiers().testFlag(Qt::ShiftModifier)   ? Drag::PanX
                                                                : Drag::Pan;
    if (m_drag == Drag::Map) centreMap(event->pos().x());
}

void Timeline::centreMap(int x) {
    TimeView whole = m_view;
    whole.begin_us = 0;
    whole.end_us = m_total_us;
    const double extent = m_view.end_us - m_view.begin_us;
    m_view.begin_us = std::clamp(whole.toTime(x) - extent / 2, 0.0, m_total_us - extent);
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
            const double a = std::clamp(m_view.toTime(m_press.x()), 0.0, m_total_us);
            const double b = std::clamp(m_view.toTime(at.x()), 0.0, m_total_us);
            m_own_change = true;
            m_selection.setRange(std::minmax(a, b));
            m_own_change = false;
            break;
        }
        case Drag::Pan:
            verticalScrollBar()->setValue(verticalScrollBar()->value() - (at.y() - m_last.y()));
            [[fallthrough]];
        case Drag::PanX:
            m_view.pan(m_last.x() - at.x(), m_total_us);
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

void Timeline::chooseSpan(const Span& span) {
    m_current = span;
    if (span.stage != Stage::Whole) m_current->stage = Stage::Whole;
    // The whole component's times, where a stage was meant.
    for (const Span& whole : m_all) {
        if (sameSpan(whole, *m_current)) {
            m_current = whole;
            break;
        }
    }
    m_own_change = true;
    m_selection.setCell(span.layer, span.component);
    m_own_change = false;
    viewport()->update();
}

void Timeline::step(int delta) {
    if (m_all.empty()) return;
    int index = delta > 0 ? 0 : static_cast<int>(m_all.size()) - 1;
    const Focus& focus = m_selection.focus();
    if (m_current || focus.component || focus.layer) {
        for (std::size_t i = 0; i < m_all.size(); ++i) {
            const bool here = m_current ? sameSpan(m_all[i], *m_current)
                                        : (!focus.component || *focus.component == m_all[i].component) &&
                                              (!focus.layer || *focus.layer == m_all[i].layer);
            if (!here) continue;
            index = std::clamp(static_cast<int>(i) + delta, 0, static_cast<int>(m_all.size()) - 1);
            break;
        }
    }
    const Span span = m_all[static_cast<std::size_t>(index)];
    chooseSpan(span);
    followSelection();
    if (span.begin_us < m_view.begin_us || span.end_us > m_view.end_us) {
        const double extent = m_view.end_us - m_view.begin_us;
        m_view.begin_us = std::clamp((span.begin_us + span.end_us - extent) / 2, 0.0, std::max(0.0, m_total_us - extent));
        m_view.end_us = m_view.begin_us + extent;
    }
}

void Timeline::stepLayer(int delta) {
    if (m_rows.empty()) return;
    const Focus& focus = m_selection.focus();
    int row = -1;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        if (focus.layer && m_rows[i].layer == *focus.layer) row = static_cast<int>(i);
    }
    row = std::clamp(row + delta, 0, static_cast<int>(m_rows.size()) - 1);
    const TimelineRow& target = m_rows[static_cast<std::size_t>(row)];
    const auto same = std::find_if(target.spans.begin(), target.spans.end(), [&](const Span& s) {
        return focus.component && s.component == *focus.component;
    });
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
            m_view.zoom(middle, event->key() == Qt::Key_Minus ? 1.5 : 1 / 1.5, std::max(m_total_us, 1e-3));
            m_fitted = m_view.end_us - m_view.begin_us >= m_total_us * (1 - 1e-9);
            break;
        default: QAbstractScrollArea::keyPressEvent(event); return;
    }
    viewport()->update();
}

QPoint Timeline::spanCentre(std::int32_t layer, Component component) const {
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        if (m_rows[i].layer != layer) continue;
        for (const Span& span : m_rows[i].spans) {
            if (span.component != component) continue;
            const double y = kTop - verticalScrollBar()->value() + (static_cast<double>(i) + 0.3) * spanHeight();
            return {static_cast<int>(m_view.toX((span.begin_us + span.end_us) / 2)), static_cast<int>(y)};
        }
    }
    return {-1, -1};
}

}  // namespace perfmamba::widgets
