// The look of every QCustomPlot of ours, and the handful of things they all do. Include from .cpp files only.
#pragma once

#include <qcustomplot.h>

#include <functional>

namespace perfmamba::widgets {

/// Of a bar; from one to the next it is 1.
constexpr double kBarWidth = 0.74;
/// Pixels from a dot or marker that still hit it.
constexpr double kNear = 12;

/// Backgrounds, axes, grid, fonts and colours from the theme. Call again when the theme changes.
void stylePlot(QCustomPlot& plot);
/// Places the plot's legend in a row of its own below the axes, where it hides no point; the row wraps as the plot's
/// width changes.
void putLegendBelow(QCustomPlot& plot);
/// Wraps it to that many pixels, so that no entry is cut off. Call when entries have come or gone.
void wrapLegend(QCustomPlot& plot, int width);
/// Wheel zooms at the cursor, drag pans, Shift keeps to x, double click and Home fit: `fit` is called for the last two.
void makeNavigable(QCustomPlot& plot, std::function<void()> fit);
/// Ticks and the numbers at them, which mean nothing while nothing is drawn. The label stays.
void showNumbers(QCPAxis& axis, bool shown);
/// What a plot does beside that.
struct PlotInput {
    /// The mouse moves, no button held.
    std::function<void(const QPoint& at, const QPoint& global)> hover;
    /// The left button, without a drag.
    std::function<void(const QPoint& at)> click;
    /// False where the key is not for the plot.
    std::function<bool(int key)> press;
};
/// Turns on mouse tracking and the focus for keys. All three functions must be there.
void listenTo(QCustomPlot& plot, PlotInput input);
/// A linear axis whose labels have the decimals that its ticks' distance needs.
QSharedPointer<QCPAxisTicker> plainTicker();
/// Tick labels at 0, 1, 2 … .
QSharedPointer<QCPAxisTickerText> categoryTicker(const QStringList& labels);

}  // namespace perfmamba::widgets
