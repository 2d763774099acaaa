// Choose what to prune, see at once what it would cost and win, see it measured a moment later, export it.
#pragma once

#include <QElapsedTimer>
#include <QTimer>
#include <QWidget>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "widgets/plan_panel.h"
#include "widgets/prune_derive.h"
#include "widgets/selection.h"

class QAction;
class QButtonGroup;
class QCheckBox;
class QLabel;
class QProgressBar;
class QPushButton;
class QSplitter;
class QStackedWidget;
class QUndoStack;

namespace perfmamba::widgets {

class EmptyPage;
class PriceCard;
class SensitivityPlot;
class StudyForm;
class TradeoffPlot;

/// Plans are made here, from scores that the page asks for; whatever runs the model is asked for by signal and comes
/// back through a setter.
class PrunePage : public QWidget {
    Q_OBJECT
public:
    explicit PrunePage(Selection& selection, QWidget* parent = nullptr);
    ~PrunePage() override;

    /// Another model starts over: no plan, no undo, nothing measured. One that is not open, of a study's report, can
    /// only be looked at.
    void setModel(const std::optional<profile::ModelSummary>& model, bool open = true);
    /// The first that is not refused is chosen, or `preferred` where it can be.
    void setCriteria(const std::vector<CriterionChoice>& criteria, const QString& preferred = {});
    /// Null while they are computed: the plan at hand stays.
    void setScores(const ScoresPtr& scores);
    /// They cannot be had, in words without a full stop. They are asked for again once the criterion is chosen again or
    /// sees other tokens.
    void setScoresFailed(const QString& criterion, const QString& why);
    void setCost(const study::CostPtr& cost);
    /// Masked: accuracy only.
    void setMeasurement(const prune::PlanPtr& plan, const study::Measurement& measurement, bool masked);
    /// What is being measured; empty: nothing.
    void setMeasuring(const QString& what);
    /// Live or from a report; null: none.
    void setStudy(const study::StudyPtr& study);
    /// A plan that was loaded; it is kept as it was made. One of another model is refused in words on the page.
    void setPlan(const prune::PlanPtr& plan);
    void setSources(const TokenSources& sources);
    /// A plan by threshold, as if its handle had been dragged there.
    void setThreshold(double threshold);
    /// Asks for the whole measurement of the plan at hand, which one that follows the slider must not replace.
    void measureNow();
    /// The buttons of the page without a model.
    void setEmptyActions(const QList<QAction*>& actions);

    [[nodiscard]] const std::optional<profile::ModelSummary>& model() const { return m_model; }
    /// Null until the first scores are there.
    [[nodiscard]] prune::PlanPtr plan() const { return m_plan; }
    [[nodiscard]] const Chosen& chosen() const { return m_chosen; }
    /// Of the criterion that is chosen; null until they are there.
    [[nodiscard]] ScoresPtr scores() const { return scoresOf(m_chosen.criterion); }
    [[nodiscard]] QUndoStack* undoStack() const { return m_undo; }
    [[nodiscard]] PlanPanel* panel() const { return m_panel; }
    [[nodiscard]] TradeoffPlot* tradeoff() const { return m_tradeoff; }
    [[nodiscard]] StudyForm* studyForm() const { return m_form; }
    [[nodiscard]] PriceCard* card() const { return m_card; }
    [[nodiscard]] QByteArray saveLayout() const;
    void restoreLayout(const QByteArray& state);

Q_SIGNALS:
    /// `share` of the states that are to go, for criteria whose ranking depends on it.
    void scoresRequested(const QString& criterion, double share);
    void planChanged(const perfmamba::prune::PlanPtr& plan);
    /// Full: compacted, with its speeds; otherwise accuracy under a mask.
    void measureRequested(const perfmamba::prune::PlanPtr& plan, bool full);
    void studyRequested(const perfmamba::study::Options& options);
    /// "uniform", "ragged" or "masked".
    void exportRequested(const perfmamba::prune::PlanPtr& plan, const QString& form);
    void planSaveRequested(const perfmamba::prune::PlanPtr& plan);
    void planLoadRequested();
    void sourcesChanged(const perfmamba::widgets::TokenSources& sources);

protected:
    void showEvent(QShowEvent* event) override;

private:
    class Step;
    void makeColumns(Selection& selection);
    /// Widths of the columns, the first time.
    void arrange();
    QWidget* makeHeader();
    QWidget* makeCentre(Selection& selection);
    QWidget* makePrice();
    QWidget* makeButtons();
    void apply(const PlanEdit& edit);
    void push(const Chosen& chosen, const QString& what, int merge, int gesture);
    void take(const prune::PlanPtr& plan, const QString& what);
    /// What a step of undo or redo does.
    void choose(const Chosen& chosen);
    void makePlan();
    void setPlanAtHand(const prune::PlanPtr& plan);
    void askForScores();
    [[nodiscard]] bool waitsForWord() const;
    [[nodiscard]] const CriterionChoice* usable(const QString& criterion) const;
    [[nodiscard]] ScoresPtr scoresOf(const QString& criterion) const;
    [[nodiscard]] double shareRemoved() const;
    void showPrice();
    void showMessage(const QString& problem = {});
    void measureLater();
    void sourceEdited(const TokenSources& sources);
    void updateButtons();

    std::optional<profile::ModelSummary> m_model;
    bool m_open = true;
    std::vector<CriterionChoice> m_criteria;
    std::map<QString, ScoresPtr> m_scores;  // by criterion
    QString m_asked;                        // the criterion whose scores are on their way
    QString m_why_ended;
    QString m_ended;  // the one whose scoring ended without
    study::CostPtr m_cost;
    study::StudyPtr m_study;
    std::vector<MeasuredPlan> m_measured;
    Chosen m_chosen;
    prune::PlanPtr m_plan;
    TokenSources m_judged_on;
    QUndoStack* m_undo = nullptr;
    int m_gesture = 0;
    int m_gesture_merge = 0;
    bool m_gesture_ongoing = false;
    QElapsedTimer m_since_edit;
    QTimer m_measure_timer;
    bool m_arranged = false;  // the columns have their widths

    QStackedWidget* m_pages = nullptr;
    EmptyPage* m_empty = nullptr;
    QSplitter* m_columns = nullptr;
    PlanPanel* m_panel = nullptr;
    QButtonGroup* m_views = nullptr;
    QStackedWidget* m_centre = nullptr;
    QLabel* m_study_label = nullptr;
    TradeoffPlot* m_tradeoff = nullptr;
    SensitivityPlot* m_sensitivity = nullptr;
    StudyForm* m_form = nullptr;
    PriceCard* m_card = nullptr;
    QLabel* m_measuring = nullptr;
    QProgressBar* m_busy = nullptr;
    QCheckBox* m_as_i_go = nullptr;
    QPushButton* m_measure = nullptr;
    QPushButton* m_export = nullptr;
    QPushButton* m_save = nullptr;
};

}  // namespace perfmamba::widgets
