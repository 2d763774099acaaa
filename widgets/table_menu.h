// What every table of numbers offers: copy rows, copy all, save as CSV, and where rows are many, a filter.
#pragma once

#include <QString>
#include <functional>

class QLineEdit;
class QSortFilterProxyModel;
class QTableView;

namespace perfmamba::widgets {

/// The rows as sorted and filtered, without hidden columns, below a header line; as CSV (RFC 4180) where the separator
/// is a comma. A head's second line is its unit, in brackets here. Thin spaces, which are for the eye, are left out.
QString tableText(const QTableView& view, QChar separator, bool only_selected = false);

/// Gives `view` its context menu: copy rows (Ctrl+C), copy all as CSV, save as CSV. Call when the view has its model.
/// @param name proposed file name, without suffix
/// @param csv all rows, where they are not as shown; empty: tableText()
void addTableActions(QTableView& view, const QString& name, std::function<QString()> csv = {});

/// A line to type in, which rows must contain in a column of the proxy's filter, whatever their case.
QLineEdit* makeFilter(QSortFilterProxyModel& proxy, const QString& accessible_name);
/// The same for a table without a proxy: other rows are hidden.
QLineEdit* makeFilter(QTableView& view, const QString& accessible_name);

}  // namespace perfmamba::widgets
