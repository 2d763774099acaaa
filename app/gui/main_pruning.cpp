// The window's part about states: activity, scores, plans, studies and export.
#include <QApplication>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QProgressBar>
#include <QStatusBar>
#include <QUndoStack>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/gui/export_dialog.h"
#include "app/gui/main_window.h"
#include "core/prune/criterion.h"
#include "core/report/pruning_text.h"
#include "kernels/error.h"
#include "widgets/details_panel.h"
#include "widgets/format.h"
#include "widgets/messages_panel.h"
#include "widgets/prune_page.h"
#include "widgets/save_dialog.h"
#include "widgets/score_histogram.h"
#include "widgets/states_page.h"
#include "widgets/study_form.h"
#include "widgets/workload_bar.h"

namespace perfmamba::app {

using widgets::MessagesPanel;

namespace {

/// Texts that come with the program, to calibrate and evaluate a model on without having to look for some.
QString ownText(const char* name) {
    const QString here = QCoreApplication::applicationDirPath();
    for (const char* place : {"/../../resources/docs/", "/../share/perfmamba/docs/"}) {
        const QFileInfo file(here + QLatin1String(place) + QLatin1String(name));
        if (file.isFile()) return file.canonicalFilePath();
    }
    return {};
}

// Windows of our own texts, which are short.
constexpr int kOwnTextWindow = 256;

}  // namespace

void MainWindow::buildPruningActions() {
    const auto s = [](const char* text) { return QString::fromLatin1(text); };
    QAction* collect = add(s("collect"), s("states"), tr("&Collect activity"),
                           tr("Run the calibration tokens and see what every state does"), QKeySequence(Qt::Key_F6),
                           [this] { collectActivity(); });
    collect->setIconText(tr("Collect activity"));
    add(s("measurePlan"), s("measure"), tr("&Measure the plan"),
        tr("Compact the model by the plan; measure accuracy, speed and memory"), QKeySequence(Qt::Key_F7),
        [this] { m_prune_page->measureNow(); });
    add(s("runStudy"), s("study"), tr("Run trade-off &study"),
        tr("Measure criteria at several shares; an unfinished study goes on"), QKeySequence(Qt::Key_F8),
        [this] { startStudy(m_prune_page->studyForm()->options()); });
    add(s("exportPlan"), s("export"), tr("E&xport pruned model…"), tr("Write the pruned weights to a new folder"),
        QKeySequence(tr("Ctrl+Shift+E")), [this] { openExport(prune::Form::Ragged); });
    add(s("savePlan"), s("save"), tr("Save pl&an as…"), tr("Write which states stay as JSON"), {},
        [this] { askWhereToSavePlan(); });
    add(s("loadPlan"), s("open"), tr("&Load plan…"), tr("Read a plan that was saved"), {}, [this] { askForPlan(); });
    QAction* undo = add(s("undo"), s("undo"), tr("&Undo"), tr("Back to the plan before"), QKeySequence::Undo,
                        [this] { m_prune_page->undoStack()->undo(); });
    QAction* redo = add(s("redo"), s("redo"), tr("&Redo"), tr("The plan that was undone"), QKeySequence::Redo,
                        [this] { m_prune_page->undoStack()->redo(); });
    undo->setEnabled(false);
    redo->setEnabled(false);
}

void MainWindow::buildPruningPages() {
    m_states_page = new widgets::StatesPage(m_selection);
    Page& states = addPage(QStringLiteral("pageStates"), QStringLiteral("states"), tr("States"),
                           tr("what every state of every layer does, over heads, channels and time"), m_states_page,
                           [](const ProfilePtr&) {});
    states.ready = [this] { return m_activity != nullptr; };
    states.model = [this] { return m_activity ? &m_activity->model : nullptr; };
    states.maker = QStringLiteral("collect");
    states.what_maker_does = tr("Collecting runs the calibration tokens once.");

    m_prune_page = new widgets::PrunePage(m_selection);
    Page& prune = addPage(QStringLiteral("pagePrune"), QStringLiteral("prune"), tr("Prune"),
                          tr("what it would cost and win to remove states"), m_prune_page, [](const ProfilePtr&) {});
    prune.ready = [this] { return m_session->model().has_value() || m_study != nullptr; };
    prune.model = [this] {
        const auto& model = m_prune_page->model();
        return model ? &*model : nullptr;
    };
    prune.maker = QStringLiteral("collect");
    prune.what_maker_does = tr("A study's report does, too.");

    QUndoStack* undo = m_prune_page->undoStack();
    connect(undo, &QUndoStack::canUndoChanged, action(QStringLiteral("undo")), &QAction::setEnabled);
    connect(undo, &QUndoStack::canRedoChanged, action(QStringLiteral("redo")), &QAction::setEnabled);
}

void MainWindow::connectPruning() {
    using widgets::PrunePage;
    connect(m_prune_page, &PrunePage::scoresRequested, this, [this](const QString& criterion, double share) {
        m_pruning->setTarget(target());
        m_pruning->score(criterion.toStdString(), share, 1);
    });
    connect(m_prune_page, &PrunePage::planChanged, this, &MainWindow::setPlan);
    connect(m_prune_page, &PrunePage::measureRequested, this, &MainWindow::measure);
    connect(m_prune_page, &PrunePage::studyRequested, this, &MainWindow::startStudy);
    connect(m_prune_page, &PrunePage::exportRequested, this, [this](const prune::PlanPtr&, const QString& form) {
        openExport(prune::formFromName(form.toStdString()).value_or(prune::Form::Ragged));
    });
    connect(m_prune_page, &PrunePage::planSaveRequested, this, &MainWindow::askWhereToSavePlan);
    connect(m_prune_page, &PrunePage::planLoadRequested, this, &MainWindow::askForPlan);
    connect(m_prune_page, &PrunePage::sourcesChanged, this, &MainWindow::setSources);
    connect(m_states_page, &widgets::StatesPage::thresholdRequested, m_prune_page, &PrunePage::setThreshold);

    connect(m_pruning, &PruningSession::busyChanged, this, &MainWindow::updateTexts);
    connect(m_pruning, &PruningSession::progress, this, [this](const profile::Progress& progress) {
        if (!m_session->running() || !m_run_told) showProgress(progress);
        if (m_export_dialog) m_export_dialog->setProgress(QString::fromStdString(progress.what));
    });
    connect(m_pruning, &PruningSession::activityChanged, this,
            [this](const activity::ActivityPtr& activity, bool) { showActivity(activity); });
    connect(m_pruning, &PruningSession::scored, this, [this](const ScoresPtr& scores) {
        m_prune_page->setScores(scores);
        showScores();
    });
    connect(m_pruning, &PruningSession::scoringFailed, m_prune_page, &PrunePage::setScoresFailed);
    connect(m_pruning, &PruningSession::measuring, this, [this](const prune::PlanPtr&, bool full) {
        m_prune_page->setMeasuring(full ? tr("measuring accuracy and speed") : tr("measuring accuracy"));
    });
    connect(m_pruning, &PruningSession::measuringEnded, this, [this] { m_prune_page->setMeasuring({}); });
    connect(m_pruning, &PruningSession::measured, this,
            [this](const prune::PlanPtr& plan, const study::Measurement& measured, bool masked) {
                if (!masked) m_measured = {plan, report::measurementJson(measured).dump()};
                m_prune_page->setMeasurement(plan, measured, masked);
                // What estimates stand on, once: after the first answer, so that it does not wait for it.
                if (!std::exchange(m_price_asked, true)) m_pruning->price();
            });
    connect(m_pruning, &PruningSession::priced, m_prune_page, &PrunePage::setCost);
    connect(m_pruning, &PruningSession::priced, this, [this](const study::CostPtr& cost, const Target& target) {
        m_cost = cost;
        m_priced_target = target;
        showAdvice();
    });
    connect(m_pruning, &PruningSession::studyChanged, this, [this](const study::StudyPtr& study) {
        m_study = study;
        m_prune_page->setStudy(study);
        showAdvice();
        updateTexts();
    });
    connect(m_pruning, &PruningSession::studyKept, this, [this](const study::StudyPtr& study, const QString& path) {
        statusBar()->showMessage(study->complete ? tr("The study is complete and kept in %1").arg(path)
                                                 : tr("The study was stopped and is kept; running it again goes on"),
                                 8000);
    });
    connect(m_pruning, &PruningSession::studyFound, this, [this](const study::StudyPtr& study, const QString& path) {
        m_study = study;
        m_study_path = path;
        m_prune_page->setStudy(study);
        showAdvice();
        updateTexts();
        if (study->complete) return;
        statusBar()->showMessage(
            tr("A study of this model was not finished: %1 of %2 cells are measured. Run study goes on.")
                .arg(study->done())
                .arg(study->cells.size()),
            8000);
    });
    connect(m_pruning, &PruningSession::dryRunReady, this,
            [this](const prune::PlanPtr& plan, prune::Form form, const std::vector<prune::TensorChange>& changes) {
                if (m_export_dialog && m_export_dialog->plan() == plan && m_export_dialog->form() == form) {
                    m_export_dialog->setChanges(changes);
                }
            });
    connect(m_pruning, &PruningSession::exported, this, [this](const prune::Exported& exported) {
        if (m_export_dialog) m_export_dialog->setDone(exported);
        const QString folder = QString::fromStdString(exported.folder.string());
        m_settings.checkpoints = withRecent(m_settings.checkpoints, folder);
        statusBar()->showMessage(tr("Exported to %1").arg(folder), 8000);
    });
    connect(m_workers, &Workers::failed, this, [this](const QString& why) {
        if (m_export_dialog) m_export_dialog->setFailed(why);
    });
    connect(m_pruning, &PruningSession::planSaved, this,
            [this](const QString& path) { statusBar()->showMessage(tr("Saved %1").arg(path), 8000); });
    connect(m_pruning, &PruningSession::planLoaded, this,
            [this](const prune::PlanPtr& plan) { m_prune_page->setPlan(plan); });
}

ExportDialog* MainWindow::exportDialog() const {
    return m_export_dialog;
}

Target MainWindow::target() const {
    return {m_session->checkpoint(),
            m_workload->device().toStdString(),
            {.threads = m_workload->options().threads, .precision = m_workload->precision()}};
}

void MainWindow::pruningModelOpened() {
    m_activity.reset();
    m_plan.reset();
    m_study.reset();
    m_measured = {};
    m_price_asked = false;
    m_study_path.clear();
    if (m_export_dialog) m_export_dialog->close();
    m_pruning->setTarget(target());

    const model::Checkpoint& checkpoint = *m_session->checkpoint();
    std::vector<widgets::CriterionChoice> criteria;
    for (const prune::Criterion* criterion : prune::criteria()) {
        using widgets::fromView;
        criteria.push_back({fromView(criterion->id()), fromView(criterion->title()), fromView(criterion->description()),
                            QString::fromStdString(criterion->refusal(checkpoint.config().architecture)),
                            criterion->needs() >= prune::Needs::Activity});
    }
    showActivity(nullptr);

    // Something that works at once: the model's own task, or, where texts can be read, some that come with the program.
    widgets::TokenSources sources{QStringLiteral("random"), QStringLiteral("random"),
                                  static_cast<int>(evaluate::kWindow), QString(), false};
    try {
        if (evaluate::recallTask(checkpoint)) {
            sources.calibrate = sources.evaluate = QStringLiteral("task");
        } else if (evaluate::readsTexts(checkpoint) && !ownText("how-we-measure.md").isEmpty()) {
            sources.calibrate = ownText("how-we-measure.md");
            sources.evaluate = ownText("report-format.md");
            sources.window = kOwnTextWindow;
        }
    } catch (const Error& error) {  // a broken task.json
        report(static_cast<int>(MessagesPanel::Kind::Warning), QString::fromUtf8(error.what()));
    }
    m_prune_page->setSources(sources);
    setSources(sources);
    m_prune_page->setModel(m_session->model());
    m_prune_page->setCriteria(criteria, QStringLiteral("output-energy"));
    m_plan = m_prune_page->plan();  // where the same model was opened again, the plan at hand stays
    m_pruning->findStudy(keptStudies(QString::fromStdString(checkpoint.name())));
}

void MainWindow::pruningReportOpened(const report::Contents& contents, const QString& path) {
    if (contents.activity) {
        showActivity(contents.activity);
        showPage(kStatesPage);
        statusBar()->showMessage(tr("Activity of %1").arg(QString::fromStdString(contents.activity->model.name)), 8000);
    }
    if (!contents.study) return;
    const auto& model = m_session->model();
    const bool of_open_model = model && model->hash == contents.study->model.hash;
    m_study = contents.study;
    m_study_path = path;
    m_prune_page->setModel(m_study->model, of_open_model);
    m_prune_page->setStudy(m_study);
    showAdvice();
    updateTexts();
    showPage(kPrunePage);
    statusBar()->showMessage(
        tr("Pruning study of %1: %2").arg(QString::fromStdString(m_study->model.name), widgets::progressText(*m_study)),
        8000);
}

void MainWindow::collectActivity() {
    if (!m_session->model()) return;
    m_pruning->setTarget(target());
    m_pruning->collect();
    showPage(kStatesPage);
}

void MainWindow::showActivity(const activity::ActivityPtr& activity) {
    // Of a collection under way several come a second: only what the texts depend on makes them anew.
    const bool same = m_activity && activity && m_activity->model.hash == activity->model.hash &&
                      m_activity->complete == activity->complete;
    m_activity = activity;
    m_states_page->setActivity(activity);
    showStateDetails();
    if (!same) updateTexts();
}

activity::ActivityPtr MainWindow::activityToSave() const {
    const bool run_shown = m_shown && !m_shown->points.empty();
    return m_tabs->currentIndex() == kStatesPage || !run_shown ? m_activity : nullptr;
}

void MainWindow::askWhereToSaveActivity(const activity::ActivityPtr& activity) {
    const QString name = QString::fromStdString(activity->model.name) + QStringLiteral("-activity.h5");
    const QString file = widgets::askForFileToSave(this, tr("Save the activity"), name, tr("Reports (*.h5)"),
                                                   {QStringLiteral("h5"), QStringLiteral("hdf5")});
    if (!file.isEmpty()) m_session->saveActivity(activity, file);
}

void MainWindow::showScores() {
    m_states_page->setScores(m_prune_page->scores(), m_prune_page->panel()->histogram()->threshold());
    showStateDetails();
}

void MainWindow::showStateDetails() {
    m_details->setStates({m_activity, m_plan, m_prune_page->scores()});
}

void MainWindow::setSources(const widgets::TokenSources& sources) {
    m_pruning->setSources(calibrationOf(sources), evaluationOf(sources));
}

void MainWindow::measure(const prune::PlanPtr& plan, bool full) {
    m_pruning->setTarget(target());
    m_pruning->measure(plan, m_prune_page->scores(), full);
}

void MainWindow::setPlan(const prune::PlanPtr& plan) {
    m_plan = plan;
    m_states_page->setPlan(plan);
    // The panel shows the new threshold only after it has told of the plan.
    QMetaObject::invokeMethod(this, &MainWindow::showScores, Qt::QueuedConnection);
    action(QStringLiteral("savePlan"))->setEnabled(plan != nullptr);
}

void MainWindow::startStudy(study::Options options) {
    if (!m_session->model()) return;
    options.calibration = m_pruning->calibration();
    options.evaluation = m_pruning->evaluation();
    const bool goes_on = m_study && !m_study->complete && m_study->model.hash == m_session->model()->hash &&
                         m_study->options == options && !m_study_path.isEmpty();
    if (!goes_on) m_study_path = newKeptStudy(QString::fromStdString(m_session->model()->name));
    m_pruning->setTarget(target());
    m_pruning->runStudy(options, goes_on ? m_study : nullptr, m_study_path);
}

void MainWindow::openExport(prune::Form form) {
    if (!m_plan || !m_session->checkpoint()) return;
    if (m_export_dialog) m_export_dialog->close();
    const QDir beside(QFileInfo(QString::fromStdString(m_session->model()->path)).absolutePath());
    const double kept =
        static_cast<double>(m_plan->kept()) / static_cast<double>(std::max<std::int64_t>(1, m_plan->states()));
    const QString name = QStringLiteral("%1-pruned-%2")
                             .arg(QString::fromStdString(m_session->checkpoint()->name()))
                             .arg(std::lround((1 - kept) * 100));
    m_export_dialog = new ExportDialog(m_plan, beside.filePath(name), this);
    m_export_dialog->setAttribute(Qt::WA_DeleteOnClose);
    m_export_dialog->setForm(form);
    connect(m_export_dialog, &ExportDialog::dryRunWanted, this,
            [this](prune::Form chosen) { m_pruning->dryRun(m_export_dialog->plan(), chosen); });
    connect(m_export_dialog, &ExportDialog::exportWanted, this, [this](prune::Form chosen, const prune::Target& where) {
        m_pruning->setTarget(target());
        m_pruning->exportPlan(m_export_dialog->plan(), chosen, where, recordOf(*m_export_dialog->plan()));
    });
    connect(m_export_dialog, &ExportDialog::openWanted, this, &MainWindow::openPath);
    m_export_dialog->show();
    m_pruning->dryRun(m_plan, m_export_dialog->form());
}

std::string MainWindow::recordOf(const prune::Plan& plan) const {
    const bool measured = m_measured.plan && m_measured.plan->layers == plan.layers;
    return measured ? m_measured.json : "{}";
}

void MainWindow::askWhereToSavePlan() {
    if (!m_plan) return;
    const prune::PlanPtr plan = m_plan;  // while the dialog is open, another model may open behind it
    const QString file = widgets::askForFileToSave(this, tr("Save the plan"), QStringLiteral("plan.json"),
                                                   tr("Plans (*.json)"), {QStringLiteral("json")});
    if (!file.isEmpty()) m_pruning->savePlan(plan, file);
}

void MainWindow::askForPlan() {
    const QString file = QFileDialog::getOpenFileName(this, tr("Load a plan"), {}, tr("Plans (*.json);;All files (*)"));
    if (!file.isEmpty()) m_pruning->loadPlan(file);
}

}  // namespace perfmamba::app
