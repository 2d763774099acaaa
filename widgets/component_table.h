// The numbers behind the bars: a row a component, sortable, filterable, copyable.
#pragma once

#include <QWidget>

#include "widgets/change_text.h"
#include "widgets/selection.h"

class QLabel;
class QLineEdit;
class QSortFilterProxyModel;
class QTableView;

namespace perfmamba::widgets {

class ComponentModel;

class ComponentTable : public QWidget {
    Q_OBJECT
public:
    explicit ComponentTable(Selection& selection, QWidget* parent = nullptr);

    /// With a comparison, columns say what became of the times since the baseline.
    void setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison = {});
    void focusFilter();
    /// Hides all columns but these (ComponentModel::Column) and the names.
    void showOnly(const QList<int>& columns);

    /// All rows as sorted and filtered, RFC 4180, with a header line and plain numbers in the columns' units.
    [[nodiscard]] QString csv() const;
    [[nodiscard]] QTableView* view() const { return m_view; }
    [[nodiscard]] QLineEdit* filter() const { return m_filter; }

private:
    void refresh();
    void fitColumns(bool only_wider);
    void markSelection();

    Selection& m_selection;
    ProfilePtr m_profile;
    ComparisonPtr m_comparison;
    ComponentModel* m_model = nullptr;
    QSortFilterProxyModel* m_proxy = nullptr;
    QTableView* m_view = nullptr;
    QLineEdit* m_filter = nullptr;
    QLabel* m_heading = nullptr;
    QLabel* m_footer = nullptr;
    bool m_marking = false;
};

}  // namespace perfmamba::widgets
