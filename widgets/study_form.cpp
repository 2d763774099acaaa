#include "widgets/study_form.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>

#include "widgets/prune_derive.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

struct Offered {
    profile::Mode mode;
    std::int64_t batch;
};
constexpr std::array kOffered = {Offered{profile::Mode::Prefill, 1}, Offered{profile::Mode::Prefill, 16},
                                 Offered{profile::Mode::Decode, 1}, Offered{profile::Mode::Decode, 16}};
constexpr std::array kMultiples = {1, 4, 8, 16};

}  // namespace

QString progressText(const study::Study& study) {
    const auto count = [&](study::CellState state) {
        return std::count_if(study.cells.begin(), study.cells.end(),
                             [state](const study::Cell& cell) { return cell.state == state; });
    };
    QString text =
        QObject::tr("%1 of %2 points measured").arg(count(study::CellState::Measured)).arg(study.cells.size());
    for (const study::Cell& cell : study.cells) {
        if (cell.state != study::CellState::Failed) continue;
        return text + QObject::tr(", %1 failed: %2")
                          .arg(count(study::CellState::Failed))
                          .arg(QString::fromStdString(cell.failure));
    }
    return text;
}

StudyForm::StudyForm(QWidget* parent) : QWidget(parent) {
    auto* form = new QFormLayout(this);
    form->setContentsMargins(12, 8, 12, 8);
    form->setVerticalSpacing(7);
    form->setRowWrapPolicy(QFormLayout::WrapLongRows);
    form->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
    auto* criteria = new QWidget;
    m_criteria_list = new QVBoxLayout(criteria);
    m_criteria_list->setContentsMargins(0, 0, 0, 0);
    m_criteria_list->setSpacing(2);
    form->addRow(tr("criteria"), criteria);

    m_shares = new QLineEdit;
    m_shares->setToolTip(tr("Shares of the states removed, in per cent, separated by commas"));
    form->addRow(tr("removed, %"), m_shares);
    m_kind = new QComboBox;
    m_kind->addItem(tr("of every layer"), static_cast<int>(prune::PlanKind::Keep));
    m_kind->addItem(tr("of the whole model"), static_cast<int>(prune::PlanKind::Budget));
    m_multiple = new QComboBox;
    for (const int multiple : kMultiples) m_multiple->addItem(tr("multiples of %1").arg(multiple), multiple);
    auto* how = new QHBoxLayout;
    how->addWidget(m_kind);
    how->addWidget(m_multiple);
    how->addStretch(1);
    form->addRow(tr("plan"), how);

    auto* timed = new QGridLayout;
    timed->setVerticalSpacing(2);
    for (const Offered& offered : kOffered) {
        auto* box = new QCheckBox(offered.mode == profile::Mode::Prefill ? tr("prefill × %1").arg(offered.batch)
                                                                         : tr("decode × %1").arg(offered.batch));
        box->setToolTip(tr("Time it pruned and unpruned in turn, batch %1").arg(offered.batch));
        const int index = static_cast<int>(m_workloads.size());
        timed->addWidget(box, index / 2, index % 2);
        m_workloads.push_back(box);
    }
    timed->setColumnStretch(2, 1);
    form->addRow(tr("time"), timed);
    m_length = new QSpinBox;
    m_length->setRange(1, 1 << 20);
    m_length->setSuffix(tr(" tokens"));
    m_length->setGroupSeparatorShown(true);
    form->addRow(tr("prefill of"), m_length);

    m_alone = new QCheckBox(tr("one layer at a time, less"));
    m_alone->setToolTip(
        tr("Sensitivity: prunes one layer at a time, by the first criterion that is not random, if any"));
    m_alone_share = new QSpinBox;
    m_alone_share->setRange(1, 99);
    m_alone_share->setSuffix(tr(" %"));
    m_alone_share->setAccessibleName(tr("Share removed of each layer alone"));
    auto* alone = new QHBoxLayout;
    alone->addWidget(m_alone);
    alone->addWidget(m_alone_share);
    alone->addStretch(1);
    form->addRow(tr("sensitivity"), alone);

    m_pairs = new QSpinBox;
    m_pairs->setRange(6, 1000);
    m_pairs->setSuffix(tr(" pairs of passes"));
    m_budget = new QDoubleSpinBox;
    m_budget->setRange(0.1, 3600);
    m_budget->setDecimals(1);
    m_budget->setPrefix(tr("about "));
    m_budget->setSuffix(tr(" s"));
    m_budget->setToolTip(tr("For each workload of a point; at least 6 pairs are taken, however long they last"));
    m_budget->setAccessibleName(tr("Time for each workload of a point"));
    auto* effort = new QHBoxLayout;
    effort->addWidget(m_pairs);
    effort->addWidget(m_budget);
    effort->addStretch(1);
    form->addRow(tr("effort"), effort);
    m_seed = new QSpinBox;
    m_seed->setRange(0, 1'000'000);
    m_seed->setToolTip(tr("Of the random criterion"));
    form->addRow(tr("seed"), m_seed);

    m_run = new QPushButton(tr("Run study"));
    m_run->setProperty("primary", true);
    m_status = new QLabel;
    m_status->setWordWrap(true);
    m_status->setProperty("muted", true);
    auto* start = new QHBoxLayout;
    start->addWidget(m_run);
    start->addWidget(m_status, 1);
    form->addRow(start);
    m_problem = new QLabel;
    m_problem->setWordWrap(true);
    m_problem->setProperty("warning", true);
    form->addRow(m_problem);

    setOptions({});
    for (QCheckBox* box : m_workloads) box->setChecked(true);
    connect(m_shares, &QLineEdit::textChanged, this, &StudyForm::check);
    connect(m_alone, &QCheckBox::toggled, this, &StudyForm::check);
    connect(m_run, &QPushButton::clicked, this, &StudyForm::runRequested);
    check();
}

void StudyForm::setCriteria(const std::vector<CriterionChoice>& criteria) {
    const std::vector<std::string> wanted = study::Options().criteria;
    qDeleteAll(m_criteria);
    m_criteria.clear();
    for (const CriterionChoice& criterion : criteria) {
        auto* box = new QCheckBox(criterion.title);
        box->setObjectName(criterion.id);
        box->setEnabled(criterion.refusal.isEmpty());
        box->setToolTip(criterion.refusal.isEmpty() ? criterion.description : criterion.refusal);
        box->setChecked(criterion.refusal.isEmpty() &&
                        std::find(wanted.begin(), wanted.end(), criterion.id.toStdString()) != wanted.end());
        m_criteria_list->addWidget(box);
        connect(box, &QCheckBox::toggled, this, &StudyForm::check);
        m_criteria.push_back(box);
    }
    check();
}

void StudyForm::setStudy(const study::StudyPtr& study) {
    m_status->setText(study ? progressText(*study) : QString());
}

std::vector<study::Workload> StudyForm::workloads() const {
    std::vector<study::Workload> chosen;
    for (std::size_t i = 0; i < kOffered.size(); ++i) {
        if (!m_workloads[i]->isChecked()) continue;
        chosen.push_back({kOffered[i].mode, kOffered[i].batch, m_length->value()});
    }
    return chosen;
}

study::Options StudyForm::options() const {
    study::Options options;
    options.criteria.clear();
    for (const QCheckBox* box : m_criteria) {
        if (box->isChecked()) options.criteria.push_back(box->objectName().toStdString());
    }
    options.shares = sharesFrom(m_shares->text());
    options.kind = static_cast<prune::PlanKind>(m_kind->currentData().toInt());
    options.multiple_of = m_multiple->currentData().toLongLong();
    options.seed = static_cast<std::uint64_t>(m_seed->value());
    options.workloads = workloads();
    options.pairs = m_pairs->value();
    options.budget_s = m_budget->value();
    options.sensitivity_share = m_alone->isChecked() ? m_alone_share->value() / 100.0 : 0;
    return options;
}

void StudyForm::setOptions(const study::Options& options) {
    for (QCheckBox* box : m_criteria) {
        const auto& wanted = options.criteria;
        box->setChecked(box->isEnabled() &&
                        std::find(wanted.begin(), wanted.end(), box->objectName().toStdString()) != wanted.end());
    }
    m_shares->setText(sharesText(options.shares));
    m_kind->setCurrentIndex(m_kind->findData(static_cast<int>(options.kind)));
    m_multiple->setCurrentIndex(std::max(0, m_multiple->findData(static_cast<int>(options.multiple_of))));
    m_seed->setValue(static_cast<int>(options.seed));
    m_length->setValue(256);
    for (std::size_t i = 0; i < kOffered.size(); ++i) {
        const auto found = std::find_if(options.workloads.begin(), options.workloads.end(), [&](const auto& workload) {
            return workload.mode == kOffered[i].mode && workload.batch == kOffered[i].batch;
        });
        m_workloads[i]->setChecked(found != options.workloads.end());
        if (found != options.workloads.end() && found->mode == profile::Mode::Prefill) {
            m_length->setValue(static_cast<int>(found->length));
        }
    }
    m_pairs->setValue(options.pairs);
    m_budget->setValue(options.budget_s);
    m_alone->setChecked(options.sensitivity_share > 0);
    m_alone_share->setValue(
        options.sensitivity_share > 0 ? static_cast<int>(std::lround(options.sensitivity_share * 100)) : 50);
}

QString StudyForm::problem() const {
    const bool any =
        std::any_of(m_criteria.begin(), m_criteria.end(), [](const QCheckBox* b) { return b->isChecked(); });
    if (!any) return tr("Choose at least one criterion.");
    if (sharesFrom(m_shares->text()).empty()) return tr("Shares are numbers from 0 to 99, separated by commas.");
    return {};
}

void StudyForm::check() {
    const QString what = problem();
    m_run->setEnabled(what.isEmpty());
    m_problem->setText(what);
    m_problem->setVisible(!what.isEmpty());
    m_run->setToolTip(what.isEmpty() ? tr("Measure every point; a study that was stopped goes on where it was") : what);
    m_alone_share->setEnabled(m_alone->isChecked());
}

}  // namespace perfmamba::widgets
