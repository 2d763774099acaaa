#include "widgets/share_plot.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QToolTip>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "widgets/elided_label.h"
#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/segments.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr double kBaselineWidth = 0.1;
constexpr double kBaselineAt = -0.44;  // from the middle of the bar
constexpr int kLabelRoom = 78;         // pixels right of the last bar, for the components' names
constexpr double kLabelGap = 13;       // pixels between two names
constexpr double kSmallest = 0.004;    // shares below this have no name at the bars

}  // namespace

SharePlot::SharePlot(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);

    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 5, 8, 3);
    bar->setSpacing(0);
    bar->addWidget(makeHeading(tr("Time by length")), 1);
    m_buttons = addSegments(*bar, this,
                            {{tr("%"), tr("Share of the pass")},
                             {tr("time"), tr("Time of one pass")},
                             {tr("per token"), tr("Time of one pass over the tokens it processes")}});
    layout->addLayout(bar);

    m_plot = new QCustomPlot;
    m_plot->setAccessibleName(tr("Share of each component by length"));
    m_plot->setAccessibleDescription(
        tr("Stacked bars; the component table beside it holds the same numbers. "
           "Left and right choose the length, up and down the component."));
    m_plot->setMinimumSize(260, 160);
    m_plot->axisRect()->setAutoMargins(QCP::msLeft | QCP::msBottom | QCP::msTop);
    m_plot->axisRect()->setMinimumMargins(QMargins(40, 8, 0, 18));
    m_plot->axisRect()->setMargins(QMargins(0, 0, kLabelRoom, 0));
    m_plot->xAxis->setLabel(tr("tokens"));
    m_plot->xAxis->grid()->setVisible(false);
    m_plot->xAxis->setTickLength(0, 0);
    m_plot->xAxis->setSubTicks(false);
    m_plot->yAxis->setSubTicks(false);
    m_band = new QCPItemRect(m_plot);
    m_band->setLayer(QStringLiteral("background"));
    m_band->setPen(Qt::NoPen);
    setFocusProxy(m_plot);
    layout->addWidget(m_plot, 1);

    makeNavigable(*m_plot, [this] { fitView(); });
    listenTo(*m_plot, {[this](const QPoint& at, const QPoint& global) { hover(at, global); },
                       [this](const QPoint& at) { click(at); }, [this](int key) { return pressed(key); }});
    m_picture = pictureOf(
        *m_plot, QStringLiteral("share-by-length"), [this] { return csv(); }, [this] { fitView(); });
    addPictureMenu(*m_plot, m_picture);
    connect(m_buttons, &QButtonGroup::idClicked, this, [this](int id) { setMeasure(static_cast<Measure>(id)); });
    connect(&m_selection, &Selection::changed, this, [this] { restyle(); });
    connect(&theme(), &Theme::changed, this, [this] { restyle(); });
    connect(m_plot, &QCustomPlot::afterLayout, this, [this] { layoutLabels(); });
    refill();
}

void SharePlot::setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison) {
    const bool same_axis = profile && m_profile && profile->options.lengths == m_profile->options.lengths;
    m_profile = profile;
    m_comparison = comparison;
    refill();
    if (!same_axis || m_measure != Measure::Share) fitView();
}

void SharePlot::setMeasure(Measure measure) {
    m_measure = measure;
    m_buttons->button(static_cast<int>(measure))->setChecked(true);
    refill();
    fitView();
}

std::vector<double> SharePlot::heightsOf(const profile::Point& point) const {
    std::vector<double> heights;
    heights.reserve(m_components.size());
    for (const Component component : m_components) {
        heights.push_back(measureOf(*m_profile, point, component, m_measure) * m_factor);
    }
    return heights;
}

const profile::Point* SharePlot::baselineAt(const profile::Point& point) const {
    if (comparedAt(m_comparison, &point) == nullptr) return nullptr;
    const std::vector<profile::Point>& points = m_comparison->before->points;
    const auto found = std::ranges::find(points, point.length, &profile::Point::length);
    return found == points.end() ? nullptr : &*found;
}

void SharePlot::refill() {
    // Components that only the baseline has are in its bars.
    std::array<bool, kComponentCount> seen{};
    for (const ProfilePtr& profile : {m_profile, m_comparison ? m_comparison->before : nullptr}) {
        if (!profile) continue;
        for (const Component component : componentsIn(*profile)) seen[static_cast<std::size_t>(component)] = true;
    }
    std::vector<Component> components;
    std::ranges::copy_if(kComponents, std::back_inserter(components),
                         [&](Component component) { return seen[static_cast<std::size_t>(component)]; });
    if (components != m_components) {
        for (const std::vector<QCPBars*>& all : {m_bars, m_baseline_bars}) {
            for (QCPBars* bars : all) m_plot->removePlottable(bars);
        }
        m_bars.clear();
        m_baseline_bars.clear();
        m_components = components;
        for (std::size_t i = 0; i < m_components.size(); ++i) {
            auto* bars = new QCPBars(m_plot->xAxis, m_plot->yAxis);
            bars->setName(nameOf(m_components[i]));
            bars->setWidth(kBarWidth);
            bars->setAntialiased(false);
            if (!m_bars.empty()) bars->moveAbove(m_bars.back());
            m_bars.push_back(bars);
        }
    }

    // One unit for the whole axis.
    double largest = 0;
    if (m_profile) {
        for (const profile::Point& point : m_profile->points) {
            const double tokens = m_measure == Measure::PerToken ? tokensOf(*m_profile, point) : 1;
            if (std::isfinite(point.total.median)) largest = std::max(largest, point.total.median / tokens);
        }
    }
    const Unit unit = m_measure == Measure::Share ? Unit{100, QStringLiteral("%")} : timeUnit(largest);
    m_factor = unit.factor;
    m_unit = unit.name;
    m_plot->yAxis->setLabel(m_measure == Measure::Share  ? tr("share of the pass, %")
                            : m_measure == Measure::Time ? tr("one pass, %1").arg(unit.name)
                                                         : tr("per token, %1").arg(unit.name));

    const std::size_t count = m_profile ? m_profile->points.size() : 0;
    for (std::size_t i = 0; i < m_bars.size(); ++i) {
        QVector<double> keys;
        QVector<double> values;
        for (std::size_t p = 0; p < count; ++p) {
            keys.push_back(static_cast<double>(p));
            values.push_back(measureOf(*m_profile, m_profile->points[p], m_components[i], m_measure) * m_factor);
        }
        m_bars[i]->setData(keys, values, true);
    }
    refillBaseline();
    restyle();
}

void SharePlot::refillBaseline() {
    if (!m_comparison) {
        for (QCPBars* bars : m_baseline_bars) m_plot->removePlottable(bars);
        m_baseline_bars.clear();
        return;
    }
    while (m_baseline_bars.size() < m_components.size()) {
        auto* bars = new QCPBars(m_plot->xAxis, m_plot->yAxis);
        bars->setName(tr("%1, baseline").arg(nameOf(m_components[m_baseline_bars.size()])));
        bars->setWidth(kBaselineWidth);
        bars->setAntialiased(false);
        if (!m_baseline_bars.empty()) bars->moveAbove(m_baseline_bars.back());
        m_baseline_bars.push_back(bars);
    }
    for (std::size_t i = 0; i < m_baseline_bars.size(); ++i) {
        QVector<double> keys;
        QVector<double> values;
        for (std::size_t p = 0; p < m_profile->points.size(); ++p) {
            const profile::Point* before = baselineAt(m_profile->points[p]);
            if (before == nullptr) continue;
            keys.push_back(static_cast<double>(p) + kBaselineAt);
            values.push_back(measureOf(*m_comparison->before, *before, m_components[i], m_measure) * m_factor);
        }
        m_baseline_bars[i]->setData(keys, values, true);
    }
}

void SharePlot::restyle() {
    stylePlot(*m_plot);
    const Colours& c = theme().colours();
    m_plot->xAxis->setTickPen(Qt::NoPen);
    m_band->setBrush(c.raised);
    const auto chosen = m_selection.focus().component;
    for (std::size_t i = 0; i < m_bars.size(); ++i) {
        QBrush brush = theme().brushOf(m_components[i]);
        if (chosen && *chosen != m_components[i]) brush.setColor(theme().faded(brush.color()));
        m_bars[i]->setBrush(brush);
        m_bars[i]->setPen(QPen(c.surface, 1));
    }
    for (std::size_t i = 0; i < m_baseline_bars.size(); ++i) {
        m_baseline_bars[i]->setBrush(theme().faded(theme().of(m_components[i])));
        m_baseline_bars[i]->setPen(QPen(c.surface, 1));
    }
    QStringList labels;
    m_band->setVisible(false);
    if (m_profile) {
        const profile::Point* current = pointOf(*m_profile, m_selection.focus());
        for (std::size_t p = 0; p < m_profile->options.lengths.size(); ++p) {
            labels << lengthText(m_profile->options.lengths[p]);
            if (p >= m_profile->points.size()) continue;
            labels.back() = lengthText(m_profile->points[p].length);
            if (&m_profile->points[p] == current && m_profile->options.lengths.size() > 1) {
                const auto x = static_cast<double>(p);
                m_band->topLeft->setTypeY(QCPItemPosition::ptAxisRectRatio);
                m_band->bottomRight->setTypeY(QCPItemPosition::ptAxisRectRatio);
                m_band->topLeft->setCoords(x - 0.46, 0);
                m_band->bottomRight->setCoords(x + 0.46, 1);
                m_band->setVisible(true);
            }
        }
        m_plot->xAxis->setLabel(m_profile->options.mode == profile::Mode::Prefill ? tr("tokens of the prompt")
                                                                                  : tr("tokens of context"));
    }
    m_plot->xAxis->setTicker(categoryTicker(labels));
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void SharePlot::layoutLabels() {
    for (QCPAbstractItem* item : m_labels) m_plot->removeItem(item);
    m_labels.clear();
    if (!m_profile || m_profile->points.empty() || m_bars.empty()) return;
    const Colours& c = theme().colours();
    const auto chosen = m_selection.focus().component;
    const QRect area = m_plot->axisRect()->rect();
    const QFont font = Theme::smallFont();

    // Shares inside the bars, where they fit.
    const double bar_pixels = std::abs(m_plot->xAxis->coordToPixel(kBarWidth) - m_plot->xAxis->coordToPixel(0));
    const QFontMetrics metrics(font);
    for (std::size_t p = 0; p < m_profile->points.size() && bar_pixels >= 20; ++p) {
        const std::vector<double> heights = heightsOf(m_profile->points[p]);
        double base = 0;
        for (std::size_t i = 0; i < heights.size(); ++i) {
            const double middle = base + heights[i] / 2;
            const double pixels = std::abs(m_plot->yAxis->coordToPixel(0) - m_plot->yAxis->coordToPixel(heights[i]));
            base += heights[i];
            if (pixels < metrics.height() + 1 || m_components[i] == Component::Other) continue;
            const QString text =
                m_measure == Measure::Share ? QString::number(heights[i], 'f', 0) : threeDigits(heights[i]);
            if (metrics.horizontalAdvance(text) > bar_pixels - 4) continue;
            auto* label = new QCPItemText(m_plot);
            label->setPositionAlignment(Qt::AlignCenter);
            label->position->setCoords(static_cast<double>(p), middle);
            label->setText(text);
            label->setFont(font);
            label->setColor(Theme::textOn(m_bars[i]->brush().color()));
            m_labels.push_back(label);
        }
    }

    // Names to the right of the last bar, at the height of their segments and clear of each other.
    const profile::Point& last = m_profile->points.back();
    const std::vector<double> heights = heightsOf(last);
    double sum = 0;
    for (const double height : heights) sum += height;
    std::vector<double> wanted;
    std::vector<std::size_t> index;
    double base = 0;
    for (std::size_t i = 0; i < heights.size(); ++i) {
        const double middle = base + heights[i] / 2;
        base += heights[i];
        if (heights[i] < kSmallest * sum && !(chosen && *chosen == m_components[i])) continue;
        wanted.push_back(area.bottom() - m_plot->yAxis->coordToPixel(middle));
        index.push_back(i);
    }
    const std::vector<double> at = spreadLabels(wanted, kLabelGap, 6, area.height() - 4);
    const double x_bar = m_plot->xAxis->coordToPixel(static_cast<double>(m_profile->points.size() - 1) + kBarWidth / 2);
    const double x_text = std::min<double>(x_bar + 14, area.right() + 8);
    for (std::size_t k = 0; k < index.size(); ++k) {
        const Component component = m_components[index[k]];
        const double y = area.bottom() - at[k];
        auto* line = new QCPItemLine(m_plot);
        line->setClipToAxisRect(false);
        line->start->setType(QCPItemPosition::ptAbsolute);
        line->end->setType(QCPItemPosition::ptAbsolute);
        line->start->setCoords(x_bar + 2, area.bottom() - wanted[k]);
        line->end->setCoords(x_text - 2, y);
        line->setPen(QPen(theme().of(component), 1));
        m_labels.push_back(line);
        auto* label = new QCPItemText(m_plot);
        label->setClipToAxisRect(false);
        label->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
        label->position->setType(QCPItemPosition::ptAbsolute);
        label->position->setCoords(x_text, y);
        label->setText(nameOf(component));
        QFont label_font = font;
        label_font.setBold(chosen && *chosen == component);
        label->setFont(label_font);
        label->setColor(chosen && *chosen != component ? c.muted : c.text);
        m_labels.push_back(label);
    }
}

void SharePlot::fitView() {
    if (!m_profile) return;
    const auto count = static_cast<double>(std::max<std::size_t>(m_profile->options.lengths.size(), 1));
    m_plot->xAxis->setRange(-0.55, std::max(count, 2.0) - 0.45);
    double top = 0;
    for (const profile::Point& point : m_profile->points) {
        double sum = 0;
        for (const double height : heightsOf(point)) sum += height;
        top = std::max(top, sum);
        const profile::Point* before = baselineAt(point);
        if (before == nullptr) continue;
        double baseline = 0;
        for (const Component component : m_components) {
            baseline += measureOf(*m_comparison->before, *before, component, m_measure) * m_factor;
        }
        top = std::max(top, baseline);
    }
    m_plot->yAxis->setRange(0, m_measure == Measure::Share ? 100 : std::max(top * 1.04, 1e-9));
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

SharePlot::Hit SharePlot::hitAt(const QPoint& at) const {
    if (!m_profile || !m_plot->axisRect()->rect().contains(at)) return {};
    const double x = m_plot->xAxis->pixelToCoord(at.x());
    const int index = static_cast<int>(std::lround(x));
    if (index < 0 || index >= static_cast<int>(m_profile->points.size())) return {};
    Hit hit;
    hit.point = index;
    if (std::abs(x - index) <= kBarWidth / 2) {
        const std::vector<double> heights = heightsOf(m_profile->points[static_cast<std::size_t>(index)]);
        hit.component = segmentAt(heights, m_plot->yAxis->pixelToCoord(at.y()));
    }
    return hit;
}

void SharePlot::hover(const QPoint& at, const QPoint& global) {
    const Hit hit = hitAt(at);
    if (hit.point < 0) {
        QToolTip::hideText();
        return;
    }
    const profile::Point& point = m_profile->points[static_cast<std::size_t>(hit.point)];
    QString text = tr("<b>%1 tokens</b>, batch %2<br>%3 a pass, %4 tokens/s")
                       .arg(grouped(point.length), grouped(m_profile->options.batch), timeText(point.total),
                            threeDigits(point.tokens_per_second));
    if (hit.component >= 0) {
        const Component component = m_components[static_cast<std::size_t>(hit.component)];
        if (const profile::ComponentCost* cost = point.find(component)) {
            text = tr("<b>%1</b> at %2 tokens<br>%3 (%4)<br>%5 calls, n = %6")
                       .arg(nameOf(component), grouped(point.length), timeText(cost->time), percentText(cost->share),
                            grouped(cost->calls), grouped(static_cast<qint64>(cost->time.n())));
            if (component != Component::Other) {
                text += QStringLiteral("<br>") +
                        floorTip(*m_profile, point, *cost).replace(QLatin1Char('\n'), QLatin1String("<br>"));
            }
        }
    }
    if (const profile::PointComparison* compared = comparedAt(m_comparison, &point)) {
        const profile::Change* change = hit.component >= 0
                                            ? compared->find(m_components[static_cast<std::size_t>(hit.component)])
                                            : compared->find(profile::Subject::Pass);
        if (change != nullptr) text += QStringLiteral("<br>") + changeText(*change);
    }
    QToolTip::showText(global + QPoint(12, 12), text, m_plot);
}

void SharePlot::click(const QPoint& at) {
    const Hit hit = hitAt(at);
    Focus focus = m_selection.focus();
    if (hit.point >= 0) {
        const std::int64_t length = m_profile->points[static_cast<std::size_t>(hit.point)].length;
        if (focus.length != length) focus.range_us.reset();
        focus.length = length;
    }
    if (hit.component >= 0) {
        const Component component = m_components[static_cast<std::size_t>(hit.component)];
        focus.component = component;
    } else {
        focus.component.reset();
    }
    m_selection.set(focus);
}

bool SharePlot::pressed(int key) {
    if (!m_profile || m_profile->points.empty() || m_components.empty()) return false;
    const auto count = static_cast<int>(m_profile->points.size());
    const auto components = static_cast<int>(m_components.size());
    const profile::Point* current = pointOf(*m_profile, m_selection.focus());
    int point = static_cast<int>(current - m_profile->points.data());
    const auto chosen = m_selection.focus().component;
    const auto found = chosen ? std::find(m_components.begin(), m_components.end(), *chosen) : m_components.end();
    int component = found == m_components.end() ? -1 : static_cast<int>(found - m_components.begin());
    switch (key) {
        case Qt::Key_Left: point = std::max(0, point - 1); break;
        case Qt::Key_Right: point = std::min(count - 1, point + 1); break;
        case Qt::Key_Up: component = std::min(components - 1, component + 1); break;
        case Qt::Key_Down: component = std::max(0, component - 1); break;
        default: return false;
    }
    Focus focus = m_selection.focus();
    const std::int64_t length = m_profile->points[static_cast<std::size_t>(point)].length;
    if (focus.length != length) focus.range_us.reset();
    focus.length = length;
    if (component >= 0) focus.component = m_components[static_cast<std::size_t>(component)];
    m_selection.set(focus);
    return true;
}

QPoint SharePlot::segmentCentre(std::size_t point, Component component) const {
    if (!m_profile || point >= m_profile->points.size()) return {-1, -1};
    const std::vector<double> heights = heightsOf(m_profile->points[point]);
    double base = 0;
    for (std::size_t i = 0; i < heights.size(); ++i) {
        if (m_components[i] == component && heights[i] > 0) {
            return {static_cast<int>(m_plot->xAxis->coordToPixel(static_cast<double>(point))),
                    static_cast<int>(m_plot->yAxis->coordToPixel(base + heights[i] / 2))};
        }
        base += heights[i];
    }
    return {-1, -1};
}

QString SharePlot::csv() const {
    if (!m_profile) return {};
    QString text = QStringLiteral("length");
    for (const Component component : m_components) {
        text += QStringLiteral(",%1 [%2]").arg(nameOf(component), m_unit);
    }
    text += QLatin1Char('\n');
    for (const profile::Point& point : m_profile->points) {
        text += QString::number(point.length);
        for (const double height : heightsOf(point)) text += QLatin1Char(',') + csvNumber(height);
        text += QLatin1Char('\n');
    }
    return text;
}

}  // namespace perfmamba::widgets
