#include "widgets/scaling_page.h"

#include <QAction>
#include <QHBoxLayout>
#include <QScrollArea>
#include <QStackedWidget>

#include "widgets/empty_page.h"
#include "widgets/format.h"
#include "widgets/scaling_derive.h"
#include "widgets/scaling_form.h"
#include "widgets/scaling_view.h"
#include "widgets/states_cost_view.h"

namespace perfmamba::widgets {
namespace {

constexpr int kFormWidth = 300;  // pixels, a scroll bar among them

}  // namespace

ScalingPage::ScalingPage(QWidget* parent) : QWidget(parent) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFixedWidth(kFormWidth);
    scroll->setFocusPolicy(Qt::NoFocus);
    m_form = new ScalingForm;
    scroll->setWidget(m_form);
    layout->addWidget(scroll);
    m_stack = new QStackedWidget;
    m_empty = new EmptyPage;
    m_lengths = new ScalingView;
    m_states = new StatesCostView;
    for (QWidget* side : std::initializer_list<QWidget*>{m_empty, m_lengths, m_states}) m_stack->addWidget(side);
    layout->addWidget(m_stack, 1);
    connect(m_form, &ScalingForm::changed, this, &ScalingPage::refresh);
    refresh();
}

void ScalingPage::setActions(QAction* run, QAction* sweep, QAction* open_report, const QList<QAction*>& without_model) {
    m_run = run;
    m_sweep = sweep;
    m_open_report = open_report;
    m_without_model = without_model;
    refresh();
}

void ScalingPage::setStudy(const study::ScalingPtr& study) {
    m_study = study;
    fillSide();
    if (!m_running) m_form->setProgress(study ? progressText(*study) : QString(), 0);
    refresh();
}

void ScalingPage::openStudy(const study::ScalingPtr& study) {
    m_form->setStudy(*study);
    setStudy(study);
}

void ScalingPage::setSide(Side side) {
    m_side = side;
    fillSide();
    refresh();
}

void ScalingPage::fillSide() {
    if (m_side == Side::Lengths && m_lengths->study() != m_study) m_lengths->setStudy(m_study);
    if (m_side == Side::States && m_states->study() != m_study) m_states->setStudy(m_study);
}

void ScalingPage::setProgress(std::size_t cell, double done, const std::optional<double>& seconds_left,
                              const QString& what) {
    m_lengths->setUnderWay(cell, what);
    QString text = m_study ? progressText(*m_study) + QLatin1Char('\n') + what : what;
    if (done < 1 && seconds_left > 0.0) text += tr("\n%1 left").arg(timeText(*seconds_left * 1e6));
    m_form->setProgress(text, done);
}

void ScalingPage::setRunning(bool running) {
    m_running = running;
    if (!running) {
        m_lengths->setUnderWay(std::nullopt, {});
        m_form->setProgress(m_study ? progressText(*m_study) : QString(), 0);
    }
    refresh();
}

bool ScalingPage::resumes() const {
    return m_study && canGoOn(*m_study) && m_study->done() > 0 && m_form->asksFor(*m_study);
}

bool ScalingPage::empty() const {
    return m_stack->currentWidget() == m_empty;
}

void ScalingPage::refresh() {
    m_form->setRunning(m_running, resumes());
    const bool by_length = m_side == Side::Lengths;
    const bool shown = m_study && (by_length || sweepsStates(m_study->options));
    m_stack->setCurrentWidget(!shown      ? static_cast<QWidget*>(m_empty)
                              : by_length ? static_cast<QWidget*>(m_lengths)
                                          : static_cast<QWidget*>(m_states));
    if (shown) return;
    const QString problem = m_form->problem();
    const QString first = problem.isEmpty() ? QString() : problem + QLatin1Char(' ');
    if (by_length) {
        m_empty->setTexts(tr("How it scales with length"),
                          first + tr("Choose at the left what to measure. A study shows time, memory and the share of "
                                     "each component by length, fitted exponents, and architectures beside each "
                                     "other. It can be stopped and resumed at any cell."));
    } else {
        m_empty->setTexts(tr("What d_state costs"),
                          first + tr("A sweep measures the same shapes with many numbers of states N, beside what each "
                                     "would take at least. Choose several N at the left and run the study, or let "
                                     "the sweep choose them: at 1k tokens, batch 1 and 16."));
    }
    if (m_open_report == nullptr) return;
    QList<QAction*> actions = m_without_model;
    if (m_form->hasModel()) actions = {by_length ? m_run : m_sweep};
    m_empty->setActions(actions << m_open_report);
}

}  // namespace perfmamba::widgets
