// How the scores of all states are distributed, with the threshold as a handle.
#pragma once

#include <QWidget>
#include <memory>
#include <optional>
#include <vector>

#include "core/prune/scores.h"
#include "widgets/plot_menu.h"
#include "widgets/state_arithmetic.h"

class QCustomPlot;
class QLabel;

namespace perfmamba::widgets {

/// Drag the handle; with the keyboard Left and Right move it a step, with Shift or Page Up and Page Down ten. The view
/// shows the threshold that it is told: whoever listens to thresholdRequested() calls setThreshold().
class ScoreHistogram : public QWidget {
    Q_OBJECT
public:
    explicit ScoreHistogram(QWidget* parent = nullptr);

    /// Null: shows nothing. A zoomed view stays while the axis stays of its kind.
    void setScores(std::shared_ptr<const prune::Scores> scores);
    /// In the scores' unit; states under it go. None: no handle.
    void setThreshold(std::optional<double> threshold);
    [[nodiscard]] std::optional<double> threshold() const { return m_threshold; }
    /// States under the threshold; 0 without one.
    [[nodiscard]] std::int64_t under() const;

    [[nodiscard]] const Picture& picture() const { return m_picture; }
    [[nodiscard]] QString csv() const;
    /// The plot, and where in it a score lies, for tests.
    [[nodiscard]] QWidget* plot() const;
    [[nodiscard]] QPoint pointOf(double score) const;

Q_SIGNALS:
    /// While the handle is dragged, or moved by keys.
    void thresholdRequested(double threshold);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void fill();
    void fillHandle();
    void fit();
    void say();
    void request(double threshold);
    void step(double share);
    [[nodiscard]] bool onHandle(const QPoint& at) const;
    [[nodiscard]] double scoreAt(double x) const;

    std::shared_ptr<const prune::Scores> m_scores;
    std::optional<double> m_threshold;
    std::vector<double> m_sorted;
    ScoreBins m_bins;
    bool m_dragging = false;
    bool m_zoomed = false;
    bool m_fitting = false;
    QLabel* m_go = nullptr;
    QLabel* m_stay = nullptr;
    QCustomPlot* m_plot = nullptr;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
