// Two runs side by side: in what they differ, what changed beyond the noise first, and the ratios at a glance.
#pragma once

#include <QWidget>

#include "widgets/change_text.h"
#include "widgets/selection.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QSortFilterProxyModel;
class QTableView;

namespace perfmamba::widgets {

class ChangeModel;
class ChangePlot;

class ComparePage : public QWidget {
    Q_OBJECT
public:
    explicit ComparePage(Selection& selection, QWidget* parent = nullptr);

    /// @param before_name, after_name what to call the runs: the reports' files, or the models
    void setComparison(const ComparisonPtr& comparison, const QString& before_name, const QString& after_name);

    /// What is known of the two runs and of their differences, for tests and for copying.
    [[nodiscard]] QString text() const;
    /// All rows as sorted and filtered, RFC 4180.
    [[nodiscard]] QString csv() const;
    [[nodiscard]] QTableView* table() const { return m_view; }
    [[nodiscard]] ChangePlot* plot() const { return m_plot; }
    [[nodiscard]] QComboBox* lengths() const { return m_lengths; }
    [[nodiscard]] QCheckBox* layers() const { return m_layers; }
    [[nodiscard]] QLineEdit* filter() const { return m_filter; }

private:
    QWidget* makeHead();
    QWidget* makeTable();
    void fillHead(const QString& before_name, const QString& after_name);
    void fillTable();
    void fitColumns();
    void choose(const QModelIndex& index);

    Selection& m_selection;
    ComparisonPtr m_comparison;
    QLabel* m_before = nullptr;
    QLabel* m_after = nullptr;
    QLabel* m_differences = nullptr;
    QLabel* m_notes = nullptr;
    QLabel* m_heading = nullptr;
    QComboBox* m_lengths = nullptr;
    QCheckBox* m_layers = nullptr;
    QLineEdit* m_filter = nullptr;
    ChangeModel* m_model = nullptr;
    QSortFilterProxyModel* m_proxy = nullptr;
    QTableView* m_view = nullptr;
    ChangePlot* m_plot = nullptr;
};

}  // namespace perfmamba::widgets
