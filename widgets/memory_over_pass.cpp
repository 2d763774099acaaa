// The memory page's upper plot: what was in use over the last pass, stacked by kind or by component.
#include <QButtonGroup>
#include <QCheckBox>
#include <QToolTip>
#include <algorithm>

#include "widgets/derive.h"
#include "widgets/format.h"
#include "widgets/memory_page.h"
#include "widgets/plot_style.h"
#include "widgets/theme.h"
#include "widgets/timeline_layout.h"

namespace perfmamba::widgets {
namespace {

constexpr double kBandShare = 0.045;    // of the plot's height, below zero: what was running
constexpr double kRoomForLabel = 1.16;  // top of the plot over the peak: the peak's name
constexpr std::size_t kColumns = 600;   // steps drawn at most: more cannot be told apart
/// From the bottom: what stays longest lies lowest.
constexpr std::array kStackOrder = {MemoryKind::Weights, MemoryKind::State, MemoryKind::Activations, MemoryKind::Logits,
                                    MemoryKind::Workspace};

}  // namespace

bool MemoryPage::byComponent() const {
    return m_stacked_by->checkedId() == 1;
}

void MemoryPage::setByComponent(bool by_component) {
    m_stacked_by->button(by_component ? 1 : 0)->setChecked(true);
    fillOverPass();
    fitOverPass();
}

void MemoryPage::makeBands() {
    m_bands.clear();
    m_times_us.clear();
    if (m_point == nullptr) return;
    const bool with_weights = m_weights->isChecked();
    if (byComponent()) {
        makeComponentBands(with_weights);
    } else {
        MemoryCurve curve = memoryCurveOf(*m_point, kColumns);
        for (const MemoryKind kind : kStackOrder) {
            if (kind == MemoryKind::Weights && !with_weights) continue;
            m_bands.push_back({nameOf(kind), theme().of(kind), std::move(curve.bytes[static_cast<std::size_t>(kind)])});
        }
        m_times_us = std::move(curve.time_us);
    }
    std::erase_if(m_bands, [](const Band& band) {
        return std::all_of(band.bytes.begin(), band.bytes.end(), [](double b) { return b == 0; });
    });
}

void MemoryPage::makeComponentBands(bool with_weights) {
    const Colours& c = theme().colours();
    ComponentMemoryCurve curve = componentMemoryCurveOf(*m_point, kColumns);
    // What no component of this pass allocated lies below, in colours that no component has.
    if (with_weights) m_bands.push_back({nameOf(MemoryKind::Weights), c.raised, std::move(curve.weights)});
    m_bands.push_back({tr("before the pass"), c.border, std::move(curve.before)});
    const auto chosen = m_selection.focus().component;
    for (const Component component : kComponents) {
        const bool lit = !chosen || *chosen == component;
        m_bands.push_back({nameOf(component),
                           lit ? theme().brushOf(component) : QBrush(theme().faded(theme().of(component))),
                           std::move(curve.bytes[static_cast<std::size_t>(component)])});
    }
    m_times_us = std::move(curve.time_us);
}

QString MemoryPage::overPassTip(double time_us, double bytes) const {
    if (m_point == nullptr || m_times_us.empty() || time_us < 0 || time_us > m_point->last_pass_us) return {};
    const auto after = std::upper_bound(m_times_us.begin(), m_times_us.end(), time_us);
    const auto step = static_cast<std::size_t>(std::max<std::ptrdiff_t>(after - m_times_us.begin() - 1, 0));
    std::vector<double> heights;
    double sum = 0;
    for (const Band& band : m_bands) {
        heights.push_back(band.bytes[step]);
        sum += band.bytes[step];
    }
    QString text = tr("<b>%1</b> in use at %2").arg(bytesText(sum), timeText(time_us));
    for (const Span& span : m_point->last_pass) {
        if (span.stage != Stage::Whole || time_us < span.begin_us || time_us >= span.end_us) continue;
        const QString layer = span.layer >= 0 ? tr(" of layer %1").arg(span.layer) : QString();
        text += tr("<br>%1%2 runs").arg(nameOf(span.component), layer);
        break;
    }
    const int under = segmentAt(heights, bytes);
    for (std::size_t i = m_bands.size(); i-- > 0;) {
        if (heights[i] <= 0) continue;
        const QString line = tr("%1: %2").arg(m_bands[i].name, bytesText(heights[i]));
        text += QStringLiteral("<br>") + (static_cast<int>(i) == under ? QStringLiteral("<b>%1</b>").arg(line) : line);
    }
    return text;
}

void MemoryPage::hover(QMouseEvent* event) {
    if (m_point == nullptr || event->buttons() != Qt::NoButton ||
        !m_over_pass->axisRect()->rect().contains(event->pos())) {
        QToolTip::hideText();
        return;
    }
    const double time_us = m_over_pass->xAxis->pixelToCoord(event->pos().x()) / timeUnit(m_point->last_pass_us).factor;
    const double bytes = m_over_pass->yAxis->pixelToCoord(event->pos().y()) / bytesUnit(m_most).factor;
    const QString tip = overPassTip(time_us, bytes);
    if (tip.isEmpty()) {
        QToolTip::hideText();
    } else {
        QToolTip::showText(event->globalPosition().toPoint() + QPoint(12, 14), tip, m_over_pass);
    }
}

void MemoryPage::paintRunning(double time_factor) {
    // What was running: a band along the time axis in the components' colours.
    TimeView view{0, m_point->last_pass_us, 0, static_cast<double>(kColumns)};
    std::vector<Span> whole;
    for (const Span& span : m_point->last_pass) {
        if (span.stage == Stage::Whole) whole.push_back(span);
    }
    const auto& chosen = m_selection.focus();
    for (const Block& block : blocksOf(whole, view)) {
        const Span& span = whole[block.index];
        auto* rect = new QCPItemRect(m_over_pass);
        rect->topLeft->setTypeY(QCPItemPosition::ptAxisRectRatio);
        rect->bottomRight->setTypeY(QCPItemPosition::ptAxisRectRatio);
        rect->topLeft->setCoords(view.toTime(block.x0) * time_factor, 1 - kBandShare * 0.8);
        rect->bottomRight->setCoords(view.toTime(block.x1) * time_factor, 1);
        rect->setPen(Qt::NoPen);
        const bool lit = (!chosen.component || *chosen.component == span.component) &&
                         (!chosen.layer || *chosen.layer == span.layer);
        rect->setBrush(lit ? theme().of(span.component) : theme().faded(theme().of(span.component)));
        rect->setAntialiased(false);
    }
}

void MemoryPage::fillOverPass() {
    QCustomPlot& plot = *m_over_pass;
    plot.clearItems();
    plot.clearPlottables();
    stylePlot(plot);
    makeBands();
    if (m_point == nullptr) {
        plot.replot(QCustomPlot::rpQueuedReplot);
        return;
    }
    const Colours& c = theme().colours();
    const bool with_weights = m_weights->isChecked();
    const Unit time = timeUnit(m_point->last_pass_us);

    // Cumulated from the bottom; drawn from the top down, each filled to zero and covering what is above the next.
    std::vector<std::vector<double>> tops;
    std::vector<double> sum(m_times_us.size(), 0.0);
    for (const Band& band : m_bands) {
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += band.bytes[i];
        tops.push_back(sum);
    }
    m_most = sum.empty() ? 1 : *std::max_element(sum.begin(), sum.end());
    const Unit unit = bytesUnit(m_most);
    QVector<double> keys;
    for (const double t : m_times_us) keys.push_back(t * time.factor);
    const auto area = [&](std::size_t i, const QBrush& brush) {
        QCPGraph* graph = plot.addGraph();
        graph->setName(m_bands[i].name);
        graph->setLineStyle(QCPGraph::lsStepLeft);
        graph->setPen(Qt::NoPen);
        graph->setBrush(brush);
        graph->setAntialiasedFill(false);
        QVector<double> values;
        for (const double bytes : tops[i]) values.push_back(bytes * unit.factor);
        graph->setData(keys, values, true);
        return graph;
    };
    for (std::size_t i = m_bands.size(); i-- > 0;) {
        // A hatch would let through the areas that it covers.
        if (m_bands[i].brush.style() != Qt::SolidPattern) area(i, c.surface)->removeFromLegend();
        area(i, m_bands[i].brush);
    }
    wrapLegend(plot, plot.width());
    plot.xAxis->setLabel(tr("time in the pass, %1").arg(time.name));
    plot.yAxis->setLabel(with_weights ? tr("in use, %1").arg(unit.name)
                                      : tr("in use besides weights, %1").arg(unit.name));
    if (!m_point->last_pass.empty()) paintRunning(time.factor);

    const auto peak = sum.empty() ? sum.end() : std::max_element(sum.begin(), sum.end());
    if (peak != sum.end() && *peak > 0) {
        const double at = keys[static_cast<qsizetype>(peak - sum.begin())];
        auto* line = new QCPItemStraightLine(&plot);
        line->point1->setCoords(0, *peak * unit.factor);
        line->point2->setCoords(1, *peak * unit.factor);
        line->setPen(QPen(c.text, 1, Qt::DashLine));
        auto* label = new QCPItemText(&plot);
        const profile::MemoryProfile& memory = m_point->memory;
        label->setText((with_weights ? tr("peak %1 · %2%3") : tr("peak %1 without weights · %2%3"))
                           .arg(bytesText(*peak), nameOf(memory.peak_component),
                                memory.peak_layer >= 0 ? tr(", layer %1").arg(memory.peak_layer) : QString()));
        label->setFont(Theme::smallFont());
        label->setColor(c.text);
        label->setPadding(QMargins(4, 1, 4, 2));
        const bool right_half = at > m_point->last_pass_us * time.factor / 2;
        label->setPositionAlignment(Qt::AlignBottom | (right_half ? Qt::AlignRight : Qt::AlignLeft));
        label->position->setCoords(at, *peak * unit.factor);
    }
    if (const auto range = m_selection.focus().range_us) {
        auto* band = new QCPItemRect(&plot);
        band->topLeft->setTypeY(QCPItemPosition::ptAxisRectRatio);
        band->bottomRight->setTypeY(QCPItemPosition::ptAxisRectRatio);
        band->topLeft->setCoords(range->first * time.factor, 0);
        band->bottomRight->setCoords(range->second * time.factor, 1);
        QColor colour = c.accent;
        colour.setAlphaF(0.16F);
        band->setBrush(colour);
        band->setPen(QPen(c.accent, 1));
    }
    plot.replot(QCustomPlot::rpQueuedReplot);
}

void MemoryPage::fitOverPass() {
    if (m_point == nullptr) return;
    const Unit unit = bytesUnit(m_most);
    m_over_pass->xAxis->setRange(0, std::max(m_point->last_pass_us, 1e-3) * timeUnit(m_point->last_pass_us).factor);
    const double top = m_most * unit.factor * kRoomForLabel;
    m_over_pass->yAxis->setRange(-top * kBandShare / (1 - kBandShare), top);
    m_over_pass->replot(QCustomPlot::rpQueuedReplot);
}

}  // namespace perfmamba::widgets
