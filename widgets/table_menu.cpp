#include "widgets/table_menu.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QLineEdit>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <utility>

#include "widgets/plot_menu.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr QChar kThinSpace(0x2009);
constexpr int kFilterWidth = 130;

QString plain(const QVariant& shown) {
    QString text = shown.toString();
    text.remove(kThinSpace);
    return text;
}

/// "time\nms" → "time [ms]".
QString headOf(const QVariant& shown) {
    const QStringList lines = plain(shown).split(QLatin1Char('\n'));
    const QString unit = lines.size() > 1 ? lines.back() : QString();
    return unit.isEmpty() ? lines.front() : QStringLiteral("%1 [%2]").arg(lines.front(), unit);
}

QLineEdit* filterLine(const QString& accessible_name) {
    auto* line = new QLineEdit;
    line->setPlaceholderText(QObject::tr("Filter"));
    line->setClearButtonEnabled(true);
    line->setAccessibleName(accessible_name);
    line->setMaximumWidth(kFilterWidth);
    return line;
}

}  // namespace

QString tableText(const QTableView& view, QChar separator, bool only_selected) {
    const QAbstractItemModel& model = *view.model();
    const bool named_rows = !view.verticalHeader()->isHidden();
    const auto line = [separator](QStringList fields) {
        if (separator == QLatin1Char(',')) {
            for (QString& field : fields) field = csvField(field);
        }
        return fields.join(separator) + QLatin1Char('\n');
    };
    QStringList heads;
    if (named_rows) heads << QString();
    for (int column = 0; column < model.columnCount(); ++column) {
        if (!view.isColumnHidden(column)) heads << headOf(model.headerData(column, Qt::Horizontal));
    }
    QString text = line(heads);
    for (int row = 0; row < model.rowCount(); ++row) {
        if (view.isRowHidden(row)) continue;
        if (only_selected && !view.selectionModel()->rowIntersectsSelection(row)) continue;
        QStringList fields;
        if (named_rows) fields << plain(model.headerData(row, Qt::Vertical));
        for (int column = 0; column < model.columnCount(); ++column) {
            if (!view.isColumnHidden(column)) fields << plain(model.index(row, column).data());
        }
        text += line(fields);
    }
    return text;
}

void addTableActions(QTableView& view, const QString& name, std::function<QString()> csv) {
    if (!csv) csv = [&view] { return tableText(view, QLatin1Char(',')); };
    auto* copy = new QAction(theme().icon(QStringLiteral("copy")), QObject::tr("Copy rows"), &view);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    QObject::connect(copy, &QAction::triggered, &view,
                     [&view] { QApplication::clipboard()->setText(tableText(view, QLatin1Char('\t'), true)); });
    auto* copy_all = new QAction(QObject::tr("Copy all as CSV"), &view);
    QObject::connect(copy_all, &QAction::triggered, &view, [csv] { QApplication::clipboard()->setText(csv()); });
    auto* save = new QAction(theme().icon(QStringLiteral("save")), QObject::tr("Save CSV…"), &view);
    QObject::connect(save, &QAction::triggered, &view, [&view, name, csv] {
        saveAs(view, name, QStringLiteral("csv"), [&csv](const QString& path) { return writeText(csv(), path); });
    });
    view.addActions({copy, copy_all, save});
    view.setContextMenuPolicy(Qt::ActionsContextMenu);
}

QLineEdit* makeFilter(QSortFilterProxyModel& proxy, const QString& accessible_name) {
    proxy.setFilterCaseSensitivity(Qt::CaseInsensitive);
    QLineEdit* line = filterLine(accessible_name);
    QObject::connect(line, &QLineEdit::textChanged, &proxy, &QSortFilterProxyModel::setFilterFixedString);
    return line;
}

QLineEdit* makeFilter(QTableView& view, const QString& accessible_name) {
    QLineEdit* line = filterLine(accessible_name);
    const auto apply = [&view, line] {
        const QAbstractItemModel& model = *view.model();
        for (int row = 0; row < model.rowCount(); ++row) {
            bool found = line->text().isEmpty();
            for (int column = 0; column < model.columnCount() && !found; ++column) {
                found = model.index(row, column).data().toString().contains(line->text(), Qt::CaseInsensitive);
            }
            view.setRowHidden(row, !found);
        }
    };
    QObject::connect(line, &QLineEdit::textChanged, &view, apply);
    QObject::connect(view.model(), &QAbstractItemModel::layoutChanged, line, apply);  // sorted
    return line;
}

}  // namespace perfmamba::widgets
