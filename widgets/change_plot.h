// The ratio of every component's time to the baseline's, with its interval: left of 1 faster, right of it slower.
#pragma once

#include <QPoint>
#include <QWidget>
#include <vector>

#include "widgets/change_text.h"
#include "widgets/plot_menu.h"
#include "widgets/selection.h"

class QCustomPlot;
class QLabel;

namespace perfmamba::widgets {

/// Ticks of a logarithmic axis of ratios, among them 1 where it is in view: round factors and their reciprocals, whose
/// labels of `room` pixels each stand clear of each other on an axis that is `width` pixels long.
std::vector<double> ratioTicks(double low, double high, double width, double room);

/// A row a component, the whole pass on top. Grey inside the noise. Click selects the component, hover tells the
/// numbers, up and down move the selection.
class ChangePlot : public QWidget {
    Q_OBJECT
public:
    explicit ChangePlot(Selection& selection, QWidget* parent = nullptr);

    void setComparison(const ComparisonPtr& comparison);

    [[nodiscard]] QString csv() const;
    [[nodiscard]] const Picture& picture() const { return m_picture; }
    /// The rows from the top: the whole pass, then components in the order of the pass. Those without a ratio are left
    /// out.
    [[nodiscard]] const std::vector<profile::Change>& rows() const { return m_rows; }
    /// Where a row's ratio stands in the plot's pixels, for tests.
    [[nodiscard]] QPoint markOf(std::size_t row) const;
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }

private:
    void refill();
    void addRow(std::size_t row);
    void fitView();
    [[nodiscard]] double heightOf(std::size_t row) const;
    /// −1 where there is none.
    [[nodiscard]] int rowAt(const QPoint& at) const;
    void hover(const QPoint& at, const QPoint& global);
    void choose(int row);
    bool pressed(int key);

    Selection& m_selection;
    ComparisonPtr m_comparison;
    const profile::PointComparison* m_point = nullptr;
    std::vector<profile::Change> m_rows;
    QLabel* m_heading = nullptr;
    QCustomPlot* m_plot = nullptr;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
