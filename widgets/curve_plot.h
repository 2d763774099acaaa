// Measured curves over a logarithmic axis: lines with dots and error bars, their floors and fitted power laws.
#pragma once

#include <QPoint>
#include <QWidget>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "core/study/scaling.h"
#include "widgets/plot_menu.h"
#include "widgets/scaling_derive.h"

class QCPAbstractItem;
class QCustomPlot;

namespace perfmamba::widgets {

struct CurvePoint {
    double x = 0;
    Reading reading;
    QString tip;
};
struct Curve {
    QString name;
    SeriesStyle style;
    std::vector<CurvePoint> points;      // by ascending x
    std::optional<study::PowerLaw> law;  // drawn dashed, its exponent in the legend
};
struct CurveAxes {
    QString x_label, y_label;
    QString x_name, y_name;  // in the CSV, with units
    std::vector<std::pair<double, QString>> ticks;
    double factor = 1;  // from the readings' unit to the axis
    bool log_y = true;
};

/// Solid lines are measured, dashed ones fitted, dotted ones floors. Hover tells the numbers, arrow keys go from dot to
/// dot.
class CurvePlot : public QWidget {
    Q_OBJECT
public:
    /// @param name  of its picture's file, and of the plot itself
    explicit CurvePlot(const QString& name, const QString& accessible_name, QWidget* parent = nullptr);
    /// A view that was moved stays, as long as the axes mean the same.
    void setCurves(std::vector<Curve> curves, CurveAxes axes);
    void fitView();
    /// Where the axes begin and end: x, then y.
    [[nodiscard]] std::array<double, 4> view() const;
    /// What stands in the middle while there is no curve.
    void setEmptyText(const QString& text);

    [[nodiscard]] const std::vector<Curve>& curves() const { return m_curves; }
    [[nodiscard]] QString csv() const;
    [[nodiscard]] const Picture& picture() const { return m_picture; }
    /// The names as they stand below the plot.
    [[nodiscard]] QStringList legend() const;
    [[nodiscard]] int legendRows() const;
    /// A dot in the plot's pixels; (−1, −1) where there is none.
    [[nodiscard]] QPoint dotAt(std::size_t curve, std::size_t point) const;
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    struct Dot {
        std::size_t curve = 0, point = 0;
    };
    void refill();
    void draw(const Curve& curve);
    void drawKey();
    void drawEmpty();
    void placeTicks(int width);
    void showCursor();
    [[nodiscard]] QPointF pixelOf(const CurvePoint& point) const;
    [[nodiscard]] std::optional<Dot> nearest(const QPoint& at) const;
    [[nodiscard]] QString tipOf(const Dot& dot) const;
    bool pressed(int key);

    std::vector<Curve> m_curves;
    CurveAxes m_axes;
    QString m_empty;
    std::optional<Dot> m_cursor;
    std::array<double, 4> m_fitted{};  // the view as it was fitted last
    QCustomPlot* m_plot = nullptr;
    QCPAbstractItem* m_ring = nullptr;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
