#include "widgets/table_style.h"

#include <QHeaderView>
#include <QTableView>

#include "widgets/theme.h"

namespace perfmamba::widgets {

void styleTable(QTableView& view) {
    view.setFont(Theme::smallFont());
    view.horizontalHeader()->setFont(Theme::smallFont());
    view.setSelectionBehavior(QAbstractItemView::SelectRows);
    view.setSelectionMode(QAbstractItemView::ExtendedSelection);
    view.setShowGrid(false);
    view.setWordWrap(false);
    view.setTabKeyNavigation(false);
    view.setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    view.verticalHeader()->hide();
    view.verticalHeader()->setMinimumSectionSize(18);
    view.verticalHeader()->setDefaultSectionSize(21);
    view.horizontalHeader()->setHighlightSections(false);
    view.setMinimumSize(300, 120);
}

}  // namespace perfmamba::widgets
