#include "widgets/tradeoff_plot.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QToolButton>
#include <QToolTip>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "widgets/elided_boxes.h"
#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/segments.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

WorthAxis axisOf(const QVariant& data) {
    const QList<QVariant> parts = data.toList();
    if (parts.size() != 4) return {};
    return {static_cast<WorthAxis::Kind>(parts[0].toInt()),
            {static_cast<profile::Mode>(parts[1].toInt()), parts[2].toLongLong(), parts[3].toLongLong()}};
}

QVariant dataOf(const WorthAxis& axis) {
    return QVariantList{static_cast<int>(axis.kind), static_cast<int>(axis.workload.mode),
                        static_cast<qlonglong>(axis.workload.batch), static_cast<qlonglong>(axis.workload.length)};
}

}  // namespace

TradeoffPlot::TradeoffPlot(QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_bar = new QHBoxLayout;
    m_bar->setContentsMargins(10, 3, 8, 3);
    m_bar->setSpacing(6);
    m_axis = new ElidedCombo;
    m_axis->setFont(Theme::smallFont());
    m_axis->setAccessibleName(tr("What is won, across"));
    m_axis->setToolTip(tr("What is won by pruning, across"));
    m_axis->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_axis->setMinimumContentsLength(14);
    m_axis->setMaximumWidth(260);
    m_bar->addWidget(m_axis, 1);
    m_bar->addStretch(1);
    m_log_x = makeSegment(tr("log x"), tr("Logarithmic axis across"));
    m_log_y = makeSegment(tr("log y"), tr("Logarithmic axis upwards"));
    m_logs = new QWidget;
    auto* logs = new QHBoxLayout(m_logs);
    logs->setContentsMargins(0, 0, 0, 0);
    logs->setSpacing(0);
    logs->addStretch(1);
    logs->addWidget(m_log_x);
    logs->addWidget(m_log_y);
    m_bar->addWidget(m_logs);
    layout->addLayout(m_bar);

    m_plot = new QCustomPlot;
    m_plot->setObjectName(QStringLiteral("tradeoffPlot"));
    m_plot->setMinimumSize(240, 180);
    m_plot->installEventFilter(this);
    m_plot->setAccessibleName(tr("Trade-off of accuracy against what pruning wins"));
    m_plot->setAccessibleDescription(
        tr("Left and right go along a criterion, up and down to another, Enter takes the plan."));
    m_plot->axisRect()->setMinimumMargins(QMargins(44, 10, 14, 18));
    putLegendBelow(*m_plot);
    setFocusProxy(m_plot);
    layout->addWidget(m_plot, 1);
    makeNavigable(*m_plot, [this] { refit(); });
    listenTo(*m_plot, {[this](const QPoint& at, const QPoint& global) { hover(at, global); },
                       [this](const QPoint& at) { choose(spotAt(at)); }, [this](int key) { return pressed(key); }});
    m_picture = pictureOf(
        *m_plot, QStringLiteral("trade-off"), [this] { return csv(); }, [this] { refit(); });
    addPictureMenu(*m_plot, m_picture);

    connect(m_axis, &QComboBox::activated, this, [this] {
        refill();
        refit();
    });
    for (QToolButton* button : {m_log_x, m_log_y}) {
        connect(button, &QToolButton::toggled, this, [this] {
            refill();
            refit();
        });
    }
    connect(&theme(), &Theme::changed, this, [this] { refill(); });
    fillAxes();
    refill();
    refit();
}

void TradeoffPlot::setStudy(const study::StudyPtr& study) {
    const std::size_t before = m_spots.size();
    m_study = study;
    fillAxes();
    refill();
    if (m_spots.size() != before) refit();
}

void TradeoffPlot::setCost(const study::CostPtr& cost) {
    m_cost = cost;
    fillAxes();
    refill();
    refit();
}

void TradeoffPlot::setMeasured(const std::vector<MeasuredPlan>& measured) {
    m_measured = measured;
    refill();
    refit();
}

void TradeoffPlot::setCurrent(const std::optional<Price>& price) {
    m_current = price;
    refill();
    if (!m_spots.empty() || !m_current) return;
    // With nothing else to see, the plan itself is.
    const Figure worth = worthOf(*m_current, axis());
    const bool seen = m_plot->xAxis->range().contains(worth.value * factor()) &&
                      m_plot->yAxis->range().contains(m_current->quality.value * qualityFactor());
    if (!seen) refit();
}

void TradeoffPlot::fillAxes() {
    const QVariant before = m_axis->currentData();
    const QSignalBlocker quiet(m_axis);
    m_axis->clear();
    for (const study::Workload& workload : workloadsOf(m_cost.get(), m_study.get())) {
        m_axis->addItem(tr("speed-up, %1").arg(workloadText(workload)), dataOf({WorthAxis::Kind::SpeedUp, workload}));
    }
    m_axis->addItem(tr("state memory kept"), dataOf({WorthAxis::Kind::StateMemory, {}}));
    m_axis->addItem(tr("weight memory kept"), dataOf({WorthAxis::Kind::WeightMemory, {}}));
    // Decoding many sequences is where pruning shows.
    int row = m_axis->findData(before);
    for (int i = 0; row < 0 && i < m_axis->count(); ++i) {
        const WorthAxis axis = axisOf(m_axis->itemData(i));
        if (axis.workload.mode == profile::Mode::Decode && axis.workload.batch > 1) row = i;
    }
    m_axis->setCurrentIndex(std::max(row, 0));
    arrangeBar();
}

/// The buttons below the axis's name where the two have no room beside each other.
void TradeoffPlot::arrangeBar() {
    constexpr int kArrow = 36;  // pixels of the box beside its text
    int widest = 0;
    for (int i = 0; i < m_axis->count(); ++i) {
        widest = std::max(widest, m_axis->fontMetrics().horizontalAdvance(m_axis->itemText(i)));
    }
    const QMargins around = m_bar->contentsMargins();
    const int needed = widest + kArrow + m_bar->spacing() + m_logs->sizeHint().width() + around.left() + around.right();
    m_bar->setDirection(needed > width() ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
}

void TradeoffPlot::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    arrangeBar();
    spaceTicks();
}

void TradeoffPlot::spaceTicks() {
    constexpr int kTick = 56;    // pixels of a label, as QCustomPlot may set some more than it is asked for
    constexpr int kBeside = 76;  // pixels beside the axis
    constexpr int kMostTicks = 5;
    m_plot->xAxis->ticker()->setTickCount(std::clamp((width() - kBeside) / kTick, 2, kMostTicks));
}

WorthAxis TradeoffPlot::axis() const {
    return axisOf(m_axis->currentData());
}

void TradeoffPlot::setAxis(const WorthAxis& axis) {
    m_axis->setCurrentIndex(m_axis->findData(dataOf(axis)));
    refill();
    refit();
}

double TradeoffPlot::factor() const {
    return axis().kind == WorthAxis::Kind::SpeedUp ? 1 : 100;
}

bool TradeoffPlot::higherIsBetter() const {
    if (m_study && m_study->unpruned.predictions > 0) return study::qualityOf(m_study->unpruned).higher_is_better;
    return !m_current || m_current->higher_is_better;
}

double TradeoffPlot::qualityFactor() const {
    return higherIsBetter() ? 100 : 1;
}

QString TradeoffPlot::qualityName() const {
    if (m_study && m_study->unpruned.predictions > 0) return fromView(study::qualityName(m_study->unpruned));
    return m_current ? m_current->quality_name : tr("accuracy");
}

QString TradeoffPlot::qualityTitle() const {
    return higherIsBetter() ? tr("%1, %").arg(qualityName()) : tr("%1 (less is better)").arg(qualityName());
}

void TradeoffPlot::refill() {
    m_series.clear();
    m_spots.clear();
    const WorthAxis across = axis();
    const double as_shown = qualityFactor();
    if (m_study) m_series = tradeoffOf(*m_study, across, m_cost.get());
    for (std::size_t s = 0; s < m_series.size(); ++s) {
        for (const TradeoffPoint& point : m_series[s].points) {
            const bool nothing = m_series[s].criterion == kNothingRemoved;
            const auto named = [&](const QString& criterion) {
                return nothing ? tr("nothing removed") : tr("%1, %2 removed").arg(criterion, percentText(point.share));
            };
            m_spots.push_back({named(m_series[s].criterion), named(criterionTitle(m_series[s].criterion)), s,
                               point.worth, point.quality * as_shown, point.quality_error * as_shown, point.frontier,
                               point.cell, nullptr});
        }
    }
    for (const MeasuredPlan& measured : m_measured) {
        const Figure worth = worthOf(measured.measurement, across, m_cost.get());
        const study::Quality quality = study::qualityOf(measured.measurement.accuracy);
        if (!std::isfinite(worth.value) || !std::isfinite(quality.value)) continue;
        const QString criterion = QString::fromStdString(measured.plan->criterion);
        m_spots.push_back({tr("%1, measured here").arg(criterion),
                           tr("%1, measured here").arg(criterionTitle(criterion)), m_series.size(), worth,
                           quality.value * as_shown, quality.standard_error * as_shown, false, std::nullopt,
                           measured.plan});
    }
    m_cursor = std::min(m_cursor, static_cast<int>(m_spots.size()) - 1);

    QCustomPlot& plot = *m_plot;
    plot.clearPlottables();
    plot.clearItems();
    m_ring = nullptr;
    stylePlot(plot);
    const bool speed = across.kind == WorthAxis::Kind::SpeedUp;
    plot.xAxis->setRangeReversed(!speed);
    plot.xAxis->setLabel(speed ? tr("%1, times as fast").arg(workloadText(across.workload))
                         : across.kind == WorthAxis::Kind::StateMemory ? tr("state memory kept, %")
                                                                       : tr("weight memory kept, %"));
    plot.yAxis->setLabel(qualityTitle());
    const auto scale = [](QCPAxis& side, bool logarithmic) {
        side.setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
        side.setTicker(logarithmic ? QSharedPointer<QCPAxisTicker>(new QCPAxisTickerLog) : plainTicker());
        side.setNumberFormat(QStringLiteral("g"));
        side.setNumberPrecision(3);
        side.setSubTicks(false);
    };
    scale(*plot.xAxis, m_log_x->isChecked());
    scale(*plot.yAxis, m_log_y->isChecked());
    spaceTicks();
    drawReference();
    drawFrontier();
    drawSeries();
    drawCurrent();
    wrapLegend(plot, plot.width());
    showCursor();
    // The plan at hand is a line, too, and once its accuracy is known a point.
    const bool has_worth = m_current && std::isfinite(worthOf(*m_current, across).value);
    const bool has_quality = has_worth && std::isfinite(m_current->quality.value);
    const std::array<std::pair<QCPAxis*, bool>, 2> numbered = {
        {{plot.xAxis, !m_spots.empty() || has_worth}, {plot.yAxis, !m_spots.empty() || has_quality}}};
    for (const auto& [side, shown] : numbered) {
        showNumbers(*side, shown);
        side->grid()->setVisible(shown);
    }
    if (m_spots.empty()) {
        auto* note = new QCPItemText(&plot);
        note->position->setType(QCPItemPosition::ptAxisRectRatio);
        note->position->setCoords(0.5, 0.35);
        note->setText(tr("Run a study to see what\neach criterion costs and\nwins, or measure this plan"));
        note->setColor(theme().colours().muted);
        note->setFont(plot.font());
    }
    plot.replot(QCustomPlot::rpQueuedReplot);
}

void TradeoffPlot::showCursor() {
    if (m_ring != nullptr) m_plot->removeItem(m_ring);
    m_ring = nullptr;
    if (m_cursor < 0 || !m_plot->hasFocus()) return;
    const Spot& spot = m_spots[static_cast<std::size_t>(m_cursor)];
    auto* ring = new QCPItemTracer(m_plot);
    ring->setStyle(QCPItemTracer::tsCircle);
    ring->setSize(18);
    ring->position->setCoords(spot.worth.value * factor(), spot.quality);
    ring->setPen(QPen(theme().colours().text, 1.5));
    m_ring = ring;
    m_plot->setAccessibleDescription(tipOf(spot));
}

void TradeoffPlot::refit() {
    const bool speed = axis().kind == WorthAxis::Kind::SpeedUp;
    double left = speed ? 1 : 100;
    double right = left;
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    const auto reach = [&](double x, double y, double error) {
        left = std::min(left, x);
        right = std::max(right, x);
        if (!std::isfinite(y)) return;
        const double spread = std::isfinite(error) ? error : 0;
        low = std::min(low, y - spread);
        high = std::max(high, y + spread);
    };
    for (const Spot& spot : m_spots) reach(spot.worth.value * factor(), spot.quality, spot.error);
    if (m_study && m_study->unpruned.predictions > 0) {
        const study::Quality unpruned = study::qualityOf(m_study->unpruned);
        reach(left, unpruned.value * qualityFactor(), unpruned.standard_error * qualityFactor());
    }
    if (m_current) {
        const Figure worth = worthOf(*m_current, axis());
        if (std::isfinite(worth.value)) reach(worth.value * factor(), m_current->quality.value * qualityFactor(), 0);
    }
    if (!(low <= high)) {
        low = 0;
        high = 1;
    }
    const auto fit = [](QCPAxis& side, double from, double to, double least) {
        if (side.scaleType() == QCPAxis::stLogarithmic) {
            from = std::max(from, to * 1e-4);
            const double room = std::max(std::pow(to / from, 0.08), 1.02);
            side.setRange(from / room, to * room);
        } else {
            const double room = std::max((to - from) * 0.08, least);
            side.setRange(from - room, to + room);
        }
    };
    fit(*m_plot->xAxis, left, right, speed ? 0.02 : 2);
    fit(*m_plot->yAxis, low, high, std::max(std::abs(high) * 0.01, 1e-6));
    showCursor();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

int TradeoffPlot::spotAt(const QPoint& at) const {
    int nearest = -1;
    double distance = kNear;
    for (std::size_t i = 0; i < m_spots.size(); ++i) {
        const double away = std::hypot(m_plot->xAxis->coordToPixel(m_spots[i].worth.value * factor()) - at.x(),
                                       m_plot->yAxis->coordToPixel(m_spots[i].quality) - at.y());
        if (away >= distance) continue;
        distance = away;
        nearest = static_cast<int>(i);
    }
    return nearest;
}

QPoint TradeoffPlot::cellAt(std::size_t cell) const {
    for (const Spot& spot : m_spots) {
        if (spot.cell != cell) continue;
        return {static_cast<int>(std::lround(m_plot->xAxis->coordToPixel(spot.worth.value * factor()))),
                static_cast<int>(std::lround(m_plot->yAxis->coordToPixel(spot.quality)))};
    }
    return {-1, -1};
}

QString TradeoffPlot::tipOf(const Spot& spot) const {
    const bool speed = axis().kind == WorthAxis::Kind::SpeedUp;
    const QString estimated = spot.worth.standing == Standing::Estimated ? tr(" (estimated)") : QString();
    QString tip = spot.title + QLatin1Char('\n') +
                  (speed ? tr("%1 times as fast").arg(threeDigits(spot.worth.value))
                         : tr("%1 kept").arg(percentText(spot.worth.value))) +
                  estimated;
    tip +=
        tr("\n%1: %2 ± %3").arg(qualityTitle(), digitsOf(spot.quality, spot.error), digitsOf(spot.error, spot.error));
    if (spot.frontier) tip += tr("\non the frontier: no other plan beats it in both");
    return tip + tr("\nclick to take this plan");
}

void TradeoffPlot::choose(int spot) {
    if (spot < 0 || spot >= static_cast<int>(m_spots.size())) return;
    m_cursor = spot;
    const Spot& chosen = m_spots[static_cast<std::size_t>(spot)];
    const prune::PlanPtr plan =
        chosen.plan ? chosen.plan : std::make_shared<const prune::Plan>(m_study->cells[*chosen.cell].plan);
    Q_EMIT planChosen(plan);
}

int TradeoffPlot::besideCursor(int step) const {
    const Spot& from = m_spots[static_cast<std::size_t>(std::max(m_cursor, 0))];
    int best = std::max(m_cursor, 0);
    for (int i = 0; i < static_cast<int>(m_spots.size()); ++i) {
        const Spot& spot = m_spots[static_cast<std::size_t>(i)];
        const Spot& so_far = m_spots[static_cast<std::size_t>(best)];
        if (static_cast<int>(spot.series) != static_cast<int>(from.series) + step) continue;
        const double away = std::abs(spot.worth.value - from.worth.value);
        if (so_far.series != spot.series || away < std::abs(so_far.worth.value - from.worth.value)) best = i;
    }
    return best;
}

bool TradeoffPlot::pressed(int key) {
    if (m_spots.empty()) return false;
    const int last = static_cast<int>(m_spots.size()) - 1;
    const int before = m_cursor;
    switch (key) {
        case Qt::Key_Left: m_cursor = std::clamp(m_cursor - 1, 0, last); break;
        case Qt::Key_Right: m_cursor = std::clamp(m_cursor + 1, 0, last); break;
        case Qt::Key_Up: m_cursor = besideCursor(-1); break;
        case Qt::Key_Down: m_cursor = besideCursor(1); break;
        case Qt::Key_Return:
        case Qt::Key_Enter:
        case Qt::Key_Space: choose(m_cursor); return true;
        default: return false;
    }
    showCursor();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
    if (m_cursor != before) {
        const Spot& spot = m_spots[static_cast<std::size_t>(m_cursor)];
        const QPoint at(static_cast<int>(m_plot->xAxis->coordToPixel(spot.worth.value * factor())),
                        static_cast<int>(m_plot->yAxis->coordToPixel(spot.quality)));
        QToolTip::showText(m_plot->mapToGlobal(at + QPoint(8, 8)), tipOf(spot), m_plot);
    }
    return true;
}

void TradeoffPlot::hover(const QPoint& at, const QPoint& global) {
    const int spot = spotAt(at);
    m_plot->setCursor(spot >= 0 ? Qt::PointingHandCursor : Qt::ArrowCursor);
    if (spot >= 0) {
        QToolTip::showText(global, tipOf(m_spots[static_cast<std::size_t>(spot)]), m_plot);
    } else {
        QToolTip::hideText();
    }
}

bool TradeoffPlot::eventFilter(QObject* watched, QEvent* event) {
    if (watched != m_plot) return QWidget::eventFilter(watched, event);
    switch (event->type()) {
        case QEvent::FocusIn:
        case QEvent::FocusOut:
            QMetaObject::invokeMethod(
                this,
                [this] {
                    showCursor();
                    m_plot->replot(QCustomPlot::rpQueuedReplot);
                },
                Qt::QueuedConnection);
            break;
        default: break;
    }
    return QWidget::eventFilter(watched, event);
}

QString TradeoffPlot::csv() const {
    const WorthAxis across = axis();
    const bool speed = across.kind == WorthAxis::Kind::SpeedUp;
    QString text =
        QStringLiteral("plan,%1,low,high,standing,%2,standard error,frontier\n")
            .arg(csvField((speed ? tr("speed-up %1").arg(workloadText(across.workload)) : m_axis->currentText()) +
                          QStringLiteral(" [1]")),
                 csvField(higherIsBetter() ? tr("%1 [1]").arg(qualityName()) : qualityTitle()));
    for (const Spot& spot : m_spots) {
        text += QStringLiteral("%1,%2,%3,%4,%5,%6,%7,%8\n")
                    .arg(csvField(spot.name))
                    .arg(csvNumber(spot.worth.value))
                    .arg(csvNumber(spot.worth.low))
                    .arg(csvNumber(spot.worth.high))
                    .arg(spot.worth.standing == Standing::Estimated ? QStringLiteral("estimated")
                                                                    : QStringLiteral("measured"))
                    .arg(csvNumber(spot.quality / qualityFactor()))
                    .arg(csvNumber(spot.error / qualityFactor()))
                    .arg(static_cast<int>(spot.frontier));
    }
    return text;
}

}  // namespace perfmamba::widgets
