#include "widgets/change_plot.h"

#include <QToolTip>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "widgets/elided_label.h"
#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

using profile::Change;
using profile::Subject;

// What is beyond this, of a time that is next to nothing, is drawn there; an interval then ends in an arrow.
constexpr double kFarthest = 16;
constexpr double kRoom = 0.15;      // beyond the farthest interval, of the range
constexpr double kEdgeRoom = 0.06;  // beyond kFarthest
constexpr int kRatioGap = 6;        // pixels between the labels of two ticks

/// Ticks at round factors to both sides of 1; somewhere else, after a zoom, as on any axis.
class RatioTicker : public QCPAxisTicker {
public:
    explicit RatioTicker(QCustomPlot& plot) : m_plot(plot) {}

protected:
    QVector<double> createTickVector(double step, const QCPRange& range) override {
        const QCPAxisRect& rect = *m_plot.axisRect();
        // The rectangle's own width is still that of the last layout.
        const int width = m_plot.viewport().width() - rect.margins().left() - rect.margins().right();
        const int label = QFontMetrics(m_plot.xAxis->tickLabelFont()).horizontalAdvance(QStringLiteral("0.0625"));
        const std::vector<double> ticks = ratioTicks(range.lower, range.upper, width, label + kRatioGap);
        if (ticks.size() < 2) return QCPAxisTicker::createTickVector(step, range);
        return {ticks.begin(), ticks.end()};
    }
    QString getTickLabel(double tick, const QLocale& /*locale*/, QChar /*format*/, int /*precision*/) override {
        return QString::number(tick, 'g', 3);
    }

private:
    QCustomPlot& m_plot;
};

}  // namespace

std::vector<double> ratioTicks(double low, double high, double width, double room) {
    std::vector<double> ticks;
    if (!(low > 0) || !(high > low) || !(width > 0)) return ticks;
    const double a_factor_e = width / std::log(high / low);  // pixels
    const auto fits = [&](double factor) { return std::log(factor) * a_factor_e >= room; };
    const double farthest = std::max(high, 1 / low);
    const auto add = [&](double tick) {
        if (tick >= low && tick <= high) ticks.push_back(tick);
    };
    // Powers of 2, 4, 8 …, as near to each other as their labels can stand.
    double step = 2;
    while (!fits(step) && step <= farthest) step *= 2;
    if (step <= farthest) {
        const int powers = static_cast<int>(std::log(farthest) / std::log(step) + 1e-9);
        for (int power = -powers; power <= powers; ++power) add(std::pow(step, power));
        return ticks;
    }
    // Below a factor of 2 one to each side, the farthest that is round.
    for (const double factor : {1.5, 1.2, 1.1, 1.05, 1.02, 1.01}) {
        if (factor > farthest || !fits(factor)) continue;
        for (const double tick : {1 / factor, 1.0, factor}) add(tick);
        break;
    }
    return ticks;
}

ChangePlot::ChangePlot(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_heading = makeHeading();
    m_heading->setContentsMargins(10, 8, 8, 5);
    layout->addWidget(m_heading);

    m_plot = new QCustomPlot;
    m_plot->setAccessibleName(tr("Ratio of times to the baseline's, by component"));
    m_plot->setAccessibleDescription(
        tr("The table beside it holds the same numbers. Up and down choose the component."));
    m_plot->setMinimumSize(220, 160);
    m_plot->axisRect()->setMinimumMargins(QMargins(40, 8, 12, 18));
    m_plot->xAxis->setScaleType(QCPAxis::stLogarithmic);
    m_plot->xAxis->setTicker(QSharedPointer<RatioTicker>::create(*m_plot));
    m_plot->xAxis->setSubTicks(false);
    m_plot->yAxis->setSubTicks(false);
    m_plot->yAxis->setTickLength(0, 0);
    m_plot->yAxis->grid()->setVisible(false);
    m_plot->xAxis->setLabel(tr("time after, over before"));
    setFocusProxy(m_plot);
    layout->addWidget(m_plot, 1);

    makeNavigable(*m_plot, [this] { fitView(); });
    listenTo(*m_plot, {[this](const QPoint& at, const QPoint& global) { hover(at, global); },
                       [this](const QPoint& at) { choose(rowAt(at)); }, [this](int key) { return pressed(key); }});
    m_picture = pictureOf(
        *m_plot, QStringLiteral("changes"), [this] { return csv(); }, [this] { fitView(); });
    addPictureMenu(*m_plot, m_picture);
    connect(&m_selection, &Selection::changed, this, [this] { refill(); });
    connect(&theme(), &Theme::changed, this, [this] { refill(); });
    refill();
}

void ChangePlot::setComparison(const ComparisonPtr& comparison) {
    m_comparison = comparison;
    refill();
    fitView();
}

double ChangePlot::heightOf(std::size_t row) const {
    return static_cast<double>(m_rows.size() - 1 - row);
}

void ChangePlot::refill() {
    const profile::PointComparison* before = m_point;
    m_point = nullptr;
    m_rows.clear();
    if (m_comparison && !m_comparison->points.empty()) {
        const profile::Point* shown = pointOf(*m_comparison->after, m_selection.focus());
        m_point = comparedAt(m_comparison, shown);
        if (m_point == nullptr) m_point = &m_comparison->points.back();
        for (const Change& change : m_point->changes) {
            const bool wanted = change.subject == Subject::Pass || change.subject == Subject::Component;
            if (wanted && std::isfinite(change.ratio.median)) m_rows.push_back(change);
        }
    }
    m_plot->clearPlottables();
    m_plot->clearItems();
    stylePlot(*m_plot);
    m_heading->setText(m_point != nullptr ? tr("Time after, over before, at %1 tokens").arg(grouped(m_point->length))
                                          : tr("Time after, over before"));
    QSharedPointer<QCPAxisTickerText> names(new QCPAxisTickerText);
    for (std::size_t row = 0; row < m_rows.size(); ++row) {
        names->addTick(heightOf(row),
                       m_rows[row].subject == Subject::Pass ? tr("whole pass") : nameOf(m_rows[row].component));
        addRow(row);
    }
    m_plot->yAxis->setTicker(names);
    auto* one = new QCPItemStraightLine(m_plot);
    one->point1->setCoords(1, 0);
    one->point2->setCoords(1, 1);
    one->setPen(QPen(theme().colours().muted, 1, Qt::DashLine));
    one->setLayer(QStringLiteral("grid"));
    if (m_point != before) fitView();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void ChangePlot::addRow(std::size_t row) {
    const Change& change = m_rows[row];
    const Colours& c = theme().colours();
    const bool pass = change.subject == Subject::Pass;
    const auto chosen = m_selection.focus().component;
    const QColor colour = !change.differs() ? c.muted : pass ? c.text : theme().of(change.component);
    if (chosen && !pass && *chosen == change.component) {
        auto* band = new QCPItemRect(m_plot);
        band->setLayer(QStringLiteral("background"));
        band->setPen(Qt::NoPen);
        band->setBrush(c.raised);
        for (QCPItemPosition* corner : {band->topLeft, band->bottomRight}) {
            corner->setTypeX(QCPItemPosition::ptAxisRectRatio);
        }
        band->topLeft->setCoords(0, heightOf(row) + 0.5);
        band->bottomRight->setCoords(1, heightOf(row) - 0.5);
    }
    QCPGraph* mark = m_plot->addGraph(m_plot->yAxis, m_plot->xAxis);
    mark->setName(pass ? tr("whole pass") : nameOf(change.component));
    mark->setLineStyle(QCPGraph::lsNone);
    mark->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, QPen(colour, 1), QBrush(colour), pass ? 9 : 7));
    mark->addData(heightOf(row), std::clamp(change.ratio.median, 1 / kFarthest, kFarthest));
    if (!change.ratio.known()) return;  // without an interval nothing stands behind the mark
    const auto bound = [](double ratio) { return std::clamp(ratio, 1 / kFarthest, kFarthest); };
    const auto ending = [&](double ratio) {
        return bound(ratio) == ratio ? QCPLineEnding(QCPLineEnding::esBar, 6, 0)
                                     : QCPLineEnding(QCPLineEnding::esFlatArrow, 8, 9);
    };
    auto* interval = new QCPItemLine(m_plot);
    interval->start->setCoords(bound(change.ratio.ci_low), heightOf(row));
    interval->end->setCoords(bound(change.ratio.ci_high), heightOf(row));
    interval->setPen(QPen(colour, pass ? 3 : 2));
    interval->setTail(ending(change.ratio.ci_low));
    interval->setHead(ending(change.ratio.ci_high));
}

void ChangePlot::fitView() {
    // As far to both sides of 1, so that a factor reads the same either way.
    double farthest = 1.02;
    for (const Change& change : m_rows) {
        for (const double end : {change.ratio.median, change.ratio.ci_low, change.ratio.ci_high}) {
            if (end > 0 && std::isfinite(end)) farthest = std::max({farthest, end, 1 / end});
        }
    }
    farthest = std::min(std::pow(farthest, 1 + kRoom), std::pow(kFarthest, 1 + kEdgeRoom));
    m_plot->xAxis->setRange(1 / farthest, farthest);
    m_plot->yAxis->setRange(-0.6, static_cast<double>(std::max<std::size_t>(m_rows.size(), 1)) - 0.4);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

int ChangePlot::rowAt(const QPoint& at) const {
    if (m_rows.empty() || !m_plot->rect().contains(at)) return -1;
    const auto from_below = std::lround(m_plot->yAxis->pixelToCoord(at.y()));
    const long row = static_cast<long>(m_rows.size()) - 1 - from_below;
    return row >= 0 && row < static_cast<long>(m_rows.size()) ? static_cast<int>(row) : -1;
}

void ChangePlot::choose(int row) {
    if (row < 0) return;
    const Change& change = m_rows[static_cast<std::size_t>(row)];
    m_selection.setCell(std::nullopt, change.subject == Subject::Pass ? std::nullopt : std::optional(change.component));
}

void ChangePlot::hover(const QPoint& at, const QPoint& global) {
    const int row = rowAt(at);
    if (row < 0) {
        QToolTip::hideText();
        return;
    }
    const Change& change = m_rows[static_cast<std::size_t>(row)];
    QToolTip::showText(global + QPoint(12, 12),
                       QStringLiteral("<b>%1</b><br>%2").arg(subjectText(change), changeText(change)), m_plot);
}

bool ChangePlot::pressed(int key) {
    if (m_rows.empty() || (key != Qt::Key_Up && key != Qt::Key_Down)) return false;
    const auto chosen = m_selection.focus().component;
    const auto found = std::ranges::find_if(m_rows, [&](const Change& change) {
        return chosen && change.subject == Subject::Component && change.component == *chosen;
    });
    const auto at = found == m_rows.end() ? 0 : found - m_rows.begin();
    const auto last = static_cast<std::ptrdiff_t>(m_rows.size()) - 1;
    choose(static_cast<int>(std::clamp<std::ptrdiff_t>(at + (key == Qt::Key_Down ? 1 : -1), 0, last)));
    return true;
}

QPoint ChangePlot::markOf(std::size_t row) const {
    return {static_cast<int>(m_plot->xAxis->coordToPixel(m_rows[row].ratio.median)),
            static_cast<int>(m_plot->yAxis->coordToPixel(heightOf(row)))};
}

QString ChangePlot::csv() const {
    QString text = QStringLiteral("what,before [µs],after [µs],ratio,95 % low,95 % high,it is\n");
    for (const Change& change : m_rows) {
        QStringList fields{csvField(subjectText(change))};
        const bool interval = change.ratio.known();
        for (const double value : {change.before, change.after, change.ratio.median}) {
            fields << csvNumber(value);
        }
        fields << (interval ? csvNumber(change.ratio.ci_low) : QString());
        fields << (interval ? csvNumber(change.ratio.ci_high) : QString());
        fields << verdictText(change);
        text += fields.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

}  // namespace perfmamba::widgets
