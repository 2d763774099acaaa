#include "widgets/score_histogram.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <limits>

#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr std::size_t kBins = 48;
constexpr int kReach = 7;         // pixels beside the handle that still catch it
constexpr double kMargin = 0.04;  // of the axis, on both sides
constexpr double kStep = 0.01;    // of the axis, for a key

}  // namespace

ScoreHistogram::ScoreHistogram(QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* counts = new QHBoxLayout;
    counts->setContentsMargins(10, 0, 10, 0);
    m_go = new QLabel;
    m_stay = new QLabel;
    for (QLabel* label : {m_go, m_stay}) label->setFont(Theme::smallFont());
    m_stay->setAlignment(Qt::AlignRight);
    counts->addWidget(m_go, 1);
    counts->addWidget(m_stay, 1);
    layout->addLayout(counts);

    m_plot = new QCustomPlot;
    m_plot->setMinimumSize(140, 110);
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->setAccessibleName(tr("Histogram of the scores, with the threshold"));
    m_plot->setAccessibleDescription(tr("Left and Right move the threshold, with Shift further"));
    m_plot->yAxis->setTickLabels(false);
    m_plot->yAxis->setTicks(false);
    m_plot->axisRect()->setMinimumMargins(QMargins(10, 16, 10, 16));
    m_plot->axisRect()->setRangeZoomAxes(m_plot->xAxis, nullptr);
    m_plot->axisRect()->setRangeDragAxes(m_plot->xAxis, nullptr);
    // The handle moves far more often than the bars change: it lies on a layer of its own.
    m_plot->addLayer(QStringLiteral("handle"));
    m_plot->layer(QStringLiteral("handle"))->setMode(QCPLayer::lmBuffered);
    makeNavigable(*m_plot, [this] { fit(); });
    m_plot->installEventFilter(this);  // after the plot's own, so before it
    connect(m_plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] {
        if (!m_fitting) m_zoomed = true;
        fillHandle();
    });
    m_picture = pictureOf(
        *m_plot, QStringLiteral("scores"), [this] { return csv(); }, [this] { fit(); });
    addPictureMenu(*m_plot, m_picture);
    layout->addWidget(m_plot, 1);
    setFocusProxy(m_plot);
    connect(&theme(), &Theme::changed, this, [this] { fill(); });
    fill();
}

QWidget* ScoreHistogram::plot() const {
    return m_plot;
}

void ScoreHistogram::setScores(std::shared_ptr<const prune::Scores> scores) {
    if (scores == m_scores) return;
    m_scores = std::move(scores);
    const bool was_log = m_bins.log;
    m_sorted = m_scores ? sortedScores(*m_scores) : std::vector<double>();
    m_bins = scoreBinsOf(m_sorted, kBins);
    fill();
    if (!m_zoomed || was_log != m_bins.log) fit();
}

void ScoreHistogram::setThreshold(std::optional<double> threshold) {
    if (threshold && !std::isfinite(*threshold)) threshold.reset();
    if (threshold == m_threshold) return;
    m_threshold = threshold;
    fill();
}

std::int64_t ScoreHistogram::under() const {
    return m_threshold ? countUnder(m_sorted, *m_threshold) : 0;
}

void ScoreHistogram::say() {
    const auto all = static_cast<std::int64_t>(m_sorted.size());
    if (all == 0) {
        m_go->clear();
        m_stay->clear();
        return;
    }
    m_go->setText(m_threshold ? tr("%1 go").arg(grouped(under())) : tr("%1 states").arg(grouped(all)));
    m_stay->setText(m_threshold ? tr("%1 stay").arg(grouped(all - under())) : QString());
    QString tip = tr("%1 of %2 states score under the threshold").arg(grouped(under()), grouped(all));
    if (m_bins.off_axis > 0) {
        tip += tr("; %1 score no more than 0, left of a logarithmic axis").arg(grouped(m_bins.off_axis));
    }
    m_go->setToolTip(tip);
    m_stay->setToolTip(tip);
}

void ScoreHistogram::fill() {
    QCustomPlot& plot = *m_plot;
    plot.clearPlottables();
    plot.clearItems();
    stylePlot(plot);
    plot.xAxis->grid()->setVisible(false);
    plot.yAxis->grid()->setVisible(false);
    plot.yAxis->setBasePen(Qt::NoPen);
    say();
    const bool any = !m_bins.counts.empty();
    plot.xAxis->setVisible(any);
    if (!any) {
        plot.replot(QCustomPlot::rpQueuedReplot);
        return;
    }
    const Colours& c = theme().colours();
    const auto area = [&](double from, double to, const QBrush& brush) {
        QVector<double> keys;
        QVector<double> values;
        for (std::size_t i = 0; i < m_bins.counts.size(); ++i) {
            if (m_bins.edges[i + 1] <= from || m_bins.edges[i] >= to) continue;
            keys.push_back(std::max(from, m_bins.edges[i]));
            values.push_back(static_cast<double>(m_bins.counts[i]));
        }
        if (keys.isEmpty()) return;
        keys.push_back(std::min(to, m_bins.edges.back()));
        values.push_back(0);
        QCPGraph* graph = plot.addGraph();
        graph->setLineStyle(QCPGraph::lsStepLeft);
        graph->setPen(Qt::NoPen);
        graph->setBrush(brush);
        graph->setAntialiasedFill(false);
        graph->setAdaptiveSampling(false);
        graph->setData(keys, values, true);
    };
    const double beyond = std::numeric_limits<double>::infinity();
    const double split = m_threshold.value_or(-beyond);
    area(-beyond, split, QBrush(c.muted, Qt::BDiagPattern));
    area(split, beyond, c.accent);

    plot.xAxis->setScaleType(m_bins.log ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    if (m_bins.log) {
        plot.xAxis->setTicker(QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog));
        plot.xAxis->ticker()->setTickCount(4);
    } else {
        plot.xAxis->setTicker(plainTicker());
        plot.xAxis->ticker()->setTickCount(3);
    }
    plot.xAxis->setNumberFormat(QStringLiteral("gb"));
    plot.xAxis->setNumberPrecision(3);
    const auto unit = QString::fromStdString(m_scores->unit);
    plot.xAxis->setLabel(unit.isEmpty() || unit == QLatin1String("1") ? tr("score") : tr("score, %1").arg(unit));
    fillHandle();
    const auto most = static_cast<double>(*std::max_element(m_bins.counts.begin(), m_bins.counts.end()));
    plot.yAxis->setRange(0, most * 1.05);
    plot.replot(QCustomPlot::rpQueuedReplot);
}

void ScoreHistogram::fillHandle() {
    m_plot->clearItems();
    if (!m_threshold || m_bins.edges.empty()) return;
    const double at = std::clamp(*m_threshold, m_bins.edges.front(), m_bins.edges.back());
    if (!m_plot->xAxis->range().contains(at)) return;
    const Colours& c = theme().colours();
    constexpr double kHead = -0.02;  // just above the bars, as a share of the plot's height
    auto* line = new QCPItemLine(m_plot);
    line->setLayer(QStringLiteral("handle"));
    line->setClipToAxisRect(false);
    for (QCPItemPosition* end : {line->start, line->end}) end->setTypeY(QCPItemPosition::ptAxisRectRatio);
    line->start->setCoords(at, 1);
    line->end->setCoords(at, kHead);
    line->setPen(QPen(c.text, 2));
    line->setHead(QCPLineEnding(QCPLineEnding::esSquare, 7, 7));
    auto* label = new QCPItemText(m_plot);
    label->setLayer(QStringLiteral("handle"));
    label->setClipToAxisRect(false);
    label->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
    label->position->setCoords(at, kHead);
    const bool right_half = m_plot->xAxis->coordToPixel(at) > m_plot->axisRect()->center().x();
    label->setPositionAlignment(Qt::AlignVCenter | (right_half ? Qt::AlignRight : Qt::AlignLeft));
    label->setPadding(QMargins(8, 0, 8, 0));
    label->setText(threeDigits(*m_threshold));
    label->setFont(Theme::smallFont());
    label->setColor(c.text);
}

void ScoreHistogram::fit() {
    m_zoomed = false;
    if (m_bins.edges.empty()) return;
    const double low = m_bins.edges.front();
    const double high = m_bins.edges.back();
    m_fitting = true;
    if (m_bins.log) {
        const double margin = std::pow(high / low, kMargin);
        m_plot->xAxis->setRange(low / margin, high * margin);
    } else {
        const double margin = (high - low) * kMargin;
        m_plot->xAxis->setRange(low - margin, high + margin);
    }
    m_fitting = false;
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

double ScoreHistogram::scoreAt(double x) const {
    // A little beyond the last score, so that the threshold can remove it too.
    const double high = m_bins.edges.back();
    const double beyond = m_bins.log ? high * 1.001 : high + (high - m_bins.edges.front()) * 0.001;
    return std::clamp(m_plot->xAxis->pixelToCoord(x), m_bins.edges.front(), beyond);
}

QPoint ScoreHistogram::pointOf(double score) const {
    return {static_cast<int>(std::lround(m_plot->xAxis->coordToPixel(score))), m_plot->axisRect()->center().y()};
}

bool ScoreHistogram::onHandle(const QPoint& at) const {
    if (!m_threshold || m_bins.edges.empty()) return false;
    const double drawn = std::clamp(*m_threshold, m_bins.edges.front(), m_bins.edges.back());
    return std::abs(at.x() - pointOf(drawn).x()) <= kReach;
}

void ScoreHistogram::request(double threshold) {
    if (threshold != m_threshold) Q_EMIT thresholdRequested(threshold);
}

void ScoreHistogram::step(double share) {
    const double drawn = std::clamp(*m_threshold, m_bins.edges.front(), m_bins.edges.back());
    const double pixels = share * m_plot->axisRect()->width();
    request(scoreAt(m_plot->xAxis->coordToPixel(drawn) + pixels));
}

bool ScoreHistogram::eventFilter(QObject* watched, QEvent* event) {
    switch (event->type()) {
        case QEvent::MouseButtonPress: {
            const auto* mouse = static_cast<QMouseEvent*>(event);
            m_dragging = mouse->button() == Qt::LeftButton && onHandle(mouse->pos());
            if (m_dragging) m_plot->setFocus(Qt::MouseFocusReason);
            return m_dragging;
        }
        case QEvent::MouseMove: {
            const auto* mouse = static_cast<QMouseEvent*>(event);
            if (m_dragging) {
                request(scoreAt(mouse->position().x()));
                return true;
            }
            m_plot->setCursor(onHandle(mouse->pos()) ? Qt::SplitHCursor : Qt::ArrowCursor);
            break;
        }
        case QEvent::MouseButtonRelease:
            if (!m_dragging) break;
            m_dragging = false;
            return true;
        case QEvent::KeyPress: {
            if (!m_threshold || m_bins.edges.empty()) break;
            const auto* key = static_cast<QKeyEvent*>(event);
            const double share = key->modifiers().testFlag(Qt::ShiftModifier) ? kStep * 10 : kStep;
            switch (key->key()) {
                case Qt::Key_Left: step(-share); return true;
                case Qt::Key_Right: step(share); return true;
                case Qt::Key_PageUp: step(kStep * 10); return true;
                case Qt::Key_PageDown: step(-kStep * 10); return true;
                default: break;
            }
            break;
        }
        default: break;
    }
    return QWidget::eventFilter(watched, event);
}

QString ScoreHistogram::csv() const {
    const QString unit = m_scores ? QString::fromStdString(m_scores->unit) : QStringLiteral("1");
    QString text = QStringLiteral("from [%1],to [%1],states\n").arg(unit);
    if (m_bins.off_axis > 0) text += QStringLiteral("-inf,0,%1\n").arg(m_bins.off_axis);
    for (std::size_t i = 0; i < m_bins.counts.size(); ++i) {
        text += QStringLiteral("%1,%2,%3\n")
                    .arg(csvNumber(m_bins.edges[i]))
                    .arg(csvNumber(m_bins.edges[i + 1]))
                    .arg(m_bins.counts[i]);
    }
    return text;
}

}  // namespace perfmamba::widgets
