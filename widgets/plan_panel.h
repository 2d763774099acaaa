// What to prune: the criterion, what it sees, the kind of plan, the threshold or share, and each layer's own count.
#pragma once

#include <QWidget>
#include <vector>

#include "widgets/prune_derive.h"
#include "widgets/selection.h"
#include "widgets/token_sources.h"

class QButtonGroup;
class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSlider;
class QSpinBox;
class QToolButton;

namespace perfmamba::widgets {

class KeptBars;
class ScoreHistogram;

/// A criterion as the page offers it. One with a refusal cannot be chosen; the refusal says why.
struct CriterionChoice {
    QString id;
    QString title;
    QString description;
    QString refusal;
    bool needs_calibration = false;
};

/// A change that the user asks for. Edits of one gesture have the same `merge` above 0 and become one step of undo.
struct PlanEdit {
    QString criterion;
    prune::Choice choice;
    QString what;  // "change the share": the text of undo
    int merge = 0;
    bool ongoing = false;  // more of the gesture is to come
};

/// Shows what it is told; whoever listens to edited() calls showChosen().
class PlanPanel : public QWidget {
    Q_OBJECT
public:
    explicit PlanPanel(Selection& selection, QWidget* parent = nullptr);

    void setCriteria(const std::vector<CriterionChoice>& criteria);
    /// N: counts cannot be rounded to more.
    void setLargestGroup(std::int64_t states);
    /// Null: none yet, or of another criterion.
    void setScores(const ScoresPtr& scores);
    /// `plan` may be null, or an earlier one while scores are computed.
    void showChosen(const Chosen& chosen, const prune::PlanPtr& plan);
    /// As if the handle had been dragged there.
    void setThreshold(double threshold);
    void setSensitivity(const std::vector<LayerDelta>& deltas);
    /// A line under the slider; empty: none. A problem stands out.
    void setMessage(const QString& text, bool problem);
    /// The button that ranks again with another share removed; empty: none.
    void setRankAgain(const QString& text);
    void setSources(const TokenSources& sources);
    [[nodiscard]] TokenSources sources() const;

    [[nodiscard]] QSlider* slider() const { return m_slider; }
    [[nodiscard]] QComboBox* criterionBox() const { return m_criterion; }
    [[nodiscard]] KeptBars* bars() const { return m_bars; }
    [[nodiscard]] ScoreHistogram* histogram() const { return m_histogram; }

Q_SIGNALS:
    void edited(const perfmamba::widgets::PlanEdit& edit);
    void rankAgainRequested();
    void sourcesChanged(const perfmamba::widgets::TokenSources& sources);

private:
    QWidget* makeSources();
    QWidget* makeAmount();
    QComboBox* makeSource(const QString& name, const QString& tip);
    void edit(const prune::Choice& choice, const QString& what, int merge = 0, bool ongoing = false);
    void setShareKept(double share, bool ongoing);
    void kindChosen(prune::PlanKind kind);
    void overrideLayer(std::int64_t layer, std::int64_t count, bool ongoing);
    void fillBars();
    void fillAmount();
    void saySources();
    void checkSources();

    Chosen m_chosen;
    prune::PlanPtr m_plan;
    ScoresPtr m_scores;
    std::vector<double> m_sorted;
    std::vector<LayerDelta> m_deltas;
    TokenSources m_said;  // the sources listeners know of
    QString m_message;
    bool m_problem = false;
    QComboBox* m_criterion = nullptr;
    QComboBox* m_calibrate = nullptr;
    QComboBox* m_evaluate = nullptr;
    QSpinBox* m_window = nullptr;
    QLabel* m_field_name = nullptr;
    QLineEdit* m_field = nullptr;
    QCheckBox* m_last_word = nullptr;
    QLabel* m_source_problem = nullptr;
    QButtonGroup* m_kind = nullptr;
    ScoreHistogram* m_histogram = nullptr;
    QSlider* m_slider = nullptr;
    QLabel* m_amount_name = nullptr;
    QLabel* m_stays = nullptr;  // what the plan keeps, whatever was asked for
    QDoubleSpinBox* m_share = nullptr;
    QLineEdit* m_threshold = nullptr;
    QComboBox* m_multiple = nullptr;
    QLabel* m_note = nullptr;
    QPushButton* m_rank_again = nullptr;
    QLabel* m_kept = nullptr;
    QToolButton* m_reset = nullptr;
    KeptBars* m_bars = nullptr;
};

}  // namespace perfmamba::widgets
