#include "widgets/prune_page.h"

#include <QAbstractButton>
#include <QButtonGroup>
#include <QCheckBox>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QSplitter>
#include <QStackedWidget>
#include <QUndoStack>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "kernels/error.h"
#include "widgets/empty_page.h"
#include "widgets/fitting_area.h"
#include "widgets/format.h"
#include "widgets/price_card.h"
#include "widgets/sensitivity_plot.h"
#include "widgets/study_form.h"
#include "widgets/theme.h"
#include "widgets/tradeoff_plot.h"

namespace perfmamba::widgets {
namespace {

constexpr int kMeasureAfter_ms = 300;  // without a further change
constexpr int kGesture_ms = 800;       // edits of one kind nearer than this are one step of undo
constexpr std::size_t kMeasuredKept = 256;
constexpr double kRankedAway = 0.1;  // share between the one ranked at and the plan's that is worth a word
constexpr double kUsualShare = 0.5;  // removed, where nothing is yet

}  // namespace

/// A change of what is chosen. Steps of one gesture merge.
class PrunePage::Step : public QUndoCommand {
public:
    Step(PrunePage& page, Chosen before, Chosen after, const QString& what, int gesture)
        : QUndoCommand(what),
          m_page(page),
          m_before(std::move(before)),
          m_after(std::move(after)),
          m_gesture(gesture) {}
    void undo() override { m_page.choose(m_before); }
    void redo() override { m_page.choose(m_after); }
    [[nodiscard]] int id() const override { return 1; }
    bool mergeWith(const QUndoCommand* other) override {
        const auto* later = static_cast<const Step*>(other);
        if (m_gesture == 0 || later->m_gesture != m_gesture) return false;
        m_after = later->m_after;
        setText(later->text());
        return true;
    }

private:
    PrunePage& m_page;
    Chosen m_before;
    Chosen m_after;
    int m_gesture;
};

PrunePage::PrunePage(Selection& selection, QWidget* parent) : QWidget(parent) {
    m_undo = new QUndoStack(this);
    m_measure_timer.setSingleShot(true);
    m_measure_timer.setInterval(kMeasureAfter_ms);
    connect(&m_measure_timer, &QTimer::timeout, this, [this] {
        if (m_plan && m_as_i_go->isChecked()) Q_EMIT measureRequested(m_plan, false);
    });

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_pages = new QStackedWidget;
    layout->addWidget(m_pages);
    m_empty = new EmptyPage;
    m_empty->setTexts(tr("Nothing to prune yet"),
                      tr("Open a model, and its states are scored here. A slider then shows at once what it would "
                         "cost and win to do without the least of them, and a moment later it is measured."));
    m_pages->addWidget(m_empty);

    makeColumns(selection);
    m_pages->addWidget(scrolledAcross(m_columns));

    connect(m_panel, &PlanPanel::edited, this, &PrunePage::apply);
    connect(m_panel, &PlanPanel::sourcesChanged, this, &PrunePage::sourceEdited);
    connect(m_panel, &PlanPanel::rankAgainRequested, this, [this] {
        m_asked = m_chosen.criterion;
        m_ended.clear();
        showMessage();
        m_panel->setRankAgain({});
        Q_EMIT scoresRequested(m_chosen.criterion, shareRemoved());
    });
    connect(m_tradeoff, &TradeoffPlot::planChosen, this,
            [this](const prune::PlanPtr& plan) { take(plan, tr("take a measured plan")); });
    connect(m_form, &StudyForm::runRequested, this, [this] {
        study::Options options = m_form->options();
        options.calibration = calibrationOf(m_panel->sources());
        options.evaluation = evaluationOf(m_panel->sources());
        Q_EMIT studyRequested(options);
        m_views->button(0)->click();  // its points appear there
    });
    m_judged_on = m_panel->sources();
    updateButtons();
}

PrunePage::~PrunePage() = default;

void PrunePage::setModel(const std::optional<profile::ModelSummary>& model, bool open) {
    const bool same = model.has_value() == m_model.has_value() && (!model || model->hash == m_model->hash);
    m_model = model;
    m_open = open;
    m_panel->setEnabled(open);
    m_form->setEnabled(open);
    m_pages->setCurrentIndex(model ? 1 : 0);
    if (same) return;
    Q_EMIT planChanged(nullptr);
    m_measure_timer.stop();
    m_undo->clear();
    m_scores.clear();
    m_asked.clear();
    m_ended.clear();
    m_measured.clear();
    m_cost = nullptr;
    m_plan = nullptr;
    m_chosen = {};
    m_tradeoff->setCost(nullptr);
    m_tradeoff->setMeasured({});
    setStudy(nullptr);
    m_panel->setLargestGroup(model ? model->config.d_state : 1);
    choose(m_chosen);
}

void PrunePage::setCriteria(const std::vector<CriterionChoice>& criteria, const QString& preferred) {
    m_criteria = criteria;
    m_panel->setCriteria(criteria);
    m_form->setCriteria(criteria);
    if (!m_chosen.criterion.isEmpty()) return;
    for (const CriterionChoice& criterion : criteria) {
        if (!criterion.refusal.isEmpty()) continue;
        if (m_chosen.criterion.isEmpty() || criterion.id == preferred) m_chosen.criterion = criterion.id;
    }
    choose(m_chosen);
}

void PrunePage::setScores(const ScoresPtr& scores) {
    if (!scores) {
        m_asked = m_chosen.criterion;
        showMessage();
        return;
    }
    const QString criterion = QString::fromStdString(scores->criterion);
    m_scores[criterion] = scores;
    if (m_asked == criterion) m_asked.clear();
    if (m_ended == criterion) m_ended.clear();
    if (criterion == m_chosen.criterion) choose(m_chosen);
}

void PrunePage::setScoresFailed(const QString& criterion, const QString& why) {
    if (m_asked == criterion) m_asked.clear();
    m_ended = criterion;
    m_why_ended = why;
    showMessage();
    showPrice();
}

void PrunePage::setThreshold(double threshold) {
    m_panel->setThreshold(threshold);
}

void PrunePage::setCost(const study::CostPtr& cost) {
    m_cost = cost;
    m_tradeoff->setCost(cost);
    showPrice();
}

void PrunePage::setMeasurement(const prune::PlanPtr& plan, const study::Measurement& measurement, bool masked) {
    // Of the unpruned model what was measured on other tokens stays: others of these are judged against it.
    const bool reference = plan->kept() == plan->states();
    std::erase_if(m_measured, [&](const MeasuredPlan& earlier) {
        const bool same_tokens = earlier.measurement.accuracy.tokens_hash == measurement.accuracy.tokens_hash;
        return samePlan(*earlier.plan, *plan) && (earlier.masked || !masked) && (same_tokens || !reference);
    });
    if (m_measured.size() >= kMeasuredKept) m_measured.erase(m_measured.begin());
    m_measured.push_back({plan, measurement, masked});
    std::vector<MeasuredPlan> full;
    std::copy_if(m_measured.begin(), m_measured.end(), std::back_inserter(full),
                 [](const MeasuredPlan& each) { return !each.masked; });
    m_tradeoff->setMeasured(full);
    showPrice();
}

void PrunePage::setMeasuring(const QString& what) {
    m_measuring->setText(what);
    m_busy->setVisible(!what.isEmpty());
}

void PrunePage::setStudy(const study::StudyPtr& study) {
    m_study = study;
    m_tradeoff->setStudy(study);
    m_sensitivity->setStudy(study);
    m_form->setStudy(study);
    m_panel->setSensitivity(study ? sensitivityOf(*study) : std::vector<LayerDelta>());
    m_study_label->setText(!study            ? tr("Trade-off")
                           : study->complete ? QString::fromStdString(study->evaluation)
                                             : progressText(*study));
    m_study_label->setToolTip(m_study_label->text());
    showPrice();
}

void PrunePage::setPlan(const prune::PlanPtr& plan) {
    if (!plan || !m_model) return;
    try {
        prune::checkFor(*plan, m_model->config, m_model->name, m_model->hash);
    } catch (const Error& error) {
        showMessage(QString::fromUtf8(error.what()));
        return;
    }
    take(plan, tr("load a plan"));
}

void PrunePage::setSources(const TokenSources& sources) {
    m_panel->setSources(sources);
    m_judged_on = sources;
}

void PrunePage::measureNow() {
    m_measure_timer.stop();
    if (m_plan && m_open) Q_EMIT measureRequested(m_plan, true);
}

void PrunePage::setEmptyActions(const QList<QAction*>& actions) {
    m_empty->setActions(actions);
}

QByteArray PrunePage::saveLayout() const {
    return m_columns->saveState();
}

void PrunePage::restoreLayout(const QByteArray& state) {
    m_arranged = m_columns->restoreState(state);
}

void PrunePage::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    arrange();
    askForScores();
}

void PrunePage::apply(const PlanEdit& edit) {
    const Chosen after{edit.criterion, edit.choice, nullptr};
    const bool goes_on = edit.merge > 0 && edit.merge == m_gesture_merge && m_since_edit.isValid() &&
                         (m_gesture_ongoing || m_since_edit.elapsed() < kGesture_ms);
    if (!goes_on) ++m_gesture;
    m_gesture_merge = edit.merge;
    m_gesture_ongoing = edit.ongoing;
    m_since_edit.start();
    if (edit.merge == 0) m_ended.clear();
    if (after == m_chosen) {
        choose(m_chosen);  // shows the old value again where the new one came to the same
        return;
    }
    push(after, edit.what, edit.merge, m_gesture);
}

void PrunePage::push(const Chosen& chosen, const QString& what, int merge, int gesture) {
    m_undo->push(new Step(*this, m_chosen, chosen, what, merge > 0 ? gesture : 0));
}

void PrunePage::take(const prune::PlanPtr& plan, const QString& what) {
    m_gesture_merge = 0;
    // A plan that removes nothing has no criterion: the one at hand stays.
    const QString criterion = QString::fromStdString(plan->criterion);
    const Chosen after{criterion == kNothingRemoved ? m_chosen.criterion : criterion, plan->choice, plan};
    if (m_plan && samePlan(*m_plan, *plan) && after.criterion == m_chosen.criterion &&
        after.choice == m_chosen.choice) {
        return;
    }
    push(after, what, 0, 0);
}

void PrunePage::choose(const Chosen& chosen) {
    m_chosen = chosen;
    m_panel->setScores(scoresOf(chosen.criterion));
    showMessage();
    makePlan();
    m_panel->showChosen(m_chosen, m_plan);
    askForScores();
}

ScoresPtr PrunePage::scoresOf(const QString& criterion) const {
    const auto found = m_scores.find(criterion);
    return found == m_scores.end() ? nullptr : found->second;
}

void PrunePage::makePlan() {
    const ScoresPtr scores = scoresOf(m_chosen.criterion);
    if (!m_model) {
        setPlanAtHand(nullptr);
    } else if (m_chosen.made) {
        setPlanAtHand(m_chosen.made);
    } else if (scores) {
        try {
            setPlanAtHand(std::make_shared<const prune::Plan>(
                prune::makePlan(m_model->config, m_model->name, *scores, m_chosen.choice)));
        } catch (const Error& error) {
            showMessage(QString::fromUtf8(error.what()));
        }
    }
}

void PrunePage::setPlanAtHand(const prune::PlanPtr& plan) {
    const bool same = plan == m_plan || (plan && m_plan && samePlan(*plan, *m_plan));
    m_plan = plan;
    showPrice();
    updateButtons();
    if (!plan) return;
    Q_EMIT planChanged(plan);
    if (!same) measureLater();
}

void PrunePage::measureLater() {
    if (!m_open || measurementOf(*m_plan, m_measured, m_study.get())) {
        m_measure_timer.stop();
    } else {
        m_measure_timer.start();
    }
}

void PrunePage::askForScores() {
    // A ranking may cost a run of the model: only for somebody who looks.
    if (!isVisible() || !m_model || !m_open || m_chosen.criterion.isEmpty()) return;
    if (scoresOf(m_chosen.criterion) || m_asked == m_chosen.criterion || m_ended == m_chosen.criterion) return;
    if (!usable(m_chosen.criterion)) return;
    if (waitsForWord()) {
        showMessage();
        showPrice();
        return;
    }
    m_asked = m_chosen.criterion;
    showMessage();
    Q_EMIT scoresRequested(m_chosen.criterion, shareRemoved());
}

/// A run of a large model takes minutes: that is for somebody who says so.
bool PrunePage::waitsForWord() const {
    constexpr std::int64_t kLarge = 16'000'000;  // parameters
    if (!m_model || !m_open || m_model->parameters < kLarge || scoresOf(m_chosen.criterion) ||
        m_asked == m_chosen.criterion) {
        return false;
    }
    const CriterionChoice* criterion = usable(m_chosen.criterion);
    return criterion && criterion->needs_calibration;
}

/// Null where it is none that can rank this model's states.
const CriterionChoice* PrunePage::usable(const QString& criterion) const {
    const auto known = std::ranges::find(m_criteria, criterion, &CriterionChoice::id);
    return known != m_criteria.end() && known->refusal.isEmpty() ? &*known : nullptr;
}

double PrunePage::shareRemoved() const {
    if (!m_plan || m_plan->states() == 0) return kUsualShare;
    const double removed = 1 - static_cast<double>(m_plan->kept()) / static_cast<double>(m_plan->states());
    return removed > 0 ? removed : kUsualShare;
}

void PrunePage::showMessage(const QString& problem) {
    const bool scoring = !m_asked.isEmpty() && m_asked == m_chosen.criterion;
    const bool ended = !m_ended.isEmpty() && m_ended == m_chosen.criterion;
    if (!problem.isEmpty()) {
        m_panel->setMessage(problem, true);
    } else if (m_model && !m_open) {
        m_panel->setMessage(tr("A study of %1, which is not the open model: open it to score its states.")
                                .arg(QString::fromStdString(m_model->name)),
                            false);
    } else if (ended) {
        m_panel->setMessage(tr("Not scored: %1. Choose the criterion again for another try.").arg(m_why_ended), true);
    } else {
        m_panel->setMessage(scoring          ? tr("scoring…")
                            : waitsForWord() ? tr("Scoring runs the calibration tokens through the model once.")
                                             : QString(),
                            false);
    }
}

void PrunePage::showPrice() {
    const QString score = waitsForWord() ? tr("Score the states") : QString();
    if (!m_plan || !m_model) {
        m_card->setPrice(std::nullopt, !m_model ? QString()
                                       : m_open ? tr("The price stands here once the states are scored.")
                                                : tr("A click on a point of the study shows its price."));
        m_tradeoff->setCurrent(std::nullopt);
        m_panel->setRankAgain(score);
        return;
    }
    const ScoresPtr scores = scoresOf(QString::fromStdString(m_plan->criterion));
    const bool fit = scores && scores->calibration_hash == m_plan->calibration_hash &&
                     scores->layers.size() == m_plan->layers.size();
    const std::optional<MeasuredPlan> measured = measurementOf(*m_plan, m_measured, m_study.get());
    const auto unpruned = std::find_if(m_measured.rbegin(), m_measured.rend(), [&](const MeasuredPlan& each) {
        const bool same_tokens =
            !measured || each.measurement.accuracy.tokens_hash == measured->measurement.accuracy.tokens_hash;
        return same_tokens && each.plan->kept() == each.plan->states();
    });
    const Price price = priceOf(m_model->config, *m_plan, fit ? scores.get() : nullptr,
                                {.measured = measured ? &*measured : nullptr,
                                 .unpruned = unpruned != m_measured.rend() ? &*unpruned : nullptr,
                                 .study = m_study.get(),
                                 .cost = m_cost.get()});
    m_card->setPrice(price);
    m_tradeoff->setCurrent(price);
    const bool away = fit && scores->interim_share > 0 && m_plan->kept() < m_plan->states() &&
                      std::abs(scores->interim_share - shareRemoved()) > kRankedAway;
    m_panel->setRankAgain(!score.isEmpty() ? score
                          : away           ? tr("Ranked at %1 removed: rank at %2")
                                       .arg(percentText(scores->interim_share), percentText(shareRemoved()))
                                 : QString());
}

void PrunePage::sourceEdited(const TokenSources& sources) {
    // Scores of other tokens are scores of something else; so is what was measured on them.
    std::erase_if(m_scores, [](const auto& entry) { return !entry.second->calibration.empty(); });
    m_asked.clear();
    m_ended.clear();
    const bool judged_otherwise = !(evaluationOf(m_judged_on) == evaluationOf(sources));
    m_judged_on = sources;
    if (judged_otherwise) {
        m_measured.clear();
        m_tradeoff->setMeasured({});
    }
    Q_EMIT sourcesChanged(sources);
    choose(m_chosen);
    if (m_plan) measureLater();
}

void PrunePage::updateButtons() {
    for (QWidget* button : std::initializer_list<QWidget*>{m_measure, m_export, m_save}) {
        button->setEnabled(m_plan != nullptr && m_open);
    }
}

}  // namespace perfmamba::widgets
