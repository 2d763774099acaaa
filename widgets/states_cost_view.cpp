#include "widgets/states_cost_view.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QSplitter>
#include <QTableWidget>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <set>

#include "widgets/curve_plot.h"
#include "widgets/elided_label.h"
#include "widgets/segments.h"
#include "widgets/table_menu.h"
#include "widgets/table_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

enum Column { Line, States, Time, Spread, Ratio, Floor, OfFloor, kColumns };
constexpr int kLineRoom = 170;   // pixels
constexpr int kTableRoom = 800;  // pixels from which on the table stands beside the plot, else below it

}  // namespace

StatesCostView::StatesCostView(QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 4, 8, 2);
    bar->setSpacing(4);
    bar->addWidget(makeHeading(tr("Time by number of states")), 1);
    const auto combo = [&](const QString& name) {
        auto* box = new QComboBox;
        box->setFont(Theme::smallFont());
        box->setAccessibleName(name);
        box->setToolTip(name);
        bar->addWidget(box);
        connect(box, &QComboBox::activated, this, [this] {
            m_chosen = true;
            refill();
            m_curves->fitView();
        });
        return box;
    };
    m_mode = combo(tr("Prefill or decode"));
    m_batch = combo(tr("Batch"));
    m_length = combo(tr("Length"));
    m_log = makeSegment(tr("log y"), tr("Logarithmic axis upwards"));
    connect(m_log, &QToolButton::toggled, this, &StatesCostView::refill);
    bar->addWidget(m_log);
    layout->addLayout(bar);

    m_split = new QSplitter(Qt::Vertical);
    m_split->setHandleWidth(1);
    m_split->setChildrenCollapsible(false);
    m_curves = new CurvePlot(QStringLiteral("d-state"), tr("Time of a pass by the number of states N"));
    m_curves->setEmptyText(tr("Nothing of this shape\nis measured yet"));
    m_split->addWidget(m_curves);
    m_table = new QTableWidget;
    m_table->setAccessibleName(tr("Time by number of states"));
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    styleTable(*m_table);
    m_table->setMinimumSize(220, 70);
    addTableActions(*m_table, QStringLiteral("d-state"));
    m_split->addWidget(m_table);
    m_split->setSizes({1000, 1150});
    m_split->setStretchFactor(0, 1);
    m_split->setStretchFactor(1, 1);
    layout->addWidget(m_split, 1);
    connect(&theme(), &Theme::changed, this, &StatesCostView::refill);
}

void StatesCostView::resizeEvent(QResizeEvent* event) {
    m_split->setOrientation(width() < kTableRoom ? Qt::Vertical : Qt::Horizontal);
    QWidget::resizeEvent(event);
}

void StatesCostView::setStudy(const study::ScalingPtr& study) {
    const bool another = !study || !m_study || study->identity != m_study->identity;
    m_study = study;
    if (another) {
        m_chosen = false;
        fillChoices();
    }
    // Until somebody chooses, that of which there is most to see.
    if (m_study && !m_chosen) {
        const StatesShape likely = likelyShape(*m_study);
        if (likely.length > 0 && likely != shape()) {
            setShape(likely);
            return;
        }
    }
    refill();
    if (another) m_curves->fitView();
}

void StatesCostView::fillChoices() {
    for (QComboBox* box : {m_mode, m_batch, m_length}) box->clear();
    if (!m_study) return;
    const study::ScalingOptions& options = m_study->options;
    for (const profile::Mode mode : options.modes) m_mode->addItem(fromView(name(mode)), static_cast<int>(mode));
    for (const std::int64_t batch : options.batches) m_batch->addItem(tr("batch %1").arg(batch), qlonglong{batch});
    for (const std::int64_t length : options.lengths) {
        m_length->addItem(tr("%1 tokens").arg(lengthText(length)), qlonglong{length});
    }
}

StatesShape StatesCostView::shape() const {
    return {static_cast<profile::Mode>(m_mode->currentData().toInt()), m_batch->currentData().toLongLong(),
            m_length->currentData().toLongLong()};
}

void StatesCostView::setShape(const StatesShape& shape) {
    m_mode->setCurrentIndex(m_mode->findData(static_cast<int>(shape.mode)));
    m_batch->setCurrentIndex(m_batch->findData(qlonglong{shape.batch}));
    m_length->setCurrentIndex(m_length->findData(qlonglong{shape.length}));
    refill();
    m_curves->fitView();
}

void StatesCostView::refill() {
    const std::vector<StatesCurve> found = m_study ? statesCurves(*m_study, shape()) : std::vector<StatesCurve>();
    double largest = 0;
    for (const StatesCurve& curve : found) {
        for (const std::size_t cell : curve.cells) largest = std::max(largest, m_study->cells[cell].point.total.median);
    }
    const Unit unit = timeUnit(largest);
    CurveAxes axes;
    axes.x_label = tr("states N (d_state)");
    axes.y_label = tr("one pass, %1").arg(unit.name);
    axes.x_name = QStringLiteral("N");
    axes.y_name = QStringLiteral("time [µs]");
    axes.factor = unit.factor;
    axes.log_y = m_log->isChecked();
    std::set<std::int64_t> ticks;
    std::vector<Curve> curves;
    for (std::size_t i = 0; i < found.size(); ++i) {
        Curve curve{found[i].name, seriesStyle(found[i].place, theme().dark()), {}, {}};
        for (const std::size_t index : found[i].cells) {
            const study::ScalingCell& cell = m_study->cells[index];
            const std::int64_t states = m_study->statesOf(cell.series);
            const Reading reading = readingOf(ScalingMeasure::Time, cell);
            const double ratio = ratioToOwn(*m_study, found[i], index);
            QString tip = tr("N = %1: %2, %3").arg(states).arg(timeText(reading.value), intervalText(cell.point.total));
            if (std::isfinite(ratio)) {
                tip += tr("\n%1 × as long as with its own N = %2").arg(threeDigits(ratio)).arg(found[i].own);
            }
            tip += QLatin1Char('\n') + floorText(reading) + machineText(*m_study, cell);
            curve.points.push_back({static_cast<double>(states), reading, tip});
            ticks.insert(states);
        }
        curves.push_back(std::move(curve));
    }
    for (const std::int64_t states : ticks)
        axes.ticks.emplace_back(static_cast<double>(states), QString::number(states));
    m_curves->setCurves(std::move(curves), std::move(axes));
    fillTable(found, unit);
}

void StatesCostView::fillTable(const std::vector<StatesCurve>& curves, const Unit& unit) {
    m_table->clear();
    m_table->setColumnCount(kColumns);
    m_table->setHorizontalHeaderLabels({tr("line"), tr("N"), tr("time\n%1").arg(unit.name), tr("±\n%1").arg(unit.name),
                                        tr("× own"), tr("floor\n%1").arg(unit.name), tr("of floor\n%")});
    m_table->setRowCount(0);
    m_table->horizontalHeaderItem(Spread)->setToolTip(
        tr("Half of the median's 95 % interval; below six passes of their range"));
    m_table->horizontalHeaderItem(Ratio)->setToolTip(tr("Times the time with the model's own number of states"));
    for (const StatesCurve& curve : curves) {
        for (const std::size_t index : curve.cells) {
            const Reading reading = readingOf(ScalingMeasure::Time, m_study->cells[index]);
            const std::int64_t states = m_study->statesOf(m_study->cells[index].series);
            const int row = m_table->rowCount();
            m_table->insertRow(row);
            const auto put = [&](int column, const QString& text, const QString& tip = {}) {
                auto* item = new QTableWidgetItem(text);
                item->setToolTip(tip);
                if (column != Line) item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
                if (text == QLatin1String("n/a")) item->setForeground(theme().colours().muted);
                QFont font = m_table->font();
                font.setBold(states == curve.own);
                item->setFont(font);
                m_table->setItem(row, column, item);
            };
            put(Line, curve.name, curve.name);
            put(States, QString::number(states), states == curve.own ? tr("the model's own") : QString());
            put(Time, threeDigits(reading.value * unit.factor),
                intervalText(m_study->cells[index].point.total) + machineText(*m_study, m_study->cells[index]));
            put(Spread, threeDigits((reading.high - reading.low) / 2 * unit.factor),
                intervalText(m_study->cells[index].point.total));
            const double ratio = ratioToOwn(*m_study, curve, index);
            put(Ratio, threeDigits(ratio),
                std::isfinite(ratio)
                    ? QString()
                    : tr("not measured with the model's own N = %1 on the same machine").arg(curve.own));
            put(Floor, threeDigits(reading.floor * unit.factor), floorText(reading));
            put(OfFloor, threeDigits(reading.floor / reading.value * 100), floorText(reading));
        }
    }
    m_table->setColumnHidden(Line, curves.size() < 2);
    m_table->resizeColumnsToContents();
    m_table->setColumnWidth(Line, std::min(m_table->columnWidth(Line), kLineRoom));
}

}  // namespace perfmamba::widgets
