#include "widgets/roofline_plot.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolTip>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/profile/floors.h"
#include "widgets/elided_label.h"
#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr double kGiga = 1e9;  // the y axis counts GFLOP/s
constexpr double kDot = 9;
constexpr double kChosenDot = 13;
// Room around the dots and the ridge, in factors.
constexpr double kRoomAcross = 2.5;
constexpr double kRoomBelow = 3;
constexpr double kRoomAbove = 2;

void setLogarithmic(QCPAxis& axis) {
    axis.setScaleType(QCPAxis::stLogarithmic);
    axis.setTicker(QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog));
    axis.setNumberFormat(QStringLiteral("gb"));
    axis.setNumberPrecision(3);
}

}  // namespace

RooflinePlot::RooflinePlot(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 5, 8, 3);
    m_heading = makeHeading();
    bar->addWidget(m_heading, 1);
    layout->addLayout(bar);

    m_plot = new QCustomPlot;
    m_plot->setObjectName(QStringLiteral("rooflinePlot"));
    m_plot->setMinimumSize(260, 200);
    m_plot->setAccessibleName(tr("Roofline"));
    m_plot->setAccessibleDescription(
        tr("Left and right go from component to component. The table beside it has the same numbers."));
    m_plot->axisRect()->setMinimumMargins(QMargins(44, 8, 14, 20));
    setLogarithmic(*m_plot->xAxis);
    setLogarithmic(*m_plot->yAxis);
    m_plot->xAxis->setLabel(tr("work a byte, FLOP/B"));
    m_plot->yAxis->setLabel(tr("work a second, GFLOP/s"));
    setFocusProxy(m_plot);
    layout->addWidget(m_plot, 1);
    makeNavigable(*m_plot, [this] { fitView(); });
    listenTo(*m_plot, {[this](const QPoint& at, const QPoint& global) { hover(at, global); },
                       [this](const QPoint& at) { click(at); }, [this](int key) { return pressed(key); }});
    m_picture = pictureOf(
        *m_plot, QStringLiteral("roofline"), [this] { return csv(); }, [this] { fitView(); });
    addPictureMenu(*m_plot, m_picture);
    // Labels keep clear of each other in pixels: again whenever those change.
    connect(m_plot, &QCustomPlot::afterLayout, this, [this] { layoutLabels(); });

    m_note = new QLabel;
    m_note->setFont(Theme::smallFont());
    m_note->setProperty("muted", true);
    m_note->setContentsMargins(10, 2, 8, 5);
    m_note->setWordWrap(true);
    m_note->setTextInteractionFlags(Qt::TextSelectableByMouse);
    layout->addWidget(m_note);

    connect(&m_selection, &Selection::changed, this, [this] { refill(); });
    connect(&theme(), &Theme::changed, this, [this] { refill(); });
    refill();
}

void RooflinePlot::setProfile(const ProfilePtr& profile) {
    m_profile = profile;
    refill();
}

QString RooflinePlot::note() const {
    return m_note->text();
}

void RooflinePlot::refill() {
    const Focus& focus = m_selection.focus();
    m_point = m_profile ? pointOf(*m_profile, focus) : nullptr;
    m_dots = m_point ? rooflineOf(*m_point, focus.layer) : std::vector<RooflineDot>();
    for (QCPAbstractItem* label : m_labels) m_plot->removeItem(label);
    m_labels.clear();
    m_plot->clearPlottables();
    stylePlot(*m_plot);
    if (!m_point) {
        m_heading->setText(tr("Roofline"));
        m_note->clear();
        m_fitted.clear();
        m_plot->replot(QCustomPlot::rpQueuedReplot);
        return;
    }
    const bool one_layer = focus.layer && *focus.layer >= 0;
    m_heading->setText(one_layer ? tr("Layer %1 at %2 tokens").arg(*focus.layer).arg(grouped(m_point->length))
                                 : tr("All layers at %1 tokens").arg(grouped(m_point->length)));
    drawRoofs();
    for (const RooflineDot& dot : m_dots) drawDot(dot);

    QString text = m_profile->provenance.ceilings ? tr("Roofs: %1, measured on this device. ● measured  ○ its floor")
                                                        .arg(ceilingsText(*m_profile->provenance.ceilings))
                                                  : whyNoFloor(*m_profile) + QLatin1Char('.');
    const bool above = std::ranges::any_of(m_dots, [](const RooflineDot& dot) {
        return dot.cost->bound == profile::Bound::Memory && profile::ofFloor(*dot.cost) > 1;
    });
    if (above) text += tr("  Above the slope: its data came from caches.");
    m_note->setText(text);
    // While a live run goes on the axes stay.
    const QString shown = QStringLiteral("%1 %2 %3 %4")
                              .arg(QString::fromStdString(m_profile->model.hash))
                              .arg(static_cast<int>(m_profile->options.mode))
                              .arg(m_profile->options.batch)
                              .arg(m_point->length);
    if (std::exchange(m_fitted, shown) != shown) {
        fitView();
    } else {
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    }
}

/// The slope of the memory's bandwidth up to the ridge, the products' rate from there on.
void RooflinePlot::drawRoofs() {
    const auto& ceilings = m_profile->provenance.ceilings;
    if (!ceilings) return;
    const double ridge = ceilings->flops_per_s / ceilings->bytes_per_s;
    constexpr double kFar = 1e6;  // beyond what is ever looked at
    auto* roof = new QCPGraph(m_plot->xAxis, m_plot->yAxis);
    const double top = ceilings->flops_per_s / kGiga;
    roof->setData({ridge / kFar, ridge, ridge * kFar}, {top / kFar, top, top}, true);
    roof->setPen(QPen(theme().colours().text, 1));
    roof->setAntialiased(true);
    roof->setName(tr("roofs"));
}

void RooflinePlot::drawDot(const RooflineDot& dot) {
    const Component component = dot.cost->component;
    const auto chosen = m_selection.focus().component;
    QColor colour = theme().of(component);
    if (chosen && *chosen != component) colour = theme().faded(colour);
    const auto graph = [&](const QVector<double>& keys, const QVector<double>& values) {
        auto* result = new QCPGraph(m_plot->xAxis, m_plot->yAxis);
        result->setData(keys, values, true);
        result->setName(nameOf(component));
        result->setPen(QPen(colour, 1));
        return result;
    };
    const double x = dot.flops_per_byte;
    const double y = dot.flops_per_s / kGiga;
    const double size = chosen && *chosen == component ? kChosenDot : kDot;
    if (std::isfinite(dot.floor_flops_per_s)) {
        // What is left to win, as the way up to the floor.
        const double floor = dot.floor_flops_per_s / kGiga;
        graph({x, x}, {y, floor})->setPen(QPen(colour, 1, Qt::DotLine));
        auto* hollow = graph({x}, {floor});
        hollow->setLineStyle(QCPGraph::lsNone);
        hollow->setScatterStyle(
            QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(colour, 1), theme().colours().surface, size - 2));
    }
    auto* solid = graph({x}, {y});
    solid->setLineStyle(QCPGraph::lsNone);
    solid->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(theme().colours().surface, 1), colour, size));
    if (std::isfinite(dot.slowest_flops_per_s) && std::isfinite(dot.fastest_flops_per_s)) {
        auto* bars = new QCPErrorBars(m_plot->xAxis, m_plot->yAxis);
        bars->setDataPlottable(solid);
        bars->setData(QVector<double>{y - dot.slowest_flops_per_s / kGiga},
                      QVector<double>{dot.fastest_flops_per_s / kGiga - y});
        bars->setPen(QPen(colour, 1));
        bars->setSymbolGap(size);
    }
}

QPointF RooflinePlot::pixelOf(double flops_per_byte, double flops_per_s) const {
    return {m_plot->xAxis->coordToPixel(flops_per_byte), m_plot->yAxis->coordToPixel(flops_per_s / kGiga)};
}

/// Each dot's name beside it, where it covers neither a dot nor a name.
void RooflinePlot::layoutLabels() {
    for (QCPAbstractItem* label : m_labels) m_plot->removeItem(label);
    m_labels.clear();
    if (!m_point) return;
    const QFont font = Theme::smallFont();
    const QFontMetricsF metrics(font);
    const Colours& c = theme().colours();
    const QRectF area = m_plot->axisRect()->rect();
    const auto chosen = m_selection.focus().component;
    std::vector<QRectF> taken;
    for (const RooflineDot& dot : m_dots) {
        for (const double rate : {dot.flops_per_s, dot.floor_flops_per_s}) {
            if (!std::isfinite(rate)) continue;
            const QPointF at = pixelOf(dot.flops_per_byte, rate);
            taken.emplace_back(at.x() - kDot / 2, at.y() - kDot / 2, kDot, kDot);
        }
    }
    const auto add = [&](const QString& text, const QRectF& room, const QColor& colour, bool bold) {
        auto* label = new QCPItemText(m_plot);
        label->position->setType(QCPItemPosition::ptAbsolute);
        label->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
        label->position->setCoords(room.topLeft());
        label->setText(text);
        QFont own = font;
        own.setBold(bold);
        label->setFont(own);
        label->setColor(colour);
        m_labels.push_back(label);
        taken.push_back(room);
    };
    if (const auto& ceilings = m_profile->provenance.ceilings) {
        const auto text = [](double rate, const QString& unit) { return threeDigits(rate * 1e-9) + unit; };
        const QString memory = text(ceilings->bytes_per_s, tr(" GB/s"));
        const QString work = text(ceilings->flops_per_s, tr(" GFLOP/s"));
        // Under the left end of the slope, and over the flat roof where it begins: dots crowd at its other end.
        const double height = metrics.height();
        const double x = area.left() + 10;
        const double slope = pixelOf(1, m_plot->xAxis->pixelToCoord(x) * ceilings->bytes_per_s).y();
        const QPointF ridge = pixelOf(ceilings->flops_per_s / ceilings->bytes_per_s, ceilings->flops_per_s);
        const QRectF under(x, slope + 2, metrics.horizontalAdvance(memory), height);
        const QRectF over(ridge.x() + 4, ridge.y() - height - 2, metrics.horizontalAdvance(work), height);
        if (area.contains(under)) add(memory, under, c.muted, false);
        if (area.contains(over)) add(work, over, c.muted, false);
    }
    for (const RooflineDot& dot : m_dots) {
        const QPointF at = pixelOf(dot.flops_per_byte, dot.flops_per_s);
        if (!area.contains(at)) continue;
        const QString text = nameOf(dot.cost->component);
        const QSizeF size(metrics.horizontalAdvance(text) + 2, metrics.height());
        const double gap = kDot / 2 + 3;
        const std::array<QPointF, 6> places = {
            QPointF(at.x() + gap, at.y() - size.height() / 2),
            QPointF(at.x() - gap - size.width(), at.y() - size.height() / 2),
            QPointF(at.x() + gap, at.y() + 2),
            QPointF(at.x() - gap - size.width(), at.y() + 2),
            QPointF(at.x() - size.width() / 2, at.y() + gap),
            QPointF(at.x() - size.width() / 2, at.y() - gap - size.height()),
        };
        const auto clear = [&](const QPointF& place) {
            const QRectF room(place, size);
            return area.contains(room) &&
                   std::ranges::none_of(taken, [&](const QRectF& other) { return other.intersects(room); });
        };
        const auto place = std::ranges::find_if(places, clear);
        const bool is_chosen = chosen && *chosen == dot.cost->component;
        if (place == places.end() && !is_chosen) continue;  // the table and the tooltip name it
        add(text, {place == places.end() ? places[0] : *place, size}, chosen && !is_chosen ? c.muted : c.text,
            is_chosen);
    }
}

void RooflinePlot::fitView() {
    if (!m_point) return;
    double left = INFINITY, right = 0, bottom = INFINITY, top = 0;
    const auto include = [&](double x, double y) {
        if (!std::isfinite(x) || !std::isfinite(y) || x <= 0 || y <= 0) return;
        left = std::min(left, x);
        right = std::max(right, x);
        bottom = std::min(bottom, y);
        top = std::max(top, y);
    };
    for (const RooflineDot& dot : m_dots) {
        include(dot.flops_per_byte, dot.flops_per_s / kGiga);
        include(dot.flops_per_byte, dot.floor_flops_per_s / kGiga);
    }
    if (const auto& ceilings = m_profile->provenance.ceilings) {
        include(ceilings->flops_per_s / ceilings->bytes_per_s, ceilings->flops_per_s / kGiga);
    }
    if (!(right > 0)) {
        left = bottom = 0.1;
        right = top = 100;
    }
    m_plot->xAxis->setRange(left / kRoomAcross, right * kRoomAcross);
    m_plot->yAxis->setRange(bottom / kRoomBelow, top * kRoomAbove);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

const RooflineDot* RooflinePlot::dotAt(const QPoint& at) const {
    const RooflineDot* nearest = nullptr;
    double best = kNear;
    for (const RooflineDot& dot : m_dots) {
        const QPointF away = pixelOf(dot.flops_per_byte, dot.flops_per_s) - QPointF(at);
        const double distance = std::hypot(away.x(), away.y());
        if (distance >= best) continue;
        best = distance;
        nearest = &dot;
    }
    return nearest;
}

void RooflinePlot::hover(const QPoint& at, const QPoint& global) {
    const RooflineDot* dot = dotAt(at);
    if (!dot) {
        QToolTip::hideText();
        return;
    }
    const profile::ComponentCost& cost = *dot->cost;
    const QString text =
        tr("<b>%1</b><br>%2<br>%3 GFLOP/s, %4 FLOP/B<br>%5")
            .arg(nameOf(cost.component), timeText(cost.time), threeDigits(dot->flops_per_s / kGiga),
                 threeDigits(dot->flops_per_byte),
                 floorTip(*m_profile, *m_point, cost).replace(QLatin1Char('\n'), QLatin1String("<br>")));
    QToolTip::showText(global + QPoint(12, 12), text, m_plot);
}

void RooflinePlot::click(const QPoint& at) {
    const RooflineDot* dot = dotAt(at);
    m_selection.setComponent(dot ? std::optional(dot->cost->component) : std::nullopt);
}

bool RooflinePlot::pressed(int key) {
    if (m_dots.empty() || (key != Qt::Key_Left && key != Qt::Key_Right)) return false;
    const auto chosen = m_selection.focus().component;
    const auto found =
        std::ranges::find_if(m_dots, [&](const RooflineDot& dot) { return chosen && dot.cost->component == *chosen; });
    const auto last = static_cast<std::ptrdiff_t>(m_dots.size()) - 1;
    std::ptrdiff_t index = found - m_dots.begin();
    if (found == m_dots.end()) {
        index = key == Qt::Key_Right ? 0 : last;
    } else {
        index = std::clamp<std::ptrdiff_t>(index + (key == Qt::Key_Right ? 1 : -1), 0, last);
    }
    m_selection.setComponent(m_dots[static_cast<std::size_t>(index)].cost->component);
    return true;
}

QPoint RooflinePlot::dotCentre(Component component) const {
    for (const RooflineDot& dot : m_dots) {
        if (dot.cost->component == component) return pixelOf(dot.flops_per_byte, dot.flops_per_s).toPoint();
    }
    return {-1, -1};
}

QString RooflinePlot::csv() const {
    QString text = QStringLiteral("component,work a byte [FLOP/B],measured [GFLOP/s],floor [GFLOP/s],of floor,limit\n");
    for (const RooflineDot& dot : m_dots) {
        text += QStringList{nameOf(dot.cost->component),
                            csvNumber(dot.flops_per_byte),
                            csvNumber(dot.flops_per_s / kGiga),
                            csvNumber(dot.floor_flops_per_s / kGiga),
                            csvNumber(profile::ofFloor(*dot.cost)),
                            limitText(*m_profile, *m_point, *dot.cost)}
                    .join(QLatin1Char(',')) +
                QLatin1Char('\n');
    }
    return text;
}

}  // namespace perfmamba::widgets
