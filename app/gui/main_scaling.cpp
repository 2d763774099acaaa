// The window's part about scaling studies: how time and memory grow with length, and what d_state costs.
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTabBar>

#include "app/gui/main_window.h"
#include "widgets/messages_panel.h"
#include "widgets/scaling_derive.h"
#include "widgets/scaling_form.h"
#include "widgets/scaling_page.h"
#include "widgets/studies_page.h"

namespace perfmamba::app {

using widgets::ScalingForm;
using widgets::StudiesPage;

namespace {

/// What its kept report is named by: apart from the trade-off studies of the same model.
QString keptName(const std::string& model) {
    return QStringLiteral("scaling_of_%1").arg(QString::fromStdString(model));
}

}  // namespace

void MainWindow::buildScalingActions() {
    const auto s = [](const char* text) { return QString::fromLatin1(text); };
    add(s("runScaling"), s("study"), tr("Run s&caling study"),
        tr("Measure the models, lengths and shapes chosen on the page Studies; an unfinished study goes on"),
        QKeySequence(Qt::Key_F9), [this] { startScaling(); })
        ->setIconText(tr("Run study"));
    add(s("sweepStates"), s("states"), tr("S&weep d_state"),
        tr("Measure the chosen models with many numbers of states N, at 1k tokens, batch 1 and 16"), {},
        [this] {
            m_studies_page->scaling()->form()->chooseStatesSweep();
            startScaling();
            m_studies_page->showTab(StudiesPage::Tab::States);
        })
        ->setIconText(tr("Sweep N"));
}

void MainWindow::buildStudiesPage() {
    m_studies_page = new StudiesPage(m_selection);
    m_studies_index = m_tabs->count();
    Page& page = addPage(QStringLiteral("pageStudies"), QStringLiteral("study"), tr("Studies"),
                         tr("how near each component comes to what the device can do"), m_studies_page,
                         [this](const ProfilePtr& profile) { m_studies_page->setProfile(profile); });
    // The roofline alone needs a profile: it is what is empty without one.
    page.stack->setCurrentIndex(1);
    page.stack = m_studies_page->rooflineStack();
    page.empty = m_studies_page->rooflineEmpty();
    QList<QAction*> without_model = {action(QStringLiteral("open"))};
    if (QAction* demo = action(QStringLiteral("demo"))) without_model << demo;
    m_studies_page->scaling()->setActions(action(QStringLiteral("runScaling")), action(QStringLiteral("sweepStates")),
                                          action(QStringLiteral("openReport")), without_model);
}

void MainWindow::connectScaling() {
    widgets::ScalingPage* page = m_studies_page->scaling();
    ScalingForm* form = page->form();
    connect(form, &ScalingForm::runRequested, this, &MainWindow::startScaling);
    connect(form, &ScalingForm::stopRequested, this, &MainWindow::stopRun);
    connect(form, &ScalingForm::openRequested, this, &MainWindow::askForReport);
    connect(form, &ScalingForm::modelWanted, this, &MainWindow::askForAnotherModel);
    connect(form, &ScalingForm::changed, this, &MainWindow::updateScalingTexts);
    connect(m_scaling, &ScalingSession::modelAdded, form, &ScalingForm::addModel);
    connect(m_scaling, &ScalingSession::busyChanged, this, [this, page](bool busy) {
        page->setRunning(busy);
        updateTexts();
    });
    connect(m_scaling, &ScalingSession::progress, this, [this, page](const profile::Progress& progress) {
        page->setProgress(progress.point, progress.done, progress.seconds_left, QString::fromStdString(progress.what));
        if (!m_session->running()) showProgress(progress);
    });
    connect(m_scaling, &ScalingSession::studyChanged, this,
            [this, page](const study::ScalingPtr& study, bool finished) {
                page->setStudy(study);
                if (!finished || study->done() > 0) return;
                statusBar()->showMessage(tr("The study was stopped before a cell was measured"), 8000);
            });
    connect(m_scaling, &ScalingSession::kept, this, [this](const study::ScalingPtr& study, const QString& path) {
        statusBar()->showMessage(study->complete ? tr("The study is complete and kept in %1").arg(path)
                                                 : tr("The study was stopped and is kept; running it again goes on"),
                                 8000);
    });
    connect(m_scaling, &ScalingSession::floorsUnknown, this, [this](const QString& why) {
        report(static_cast<int>(widgets::MessagesPanel::Kind::Warning), tr("The floors are not known: %1").arg(why));
    });
    connect(m_scaling, &ScalingSession::studyFound, this,
            [this, page](const study::ScalingPtr& study, const QString& path) {
                if (page->study() || m_scaling->busy()) return;
                m_scaling_path = path;
                page->openStudy(study);
                if (study->complete) return;
                statusBar()->showMessage(tr("A scaling study with this model was not finished: %1. Resume goes on.")
                                             .arg(widgets::progressText(*study)),
                                         8000);
            });
}

void MainWindow::updateScalingTexts() {
    const QString problem = m_studies_page->scaling()->form()->problem();
    const bool can = problem.isEmpty() && !m_scaling->busy();
    for (const char* id : {"runScaling", "sweepStates"}) {
        QAction* each = action(QString::fromLatin1(id));
        each->setEnabled(can);
        each->setToolTip(problem.isEmpty() ? each->statusTip() : problem);
    }
}

void MainWindow::scalingModelOpened() {
    m_scaling->remember(m_session->checkpoint());
    if (m_scaling->busy()) {
        // What runs stays what is chosen: when it was stopped, it can be gone on with.
        m_studies_page->scaling()->form()->offerModel(*m_session->model());
        return;
    }
    m_studies_page->scaling()->form()->setOpenModel(*m_session->model());
    const profile::ModelSummary& model = *m_session->model();
    m_scaling->find(keptStudies(keptName(model.name)), model.hash);
}

void MainWindow::scalingReportOpened(const study::ScalingPtr& study, const QString& path) {
    m_scaling->detach();
    m_scaling_path = path;
    m_studies_page->scaling()->openStudy(study);
    m_studies_page->showTab(widgets::sweepsStates(study->options) ? StudiesPage::Tab::States
                                                                  : StudiesPage::Tab::Scaling);
    showPage(m_studies_index);
    statusBar()->showMessage(
        tr("Scaling study of %1: %2")
            .arg(QString::fromStdString(study->models.front().name), widgets::progressText(*study)),
        8000);
}

void MainWindow::startScaling() {
    widgets::ScalingPage* page = m_studies_page->scaling();
    if (!page->form()->problem().isEmpty() || m_scaling->busy()) return;
    const bool goes_on = page->resumes() && !m_scaling_path.isEmpty();
    const std::vector<profile::ModelSummary> models = page->form()->models();
    if (!goes_on) m_scaling_path = newKeptStudy(keptName(models.front().name));
    m_scaling->run(models, page->form()->options(), goes_on ? page->study() : nullptr, m_scaling_path);
    if (m_studies_page->tab() == StudiesPage::Tab::Roofline) m_studies_page->showTab(StudiesPage::Tab::Scaling);
    showPage(m_studies_index);
}

void MainWindow::askForAnotherModel() {
    const QString start =
        m_settings.checkpoints.isEmpty() ? QString() : QFileInfo(m_settings.checkpoints.front()).absolutePath();
    const QString folder = QFileDialog::getExistingDirectory(this, tr("Add a checkpoint's folder"), start);
    if (!folder.isEmpty()) m_scaling->addModel(folder);
}

}  // namespace perfmamba::app
