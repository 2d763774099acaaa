// What the states do: layers × states, the chosen layer by rows and over the sequence, and the scores they have.
#pragma once

#include <QWidget>
#include <memory>
#include <optional>
#include <vector>

#include "core/activity/activity.h"
#include "core/prune/plan.h"
#include "core/prune/scores.h"
#include "widgets/selection.h"
#include "widgets/state_arithmetic.h"

class QButtonGroup;
class QComboBox;
class QHBoxLayout;
class QLabel;

namespace perfmamba::widgets {

class ElidedLabel;
class Heatmap;
struct HeatmapData;
class ScoreHistogram;

class StatesPage : public QWidget {
    Q_OBJECT
public:
    explicit StatesPage(Selection& selection, QWidget* parent = nullptr);

    /// Null: shows nothing. Snapshots may come several times a second; view and selection stay.
    void setActivity(activity::ActivityPtr activity);
    /// Hatches the states that go. Null: none go.
    void setPlan(std::shared_ptr<const prune::Plan> plan);
    /// Draws the scores at the side and a contour around the states under the threshold. Null: neither.
    void setScores(std::shared_ptr<const prune::Scores> scores, std::optional<double> threshold);

    void setMeasure(const StateMeasure& measure);
    void setLogarithmic(bool logarithmic);
    void setSorted(bool sorted);
    void setScalePerLayer(bool per_layer);

    [[nodiscard]] Heatmap* overview() const { return m_overview; }
    [[nodiscard]] Heatmap* rows() const { return m_rows; }
    [[nodiscard]] Heatmap* overSequence() const { return m_over_sequence; }
    [[nodiscard]] ScoreHistogram* histogram() const { return m_histogram; }
    /// What the activity was collected on, and what collecting it cost.
    [[nodiscard]] QString origin() const;
    /// The chosen state, in words and numbers; empty where none is.
    [[nodiscard]] QString chosen() const;
    /// Above the map, which is of all layers whatever is chosen.
    [[nodiscard]] QString overviewHeading() const;

Q_SIGNALS:
    void thresholdRequested(double threshold);

private:
    void buildControls(QHBoxLayout& bar);
    void buildViews(QWidget& place);
    void refresh();
    void fillOverview();
    void fillLayer();
    void frameState();
    [[nodiscard]] HeatmapData rowCells() const;
    [[nodiscard]] HeatmapData timeCells() const;
    void follow();
    void choose(std::int64_t layer, std::optional<std::int64_t> state);
    [[nodiscard]] const activity::LayerActivity& layer() const;
    [[nodiscard]] StateMeasure measure() const;
    [[nodiscard]] bool logarithmic() const;
    [[nodiscard]] bool sorted() const;
    [[nodiscard]] bool mamba1() const;
    [[nodiscard]] QString measureName() const;
    [[nodiscard]] QString rowName() const;
    [[nodiscard]] QString statesName() const;
    [[nodiscard]] bool pruned(std::int64_t layer, std::int64_t state) const;
    [[nodiscard]] bool under(std::int64_t layer, std::int64_t state) const;
    [[nodiscard]] std::optional<std::int64_t> stateOfRow(std::int64_t row, std::int64_t column) const;
    [[nodiscard]] QString stateText(std::int64_t layer, std::int64_t state, const QString& separator) const;
    [[nodiscard]] QString rowTip(std::int64_t row, std::int64_t column) const;
    [[nodiscard]] QString timeTip(std::int64_t row, std::int64_t column) const;
    [[nodiscard]] QString overviewCsv() const;
    [[nodiscard]] QString rowsCsv() const;
    [[nodiscard]] QString overSequenceCsv() const;

    Selection& m_selection;
    activity::ActivityPtr m_activity;
    std::shared_ptr<const prune::Plan> m_plan;  // as set; null where it does not fit the activity
    std::shared_ptr<const prune::Scores> m_scores;
    std::optional<double> m_threshold;
    bool m_plan_fits = false;
    bool m_scores_fit = false;
    StateGrid m_grid;
    std::int64_t m_layer = 0;                         // shown below
    std::vector<std::vector<std::int32_t>> m_groups;  // its states' order by group

    QComboBox* m_statistic = nullptr;
    QButtonGroup* m_most = nullptr;
    QButtonGroup* m_log = nullptr;
    QButtonGroup* m_order = nullptr;
    QButtonGroup* m_scale = nullptr;
    QLabel* m_origin = nullptr;
    ElidedLabel* m_chosen = nullptr;
    ElidedLabel* m_rows_heading = nullptr;
    ElidedLabel* m_time_heading = nullptr;
    ElidedLabel* m_scores_heading = nullptr;
    QWidget* m_side = nullptr;
    Heatmap* m_overview = nullptr;
    Heatmap* m_rows = nullptr;
    Heatmap* m_over_sequence = nullptr;
    ScoreHistogram* m_histogram = nullptr;
};

/// "|h|", "decay 1 − exp(Δ·A)": the statistic's name in the window.
QString nameOf(activity::Statistic statistic);

}  // namespace perfmamba::widgets
