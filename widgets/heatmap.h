// Rows × columns of numbers as colours, with a colour bar: hover tells a cell, a click chooses it.
#pragma once

#include <QImage>
#include <QWidget>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "widgets/plot_menu.h"
#include "widgets/state_arithmetic.h"

namespace perfmamba::widgets {

/// What the numbers beside the cells count: cell i is first + i · step.
struct HeatmapAxis {
    QString name;
    double first = 0;
    double step = 1;
};

struct HeatmapData {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::vector<float> values;           // (row, column); NaN stays blank
    std::vector<std::uint8_t> hatched;   // empty, or a flag for each cell
    std::vector<std::uint8_t> outlined;  // the same: a contour separates these cells from the others
    std::vector<ColourScale> scales;     // one for all, or one a row
    HeatmapAxis x, y;
};

/// Wheel zooms at the cursor, drag pans, Shift keeps to x, double click and Home fit; arrow keys move from cell to
/// cell. Where cells are smaller than a pixel, the largest of those under it is drawn. Painted in a few milliseconds
/// for a million cells.
class Heatmap : public QWidget {
    Q_OBJECT
public:
    /// @param name of saved pictures
    explicit Heatmap(const QString& name, QWidget* parent = nullptr);

    /// The view stays where it is while the shape stays. Nothing is drawn of data without rows.
    void setData(HeatmapData data);
    [[nodiscard]] const HeatmapData& data() const { return m_data; }
    /// Framed blocks of cells, the last one strongest: where that is one row or column, it is brought into view and the
    /// keys go on from it.
    void setFramed(std::vector<QRect> framed);
    [[nodiscard]] const std::vector<QRect>& framed() const { return m_framed; }
    void setTip(std::function<QString(std::int64_t row, std::int64_t column)> tip) { m_tip = std::move(tip); }
    void setCsv(std::function<QString()> csv) { m_csv = std::move(csv); }

    [[nodiscard]] const Picture& picture() const { return m_picture; }
    /// What a cell says on hover; empty outside.
    [[nodiscard]] QString tip(std::int64_t row, std::int64_t column) const;
    /// The cells in view, in cells from the top left.
    [[nodiscard]] const QRectF& view() const { return m_view; }
    /// Middle of a cell in the widget, for tests.
    [[nodiscard]] QPoint cellCentre(std::int64_t row, std::int64_t column) const;
    [[nodiscard]] QSize minimumSizeHint() const override { return {160, 90}; }
    [[nodiscard]] QSize sizeHint() const override { return {400, 240}; }

public Q_SLOTS:
    void fit();

Q_SIGNALS:
    void cellChosen(qint64 row, qint64 column);
    /// Escape: nothing is to be chosen.
    void cleared();

protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    struct Cell {
        std::int64_t row = 0;
        std::int64_t column = 0;
        bool operator==(const Cell&) const = default;
    };
    void paint(QPainter& painter, QSize size, double scale, bool on_screen);
    void paintCells(QPainter& painter, const QRectF& area, double scale);
    void paintContour(QPainter& painter, const QRectF& area) const;
    void paintFrames(QPainter& painter, const QRectF& area, bool on_screen) const;
    void paintAxes(QPainter& painter, const QRectF& area) const;
    void paintBar(QPainter& painter, const QRectF& area) const;
    [[nodiscard]] QImage render(QSize pixels, double scale) const;
    [[nodiscard]] QRectF areaOf(QSize size) const;
    [[nodiscard]] QRectF rectOf(const QRectF& area, const QRectF& cells) const;
    [[nodiscard]] std::optional<Cell> cellAt(const QPointF& at) const;
    [[nodiscard]] bool exists(const Cell& cell) const;
    void setView(QRectF view);
    void zoom(double factor, const QPointF& at, bool x_only);
    void moveTo(Cell cell);
    void bringIntoView(const QRect& cells);

    HeatmapData m_data;
    std::vector<std::uint8_t> m_levels;  // of the colours; 0: missing
    QRectF m_view;
    QImage m_image;
    bool m_stale = true;
    std::vector<QRect> m_framed;
    Cell m_cursor;  // of the keyboard
    std::optional<Cell> m_hover;
    QPointF m_pressed_at;
    QRectF m_pressed_view;
    bool m_pressed = false;
    bool m_panned = false;
    std::function<QString(std::int64_t, std::int64_t)> m_tip;
    std::function<QString()> m_csv;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
