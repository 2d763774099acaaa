#include "widgets/scaling_view.h"

#include <qcustomplot.h>

#include <QButtonGroup>
#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QSplitter>
#include <QStackedWidget>
#include <QTableWidget>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "widgets/curve_plot.h"
#include "widgets/elided_label.h"
#include "widgets/segments.h"
#include "widgets/stack_plot.h"
#include "widgets/table_menu.h"
#include "widgets/table_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr std::size_t kDrawnAtFirst = 8;  // series; more are a thicket
constexpr int kSeriesColumn = 0;
constexpr int kLawColumn = 1;
constexpr int kFirstLength = 2;
constexpr int kSeriesRoom = 150;  // pixels at least

bool stacked(ScalingShown shown) {
    return shown == ScalingShown::Components || shown == ScalingShown::MemoryKinds;
}

/// Only filled through QCustomPlot's own shapes, so that the table's markers are those of the plot.
QPixmap markerOf(const SeriesStyle& style, double device_pixel_ratio) {
    constexpr int kSide = 14;
    QPixmap pixmap(QSize(kSide, kSide) * device_pixel_ratio);
    pixmap.setDevicePixelRatio(device_pixel_ratio);
    pixmap.fill(Qt::transparent);
    QCPPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    QCPScatterStyle scatter(static_cast<QCPScatterStyle::ScatterShape>(style.marker), QPen(style.colour, 1.4),
                            QBrush(style.colour), 7);
    scatter.applyTo(&painter, QPen(style.colour));
    scatter.drawShape(&painter, kSide / 2.0, kSide / 2.0);
    return pixmap;
}

QString cellTip(const study::ScalingStudy& study, const study::ScalingCell& cell) {
    const profile::Point& point = cell.point;
    const Reading time = readingOf(ScalingMeasure::Time, cell);
    QString tip = QObject::tr("%1 tokens: %2\n%3, %4 passes")
                      .arg(grouped(cell.length), timeText(time.value), intervalText(point.total))
                      .arg(point.total.n());
    tip += QObject::tr("\n%1 a token, %2 tokens/s")
               .arg(timeText(readingOf(ScalingMeasure::PerToken, cell).value),
                    threeDigits(readingOf(ScalingMeasure::TokensPerSecond, cell).value));
    tip += QObject::tr("\nat most %1 in use").arg(bytesText(static_cast<double>(point.memory.peak.total())));
    return tip + QLatin1Char('\n') + floorText(time) + machineText(study, cell);
}

}  // namespace

ScalingView::ScalingView(QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    auto* split = new QSplitter(Qt::Vertical);
    split->setHandleWidth(1);
    split->setChildrenCollapsible(false);
    layout->addWidget(split);

    auto* top = new QWidget;
    auto* top_layout = new QVBoxLayout(top);
    top_layout->setContentsMargins(0, 0, 0, 0);
    top_layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 4, 8, 2);
    bar->setSpacing(0);
    // In the order of ScalingShown.
    m_buttons = addSegments(*bar, this,
                            {{tr("time"), tr("Time of one pass by length")},
                             {tr("per token"), tr("Time of one pass over the tokens it processes")},
                             {tr("tokens/s"), tr("Tokens processed a second")},
                             {tr("memory"), tr("Most memory in use over a pass")},
                             {tr("shares"), tr("Share of each component by length")},
                             {tr("by kind"), tr("What the memory at the peak is for, by length")}});
    bar->addStretch(1);
    top_layout->addLayout(bar);
    m_choices = new QWidget;
    auto* choices = new QHBoxLayout(m_choices);
    choices->setContentsMargins(10, 2, 8, 2);
    choices->setSpacing(6);
    for (QComboBox** box : {&m_left, &m_right}) {
        *box = new QComboBox;
        (*box)->setFont(Theme::smallFont());
        (*box)->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        (*box)->setMinimumContentsLength(10);
        choices->addWidget(*box, 1);
        connect(*box, &QComboBox::activated, this, [this] { fillStacks(); });
    }
    m_left->setAccessibleName(tr("Series on the left"));
    m_right->setAccessibleName(tr("Series on the right"));
    m_left->setToolTip(tr("Series on the left"));
    m_right->setToolTip(tr("Series on the right, to compare with; may be none"));
    top_layout->addWidget(m_choices);
    m_stack = new QStackedWidget;
    m_curves = new CurvePlot(QStringLiteral("scaling"), tr("The study's series by length, on logarithmic axes"));
    m_curves->setEmptyText(tr("Nothing is measured yet"));
    m_stacks = new StackPlot(QStringLiteral("scaling-stacked"), tr("Of what time or memory consists, by length"));
    m_stack->addWidget(m_curves);
    m_stack->addWidget(m_stacks);
    top_layout->addWidget(m_stack, 1);
    split->addWidget(top);

    auto* bottom = new QWidget;
    auto* bottom_layout = new QVBoxLayout(bottom);
    bottom_layout->setContentsMargins(0, 0, 0, 0);
    bottom_layout->setSpacing(0);
    m_caption = makeHeading();
    m_caption->setContentsMargins(10, 4, 8, 2);
    bottom_layout->addWidget(m_caption);
    m_table = new QTableWidget;
    m_table->setAccessibleName(tr("Every cell of the study; a tick draws the series"));
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    styleTable(*m_table);
    m_table->setTextElideMode(Qt::ElideMiddle);  // names differ at their ends
    m_table->setMinimumHeight(70);
    addTableActions(*m_table, QStringLiteral("scaling"));
    bottom_layout->addWidget(m_table, 1);
    split->addWidget(bottom);
    split->setStretchFactor(0, 3);
    split->setStretchFactor(1, 1);
    split->setSizes({3000, 1000});

    connect(m_buttons, &QButtonGroup::idClicked, this, [this](int id) { setShown(static_cast<ScalingShown>(id)); });
    connect(m_table, &QTableWidget::itemChanged, this, &ScalingView::itemChanged);
    connect(&theme(), &Theme::changed, this, [this] { fillPlot(); });
    setShown(ScalingShown::Time);
}

void ScalingView::setStudy(const study::ScalingPtr& study) {
    const bool another = !study || !m_study || study->identity != m_study->identity;
    m_study = study;
    m_series = study ? seriesOf(*study) : std::vector<SeriesCells>();
    m_names = study ? seriesNames(*study, m_series) : QStringList();
    if (another) {
        m_wanted.assign(m_series.size(), false);
        std::fill_n(m_wanted.begin(), std::min(kDrawnAtFirst, m_wanted.size()), true);
        fillChoices();
    }
    fillPlot();
    if (!another) return;
    m_curves->fitView();
    m_stacks->fitView();
}

void ScalingView::setUnderWay(const std::optional<std::size_t>& cell, const QString& what) {
    const std::optional<std::size_t> before = m_under_way;
    m_under_way = cell;
    m_what = what;
    if (before != cell) fillTable();
}

void ScalingView::setShown(ScalingShown shown) {
    m_shown = shown;
    m_buttons->button(static_cast<int>(shown))->setChecked(true);
    m_stack->setCurrentIndex(stacked(shown) ? 1 : 0);
    m_choices->setVisible(stacked(shown));
    fillPlot();
}

void ScalingView::setPanels(int left, int right) {
    m_left->setCurrentIndex(left);
    m_right->setCurrentIndex(m_right->findData(right));
    fillStacks();
}

/// At first the two that differ in nothing but the model, where there are two models: architectures beside each other.
void ScalingView::fillChoices() {
    m_left->clear();
    m_right->clear();
    m_right->addItem(tr("none beside it"), -1);
    for (qsizetype i = 0; i < m_names.size(); ++i) {
        m_left->addItem(m_names[i], static_cast<int>(i));
        m_right->addItem(m_names[i], static_cast<int>(i));
    }
    if (m_series.size() < 2) return;
    study::Series twin = m_series.front().series;
    twin.model = 1;
    const auto found = std::ranges::find(m_series, twin, &SeriesCells::series);
    m_right->setCurrentIndex(found != m_series.end() ? static_cast<int>(found - m_series.begin()) + 1 : 2);
}

ScalingMeasure ScalingView::measure() const {
    switch (m_shown) {
        case ScalingShown::PerToken: return ScalingMeasure::PerToken;
        case ScalingShown::TokensPerSecond: return ScalingMeasure::TokensPerSecond;
        case ScalingShown::PeakMemory:
        case ScalingShown::MemoryKinds: return ScalingMeasure::PeakMemory;
        default: return ScalingMeasure::Time;
    }
}

/// That in which the middle between the smallest and the largest reads well: they are decades apart.
Unit ScalingView::unit() const {
    double least = std::numeric_limits<double>::infinity(), most = 0;
    for (std::size_t i = 0; m_study && i < m_study->cells.size(); ++i) {
        if (m_study->cells[i].state != study::CellState::Measured) continue;
        const double value = readingOf(measure(), m_study->cells[i]).value;
        if (!std::isfinite(value) || value <= 0) continue;
        least = std::min(least, value);
        most = std::max(most, value);
    }
    return unitOf(measure(), most > 0 ? std::sqrt(least * most) : 0);
}

QString ScalingView::axisText(const Unit& unit) const {
    switch (measure()) {
        case ScalingMeasure::Time: return tr("one pass, %1").arg(unit.name);
        case ScalingMeasure::PerToken: return tr("per token, %1").arg(unit.name);
        case ScalingMeasure::TokensPerSecond: return unit.name;
        case ScalingMeasure::PeakMemory: return tr("in use at most, %1").arg(unit.name);
    }
    return {};
}

void ScalingView::fillPlot() {
    if (stacked(m_shown)) {
        fillStacks();
    } else {
        fillCurves();
    }
    fillTable();
}

void ScalingView::fillCurves() {
    const Unit unit = this->unit();
    CurveAxes axes;
    axes.x_label = tr("tokens of the prompt, or of context");
    axes.y_label = axisText(unit);
    axes.x_name = QStringLiteral("length");
    axes.factor = unit.factor;
    static const std::array<QString, 4> kNames = {QStringLiteral("time [µs]"), QStringLiteral("time a token [µs]"),
                                                  QStringLiteral("tokens/s"), QStringLiteral("peak memory [B]")};
    axes.y_name = kNames[static_cast<std::size_t>(measure())];
    std::vector<Curve> curves;
    std::set<std::int64_t> lengths;
    for (std::size_t i = 0; i < m_series.size(); ++i) {
        if (!m_wanted[i]) continue;
        Curve curve{m_names[static_cast<qsizetype>(i)], seriesStyle(i, theme().dark()), {}, {}};
        for (const std::size_t cell : m_series[i].measured) {
            const study::ScalingCell& measured = m_study->cells[cell];
            curve.points.push_back(
                {static_cast<double>(measured.length), readingOf(measure(), measured), cellTip(*m_study, measured)});
            lengths.insert(measured.length);
        }
        curve.law = lawOf(*m_study, m_series[i], measure());
        curves.push_back(std::move(curve));
    }
    for (const std::int64_t length : lengths) axes.ticks.emplace_back(static_cast<double>(length), lengthText(length));
    m_curves->setCurves(std::move(curves), std::move(axes));
}

void ScalingView::fillStacks() {
    const bool shares = m_shown == ScalingShown::Components;
    std::vector<StackPart> parts;
    StackAxis axis;
    const Unit unit = shares ? Unit{100, QStringLiteral("%")} : this->unit();
    axis.unit = unit.name;
    axis.x_label = tr("tokens");
    axis.label = shares ? tr("share of the pass, %") : axisText(unit);
    if (shares) axis.top = 100;
    if (shares) axis.decimals = 0;
    std::vector<std::size_t> chosen;
    for (const QComboBox* box : {m_left, m_right}) {
        const int series = box->currentIndex() >= 0 ? box->currentData().toInt() : -1;
        if (m_study && series >= 0) chosen.push_back(static_cast<std::size_t>(series));
    }
    // Components that occur in any of the two; all kinds of memory.
    std::array<bool, kComponentCount> seen{};
    for (const std::size_t series : chosen) {
        for (const std::size_t cell : m_series[series].measured) {
            for (const auto& cost : m_study->cells[cell].point.components) {
                seen[static_cast<std::size_t>(cost.component)] = true;
            }
        }
    }
    std::vector<Component> components;
    std::ranges::copy_if(kComponents, std::back_inserter(components),
                         [&](Component component) { return seen[static_cast<std::size_t>(component)]; });
    if (shares) {
        for (const Component component : components) parts.push_back({nameOf(component), theme().brushOf(component)});
    } else {
        for (const MemoryKind kind : kMemoryKinds) parts.push_back({nameOf(kind), QBrush(theme().of(kind))});
    }
    std::vector<StackPanel> panels;
    for (const std::size_t series : chosen) {
        StackPanel panel;
        panel.title = m_names[static_cast<qsizetype>(series)];
        for (const std::size_t cell : m_series[series].measured) {
            const profile::Point& point = m_study->cells[cell].point;
            panel.labels << lengthText(m_study->cells[cell].length);
            panel.lengths.push_back(m_study->cells[cell].length);
            std::vector<double> heights;
            for (const Component component : components) {
                if (!shares) break;
                const profile::ComponentCost* cost = point.find(component);
                heights.push_back(cost != nullptr ? cost->share * unit.factor : 0);
            }
            for (const MemoryKind kind : kMemoryKinds) {
                if (shares) break;
                heights.push_back(static_cast<double>(point.memory.peak[kind]) * unit.factor);
            }
            panel.heights.push_back(std::move(heights));
        }
        panels.push_back(std::move(panel));
    }
    m_stacks->setPanels(std::move(panels), std::move(parts), std::move(axis));
}

void ScalingView::fillTable() {
    const QSignalBlocker quiet(m_table);
    const int current_row = m_table->currentRow();
    const int current_column = m_table->currentColumn();
    m_table->clear();
    m_table->setRowCount(static_cast<int>(m_series.size()));
    std::set<std::int64_t> lengths;
    if (m_study) {
        for (const study::ScalingCell& cell : m_study->cells) lengths.insert(cell.length);
    }
    m_table->setColumnCount(kFirstLength + static_cast<int>(lengths.size()));
    const Unit unit = this->unit();
    const QString common = m_study ? commonText(*m_study, m_series) : QString();
    m_caption->setText(common.isEmpty() ? axisText(unit) : QStringLiteral("%1  ·  %2").arg(axisText(unit), common));
    QStringList header = {tr("series"), tr("exponent")};
    for (const std::int64_t length : lengths) header << lengthText(length) + QLatin1Char('\n') + unit.name;
    m_table->setHorizontalHeaderLabels(header);
    for (std::size_t i = 0; i < m_series.size(); ++i) {
        const int row = static_cast<int>(i);
        auto* name = new QTableWidgetItem(m_names[row]);
        name->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsUserCheckable);
        name->setCheckState(m_wanted[i] ? Qt::Checked : Qt::Unchecked);
        name->setIcon(markerOf(seriesStyle(i, theme().dark()), devicePixelRatioF()));
        name->setToolTip(m_names[row]);
        m_table->setItem(row, kSeriesColumn, name);
        const study::PowerLaw law = lawOf(*m_study, m_series[i], measure());
        auto* exponent = new QTableWidgetItem(exponentText(law));
        exponent->setToolTip(m_series[i].mixed ? tr("These cells were measured on several machines: they are no curve")
                             : std::isfinite(law.exponent)
                                 ? tr("Fitted over %1 lengths, R² = %2; ± is the 95 % interval")
                                       .arg(law.points)
                                       .arg(law.r_squared, 0, 'f', 4)
                                 : tr("Two lengths are needed for an exponent, three for its interval"));
        m_table->setItem(row, kLawColumn, exponent);
        for (int column = kLawColumn; column < m_table->columnCount(); ++column) {
            if (m_table->item(row, column) == nullptr) m_table->setItem(row, column, new QTableWidgetItem);
            m_table->item(row, column)->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
        }
        for (const std::size_t cell : m_series[i].cells) {
            const auto column = std::distance(lengths.begin(), lengths.find(m_study->cells[cell].length));
            fillCell(*m_table->item(row, kFirstLength + static_cast<int>(column)), cell, unit);
        }
    }
    m_table->setCurrentCell(current_row, current_column);
    sizeColumns();
}

/// As wide as what stands in them, but for the names, which are shortened to the room that is left.
void ScalingView::sizeColumns() {
    m_table->resizeColumnsToContents();
    int others = 0;
    for (int column = kLawColumn; column < m_table->columnCount(); ++column) others += m_table->columnWidth(column);
    const int room = std::max(kSeriesRoom, m_table->viewport()->width() - others);
    m_table->setColumnWidth(kSeriesColumn, std::min(m_table->columnWidth(kSeriesColumn), room));
}

void ScalingView::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    // The table has its new size only after this.
    QMetaObject::invokeMethod(this, &ScalingView::sizeColumns, Qt::QueuedConnection);
}

void ScalingView::fillCell(QTableWidgetItem& item, std::size_t index, const Unit& unit) {
    const study::ScalingCell& cell = m_study->cells[index];
    const Colours& c = theme().colours();
    if (m_under_way == index) {
        item.setText(QStringLiteral("…"));
        item.setToolTip(m_what);
        item.setForeground(c.accent);
    } else if (cell.state == study::CellState::Measured) {
        item.setText(threeDigits(readingOf(measure(), cell).value * unit.factor));
        item.setToolTip(cellTip(*m_study, cell));
    } else if (cell.state == study::CellState::Failed) {
        item.setText(tr("failed"));
        item.setToolTip(QString::fromStdString(cell.failure));
        item.setForeground(c.error);
    } else {
        item.setText(QStringLiteral("·"));
        item.setToolTip(m_study->mine(index) ? tr("not measured yet") : tr("of another part of the study"));
        item.setForeground(c.muted);
    }
}

void ScalingView::itemChanged(const QTableWidgetItem* item) {
    if (item->column() != kSeriesColumn) return;
    m_wanted[static_cast<std::size_t>(item->row())] = item->checkState() == Qt::Checked;
    if (!stacked(m_shown)) fillCurves();
}

QString ScalingView::tableCsv() const {
    return tableText(*m_table, QLatin1Char(','));
}

}  // namespace perfmamba::widgets
