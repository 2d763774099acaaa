// What a trade-off study measures: criteria, shares, workloads; and how far it has got.
#pragma once

#include <QWidget>
#include <vector>

#include "core/study/study.h"
#include "widgets/plan_panel.h"

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QVBoxLayout;

namespace perfmamba::widgets {

class StudyForm : public QWidget {
    Q_OBJECT
public:
    explicit StudyForm(QWidget* parent = nullptr);
    void setCriteria(const std::vector<CriterionChoice>& criteria);
    /// How far it has got; null: none yet.
    void setStudy(const study::StudyPtr& study);

    /// Without tokens: they are chosen beside the criterion.
    [[nodiscard]] study::Options options() const;
    void setOptions(const study::Options& options);
    /// Why it cannot be run as it stands; empty where it can.
    [[nodiscard]] QString problem() const;

Q_SIGNALS:
    void runRequested();

private:
    void check();
    [[nodiscard]] std::vector<study::Workload> workloads() const;

    QVBoxLayout* m_criteria_list = nullptr;
    std::vector<QCheckBox*> m_criteria;
    QLineEdit* m_shares = nullptr;
    QComboBox* m_kind = nullptr;
    QComboBox* m_multiple = nullptr;
    std::vector<QCheckBox*> m_workloads;
    QSpinBox* m_length = nullptr;
    QCheckBox* m_alone = nullptr;
    QSpinBox* m_alone_share = nullptr;
    QSpinBox* m_pairs = nullptr;
    QDoubleSpinBox* m_budget = nullptr;
    QSpinBox* m_seed = nullptr;
    QPushButton* m_run = nullptr;
    QLabel* m_status = nullptr;
    QLabel* m_problem = nullptr;
};

/// "12 of 20 cells measured, 1 failed: …".
QString progressText(const study::Study& study);

}  // namespace perfmamba::widgets
