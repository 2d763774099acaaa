// What an export will write, tensor by tensor, and where to. Not modal: the window stays usable.
#pragma once

#include <QDialog>
#include <QString>
#include <vector>

#include "core/prune/apply.h"
#include "core/prune/export.h"
#include "core/prune/plan.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QTableWidget;

namespace perfmamba::app {

class ExportDialog : public QDialog {
    Q_OBJECT
public:
    /// @param folder  the proposed one
    ExportDialog(const prune::PlanPtr& plan, const QString& folder, QWidget* parent = nullptr);

    [[nodiscard]] const prune::PlanPtr& plan() const { return m_plan; }
    [[nodiscard]] prune::Form form() const;
    void setForm(prune::Form form);
    [[nodiscard]] prune::Format format() const;
    void setFormat(const prune::Format& format);
    [[nodiscard]] QString folder() const;
    void setFolder(const QString& folder);
    /// The dry run's result for the form that is chosen.
    void setChanges(const std::vector<prune::TensorChange>& changes);
    void setProgress(const QString& text);
    void setDone(const prune::Exported& exported);
    /// The export ended without a result, for that reason.
    void setFailed(const QString& why);

Q_SIGNALS:
    void dryRunWanted(perfmamba::prune::Form form);
    /// Of what was exported.
    void openWanted(const QString& folder);
    void exportWanted(perfmamba::prune::Form form, const perfmamba::prune::Target& target);

private:
    /// The form goes with the format.
    [[nodiscard]] bool possible() const;
    void browse();
    void begin();
    void updateTexts();

    prune::PlanPtr m_plan;
    QComboBox* m_form = nullptr;
    QComboBox* m_format = nullptr;
    QLabel* m_explanation = nullptr;
    QTableWidget* m_table = nullptr;
    QLabel* m_summary = nullptr;
    QLineEdit* m_folder = nullptr;
    QPushButton* m_export = nullptr;
    QPushButton* m_open = nullptr;  // once it is written
    QLabel* m_status = nullptr;
    bool m_working = false;
};

}  // namespace perfmamba::app
