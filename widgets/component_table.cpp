#include "widgets/component_table.h"

#include <QAction>
#include <QApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPainter>
#include <QSortFilterProxyModel>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/component_model.h"
#include "widgets/elided_label.h"
#include "widgets/table_menu.h"
#include "widgets/table_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

/// Draws the share as a bar in the component's colour behind its number: the ranking is seen before it is read.
class ShareDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        QStyleOptionViewItem background = option;
        initStyleOption(&background, index);
        background.text.clear();
        QApplication::style()->drawControl(QStyle::CE_ItemViewItem, &background, painter, option.widget);
        const double share = index.data(ComponentModel::kSortRole).toDouble();
        if (share > 0) {
            const auto component = static_cast<Component>(index.data(ComponentModel::kComponentRole).toInt());
            QColor colour = theme().of(component);
            colour.setAlphaF(0.35F);
            const QRectF room = QRectF(option.rect).adjusted(3, 3, -3, -3);
            painter->fillRect(QRectF(room.left(), room.top(), room.width() * std::min(share, 1.0), room.height()),
                              colour);
        }
        painter->setPen(option.palette.color(QPalette::Text));
        painter->setFont(option.font);
        painter->drawText(option.rect.adjusted(6, 0, -6, 0), Qt::AlignRight | Qt::AlignVCenter,
                          index.data(Qt::DisplayRole).toString());
    }
};

}  // namespace

ComponentTable::ComponentTable(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);

    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 5, 8, 3);
    m_heading = makeHeading();
    bar->addWidget(m_heading, 1);
    layout->addLayout(bar);

    m_model = new ComponentModel(this);
    m_proxy = new QSortFilterProxyModel(this);
    m_proxy->setSourceModel(m_model);
    m_proxy->setSortRole(ComponentModel::kSortRole);
    m_proxy->setFilterKeyColumn(ComponentModel::Name);
    m_filter = makeFilter(*m_proxy, tr("Filter components"));
    m_filter->setPlaceholderText(tr("Filter  Ctrl+F"));
    bar->addWidget(m_filter);

    m_view = new QTableView;
    m_view->setAccessibleName(tr("Components"));
    styleTable(*m_view);
    m_view->setModel(m_proxy);
    m_view->setSortingEnabled(true);
    m_view->sortByColumn(ComponentModel::Name, Qt::AscendingOrder);
    m_view->horizontalHeader()->setSectionResizeMode(QHeaderView::Interactive);
    m_view->horizontalHeader()->setDefaultSectionSize(58);
    m_view->horizontalHeader()->setMinimumSectionSize(30);
    m_view->setItemDelegateForColumn(ComponentModel::Share, new ShareDelegate(m_view));
    // Beside the time that they are about, and there only with a baseline.
    for (const int column : {ComponentModel::Interval, ComponentModel::Ratio, ComponentModel::Delta}) {
        QHeaderView* header = m_view->horizontalHeader();
        header->moveSection(header->visualIndex(column), header->visualIndex(ComponentModel::Spread) + 1);
        m_view->setColumnHidden(column, true);
    }
    layout->addWidget(m_view, 1);

    m_footer = new QLabel;
    m_footer->setFont(Theme::smallFont());
    m_footer->setProperty("muted", true);
    m_footer->setContentsMargins(10, 3, 8, 4);
    m_footer->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_footer->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    layout->addWidget(m_footer);
    setFocusProxy(m_view);

    addTableActions(*m_view, QStringLiteral("components"), [this] { return csv(); });
    auto* fit = new QAction(tr("Fit columns"), m_view);
    connect(fit, &QAction::triggered, this, [this] { fitColumns(false); });
    // As wide as their numbers, and again when the units change; between those they only grow, so that a live table
    // stands still.
    connect(m_model, &QAbstractItemModel::modelReset, this, [this] { fitColumns(false); });
    connect(m_model, &QAbstractItemModel::headerDataChanged, this, [this] { fitColumns(false); });
    connect(m_model, &QAbstractItemModel::dataChanged, this, [this] { fitColumns(true); });
    m_view->addAction(fit);

    connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            [this](const QModelIndex& current, const QModelIndex& previous) {
                // The first row becomes the current one when the focus comes: nobody has chosen it.
                if (m_marking || !current.isValid() || !previous.isValid()) return;
                m_selection.setComponent(
                    static_cast<Component>(current.siblingAtColumn(0).data(ComponentModel::kComponentRole).toInt()));
            });
    // Choosing the current row again after the selection was cleared elsewhere.
    connect(m_view, &QTableView::clicked, this, [this](const QModelIndex& index) {
        m_selection.setComponent(
            static_cast<Component>(index.siblingAtColumn(0).data(ComponentModel::kComponentRole).toInt()));
    });
    connect(&m_selection, &Selection::changed, this, [this] { refresh(); });
    connect(&theme(), &Theme::changed, this, [this] { refresh(); });
    refresh();
}

void ComponentTable::setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison) {
    m_profile = profile;
    m_comparison = comparison;
    refresh();
    for (const int column : {ComponentModel::Delta, ComponentModel::Ratio, ComponentModel::Interval}) {
        if (m_view->isColumnHidden(column) == (comparison == nullptr)) continue;
        m_view->setColumnHidden(column, comparison == nullptr);
        fitColumns(false);
    }
}

void ComponentTable::fitColumns(bool only_wider) {
    constexpr int kShareRoom = 78;  // room for the bar behind the number
    constexpr int kPadding = 24;
    const QFontMetrics metrics(m_view->font());
    for (int column = 0; column < ComponentModel::kColumns; ++column) {
        int width = column == ComponentModel::Share ? kShareRoom - kPadding : 0;
        const QString header = m_model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
        for (const QString& line : header.split(QLatin1Char('\n')))
            width = std::max(width, metrics.horizontalAdvance(line));
        for (int row = 0; row < m_model->rowCount(); ++row) {
            width = std::max(width, metrics.horizontalAdvance(m_model->index(row, column).data().toString()));
        }
        width += kPadding + (column == ComponentModel::Name ? 24 : 0);
        if (m_view->isColumnHidden(column)) continue;
        if (!only_wider || width > m_view->columnWidth(column)) m_view->setColumnWidth(column, width);
    }
}

void ComponentTable::focusFilter() {
    m_filter->setFocus(Qt::ShortcutFocusReason);
    m_filter->selectAll();
}

void ComponentTable::showOnly(const QList<int>& columns) {
    for (int column = 0; column < ComponentModel::kColumns; ++column) {
        m_view->setColumnHidden(column, column != ComponentModel::Name && !columns.contains(column));
    }
}

void ComponentTable::refresh() {
    m_marking = true;
    const Focus& focus = m_selection.focus();
    m_model->setProfile(m_profile, focus, m_comparison);
    const profile::Point* point = m_profile ? pointOf(*m_profile, focus) : nullptr;
    if (point == nullptr) {
        m_heading->setText(tr("Components"));
        m_footer->clear();
    } else {
        const bool one_layer = focus.layer && *focus.layer >= 0;
        m_heading->setText(one_layer ? tr("Layer %1 at %2 tokens").arg(*focus.layer).arg(grouped(point->length))
                                     : tr("All layers at %1 tokens").arg(grouped(point->length)));
        QString text = tr("pass %1").arg(timeText(point->total));
        const profile::PointComparison* compared = comparedAt(m_comparison, point);
        const profile::Change* change = compared ? compared->find(profile::Subject::Pass) : nullptr;
        if (change) text += tr(", %1 × the baseline's").arg(ratioText(change->ratio.median));
        text += tr("  ·  %1 tokens/s  ·  n = %2")
                    .arg(threeDigits(point->tokens_per_second), grouped(static_cast<qint64>(point->total.n())));
        if (!point->converged) text += tr("  ·  bound not reached");
        m_footer->setText(text);
        QString tip = tr("The whole pass: median ± MAD of %1 recorded passes; 95 % interval %2 to %3")
                          .arg(point->total.n())
                          .arg(timeText(point->total.ci_low), timeText(point->total.ci_high));
        if (change) tip += QLatin1Char('\n') + changeText(*change);
        m_footer->setToolTip(tip);
    }
    m_marking = false;
    markSelection();
}

void ComponentTable::markSelection() {
    m_marking = true;
    const auto chosen = m_selection.focus().component;
    QItemSelectionModel* marks = m_view->selectionModel();
    if (!chosen) {
        marks->clear();
    } else {
        for (int row = 0; row < m_proxy->rowCount(); ++row) {
            const QModelIndex index = m_proxy->index(row, 0);
            if (static_cast<Component>(index.data(ComponentModel::kComponentRole).toInt()) != *chosen) continue;
            // Several rows may be selected for copying: they stay while the current one is among them.
            if (!marks->isRowSelected(row, {})) {
                marks->setCurrentIndex(index, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
            }
        }
    }
    m_marking = false;
}

QString ComponentTable::csv() const {
    const profile::Point* point = m_profile ? pointOf(*m_profile, m_selection.focus()) : nullptr;
    if (point == nullptr) return {};
    QList<int> columns;
    QStringList head{QStringLiteral("length"), QStringLiteral("layer")};
    for (int column = 0; column < ComponentModel::kColumns; ++column) {
        if (m_view->isColumnHidden(column)) continue;
        columns << column;
        head << ComponentModel::csvNames(column);
    }
    QString text = head.join(QLatin1Char(',')) + QLatin1Char('\n');
    for (int row = 0; row < m_proxy->rowCount(); ++row) {
        const int source = m_proxy->mapToSource(m_proxy->index(row, 0)).row();
        const std::int32_t layer = m_model->row(source)->layer;
        QStringList fields{QString::number(point->length), layer == kNoLayer ? QString() : QString::number(layer)};
        for (const int column : std::as_const(columns)) fields << m_model->csvValues(source, column);
        text += fields.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

}  // namespace perfmamba::widgets
