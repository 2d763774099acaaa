// The window's part about comparing: the baseline, kept until it is removed, and the page Compare.
#include <QBoxLayout>
#include <QDateTime>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QStatusBar>
#include <QTabBar>
#include <QToolButton>
#include <utility>

#include "app/gui/main_window.h"
#include "kernels/error.h"
#include "widgets/compare_page.h"
#include "widgets/elided_button.h"
#include "widgets/empty_page.h"
#include "widgets/messages_panel.h"

namespace perfmamba::app {

using widgets::MessagesPanel;

namespace {

bool hasPoints(const ProfilePtr& profile) {
    return profile && !profile->points.empty();
}

/// Also where each was read from a file.
bool sameRun(const profile::Profile& a, const profile::Profile& b) {
    return a.provenance.created == b.provenance.created && a.model.hash == b.model.hash &&
           a.options.mode == b.options.mode && a.options.batch == b.options.batch &&
           a.points.size() == b.points.size() && a.points.back().total.samples == b.points.back().total.samples;
}

}  // namespace

QString runName(const profile::Profile& profile, const QString& path) {
    if (!path.isEmpty() && QFileInfo(path).absolutePath() != QFileInfo(keptReportsFolder()).absoluteFilePath()) {
        return QFileInfo(path).fileName();
    }
    const QString created = QString::fromStdString(profile.provenance.created);
    const QDateTime time = QDateTime::fromString(created, Qt::ISODate);
    return QStringLiteral("%1, %2").arg(
        QString::fromStdString(profile.model.name),
        time.isValid() ? time.toLocalTime().toString(QStringLiteral("yyyy-MM-dd HH:mm:ss")) : created);
}

void MainWindow::buildCompareActions() {
    const auto s = [](const char* text) { return QString::fromLatin1(text); };
    add(s("pinBaseline"), s("pin"), tr("Pin as the &baseline"),
        tr("Compare every run and report from now on with the one that is shown"), QKeySequence(tr("Ctrl+B")),
        [this] { pinBaseline(); })
        ->setIconText(tr("Pin as the baseline"));
    add(s("openBaseline"), s("report"), tr("Open a base&line…"), tr("Compare what is shown with a saved report"), {},
        [this] { askForBaseline(); })
        ->setIconText(tr("Open a baseline…"));
    add(s("comparePrevious"), s("compare"), tr("Compare with the run &before"),
        tr("Compare what is shown with what was shown before it"), {},
        [this] { setBaseline(std::exchange(m_previous, {})); })
        ->setIconText(tr("Compare with the run before"));
    add(s("removeBaseline"), s("reset"), tr("Re&move the baseline"), tr("Compare no longer"),
        QKeySequence(tr("Ctrl+Shift+B")), [this] { setBaseline({}); })
        ->setIconText(tr("Remove the baseline"));
}

QWidget* MainWindow::makeBaselineChip() {
    m_chip = new QWidget;
    auto* layout = new QHBoxLayout(m_chip);
    layout->setContentsMargins(0, 0, 8, 0);
    layout->setSpacing(2);
    m_chip_name = new widgets::ElidedButton;
    m_chip_name->setProperty("chip", true);
    connect(m_chip_name, &QToolButton::clicked, this, [this] { showPage(m_compare_index); });
    layout->addWidget(m_chip_name);
    auto* remove = new QToolButton;
    remove->setAutoRaise(true);
    remove->setText(QStringLiteral("✕"));
    remove->setToolTip(action(QStringLiteral("removeBaseline"))->toolTip());
    remove->setAccessibleName(tr("Remove the baseline"));
    connect(remove, &QToolButton::clicked, action(QStringLiteral("removeBaseline")), &QAction::trigger);
    layout->addWidget(remove);
    m_chip->hide();
    return m_chip;
}

void MainWindow::buildComparePage() {
    m_compare_page = new widgets::ComparePage(m_selection);
    m_compare_index = m_tabs->count();
    Page& page = addPage(QStringLiteral("pageCompare"), QStringLiteral("compare"), tr("Compare"),
                         tr("two runs side by side, what changed beyond the noise first"), m_compare_page,
                         [this](const ProfilePtr&) {
                             m_compare_page->setComparison(m_comparison, m_baseline.name,
                                                           m_shown ? runName(*m_shown, m_shown_from) : QString());
                         });
    page.ready = [this] { return m_comparison != nullptr; };
    page.own_texts = [this](widgets::EmptyPage& empty) { return emptyCompareTexts(empty); };
}

bool MainWindow::emptyCompareTexts(widgets::EmptyPage& empty) {
    if (!hasPoints(m_shown)) return false;
    const auto get = [this](const char* id) { return action(QString::fromLatin1(id)); };
    const QString shown = runName(*m_shown, m_shown_from);
    if (!m_baseline.profile) {
        empty.setTexts(tr("Compare with a baseline"),
                       tr("Pin %1, then run again or open another report; or open a report to compare it with, or drop "
                          "one here. Then this page shows both side by side, what changed beyond the noise first.")
                           .arg(shown));
        QList<QAction*> actions{get("pinBaseline"), get("openBaseline")};
        if (m_previous.profile) actions << get("comparePrevious");
        empty.setActions(actions);
    } else if (m_not_compared.isEmpty()) {
        empty.setTexts(tr("%1 is the baseline").arg(m_baseline.name),
                       tr("Run again or open another report: this page then shows what became of it."));
        QList<QAction*> actions{get("run"), get("openReport"), get("removeBaseline")};
        if (!get("run")->isEnabled()) actions.removeFirst();
        empty.setActions(actions);
    } else {
        empty.setTexts(tr("These two are not compared"), m_not_compared);
        empty.setActions({get("openBaseline"), get("removeBaseline")});
    }
    return true;
}

void MainWindow::pinBaseline() {
    if (!hasPoints(m_shown)) return;
    const QString path = m_shown_from.isEmpty() ? m_kept_as : m_shown_from;
    setBaseline({m_shown, runName(*m_shown, path), path});
    statusBar()->showMessage(tr("%1 is the baseline until it is removed").arg(m_baseline.name), 8000);
}

void MainWindow::askForBaseline() {
    const QString start =
        m_settings.reports.isEmpty() ? keptReportsFolder() : QFileInfo(m_settings.reports.front()).absolutePath();
    const QString file = QFileDialog::getOpenFileName(this, tr("Compare with a report"), start,
                                                      tr("Reports (*.h5 *.hdf5);;All files (*)"));
    if (!file.isEmpty()) openBaseline(file);
}

void MainWindow::openBaseline(const QString& path) {
    m_session->openBaseline(QFileInfo(path).absoluteFilePath());
}

void MainWindow::restoreBaseline() {
    if (m_settings.baseline.isEmpty()) return;
    if (QFileInfo::exists(m_settings.baseline)) {
        openBaseline(m_settings.baseline);
    } else {
        report(static_cast<int>(MessagesPanel::Kind::Warning),
               tr("%1: the baseline is not there any more (pin another run)").arg(m_settings.baseline));
    }
}

void MainWindow::baselineOpened(const report::Contents& contents, const QString& path) {
    const ProfilePtr& profile = contents.profile;
    if (!hasPoints(profile)) {
        report(static_cast<int>(MessagesPanel::Kind::Error),
               tr("%1: cannot be the baseline: it is %2 (choose the report of a run)")
                   .arg(path, profile            ? tr("a run in which no length was measured")
                              : contents.scaling ? tr("a scaling study, whose series stand beside each other already")
                              : contents.study ? tr("a pruning study, whose cells are compared with the unpruned model "
                                                    "already")
                                               : tr("of what a model's states did, which is not compared")));
        return;
    }
    setBaseline({profile, runName(*profile, path), path});
}

void MainWindow::setBaseline(Baseline baseline) {
    m_baseline = std::move(baseline);
    showProfile(m_shown);
    const bool refused = m_baseline.profile && hasPoints(m_shown) && !m_not_compared.isEmpty();
    if (refused) report(static_cast<int>(MessagesPanel::Kind::Warning), m_not_compared);
}

void MainWindow::rememberPrevious() {
    if (!hasPoints(m_shown)) return;
    const QString path = m_shown_from.isEmpty() ? m_kept_as : m_shown_from;
    m_previous = {m_shown, runName(*m_shown, path), path};
}

void MainWindow::compareWithBaseline() {
    m_comparison.reset();
    m_not_compared.clear();
    if (!m_baseline.profile || !hasPoints(m_shown) || sameRun(*m_shown, *m_baseline.profile)) return;
    const QString named = tr("%1 and %2").arg(m_baseline.name, runName(*m_shown, m_shown_from));
    try {
        m_comparison = std::make_shared<const profile::Comparison>(
            profile::compare(m_baseline.profile, m_shown, named.toStdString()));
    } catch (const Error& error) {
        m_not_compared = QString::fromUtf8(error.what());
    }
}

void MainWindow::updateBaselineTexts() {
    const auto get = [this](const char* id) { return action(QString::fromLatin1(id)); };
    get("pinBaseline")->setEnabled(hasPoints(m_shown) && !m_session->running());
    get("comparePrevious")->setEnabled(m_previous.profile != nullptr);
    get("removeBaseline")->setEnabled(m_baseline.profile != nullptr);
    m_chip->setVisible(m_baseline.profile != nullptr);
    if (!m_baseline.profile) return;
    const QString text = m_comparison                ? tr("compared with: %1")
                         : !m_not_compared.isEmpty() ? tr("not compared with: %1")
                                                     : tr("baseline: %1");
    m_chip_name->setTexts(text, m_baseline.name);
    m_chip_name->setToolTip(m_not_compared.isEmpty() ? text.arg(m_baseline.name) + QLatin1Char('\n') + m_baseline.path
                                                     : m_not_compared);
}

}  // namespace perfmamba::app
