#include "widgets/heatmap.h"

#include <QPainter>
#include <algorithm>
#include <cmath>

#include "widgets/theme.h"

namespace perfmamba::widgets {

Heatmap::Heatmap(const QString& name, QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    setFont(Theme::smallFont());
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    m_picture.name = name;
    m_picture.size = [this] { return size(); };
    m_picture.paint = [this](QPaintDevice& device, QSize size) {
        QPainter painter(&device);
        painter.setFont(font());
        painter.fillRect(QRect(QPoint(0, 0), size), theme().colours().surface);
        paint(painter, size, std::max(2.0, device.devicePixelRatioF()), false);
    };
    m_picture.csv = [this] { return m_csv ? m_csv() : QString(); };
    m_picture.reset = [this] { fit(); };
    addPictureMenu(*this, m_picture);
    connect(&theme(), &Theme::changed, this, [this] {
        setFont(Theme::smallFont());
        m_stale = true;
        update();
    });
}

void Heatmap::setData(HeatmapData data) {
    const bool same_shape = data.rows == m_data.rows && data.columns == m_data.columns;
    m_data = std::move(data);
    m_levels.resize(m_data.values.size());
    const auto columns = static_cast<std::size_t>(std::max<std::int64_t>(m_data.columns, 1));
    for (std::size_t i = 0; i < m_levels.size(); ++i) {
        const ColourScale& scale = m_data.scales.size() > 1 ? m_data.scales[i / columns] : m_data.scales.front();
        const double position = scale.position(static_cast<double>(m_data.values[i]));
        m_levels[i] =
            std::isnan(position) ? std::uint8_t{0} : static_cast<std::uint8_t>(1 + std::lround(position * 254));
    }
    m_stale = true;
    if (!same_shape) {
        m_hover.reset();
        fit();
    }
    update();
}

void Heatmap::setFramed(std::vector<QRect> framed) {
    if (framed == m_framed) return;
    m_framed = std::move(framed);
    if (!m_framed.empty()) {
        const QRect& last = m_framed.back();
        if (last.height() == 1) m_cursor.row = last.top();
        if (last.width() == 1) m_cursor.column = last.left();
        bringIntoView(last);
    }
    update();
}

QString Heatmap::tip(std::int64_t row, std::int64_t column) const {
    return m_tip && exists({row, column}) ? m_tip(row, column) : QString();
}

// Geometry ------------------------------------------------------------------------------------------------------------

QRectF Heatmap::rectOf(const QRectF& area, const QRectF& cells) const {
    const double w = area.width() / m_view.width();
    const double h = area.height() / m_view.height();
    return {area.left() + (cells.left() - m_view.left()) * w, area.top() + (cells.top() - m_view.top()) * h,
            cells.width() * w, cells.height() * h};
}

QPoint Heatmap::cellCentre(std::int64_t row, std::int64_t column) const {
    const QRectF cell(static_cast<double>(column), static_cast<double>(row), 1, 1);
    return rectOf(areaOf(size()), cell).center().toPoint();
}

bool Heatmap::exists(const Cell& cell) const {
    if (cell.row < 0 || cell.row >= m_data.rows || cell.column < 0 || cell.column >= m_data.columns) return false;
    return m_levels[static_cast<std::size_t>(cell.row * m_data.columns + cell.column)] != 0;
}

}  // namespace perfmamba::widgets
