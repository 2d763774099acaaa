#include "app/gui/key_table.h"

#include <QAction>
#include <QHeaderView>
#include <QLineEdit>
#include <QTableWidget>
#include <QVBoxLayout>

#include "app/gui/command_palette.h"
#include "widgets/table_menu.h"

namespace perfmamba::app {

KeyTable::KeyTable(const QList<QAction*>& actions, QWidget* parent) : QDialog(parent) {
    setWindowTitle(tr("Keys and mouse"));
    setAttribute(Qt::WA_DeleteOnClose);
    resize(520, 560);
    QList<std::pair<QString, QString>> rows;
    for (const QAction* action : actions) {
        if (!action->shortcut().isEmpty()) {
            rows.emplace_back(action->shortcut().toString(QKeySequence::NativeText), plainText(*action));
        }
    }
    rows.emplace_back(tr("Wheel"), tr("Plots, timeline: zoom at the cursor"));
    rows.emplace_back(tr("Drag"), tr("Plots, timeline: pan"));
    rows.emplace_back(tr("Shift"), tr("with either: only along x"));
    rows.emplace_back(tr("Double click, Home"), tr("Plots, timeline: show everything"));
    rows.emplace_back(tr("F"), tr("Timeline: zoom to the selection"));
    rows.emplace_back(tr("Ctrl+drag"), tr("Timeline: choose a time range"));
    rows.emplace_back(tr("Ctrl+wheel"), tr("Timeline: height of the rows"));
    rows.emplace_back(tr("Arrow keys"), tr("Bars, map, timeline: move the selection"));
    rows.emplace_back(tr("Ctrl+C"), tr("Tables, messages: copy the chosen rows"));
    rows.emplace_back(tr("Right click"), tr("Plots: copy, save as PNG, SVG, PDF, CSV; tables: copy, save as CSV"));

    auto* table = new QTableWidget(static_cast<int>(rows.size()), 2);
    table->setAccessibleName(windowTitle());
    table->setHorizontalHeaderLabels({tr("key"), tr("does")});
    table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    table->verticalHeader()->hide();
    table->setShowGrid(false);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    for (int i = 0; i < rows.size(); ++i) {
        table->setItem(i, 0, new QTableWidgetItem(rows[i].first));
        table->setItem(i, 1, new QTableWidgetItem(rows[i].second));
    }
    table->resizeColumnToContents(0);
    table->horizontalHeader()->setStretchLastSection(true);
    table->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);  // first, so that it sorts nothing yet
    table->setSortingEnabled(true);
    widgets::addTableActions(*table, QStringLiteral("keys"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 5, 8, 3);
    bar->addStretch(1);
    bar->addWidget(widgets::makeFilter(*table, tr("Filter keys")));
    layout->addLayout(bar);
    layout->addWidget(table);
}

}  // namespace perfmamba::app
