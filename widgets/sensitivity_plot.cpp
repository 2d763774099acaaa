#include "widgets/sensitivity_plot.h"

#include <QToolTip>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {

SensitivityPlot::SensitivityPlot(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_plot = new QCustomPlot;
    m_plot->setMinimumSize(240, 180);
    m_plot->setAccessibleName(tr("What is lost when a layer is pruned alone"));
    m_plot->setAccessibleDescription(tr("Left and right select the layer."));
    m_plot->axisRect()->setMinimumMargins(QMargins(44, 10, 14, 18));
    m_plot->xAxis->setLabel(tr("layer"));
    m_plot->xAxis->grid()->setVisible(false);
    m_plot->xAxis->setSubTicks(false);
    m_plot->yAxis->setSubTicks(false);
    setFocusProxy(m_plot);
    layout->addWidget(m_plot);
    makeNavigable(*m_plot, [this] { refit(); });
    listenTo(*m_plot, {[this](const QPoint& at, const QPoint& global) { hover(at, global); },
                       [this](const QPoint& at) { click(at); }, [this](int key) { return pressed(key); }});
    m_picture = pictureOf(
        *m_plot, QStringLiteral("layers-alone"), [this] { return csv(); }, [this] { refit(); });
    addPictureMenu(*m_plot, m_picture);
    connect(&m_selection, &Selection::changed, this, [this] { refill(); });
    connect(&theme(), &Theme::changed, this, [this] { refill(); });
    setStudy(nullptr);
}

void SensitivityPlot::setStudy(const study::StudyPtr& study) {
    m_deltas.clear();
    m_quality = tr("accuracy");
    if (study) {
        m_deltas = sensitivityOf(*study);
        m_quality = fromView(study::qualityName(study->unpruned));
    }
    refill();
    refit();
}

void SensitivityPlot::refill() {
    QCustomPlot& plot = *m_plot;
    plot.clearPlottables();
    plot.clearItems();
    stylePlot(plot);
    const Colours& c = theme().colours();
    plot.yAxis->setLabel(
        m_deltas.empty()
            ? tr("Δ %1").arg(m_quality)
            : tr("Δ %1 without %2 of the layer's states").arg(m_quality, percentText(m_deltas.front().share)));
    if (m_deltas.empty()) {
        auto* note = new QCPItemText(&plot);
        note->position->setType(QCPItemPosition::ptAxisRectRatio);
        note->position->setCoords(0.5, 0.4);
        note->setText(
            tr("Run a study that prunes\none layer at a time\n(study → sensitivity)\nto see which layers matter"));
        note->setColor(c.muted);
        note->setFont(plot.font());
    }
    showNumbers(*plot.xAxis, !m_deltas.empty());
    showNumbers(*plot.yAxis, !m_deltas.empty());
    plot.yAxis->grid()->setVisible(!m_deltas.empty());
    auto* bars = new QCPBars(plot.xAxis, plot.yAxis);
    auto* chosen = new QCPBars(plot.xAxis, plot.yAxis);
    const auto layer = m_selection.focus().layer;
    for (const LayerDelta& delta : m_deltas) {
        const auto x = static_cast<double>(delta.layer);
        (layer && *layer == delta.layer ? chosen : bars)->addData(x, delta.delta);
        auto* error = new QCPItemLine(&plot);
        error->start->setCoords(x, delta.delta - delta.error);
        error->end->setCoords(x, delta.delta + delta.error);
        error->setPen(QPen(c.text, 1));
    }
    bars->setBrush(layer && chosen->dataCount() > 0 ? theme().faded(c.accent) : c.accent);
    chosen->setBrush(c.accent);
    for (QCPBars* each : {bars, chosen}) {
        each->setWidth(kBarWidth);
        each->setPen(Qt::NoPen);
        each->setAntialiased(false);
    }
    QSharedPointer<QCPAxisTickerFixed> ticker(new QCPAxisTickerFixed);
    ticker->setTickStep(1);
    ticker->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
    plot.xAxis->setTicker(ticker);
    plot.replot(QCustomPlot::rpQueuedReplot);
}

void SensitivityPlot::refit() {
    double low = 0;
    double high = 0;
    double last = 1;
    for (const LayerDelta& delta : m_deltas) {
        low = std::min(low, delta.delta - delta.error);
        high = std::max(high, delta.delta + delta.error);
        last = std::max(last, static_cast<double>(delta.layer));
    }
    const double room = std::max((high - low) * 0.06, 1e-6);
    m_plot->xAxis->setRange(-0.6, last + 0.6);
    m_plot->yAxis->setRange(low - room, high + room);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

int SensitivityPlot::barAt(const QPoint& at) const {
    if (!m_plot->axisRect()->rect().contains(at)) return -1;
    const double x = m_plot->xAxis->pixelToCoord(at.x());
    for (std::size_t i = 0; i < m_deltas.size(); ++i) {
        if (std::abs(x - static_cast<double>(m_deltas[i].layer)) <= 0.5) return static_cast<int>(i);
    }
    return -1;
}

QString SensitivityPlot::tipOf(const LayerDelta& delta) const {
    return tr("layer %1 alone, %2 of its states removed\nΔ %3 %4 ± %5 (standard errors of both)")
        .arg(delta.layer)
        .arg(percentText(delta.share), m_quality, threeDigits(delta.delta), threeDigits(delta.error));
}

void SensitivityPlot::step(int by) {
    if (m_deltas.empty()) return;
    const auto layer = m_selection.focus().layer;
    const auto found = std::find_if(m_deltas.begin(), m_deltas.end(),
                                    [&](const LayerDelta& delta) { return layer && *layer == delta.layer; });
    const auto last = static_cast<std::ptrdiff_t>(m_deltas.size()) - 1;
    const std::ptrdiff_t at = found == m_deltas.end() ? 0 : found - m_deltas.begin() + by;
    const LayerDelta& delta = m_deltas[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 0, last))];
    m_plot->setAccessibleDescription(tipOf(delta));
    m_selection.setLayer(static_cast<std::int32_t>(delta.layer));
}

void SensitivityPlot::hover(const QPoint& at, const QPoint& global) {
    const int bar = barAt(at);
    if (bar < 0) {
        QToolTip::hideText();
    } else {
        QToolTip::showText(global, tipOf(m_deltas[static_cast<std::size_t>(bar)]), m_plot);
    }
}

void SensitivityPlot::click(const QPoint& at) {
    const int bar = barAt(at);
    if (bar >= 0) m_selection.setLayer(static_cast<std::int32_t>(m_deltas[static_cast<std::size_t>(bar)].layer));
}

bool SensitivityPlot::pressed(int key) {
    if (key != Qt::Key_Left && key != Qt::Key_Right) return false;
    step(key == Qt::Key_Left ? -1 : 1);
    return true;
}

QString SensitivityPlot::csv() const {
    QString text =
        QStringLiteral("layer,share removed [1],%1,standard error [1]\n").arg(csvField(tr("Δ %1 [1]").arg(m_quality)));
    for (const LayerDelta& delta : m_deltas) {
        text += QStringLiteral("%1,%2,%3,%4\n")
                    .arg(delta.layer)
                    .arg(csvNumber(delta.share))
                    .arg(csvNumber(delta.delta))
                    .arg(csvNumber(delta.error));
    }
    return text;
}

}  // namespace perfmamba::widgets
