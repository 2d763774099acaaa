// The heatmap's mouse and keys.
#include <QApplication>
#include <QKeyEvent>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "widgets/heatmap.h"

namespace perfmamba::widgets {
namespace {

constexpr double kFewestCells = 4;  // across or down at the deepest zoom
constexpr double kWheelStep = 1.25;

}  // namespace

void Heatmap::fit() {
    setView({0, 0, static_cast<double>(m_data.columns), static_cast<double>(m_data.rows)});
}

void Heatmap::setView(QRectF view) {
    const auto columns = static_cast<double>(m_data.columns);
    const auto rows = static_cast<double>(m_data.rows);
    view.setWidth(std::clamp(view.width(), std::min(kFewestCells, columns), columns));
    view.setHeight(std::clamp(view.height(), std::min(kFewestCells, rows), rows));
    view.moveLeft(std::clamp(view.left(), 0.0, columns - view.width()));
    view.moveTop(std::clamp(view.top(), 0.0, rows - view.height()));
    if (view == m_view) return;
    m_view = view;
    m_stale = true;
    update();
}

void Heatmap::zoom(double factor, const QPointF& at, bool x_only) {
    const QRectF area = areaOf(size());
    // The cell under the cursor stays under it.
    const double x = m_view.left() + (at.x() - area.left()) / area.width() * m_view.width();
    const double y = m_view.top() + (at.y() - area.top()) / area.height() * m_view.height();
    QRectF view = m_view;
    const auto limited = [](double size, double all) { return std::clamp(size, std::min(kFewestCells, all), all); };
    const double width = limited(m_view.width() / factor, static_cast<double>(m_data.columns));
    view.setLeft(x - (x - m_view.left()) * width / m_view.width());
    view.setWidth(width);
    if (!x_only) {
        const double height = limited(m_view.height() / factor, static_cast<double>(m_data.rows));
        view.setTop(y - (y - m_view.top()) * height / m_view.height());
        view.setHeight(height);
    }
    setView(view);
}

std::optional<Heatmap::Cell> Heatmap::cellAt(const QPointF& at) const {
    const QRectF area = areaOf(size());
    if (m_data.rows == 0 || !area.contains(at)) return std::nullopt;
    const Cell cell{static_cast<std::int64_t>(m_view.top() + (at.y() - area.top()) / area.height() * m_view.height()),
                    static_cast<std::int64_t>(m_view.left() + (at.x() - area.left()) / area.width() * m_view.width())};
    return exists(cell) ? std::optional(cell) : std::nullopt;
}

bool Heatmap::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip) return true;  // told as the mouse moves
    return QWidget::event(event);
}

void Heatmap::wheelEvent(QWheelEvent* event) {
    if (m_data.rows == 0) return;
    // With Alt or Shift some systems turn the wheel sideways.
    const int delta = event->angleDelta().y() != 0 ? event->angleDelta().y() : event->angleDelta().x();
    zoom(std::pow(kWheelStep, delta / 120.0), event->position(), event->modifiers().testFlag(Qt::ShiftModifier));
    event->accept();
}

void Heatmap::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return;
    m_pressed = true;
    m_panned = false;
    m_pressed_at = event->position();
    m_pressed_view = m_view;
}

void Heatmap::mouseMoveEvent(QMouseEvent* event) {
    if (m_pressed) {
        const QPointF by = event->position() - m_pressed_at;
        m_panned = m_panned || by.manhattanLength() >= QApplication::startDragDistance();
        if (!m_panned) return;
        const QRectF area = areaOf(size());
        const bool x_only = event->modifiers().testFlag(Qt::ShiftModifier);
        setView(m_pressed_view.translated(-by.x() / area.width() * m_view.width(),
                                          x_only ? 0 : -by.y() / area.height() * m_view.height()));
        return;
    }
    const std::optional<Cell> cell = cellAt(event->position());
    if (cell != m_hover) {
        m_hover = cell;
        update();
    }
    const QString text = cell ? tip(cell->row, cell->column) : QString();
    if (text.isEmpty()) {
        QToolTip::hideText();
    } else {
        QToolTip::showText(event->globalPosition().toPoint() + QPoint(12, 14), text, this);
    }
}

void Heatmap::mouseReleaseEvent(QMouseEvent* event) {
    const bool clicked = m_pressed && !m_panned && event->button() == Qt::LeftButton;
    if (event->button() == Qt::LeftButton) m_pressed = false;
    const std::optional<Cell> cell = clicked ? cellAt(event->position()) : std::nullopt;
    if (!cell) return;
    m_cursor = *cell;
    Q_EMIT cellChosen(cell->row, cell->column);
}

void Heatmap::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton) fit();
}

void Heatmap::leaveEvent(QEvent* event) {
    m_hover.reset();
    update();
    QWidget::leaveEvent(event);
}

void Heatmap::bringIntoView(const QRect& cells) {
    const QRectF rect(cells);
    QRectF view = m_view;
    if (cells.width() == 1 && rect.left() < view.left()) view.moveLeft(rect.left());
    if (cells.width() == 1 && rect.right() > view.right()) view.moveRight(rect.right());
    if (cells.height() == 1 && rect.top() < view.top()) view.moveTop(rect.top());
    if (cells.height() == 1 && rect.bottom() > view.bottom()) view.moveBottom(rect.bottom());
    setView(view);
}

void Heatmap::moveTo(Cell cell) {
    cell.row = std::clamp<std::int64_t>(cell.row, 0, m_data.rows - 1);
    cell.column = std::clamp<std::int64_t>(cell.column, 0, m_data.columns - 1);
    while (cell.column > 0 && !exists(cell)) --cell.column;  // a row with fewer cells
    if (!exists(cell)) return;
    m_cursor = cell;
    bringIntoView({static_cast<int>(cell.column), static_cast<int>(cell.row), 1, 1});
    update();
    Q_EMIT cellChosen(cell.row, cell.column);
}

void Heatmap::keyPressEvent(QKeyEvent* event) {
    if (m_data.rows == 0) {
        QWidget::keyPressEvent(event);
        return;
    }
    const QPointF middle = areaOf(size()).center();
    Cell next = m_cursor;
    switch (event->key()) {
        case Qt::Key_Left: --next.column; break;
        case Qt::Key_Right: ++next.column; break;
        case Qt::Key_Up: --next.row; break;
        case Qt::Key_Down: ++next.row; break;
        case Qt::Key_Plus: zoom(kWheelStep, middle, false); return;
        case Qt::Key_Minus: zoom(1 / kWheelStep, middle, false); return;
        case Qt::Key_Home: fit(); return;
        case Qt::Key_Escape: Q_EMIT cleared(); return;
        default: QWidget::keyPressEvent(event); return;
    }
    moveTo(next);
}

}  // namespace perfmamba::widgets
