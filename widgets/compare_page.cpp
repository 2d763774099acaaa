#include "widgets/compare_page.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "core/report/compare_text.h"
#include "widgets/change_model.h"
#include "widgets/change_plot.h"
#include "widgets/elided_label.h"
#include "widgets/format.h"
#include "widgets/table_menu.h"
#include "widgets/table_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

QString runText(const profile::Profile& run, const QString& name) {
    return ComparePage::tr("%1  ·  %2  ·  taken %3  ·  %4  ·  %5")
        .arg(name, QString::fromStdString(run.model.name), QString::fromStdString(run.provenance.created),
             QString::fromStdString(run.provenance.device), QString::fromStdString(run.provenance.host));
}

QWidget* surface(QWidget* widget) {
    widget->setAutoFillBackground(true);
    widget->setBackgroundRole(QPalette::Base);
    return widget;
}

}  // namespace

ComparePage::ComparePage(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(1);
    layout->addWidget(makeHead());
    auto* columns = new QSplitter(Qt::Horizontal);
    columns->setHandleWidth(1);
    columns->setChildrenCollapsible(false);
    columns->addWidget(makeTable());
    m_plot = new ChangePlot(selection);
    columns->addWidget(surface(m_plot));
    columns->setStretchFactor(0, 2);
    columns->setStretchFactor(1, 1);
    columns->setSizes({2500, 1000});
    layout->addWidget(columns, 1);
    setFocusProxy(m_view);
}

QWidget* ComparePage::makeHead() {
    auto* head = surface(new QWidget);
    auto* form = new QFormLayout(head);
    form->setContentsMargins(10, 8, 10, 8);
    form->setHorizontalSpacing(12);
    form->setVerticalSpacing(3);
    form->setLabelAlignment(Qt::AlignLeft | Qt::AlignTop);
    const auto add = [&](const QString& title, QLabel* value) {
        auto* label = new QLabel(title);
        label->setFont(Theme::headingFont());
        label->setProperty("heading", true);
        value->setFont(Theme::smallFont());
        value->setAccessibleName(title);
        form->addRow(label, value);
        return value;
    };
    const auto wrapped = [] {
        auto* label = new QLabel;
        label->setWordWrap(true);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse);
        return label;
    };
    m_before = add(tr("before"), new ElidedLabel);
    m_after = add(tr("after"), new ElidedLabel);
    m_differences = add(tr("differs"), wrapped());
    m_notes = add(tr("note"), wrapped());
    m_notes->setProperty("muted", true);
    return head;
}

QWidget* ComparePage::makeTable() {
    auto* panel = surface(new QWidget);
    auto* layout = new QVBoxLayout(panel);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 5, 8, 3);
    m_heading = makeHeading();
    bar->addWidget(m_heading, 1);
    m_layers = new QCheckBox(tr("layers"));
    m_layers->setToolTip(tr("Every layer's components, too"));
    bar->addWidget(m_layers);
    m_lengths = new QComboBox;
    m_lengths->setAccessibleName(tr("Which lengths the table shows"));
    bar->addWidget(m_lengths);
    layout->addLayout(bar);

    m_model = new ChangeModel(this);
    m_proxy = new QSortFilterProxyModel(this);
    m_proxy->setSourceModel(m_model);
    m_proxy->setSortRole(ChangeModel::kSortRole);
    m_proxy->setFilterKeyColumn(-1);
    m_filter = makeFilter(*m_proxy, tr("Filter changes"));
    bar->addWidget(m_filter);
    m_view = new QTableView;
    m_view->setAccessibleName(tr("Changes"));
    styleTable(*m_view);
    m_view->setModel(m_proxy);
    // Not sorted by a column at first: what changed beyond the noise stands on top.
    m_view->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);
    m_view->horizontalHeader()->setSortIndicatorClearable(true);
    m_view->setSortingEnabled(true);
    layout->addWidget(m_view, 1);

    addTableActions(*m_view, QStringLiteral("changes"));
    connect(m_layers, &QCheckBox::toggled, this, &ComparePage::fillTable);
    connect(m_lengths, &QComboBox::activated, this, &ComparePage::fillTable);
    connect(m_view, &QTableView::clicked, this, &ComparePage::choose);
    connect(m_view, &QTableView::activated, this, &ComparePage::choose);
    connect(&theme(), &Theme::changed, this, &ComparePage::fillTable);
    return panel;
}

void ComparePage::setComparison(const ComparisonPtr& comparison, const QString& before_name,
                                const QString& after_name) {
    if (comparison == m_comparison) return;
    m_comparison = comparison;
    if (!comparison) return;
    fillHead(before_name, after_name);
    const QVariant chosen = m_lengths->currentData();
    m_lengths->clear();
    m_lengths->addItem(tr("all lengths"));
    for (const profile::PointComparison& point : comparison->points) {
        m_lengths->addItem(tr("%1 tokens").arg(grouped(point.length)), qint64{point.length});
    }
    m_lengths->setCurrentIndex(std::max(0, chosen.isValid() ? m_lengths->findData(chosen) : 0));
    fillTable();
    m_plot->setComparison(comparison);
}

void ComparePage::fillHead(const QString& before_name, const QString& after_name) {
    const auto fill = [](QLabel* label, const QString& text) {
        label->setText(text);
        label->setToolTip(text);
    };
    fill(m_before, runText(*m_comparison->before, before_name));
    fill(m_after, runText(*m_comparison->after, after_name));
    QStringList differences;
    for (const profile::Difference& difference : m_comparison->differences) {
        differences << tr("%1: %2 → %3")
                           .arg(QString::fromStdString(difference.what), QString::fromStdString(difference.before),
                                QString::fromStdString(difference.after));
    }
    m_differences->setText(differences.isEmpty() ? tr("nothing that is known") : differences.join(tr("  ·  ")));
    QStringList notes;
    for (const std::string& note : m_comparison->notes) notes << QString::fromStdString(note);
    notes << QString::fromUtf8(report::kNotInTurn);
    m_notes->setText(notes.join(QStringLiteral("; ")) + QLatin1Char('.'));
}

void ComparePage::fillTable() {
    const QVariant length = m_lengths->currentData();
    m_model->setComparison(m_comparison,
                           length.isValid() ? std::optional<std::int64_t>(length.toLongLong()) : std::nullopt,
                           m_layers->isChecked());
    int times = 0;
    int differ = 0;
    for (int row = 0; row < m_model->rowCount(); ++row) {
        const profile::Change& change = m_model->row(row)->change;
        if (!change.isTime() || !change.ratio.known()) continue;
        ++times;
        if (change.differs()) ++differ;
    }
    m_heading->setText(tr("%1 of %2 times differ").arg(differ).arg(times));
    m_heading->setToolTip(tr("beyond the noise; 1 in 20 would by chance alone"));
    fitColumns();
}

void ComparePage::fitColumns() {
    constexpr int kPadding = 20;
    constexpr int kChip = 22;
    constexpr int kLongestSubject = 110;  // pixels: few are longer, and the numbers must be seen
    constexpr int kMeasured =
        200;  // rows: the largest changes are on top, and a live run fills the table five times a second
    const QFontMetrics metrics(m_view->font());
    for (int column = 0; column < ChangeModel::kColumns; ++column) {
        int width = metrics.horizontalAdvance(m_model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString());
        for (int row = 0; row < std::min(m_model->rowCount(), kMeasured); ++row) {
            width = std::max(width, metrics.horizontalAdvance(m_model->index(row, column).data().toString()));
        }
        if (column == ChangeModel::Subject) width = std::min(width, kLongestSubject) + kChip;
        m_view->setColumnWidth(column, width + kPadding);
    }
}

void ComparePage::choose(const QModelIndex& index) {
    const ChangeModel::Row* row = m_model->row(m_proxy->mapToSource(index).row());
    if (row == nullptr) return;
    using profile::Subject;
    Focus focus = m_selection.focus();
    if (focus.length != row->length) focus.range_us.reset();
    focus.length = row->length;
    focus.layer.reset();
    focus.component.reset();
    const Subject subject = row->change.subject;
    if (subject == Subject::Component || subject == Subject::Stage || subject == Subject::Layer) {
        focus.component = row->change.component;
    }
    if (subject == Subject::Layer) focus.layer = row->change.layer;
    m_selection.set(focus);
}

QString ComparePage::text() const {
    return QStringList{m_before->text(), m_after->text(), m_differences->text(), m_notes->text()}.join(
        QLatin1Char('\n'));
}

QString ComparePage::csv() const {
    return tableText(*m_view, QLatin1Char(','));
}

}  // namespace perfmamba::widgets
