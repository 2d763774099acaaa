// The window's part about what a profile says: the advice beside it, and files for other people and programs.
#include "app/gui/main_window.h"
#include "core/report/chrome_trace.h"
#include "core/report/summary_html.h"
#include "widgets/advice_panel.h"
#include "widgets/save_dialog.h"

namespace perfmamba::app {

bool MainWindow::priceIsOf(const profile::Profile& profile) const {
    const Target& of = m_priced_target;
    return m_cost && of.checkpoint && of.checkpoint->hash() == profile.model.hash && m_shown_from.isEmpty() &&
           profile.provenance.device_id == of.device && profile.options.threads == of.options.threads &&
           profile.model.compute_type == name(of.options.precision);
}

study::Known MainWindow::known() const {
    study::Known known;
    if (m_shown && priceIsOf(*m_shown)) known.cost = m_cost.get();
    known.study = m_study.get();
    known.comparison = m_comparison.get();
    known.under_way = m_session->running();
    return known;
}

void MainWindow::showAdvice() {
    if (!m_advice->isVisible()) return;  // it is told when it is
    m_advice->setAdvice(m_shown ? study::adviseOn(*m_shown, known()) : std::vector<study::Advice>());
}

void MainWindow::askWhereToSaveTrace() {
    if (!m_shown) return;
    // As it is now: while the dialog is open, another model may open behind it.
    const ProfilePtr profile = m_shown;
    const QString name = QString::fromStdString(profile->model.name) + QStringLiteral("-trace.json");
    const QString file = widgets::askForFileToSave(this, tr("Save the timeline as a trace"), name,
                                                   tr("Traces (*.json)"), {QStringLiteral("json")});
    if (file.isEmpty()) return;
    m_session->saveText(file, [profile](const report::Sink& sink) { report::chromeTrace(*profile, sink); });
}

void MainWindow::askWhereToSaveSummary() {
    const SummaryWriter writer = summaryWriter();  // before the dialog, as above
    if (!writer) return;
    const bool has_points = m_shown && !m_shown->points.empty();
    const QString model = QString::fromStdString(has_points ? m_shown->model.name : m_study->model.name);
    const QString file =
        widgets::askForFileToSave(this, tr("Save the summary"), model + QStringLiteral(".html"), tr("HTML (*.html)"),
                                  {QStringLiteral("html"), QStringLiteral("htm")});
    if (!file.isEmpty()) m_session->saveText(file, writer);
}

void MainWindow::saveSummary(const QString& file) {
    if (const SummaryWriter writer = summaryWriter()) m_session->saveText(file, writer);
}

MainWindow::SummaryWriter MainWindow::summaryWriter() const {
    if (m_shown && !m_shown->points.empty()) {
        // What is known now, kept until it is written.
        return [profile = m_shown, known = known(), cost = m_cost, study = m_study, comparison = m_comparison,
                baseline = m_baseline.name.toStdString()](const report::Sink& sink) {
            sink(report::summaryHtml(*profile, known, baseline));
        };
    }
    if (!m_study) return {};
    return [study = m_study](const report::Sink& sink) { sink(report::summaryHtml(*study)); };
}

}  // namespace perfmamba::app
