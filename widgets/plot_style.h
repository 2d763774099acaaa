// The look of every QCustomPlot of ours, and the handful of things they all do. Include from .cpp files only.
#pragma once

#include <qcustomplot.h>

namespace perfmamba::widgets {

/// Backgrounds, axes, grid, fonts and colours from the theme. Call again when the theme changes.
void stylePlot(QCustomPlot& plot);
/// Wheel zooms at the cursor, drag pans, Shift keeps to x, double click and Home fit: `fit` is called for the last two.
void makeNavigable(QCustomPlot& plot, std::function<void()> fit);
/// Tick labels at 0, 1, 2 … .
QSharedPointer<QCPAxisTickerText> categoryTicker(const QStringList& labels);

}  // namespace perfmamba::widgets
