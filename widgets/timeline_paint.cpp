// How the timeline is painted: the strip of the whole pass, the axis, the lane of all components, the rows.
#include <QPainter>
#include <QScrollBar>
#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/derive.h"
#include "widgets/format.h"
#include "widgets/theme.h"
#include "widgets/timeline.h"
#include "widgets/timeline_geometry.h"

namespace perfmamba::widgets {

using namespace timeline;

void Timeline::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(viewport());
    paint(painter, viewport()->size(), true);
}

void Timeline::paint(QPainter& painter, QSize size, bool on_screen) {
    const Colours& c = theme().colours();
    painter.fillRect(QRect(QPoint(0, 0), size), c.surface);
    painter.setFont(Theme::smallFont());
    if (m_layout->whole.empty()) {
        painter.setPen(c.muted);
        painter.drawText(QRect(QPoint(0, 0), size), Qt::AlignCenter,
                         ready() ? tr("Each component of the last forward pass appears here, a row a layer.")
                                 : tr("Laying out the last pass…"));
        return;
    }
    chooseColours();
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
    paintLane(painter, m_layout->whole, lane, kLaneHeight, true);
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
    whole.end_us = m_layout->total_us;
    painter.fillRect(QRectF(whole.left, 2, whole.width, kMapHeight - 3), c.window);
    for (const Block& block : blocksOf(m_layout->whole, whole)) {
        painter.fillRect(QRectF(block.x0, 2, block.x1 - block.x0, kMapHeight - 3),
                         colourOf(m_layout->whole[block.index]));
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

void Timeline::chooseColours() {
    for (const Component component : kComponents) {
        for (std::size_t stage = 0; stage < kStageCount; ++stage) {
            const auto at = static_cast<std::size_t>(component);
            const QColor colour = stage == static_cast<std::size_t>(Stage::Whole)
                                      ? theme().of(component)
                                      : theme().of(static_cast<Stage>(stage));
            m_colours[0][at][stage] = theme().faded(colour);
            m_colours[1][at][stage] = colour;
        }
    }
}

QColor Timeline::colourOf(const Span& span) const {
    const Focus& focus = m_selection.focus();
    const bool chosen =
        (!focus.component || *focus.component == span.component) && (!focus.layer || *focus.layer == span.layer);
    return m_colours[chosen ? 1 : 0][static_cast<std::size_t>(span.component)][static_cast<std::size_t>(span.stage)];
}

void Timeline::paintGaps(QPainter& painter, double y, double height) const {
    const QBrush hatch = theme().brushOf(Component::Other);
    for (const auto& [x0, x1] : wideGaps(m_layout->gaps, m_view)) {
        painter.fillRect(QRectF(x0, y, x1 - x0, height), hatch);
    }
}

void Timeline::paintLane(QPainter& painter, std::span<const Span> spans, double y, double height, bool named,
                         std::span<const KernelRun* const> runs) const {
    const QFontMetrics metrics = painter.fontMetrics();
    const double right = m_view.left + m_view.width;
    // Neighbours of a pixel each and of one colour are drawn as one.
    QRectF pixels;
    QColor pixels_colour;
    const auto drawPixels = [&] {
        if (!pixels.isEmpty()) painter.fillRect(std::exchange(pixels, {}), pixels_colour);
    };
    for (const Block& block : blocksOf(spans, m_view)) {
        const Span& span = spans[block.index];
        const QColor colour = colourOf(span);
        // A pixel's gap between neighbours, where there is room for one.
        const double width = block.x1 - block.x0 > 4 ? block.x1 - block.x0 - 1 : std::max(block.x1 - block.x0, 0.7);
        const QRectF rect(block.x0, y, width, height);
        const bool current =
            runs.empty() && m_current && sameSpan(*m_current, span) && m_current->begin_us == span.begin_us;
        if (block.x1 - block.x0 <= 1 && !current) {
            if (pixels.isEmpty() || colour != pixels_colour || block.x0 > pixels.right()) {
                drawPixels();
                pixels = rect;
                pixels_colour = colour;
            } else {
                pixels.setRight(std::max(pixels.right(), rect.right()));
            }
            continue;
        }
        drawPixels();
        painter.fillRect(rect, colour);
        if (current) {
            painter.setPen(QPen(theme().colours().text, 1));
            painter.setBrush(Qt::NoBrush);
            painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5));
        }
        if (!named || height < metrics.height() - 3) continue;
        const QRectF visible(std::max(rect.left(), m_view.left), y, 0, height);
        const double room = std::min(rect.right(), right) - visible.left() - 6;
        if (room < 12) continue;
        QString text = !runs.empty()                ? shortKernelName(runs[block.index]->name)
                       : span.stage == Stage::Whole ? nameOf(span.component)
                                                    : nameOf(span.stage);
        const int name_width = metrics.horizontalAdvance(text);
        if (name_width > room) {
            if (runs.empty() || room < 30) continue;
            text = metrics.elidedText(text, Qt::ElideRight, static_cast<int>(room));
        }
        const QString longer = text + QStringLiteral("  ") + timeText(span.duration_us());
        if (metrics.horizontalAdvance(longer) < room) text = longer;
        painter.setPen(Theme::textOn(colour));
        painter.drawText(QRectF(visible.left() + 3, y, room + 3, height), Qt::AlignLeft | Qt::AlignVCenter, text);
    }
    drawPixels();
}

/// Components above, their stages under them, their kernels at the bottom with the gaps between them open. Components
/// without stages fill the room of the stages, too.
void Timeline::paintRow(QPainter& painter, const TimelineRow& row, double y, double height) const {
    const Lanes lanes = lanesOf(height, m_layout->has_stages && !row.stages.empty(), m_layout->has_kernels);
    paintLane(painter, row.spans, y, lanes.whole, true);
    if (lanes.stages > 0) {
        const double top = y + lanes.whole;
        paintLane(painter, row.stages, top, lanes.stages, true);
        for (const Block& block : blocksOf(row.spans, m_view)) {
            if (block.x1 - block.x0 < 1) continue;
            const Span& span = row.spans[block.index];
            if (spanAt(row.stages, (span.begin_us + span.end_us) / 2, 0) >= 0) continue;
            const double w = block.x1 - block.x0 > 4 ? block.x1 - block.x0 - 1 : block.x1 - block.x0;
            painter.fillRect(QRectF(block.x0, top, w, lanes.stages), colourOf(span));
        }
    }
    if (lanes.kernels > 2) {
        paintLane(painter, row.kernels, y + lanes.whole + lanes.stages + 1, lanes.kernels - 1, true, row.runs);
    }
}

void Timeline::paintRows(QPainter& painter, QSize size) const {
    const Colours& c = theme().colours();
    const double height = spanHeight();
    const double offset = kTop - verticalScrollBar()->value();
    const auto chosen_layer = m_selection.focus().layer;
    const int label_step = std::max(1, static_cast<int>(std::ceil((painter.fontMetrics().height() - 2) / height)));
    for (std::size_t i = 0; i < m_layout->rows.size(); ++i) {
        const double y = offset + static_cast<double>(i) * height;
        if (y + height < kTop || y > size.height()) continue;
        const TimelineRow& row = m_layout->rows[i];
        const bool chosen = chosen_layer && *chosen_layer == row.layer;
        if (chosen) painter.fillRect(QRectF(0, y, size.width(), height), c.raised);
        if (chosen || i % static_cast<std::size_t>(label_step) == 0) {
            painter.setPen(chosen ? c.text : c.muted);
            painter.drawText(QRectF(8, y - 4, kGutter - 12, height + 8), Qt::AlignLeft | Qt::AlignVCenter,
                             row.layer == kNoLayer ? tr("outside") : tr("layer %1").arg(row.layer));
        }
        painter.save();
        painter.setClipRect(QRectF(m_view.left, std::max<double>(y, kTop), m_view.width, height));
        paintRow(painter, row, y + 1, std::max(height - 2, 3.0));
        painter.restore();
    }
}

}  // namespace perfmamba::widgets
