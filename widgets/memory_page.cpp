#include "widgets/memory_page.h"

#include <QButtonGroup>
#include <QCheckBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QSplitter>
#include <QTableWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <limits>

#include "widgets/derive.h"
#include "widgets/elided_label.h"
#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/segments.h"
#include "widgets/table_menu.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kNamesRoom = 80;  // pixels right of the lines, for their names
constexpr double kLabelGap = 13;

QLabel* headingLabel() {
    ElidedLabel* label = makeHeading();
    label->setContentsMargins(10, 6, 8, 3);
    return label;
}

}  // namespace

QString peakInWords(const profile::Point& point) {
    const profile::MemoryProfile& memory = point.memory;
    if (memory.peak.total() <= 0) return {};
    std::vector<MemoryKind> kinds(kMemoryKinds.begin(), kMemoryKinds.end());
    std::sort(kinds.begin(), kinds.end(), [&](MemoryKind a, MemoryKind b) { return memory.peak[a] > memory.peak[b]; });
    QStringList parts;
    for (const MemoryKind kind : kinds) {
        if (memory.peak[kind] > 0) {
            parts << QObject::tr("%1 of %2").arg(bytesText(static_cast<double>(memory.peak[kind])), nameOf(kind));
        }
    }
    const QString bytes = bytesText(static_cast<double>(memory.peak.total()));
    const QString of_kinds = parts.join(QStringLiteral(", "));
    // Of passes that were not recorded it is not known what ran.
    if (point.whole().calls == 0) return QObject::tr("At most %1 were in use: %2.").arg(bytes, of_kinds);
    const QString where = memory.peak_layer >= 0
                              ? QObject::tr("%1 of layer %2").arg(nameOf(memory.peak_component)).arg(memory.peak_layer)
                              : nameOf(memory.peak_component);
    return QObject::tr("At most %1 were in use, while %2 ran: %3.").arg(bytes, where, of_kinds);
}

MemoryPage::MemoryPage(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    auto* split = new QSplitter(Qt::Vertical);
    split->setObjectName(QStringLiteral("memorySplit"));
    split->setHandleWidth(1);
    split->setChildrenCollapsible(false);
    layout->addWidget(split);

    auto* top = new QWidget;
    top->setAutoFillBackground(true);
    top->setBackgroundRole(QPalette::Base);
    auto* top_layout = new QVBoxLayout(top);
    top_layout->setContentsMargins(0, 0, 0, 0);
    top_layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    m_heading = headingLabel();
    bar->addWidget(m_heading, 1);
    auto* segments = new QHBoxLayout;
    segments->setSpacing(0);
    m_stacked_by = addSegments(*segments, this,
                               {{tr("by kind"), tr("Stacked by what the memory is for")},
                                {tr("by component"), tr("Stacked by the component that allocated it")}});
    bar->addLayout(segments);
    bar->addSpacing(10);
    m_weights = new QCheckBox(tr("with weights"));
    m_weights->setToolTip(tr("Weights are in use throughout; without them the rest can be seen"));
    m_weights->setContentsMargins(0, 0, 10, 0);
    bar->addWidget(m_weights);
    bar->addSpacing(10);
    top_layout->addLayout(bar);
    m_over_pass = new QCustomPlot;
    m_over_pass->setMinimumSize(300, 160);
    m_over_pass->setFocusPolicy(Qt::StrongFocus);
    m_over_pass->setAccessibleName(tr("Memory over the last pass"));
    m_over_pass->setAccessibleDescription(tr("The sentence below explains the peak; the table holds the numbers"));
    m_over_pass->axisRect()->setMinimumMargins(QMargins(40, 8, 12, 18));
    m_over_pass->xAxis->setSubTicks(false);
    m_over_pass->yAxis->setSubTicks(false);
    putLegendBelow(*m_over_pass);
    makeNavigable(*m_over_pass, [this] { fitOverPass(); });
    connect(m_over_pass, &QCustomPlot::mouseMove, this, &MemoryPage::hover);
    m_over_pass_picture = pictureOf(
        *m_over_pass, QStringLiteral("memory-over-pass"), [this] { return csv(); }, [this] { fitOverPass(); });
    addPictureMenu(*m_over_pass, m_over_pass_picture);
    top_layout->addWidget(m_over_pass, 1);
    m_explanation = new QLabel;
    m_explanation->setWordWrap(true);
    m_explanation->setContentsMargins(12, 4, 12, 8);
    m_explanation->setTextInteractionFlags(Qt::TextSelectableByMouse);
    top_layout->addWidget(m_explanation);
    split->addWidget(top);

    auto* below = new QSplitter(Qt::Horizontal);
    below->setHandleWidth(1);
    below->setChildrenCollapsible(false);
    auto* left = new QWidget;
    left->setAutoFillBackground(true);
    left->setBackgroundRole(QPalette::Base);
    auto* left_layout = new QVBoxLayout(left);
    left_layout->setContentsMargins(0, 0, 0, 0);
    left_layout->setSpacing(0);
    auto* table_heading = headingLabel();
    table_heading->setText(tr("At the peak, by length"));
    left_layout->addWidget(table_heading);
    m_table = new QTableWidget;
    m_table->setFont(Theme::smallFont());
    m_table->horizontalHeader()->setFont(Theme::smallFont());
    m_table->verticalHeader()->setFont(Theme::smallFont());
    m_table->setAccessibleName(tr("Memory by kind and length"));
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setShowGrid(false);
    m_table->setSelectionBehavior(QAbstractItemView::SelectItems);
    m_table->verticalHeader()->setDefaultSectionSize(21);
    m_table->verticalHeader()->setMinimumSectionSize(18);
    m_table->verticalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setDefaultSectionSize(66);
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignRight | Qt::AlignVCenter);
    m_table->setTabKeyNavigation(false);
    addTableActions(*m_table, QStringLiteral("memory-by-length"), [this] { return m_by_length_picture.csv(); });
    left_layout->addWidget(m_table, 1);
    below->addWidget(left);

    auto* right = new QWidget;
    right->setAutoFillBackground(true);
    right->setBackgroundRole(QPalette::Base);
    auto* right_layout = new QVBoxLayout(right);
    right_layout->setContentsMargins(0, 0, 0, 0);
    right_layout->setSpacing(0);
    auto* plot_heading = headingLabel();
    plot_heading->setText(tr("Growth with length"));
    right_layout->addWidget(plot_heading);
    m_by_length = new QCustomPlot;
    m_by_length->setMinimumSize(220, 140);
    m_by_length->setFocusPolicy(Qt::StrongFocus);
    m_by_length->setAccessibleName(tr("Peak memory by length, on logarithmic axes"));
    m_by_length->setAccessibleDescription(tr("The table beside it holds the numbers"));
    m_by_length->axisRect()->setAutoMargins(QCP::msLeft | QCP::msBottom | QCP::msTop);
    m_by_length->axisRect()->setMinimumMargins(QMargins(40, 8, 0, 18));
    m_by_length->axisRect()->setMargins(QMargins(0, 0, kNamesRoom, 0));
    connect(m_by_length, &QCustomPlot::afterLayout, this, [this] { labelByLength(); });
    m_by_length->xAxis->setScaleType(QCPAxis::stLogarithmic);
    m_by_length->yAxis->setScaleType(QCPAxis::stLogarithmic);
    makeNavigable(*m_by_length, [this] { fitByLength(); });
    m_by_length_picture = pictureOf(
        *m_by_length, QStringLiteral("memory-by-length"),
        [this] {
            QString text = QStringLiteral("length");
            for (const MemoryKind kind : kMemoryKinds) text += QStringLiteral(",%1 [B]").arg(nameOf(kind));
            text += QStringLiteral(",total [B],reserved [B],process [B]\n");
            if (!m_profile) return text;
            for (const profile::Point& point : m_profile->points) {
                text += QString::number(point.length);
                for (const MemoryKind kind : kMemoryKinds)
                    text += QLatin1Char(',') + QString::number(point.memory.peak[kind]);
                text += QStringLiteral(",%1,%2,%3\n")
                            .arg(point.memory.peak.total())
                            .arg(point.memory.reserved_bytes)
                            .arg(point.memory.process_peak_bytes);
            }
            return text;
        },
        [this] { fitByLength(); });
    addPictureMenu(*m_by_length, m_by_length_picture);
    right_layout->addWidget(m_by_length, 1);
    below->addWidget(right);
    below->setStretchFactor(0, 1);
    below->setStretchFactor(1, 1);
    split->addWidget(below);
    split->setStretchFactor(0, 5);
    split->setStretchFactor(1, 4);

    connect(m_table, &QTableWidget::currentCellChanged, this, [this](int, int column) {
        if (m_table->signalsBlocked() || !m_profile || column < 0) return;
        const auto point = static_cast<std::size_t>(column / columnsPerLength());
        if (point < m_profile->points.size()) m_selection.setLength(m_profile->points[point].length);
    });
    connect(m_stacked_by, &QButtonGroup::idClicked, this, [this] {
        fillOverPass();
        fitOverPass();
    });
    connect(m_weights, &QCheckBox::toggled, this, [this] {
        fillOverPass();
        fitOverPass();
    });
    connect(&m_selection, &Selection::changed, this, [this] { refresh(); });
    connect(&theme(), &Theme::changed, this, [this] { refresh(); });
    refresh();
}

void MemoryPage::setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison) {
    m_profile = profile;
    m_comparison = comparison;
    m_point = nullptr;
    refresh();
}

void MemoryPage::refresh() {
    const profile::Point* point = m_profile ? pointOf(*m_profile, m_selection.focus()) : nullptr;
    const bool another = point != m_point;
    m_point = point;
    m_heading->setText(point != nullptr ? tr("Memory over the last pass at %1 tokens").arg(grouped(point->length))
                                        : tr("Memory over the last pass"));
    m_explanation->setText(explanation());
    fillOverPass();
    fillByLength();
    fillTable();
    if (another) {
        fitOverPass();
        fitByLength();
    }
}

void MemoryPage::fillByLength() {
    QCustomPlot& plot = *m_by_length;
    plot.clearPlottables();
    plot.clearItems();
    stylePlot(plot);
    if (!m_profile || m_profile->points.empty()) {
        plot.replot(QCustomPlot::rpQueuedReplot);
        return;
    }
    const Colours& c = theme().colours();
    QVector<double> keys;
    QSharedPointer<QCPAxisTickerText> ticker(new QCPAxisTickerText);
    for (const profile::Point& point : m_profile->points) {
        keys.push_back(static_cast<double>(point.length));
        ticker->addTick(static_cast<double>(point.length), lengthText(point.length));
    }
    plot.xAxis->setTicker(ticker);
    plot.xAxis->setLabel(tr("tokens"));
    QSharedPointer<QCPAxisTickerLog> log(new QCPAxisTickerLog);
    plot.yAxis->setTicker(log);
    plot.yAxis->setNumberFormat(QStringLiteral("gb"));
    plot.yAxis->setNumberPrecision(3);
    double most = 0;
    for (const profile::Point& point : m_profile->points) {
        most = std::max(most, static_cast<double>(point.memory.peak.total()));
    }
    const Unit unit = bytesUnit(most);
    plot.yAxis->setLabel(tr("at the peak, %1").arg(unit.name));
    static constexpr std::array kShapes = {QCPScatterStyle::ssSquare, QCPScatterStyle::ssTriangle,
                                           QCPScatterStyle::ssDisc, QCPScatterStyle::ssDiamond,
                                           QCPScatterStyle::ssPlus};
    m_ends.clear();
    auto& ends = m_ends;
    const auto add = [&](const QString& label, const QColor& colour, QCPScatterStyle::ScatterShape scatter,
                         auto value) {
        QVector<double> values;
        bool any = false;
        for (const profile::Point& point : m_profile->points) {
            const auto bytes = static_cast<double>(value(point));
            any = any || bytes > 0;
            values.push_back(bytes > 0 ? bytes * unit.factor : std::numeric_limits<double>::quiet_NaN());
        }
        if (!any) return;
        QCPGraph* graph = plot.addGraph();
        graph->setName(label);
        graph->setPen(QPen(colour, 1));
        graph->setScatterStyle(QCPScatterStyle(scatter, QPen(colour, 1), QBrush(colour), 6));
        graph->setData(keys, values, true);
        ends.push_back({label, colour, values.back()});
    };
    for (const MemoryKind kind : kMemoryKinds) {
        add(nameOf(kind), theme().of(kind), kShapes[static_cast<std::size_t>(kind)],
            [kind](const profile::Point& point) { return point.memory.peak[kind]; });
    }
    add(tr("total"), c.text, QCPScatterStyle::ssCircle,
        [](const profile::Point& point) { return point.memory.peak.total(); });
    add(tr("baseline"), c.muted, QCPScatterStyle::ssCross, [this](const profile::Point& point) {
        const profile::PointComparison* compared = comparedAt(m_comparison, &point);
        return compared != nullptr ? compared->find(profile::Subject::MemoryPeak)->before : 0;
    });
    plot.replot(QCustomPlot::rpQueuedReplot);
}

void MemoryPage::labelByLength() {
    // The lines' names at their ends, clear of each other, instead of a legend over the lines.
    QCustomPlot& plot = *m_by_length;
    plot.clearItems();
    const QRect area = plot.axisRect()->rect();
    std::vector<LineEnd> ends;
    for (const LineEnd& end : m_ends) {
        if (std::isfinite(end.value) && end.value > 0) ends.push_back(end);
    }
    std::sort(ends.begin(), ends.end(), [](const LineEnd& a, const LineEnd& b) { return a.value < b.value; });
    std::vector<double> wanted;
    for (const LineEnd& end : ends) wanted.push_back(area.bottom() - plot.yAxis->coordToPixel(end.value));
    const std::vector<double> at = spreadLabels(wanted, kLabelGap, 4, area.height() - 4);
    for (std::size_t i = 0; i < ends.size(); ++i) {
        auto* label = new QCPItemText(&plot);
        label->setClipToAxisRect(false);
        label->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
        label->position->setType(QCPItemPosition::ptAbsolute);
        label->position->setCoords(area.right() + 6, area.bottom() - at[i]);
        label->setText(ends[i].name);
        label->setFont(Theme::smallFont());
        label->setColor(theme().colours().text);
        auto* chip = new QCPItemLine(&plot);
        chip->setClipToAxisRect(false);
        chip->start->setType(QCPItemPosition::ptAbsolute);
        chip->end->setType(QCPItemPosition::ptAbsolute);
        chip->start->setCoords(area.right() - 8, area.bottom() - wanted[i]);
        chip->end->setCoords(area.right() + 4, area.bottom() - at[i]);
        chip->setPen(QPen(ends[i].colour, 1));
    }
}

void MemoryPage::fitByLength() {
    m_by_length->rescaleAxes();
    const auto widen = [](QCPAxis* axis, double factor) {
        const QCPRange range = axis->range();
        axis->setRange(range.lower / factor, range.upper * factor);
    };
    widen(m_by_length->xAxis, 1.3);
    widen(m_by_length->yAxis, 1.8);
    m_by_length->replot(QCustomPlot::rpQueuedReplot);
}

void MemoryPage::setCell(int row, int column, const QString& text, const QString& tip, const QColor& colour,
                         bool bold) {
    QTableWidgetItem* item = m_table->item(row, column);
    if (item == nullptr) {
        item = new QTableWidgetItem;
        m_table->setItem(row, column, item);
    }
    item->setText(text);
    item->setToolTip(tip);
    item->setForeground(colour);
    item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
    QFont font = m_table->font();
    font.setBold(bold);
    item->setFont(font);
}

/// What became of a row's bytes since the baseline.
void MemoryPage::fillChange(int row, int column, const profile::Point& point) {
    const auto kinds = static_cast<int>(kMemoryKindCount);
    const profile::PointComparison* compared = comparedAt(m_comparison, &point);
    const profile::Change* change = nullptr;
    if (compared != nullptr && row < kinds) change = compared->find(kMemoryKinds[static_cast<std::size_t>(row)]);
    if (compared != nullptr && row == kinds) change = compared->find(profile::Subject::MemoryPeak);
    if (compared != nullptr && row == kinds + 1) change = compared->find(profile::Subject::Reserved);
    if (change == nullptr) {
        setCell(row, column, QStringLiteral("n/a"),
                compared == nullptr ? tr("the baseline was not measured at this length")
                                    : tr("one reading of each run: it has no spread to compare"),
                theme().colours().muted, false);
        return;
    }
    setCell(row, column, deltaText(*change), changeText(*change), changeColour(*change), false);
}

void MemoryPage::fillTable() {
    const QSignalBlocker quiet(m_table);
    const auto lengths = m_profile ? static_cast<int>(m_profile->points.size()) : 0;
    const int rows = lengths > 0 ? static_cast<int>(kMemoryKindCount) + 3 : 0;
    m_table->setRowCount(rows);
    m_table->setColumnCount(lengths * columnsPerLength());
    if (lengths == 0) return;
    double most = 0;
    for (const profile::Point& point : m_profile->points) {
        most = std::max(
            {most, static_cast<double>(point.memory.peak.total()), static_cast<double>(point.memory.reserved_bytes)});
    }
    const Unit unit = bytesUnit(most);
    QStringList row_names;
    for (const MemoryKind kind : kMemoryKinds) row_names << nameOf(kind);
    row_names << tr("total") << tr("reserved") << tr("process");
    m_table->setVerticalHeaderLabels(row_names);
    QStringList column_names;
    for (int length = 0; length < lengths; ++length) {
        const profile::Point& point = m_profile->points[static_cast<std::size_t>(length)];
        const int column = length * columnsPerLength();
        column_names << tr("%1\n%2").arg(lengthText(point.length), unit.name);
        if (m_comparison) column_names << tr("Δ\n");
        for (int row = 0; row < rows; ++row) {
            const auto kinds = static_cast<int>(kMemoryKindCount);
            const auto bytes = static_cast<double>(row < kinds ? point.memory.peak.bytes[static_cast<std::size_t>(row)]
                                                   : row == kinds     ? point.memory.peak.total()
                                                   : row == kinds + 1 ? point.memory.reserved_bytes
                                                                      : point.memory.process_peak_bytes);
            const bool known = row <= kinds || bytes > 0;
            setCell(
                row, column, known ? threeDigits(bytes * unit.factor) : QStringLiteral("n/a"),
                known ? tr("%1 bytes").arg(grouped(static_cast<qint64>(bytes))) : tr("the system did not say how much"),
                theme().colours().text, &point == m_point && lengths > 1);
            if (m_comparison) fillChange(row, column + 1, point);
        }
    }
    m_table->setHorizontalHeaderLabels(column_names);
    m_table->resizeColumnsToContents();
}

QString MemoryPage::explanation() const {
    if (m_point == nullptr) return tr("After a run: what was in use over the pass, and what the peak consists of.");
    QString text = peakInWords(*m_point);
    const profile::MemoryProfile& memory = m_point->memory;
    if (const profile::PointComparison* compared = comparedAt(m_comparison, m_point)) {
        text += tr(" The baseline's peak %1.").arg(changeText(*compared->find(profile::Subject::MemoryPeak)));
    }
    if (memory.reserved_bytes > 0)
        text += tr(" The device held %1 from the system.").arg(bytesText(static_cast<double>(memory.reserved_bytes)));
    if (memory.process_peak_bytes > 0)
        text += tr(" The process's own figure is %1.").arg(bytesText(static_cast<double>(memory.process_peak_bytes)));
    return text;
}

QString MemoryPage::csv() const {
    QString text = QStringLiteral("time [µs]");
    std::vector<std::vector<double>> columns;
    std::vector<double> times_us;
    const profile::Point none;
    const profile::Point& point = m_point != nullptr ? *m_point : none;
    constexpr std::size_t kEveryStep = 1U << 20U;
    const auto add = [&](const QString& name, std::vector<double>& bytes) {
        text += QStringLiteral(",%1 [B]").arg(name);
        columns.push_back(std::move(bytes));
    };
    if (byComponent()) {
        ComponentMemoryCurve curve = componentMemoryCurveOf(point, kEveryStep);
        add(nameOf(MemoryKind::Weights), curve.weights);
        add(tr("before the pass"), curve.before);
        for (const Component component : kComponents)
            add(nameOf(component), curve.bytes[static_cast<std::size_t>(component)]);
        times_us = std::move(curve.time_us);
    } else {
        MemoryCurve curve = memoryCurveOf(point, kEveryStep);
        for (const MemoryKind kind : kMemoryKinds) add(nameOf(kind), curve.bytes[static_cast<std::size_t>(kind)]);
        times_us = std::move(curve.time_us);
    }
    text += QLatin1Char('\n');
    if (m_point == nullptr) return text;
    for (std::size_t i = 0; i < times_us.size(); ++i) {
        text += QString::number(times_us[i], 'f', 3);
        for (const auto& bytes : columns) text += QLatin1Char(',') + QString::number(bytes[i], 'f', 0);
        text += QLatin1Char('\n');
    }
    return text;
}

}  // namespace perfmamba::widgets
