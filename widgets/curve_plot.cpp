#include "widgets/curve_plot.h"

#include <QResizeEvent>
#include <QToolTip>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <limits>

#include "widgets/plot_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr double kMarker = 6;
constexpr int kMargins = 70;      // pixels of the plot left and right of its axes, about
constexpr int kTickGap = 6;       // pixels between the names of two ticks
constexpr int kLegendName = 340;  // pixels of a name in the legend at most

}  // namespace

CurvePlot::CurvePlot(const QString& name, const QString& accessible_name, QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_plot = new QCustomPlot;
    m_plot->setObjectName(name);
    m_plot->setMinimumSize(240, 160);
    m_plot->installEventFilter(this);
    const auto hover = [this](const QPoint& at, const QPoint& global) {
        const std::optional<Dot> dot = nearest(at);
        QToolTip::showText(global, dot ? tipOf(*dot) : QString(), m_plot);  // an empty one hides it
    };
    listenTo(*m_plot, {hover, [](const QPoint&) {}, [this](int key) { return pressed(key); }});
    m_plot->setAccessibleName(accessible_name);
    m_plot->setAccessibleDescription(
        tr("Left and right go along a line, up and down to another; the table beside it holds the numbers."));
    m_plot->axisRect()->setMinimumMargins(QMargins(48, 10, 14, 18));
    for (QCPAxis* axis : {m_plot->xAxis, m_plot->yAxis}) axis->setSubTicks(false);
    m_plot->xAxis->setScaleType(QCPAxis::stLogarithmic);
    putLegendBelow(*m_plot);
    m_plot->legend->setFillOrder(QCPLegend::foColumnsFirst);
    setFocusProxy(m_plot);
    layout->addWidget(m_plot, 1);
    makeNavigable(*m_plot, [this] { fitView(); });
    m_picture = pictureOf(
        *m_plot, name, [this] { return csv(); }, [this] { fitView(); });
    addPictureMenu(*m_plot, m_picture);
    connect(m_plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this,
            [this] { placeTicks(m_plot->width()); });
    connect(&theme(), &Theme::changed, this, [this] { refill(); });
    refill();
    fitView();
}

void CurvePlot::setCurves(std::vector<Curve> curves, CurveAxes axes) {
    const bool same_axes = axes.x_name == m_axes.x_name && axes.y_name == m_axes.y_name && axes.log_y == m_axes.log_y;
    const bool moved = same_axes && !m_curves.empty() && view() != m_fitted;
    const double unit_change = axes.factor / m_axes.factor;
    m_curves = std::move(curves);
    std::erase_if(m_curves, [](const Curve& curve) { return curve.points.empty(); });
    m_axes = std::move(axes);
    if (m_curves.empty()) {
        m_cursor.reset();
    } else if (m_cursor) {
        m_cursor->curve = std::min(m_cursor->curve, m_curves.size() - 1);
        m_cursor->point = std::min(m_cursor->point, m_curves[m_cursor->curve].points.size() - 1);
    }
    refill();
    if (!moved) {
        fitView();
        return;
    }
    const QCPRange range = m_plot->yAxis->range();
    m_plot->yAxis->setRange(range.lower * unit_change, range.upper * unit_change);
}

std::array<double, 4> CurvePlot::view() const {
    const QCPRange x = m_plot->xAxis->range(), y = m_plot->yAxis->range();
    return {x.lower, x.upper, y.lower, y.upper};
}

void CurvePlot::setEmptyText(const QString& text) {
    m_empty = text;
    refill();
}

void CurvePlot::refill() {
    QCustomPlot& plot = *m_plot;
    plot.clearPlottables();
    plot.clearItems();
    m_ring = nullptr;
    stylePlot(plot);
    plot.xAxis->setLabel(m_axes.x_label);
    plot.yAxis->setLabel(m_axes.y_label);
    plot.yAxis->setScaleType(m_axes.log_y ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    plot.yAxis->setTicker(m_axes.log_y ? QSharedPointer<QCPAxisTicker>(new QCPAxisTickerLog) : plainTicker());
    plot.yAxis->setNumberFormat(QStringLiteral("gb"));
    plot.yAxis->setNumberPrecision(3);
    for (const Curve& curve : m_curves) draw(curve);
    if (m_curves.empty()) {
        drawEmpty();
    } else {
        drawKey();
    }
    wrapLegend(plot, plot.width());
    placeTicks(plot.width());
    showCursor();
    plot.replot(QCustomPlot::rpQueuedReplot);
}

void CurvePlot::draw(const Curve& curve) {
    QVector<double> x, values, below, above, floors;
    for (const CurvePoint& point : curve.points) {
        const Reading& r = point.reading;
        x.push_back(point.x);
        values.push_back(r.value * m_axes.factor);
        const bool spread = std::isfinite(r.low) && std::isfinite(r.high);
        below.push_back(spread ? (r.value - r.low) * m_axes.factor : 0);
        above.push_back(spread ? (r.high - r.value) * m_axes.factor : 0);
        floors.push_back(r.floor * m_axes.factor);
    }
    const QColor& colour = curve.style.colour;
    const auto line = [&](const QVector<double>& keys, const QVector<double>& heights, Qt::PenStyle dash) {
        QCPGraph* graph = m_plot->addGraph();
        graph->setPen(QPen(colour, 1, dash));
        graph->setData(keys, heights, true);
        return graph;
    };
    if (std::ranges::any_of(floors, [](double floor) { return std::isfinite(floor); })) {
        line(x, floors, Qt::DotLine)->removeFromLegend();
    }
    QString law_text;
    if (curve.law && std::isfinite(curve.law->exponent) && x.size() > 1) {
        law_text = QStringLiteral("L^") + exponentText(*curve.law);
        // A straight line: both axes are logarithmic.
        const auto height = [&](double length) { return curve.law->at(length) * m_axes.factor; };
        line({x.front(), x.back()}, {height(x.front()), height(x.back())}, Qt::DashLine)->removeFromLegend();
    }
    QCPGraph* graph = line(x, values, Qt::SolidLine);
    const auto shape = static_cast<QCPScatterStyle::ScatterShape>(curve.style.marker);
    graph->setScatterStyle(QCPScatterStyle(shape, QPen(colour, 1.4), QBrush(colour), kMarker));
    const QFontMetrics metrics(m_plot->legend->font());
    const int room = kLegendName - metrics.horizontalAdvance(law_text);
    const QString name = metrics.elidedText(curve.name, Qt::ElideMiddle, room);
    graph->setName(law_text.isEmpty() ? name : name + QStringLiteral("   ") + law_text);
    auto* bars = new QCPErrorBars(m_plot->xAxis, m_plot->yAxis);
    bars->removeFromLegend();
    bars->setDataPlottable(graph);
    bars->setData(below, above);
    bars->setPen(QPen(colour, 1));
    bars->setWhiskerWidth(5);
    bars->setSymbolGap(0);
}

/// What dashes and dots mean, where there are any.
void CurvePlot::drawKey() {
    const auto entry = [this](const QString& text, Qt::PenStyle dash) {
        QCPGraph* graph = m_plot->addGraph();
        graph->setPen(QPen(theme().colours().muted, 1, dash));
        graph->setName(text);
    };
    const bool laws = std::ranges::any_of(
        m_curves, [](const Curve& curve) { return curve.law && std::isfinite(curve.law->exponent); });
    const bool floors = std::ranges::any_of(m_curves, [](const Curve& curve) {
        return std::ranges::any_of(curve.points, [](const auto& point) { return std::isfinite(point.reading.floor); });
    });
    if (laws) entry(tr("fitted power law of the length L"), Qt::DashLine);
    if (floors) entry(tr("floor"), Qt::DotLine);
}

void CurvePlot::drawEmpty() {
    auto* note = new QCPItemText(m_plot);
    note->position->setType(QCPItemPosition::ptAxisRectRatio);
    note->position->setCoords(0.5, 0.4);
    note->setText(m_empty);
    note->setColor(theme().colours().muted);
    note->setFont(m_plot->font());
}

/// A tick at each x, named where its name has room beside the one before.
void CurvePlot::placeTicks(int width) {
    const QCPRange range = m_plot->xAxis->range();
    const double pixels = (width - kMargins) / std::log(range.upper / range.lower);
    const QFontMetrics metrics(m_plot->xAxis->tickLabelFont());
    QSharedPointer<QCPAxisTickerText> ticks(new QCPAxisTickerText);
    double free = -std::numeric_limits<double>::infinity();  // where the next name may begin
    for (const auto& [x, text] : m_axes.ticks) {
        const double half = metrics.horizontalAdvance(text) / 2.0 + kTickGap / 2.0;
        const double at = std::log(x) * pixels;
        const bool room = at - half >= free;
        ticks->addTick(x, room ? text : QString());
        if (room) free = at + half;
    }
    m_plot->xAxis->setTicker(ticks);
}

void CurvePlot::fitView() {
    double left = std::numeric_limits<double>::infinity(), right = 0;
    double low = left, high = 0;
    for (const Curve& curve : m_curves) {
        for (const CurvePoint& point : curve.points) {
            left = std::min(left, point.x);
            right = std::max(right, point.x);
            for (const double y : {point.reading.value, point.reading.low, point.reading.high, point.reading.floor}) {
                if (!std::isfinite(y) || y <= 0) continue;
                low = std::min(low, y * m_axes.factor);
                high = std::max(high, y * m_axes.factor);
            }
        }
    }
    if (!(left <= right) || !(low <= high)) {
        left = low = 1;
        right = high = 10;
    }
    constexpr double kRoomX = 1.25;
    m_plot->xAxis->setRange(left / kRoomX, right * kRoomX);
    if (m_axes.log_y) {
        // Less than half a decade has no tick of its own.
        const double room = std::max(std::pow(high / low, 0.08), high / low < 3 ? 2.0 : 1.1);
        m_plot->yAxis->setRange(low / room, high * room);
    } else {
        m_plot->yAxis->setRange(0, high * 1.08);
    }
    m_fitted = view();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

QPointF CurvePlot::pixelOf(const CurvePoint& point) const {
    return {m_plot->xAxis->coordToPixel(point.x), m_plot->yAxis->coordToPixel(point.reading.value * m_axes.factor)};
}

QPoint CurvePlot::dotAt(std::size_t curve, std::size_t point) const {
    if (curve >= m_curves.size() || point >= m_curves[curve].points.size()) return {-1, -1};
    return pixelOf(m_curves[curve].points[point]).toPoint();
}

std::optional<CurvePlot::Dot> CurvePlot::nearest(const QPoint& at) const {
    std::optional<Dot> found;
    double distance = kNear;
    for (std::size_t c = 0; c < m_curves.size(); ++c) {
        for (std::size_t p = 0; p < m_curves[c].points.size(); ++p) {
            const QPointF away = pixelOf(m_curves[c].points[p]) - at;
            if (std::hypot(away.x(), away.y()) >= distance) continue;
            distance = std::hypot(away.x(), away.y());
            found = Dot{c, p};
        }
    }
    return found;
}

QString CurvePlot::tipOf(const Dot& dot) const {
    const Curve& curve = m_curves[dot.curve];
    return curve.name + QLatin1Char('\n') + curve.points[dot.point].tip;
}

QStringList CurvePlot::legend() const {
    QStringList names;
    for (int i = 0; i < m_plot->legend->itemCount(); ++i) {
        // The last column may have empty places.
        auto* item = qobject_cast<QCPPlottableLegendItem*>(m_plot->legend->item(i));
        if (item != nullptr) names << item->plottable()->name();
    }
    return names;
}

int CurvePlot::legendRows() const {
    return m_plot->legend->rowCount();
}

void CurvePlot::showCursor() {
    if (m_ring != nullptr) m_plot->removeItem(m_ring);
    m_ring = nullptr;
    if (!m_cursor || !m_plot->hasFocus()) return;
    const CurvePoint& point = m_curves[m_cursor->curve].points[m_cursor->point];
    auto* ring = new QCPItemTracer(m_plot);
    ring->setStyle(QCPItemTracer::tsCircle);
    ring->setSize(16);
    ring->position->setCoords(point.x, point.reading.value * m_axes.factor);
    ring->setPen(QPen(theme().colours().text, 1.5));
    m_ring = ring;
    m_plot->setAccessibleDescription(tipOf(*m_cursor));
}

bool CurvePlot::pressed(int key) {
    const bool across = key == Qt::Key_Left || key == Qt::Key_Right;
    if ((!across && key != Qt::Key_Up && key != Qt::Key_Down) || m_curves.empty()) return false;
    const int step = key == Qt::Key_Left || key == Qt::Key_Up ? -1 : 1;
    const auto moved = [step](std::size_t from, std::size_t count) {
        return static_cast<std::size_t>(std::clamp(static_cast<int>(from) + step, 0, static_cast<int>(count) - 1));
    };
    if (!m_cursor) {
        m_cursor = Dot{};
    } else if (across) {
        m_cursor->point = moved(m_cursor->point, m_curves[m_cursor->curve].points.size());
    } else {
        // To the dot of that line nearest across.
        const double x = m_curves[m_cursor->curve].points[m_cursor->point].x;
        m_cursor->curve = moved(m_cursor->curve, m_curves.size());
        const auto& points = m_curves[m_cursor->curve].points;
        const auto found = std::ranges::min_element(
            points, {}, [x](const CurvePoint& point) { return std::abs(std::log(point.x / x)); });
        m_cursor->point = static_cast<std::size_t>(found - points.begin());
    }
    showCursor();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
    const QPoint at = dotAt(m_cursor->curve, m_cursor->point);
    QToolTip::showText(m_plot->mapToGlobal(at + QPoint(8, 8)), tipOf(*m_cursor), m_plot);
    return true;
}

bool CurvePlot::eventFilter(QObject* watched, QEvent* event) {
    if (watched != m_plot) return QWidget::eventFilter(watched, event);
    switch (event->type()) {
        case QEvent::Resize: placeTicks(static_cast<QResizeEvent*>(event)->size().width()); break;
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

QString CurvePlot::csv() const {
    QString text = QStringLiteral("series,%1,%2,low,high,floor,exponent,exponent low,exponent high\n")
                       .arg(csvField(m_axes.x_name), csvField(m_axes.y_name));
    for (const Curve& curve : m_curves) {
        const study::PowerLaw none{NAN, NAN, NAN, NAN, NAN, 0};
        const study::PowerLaw& law = curve.law ? *curve.law : none;
        for (const CurvePoint& point : curve.points) {
            const Reading& r = point.reading;
            QStringList fields = {csvField(curve.name)};
            for (const double number :
                 {point.x, r.value, r.low, r.high, r.floor, law.exponent, law.exponent_ci_low, law.exponent_ci_high}) {
                fields << csvNumber(number);
            }
            text += fields.join(QLatin1Char(',')) + QLatin1Char('\n');
        }
    }
    return text;
}

}  // namespace perfmamba::widgets
