// How the trade-off is drawn: the reference, the frontier, a line a criterion, the plan at hand.
#include <algorithm>
#include <cmath>

#include "widgets/plot_style.h"
#include "widgets/theme.h"
#include "widgets/tradeoff_plot.h"

namespace perfmamba::widgets {
namespace {

constexpr double kMarker = 7;

const QString kOwn = QStringLiteral("measured here");  // the series of plans measured one by one

}  // namespace

CriterionStyle styleOf(const QString& criterion, bool dark) {
    using S = QCPScatterStyle;
    // Okabe and Ito's colours; random, the one to beat, is grey.
    static const std::vector<std::pair<QString, CriterionStyle>> kStyles = {
        {QStringLiteral("random"), {QColor(0x8A9099), S::ssCross, Qt::DotLine}},
        {QStringLiteral("magnitude"), {QColor(0xE69F00), S::ssSquare, Qt::DashLine}},
        {QStringLiteral("decay"), {QColor(0x56B4E9), S::ssTriangle, Qt::DashDotLine}},
        {QStringLiteral("delta-input"), {QColor(0x009E73), S::ssTriangleInverted, Qt::DashLine}},
        {QStringLiteral("output-energy"), {QColor(0xD55E00), S::ssDisc, Qt::SolidLine}},
        {QStringLiteral("ghost"), {QColor(0x0072B2), S::ssDiamond, Qt::SolidLine}},
        {QStringLiteral("sparsessm"), {QColor(0xCC79A7), S::ssTriangle, Qt::SolidLine}},
        {QStringLiteral("last"), {QColor(0x5A606A), S::ssPlus, Qt::DashDotDotLine}},
        {QStringLiteral("aire"), {QColor(0xB3A400), S::ssSquare, Qt::DashDotLine}},
    };
    CriterionStyle style{dark ? QColor(0xE3E6EB) : QColor(0x1B1F24),
                         criterion == kNothingRemoved ? S::ssStar : S::ssDisc, Qt::NoPen};
    for (const auto& [id, known] : kStyles) {
        if (id == criterion) style = known;
    }
    // Dark blue and dark grey are lost on a dark ground.
    if (dark && style.colour == QColor(0x0072B2)) style.colour = QColor(0x4DA3DB);
    if (dark && style.colour == QColor(0x5A606A)) style.colour = QColor(0xA3A8B0);
    return style;
}

void TradeoffPlot::drawReference() {
    if (!m_study || m_study->unpruned.predictions == 0) return;
    const Colours& c = theme().colours();
    const study::Quality quality = study::qualityOf(m_study->unpruned);
    if (!std::isfinite(quality.value)) return;
    const double unpruned = quality.value * qualityFactor();
    const double error = quality.standard_error * qualityFactor();
    if (std::isfinite(error)) {
        auto* band = new QCPItemRect(m_plot);
        band->setLayer(QStringLiteral("background"));
        for (QCPItemPosition* corner : {band->topLeft, band->bottomRight}) {
            corner->setTypeX(QCPItemPosition::ptAxisRectRatio);
        }
        band->topLeft->setCoords(0, unpruned + error);
        band->bottomRight->setCoords(1, unpruned - error);
        band->setPen(Qt::NoPen);
        band->setBrush(c.raised);
    }
    auto* line = new QCPItemLine(m_plot);
    for (QCPItemPosition* end : {line->start, line->end}) end->setTypeX(QCPItemPosition::ptAxisRectRatio);
    line->start->setCoords(0, unpruned);
    line->end->setCoords(1, unpruned);
    line->setPen(QPen(c.muted, 1, Qt::DashLine));
    auto* label = new QCPItemText(m_plot);
    label->position->setTypeX(QCPItemPosition::ptAxisRectRatio);
    label->position->setCoords(0.995, unpruned);
    label->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
    label->setText(tr("unpruned"));
    label->setFont(Theme::smallFont());
    label->setColor(c.muted);
}

void TradeoffPlot::drawFrontier() {
    QVector<double> keys;
    QVector<double> values;
    std::vector<const Spot*> best;
    for (const Spot& spot : m_spots) {
        if (spot.frontier) best.push_back(&spot);
    }
    if (best.size() < 2) return;
    std::sort(best.begin(), best.end(), [](const Spot* a, const Spot* b) { return a->worth.value < b->worth.value; });
    for (const Spot* spot : best) {
        keys.push_back(spot->worth.value * factor());
        values.push_back(spot->quality);
    }
    auto* line = new QCPGraph(m_plot->xAxis, m_plot->yAxis);
    line->setData(keys, values, true);
    line->setName(tr("frontier"));
    QPen pen(theme().faded(theme().colours().accent), 6);
    pen.setCapStyle(Qt::RoundCap);
    pen.setJoinStyle(Qt::RoundJoin);
    line->setPen(pen);
}

void TradeoffPlot::drawSeries() {
    for (std::size_t s = 0; s <= m_series.size(); ++s) {
        const QString criterion = s < m_series.size() ? m_series[s].criterion : kOwn;
        const CriterionStyle style = styleOf(criterion, theme().dark());
        std::vector<const Spot*> solid;
        std::vector<const Spot*> hollow;
        QVector<double> keys;
        QVector<double> values;
        for (const Spot& spot : m_spots) {
            // Every line begins where nothing is removed.
            if (spot.series < m_series.size() && m_series[spot.series].criterion == kNothingRemoved &&
                spot.series != s) {
                keys.push_back(spot.worth.value * factor());
                values.push_back(spot.quality);
            }
            if (spot.series != s) continue;
            (spot.worth.standing == Standing::Estimated ? hollow : solid).push_back(&spot);
            keys.push_back(spot.worth.value * factor());
            values.push_back(spot.quality);
        }
        if (solid.empty() && hollow.empty()) continue;
        drawErrors(solid, style.colour);
        drawErrors(hollow, style.colour);
        if (style.dash != Qt::NoPen) {
            // In the order of the share removed, not of the keys: a line may turn back where more pruning wins less.
            auto* line = new QCPCurve(m_plot->xAxis, m_plot->yAxis);
            line->setData(keys, values);
            line->setPen(QPen(style.colour, 1, style.dash));
            line->removeFromLegend();
        }
        drawMarkers(hollow, criterion, false);
        drawMarkers(solid, criterion, true);
    }
}

void TradeoffPlot::drawMarkers(const std::vector<const Spot*>& spots, const QString& criterion, bool solid) {
    if (spots.empty()) return;
    const CriterionStyle style = styleOf(criterion, theme().dark());
    auto* markers = new QCPGraph(m_plot->xAxis, m_plot->yAxis);
    markers->setLineStyle(QCPGraph::lsNone);
    markers->setScatterStyle(
        QCPScatterStyle(static_cast<QCPScatterStyle::ScatterShape>(style.marker), QPen(style.colour, 1.4),
                        solid ? QBrush(style.colour) : QBrush(theme().colours().surface), kMarker));
    // QCustomPlot takes the pen from the graph for some shapes.
    markers->setPen(QPen(style.colour, 1.4, style.dash == Qt::NoPen ? Qt::SolidLine : style.dash));
    markers->setName(criterionTitle(criterion));
    const bool named = std::any_of(m_spots.begin(), m_spots.end(), [&](const Spot& spot) {
        return spot.series == spots.front()->series && spot.worth.standing != Standing::Estimated;
    });
    // Where nothing is removed the reference line has its word.
    if ((!solid && named) || criterion == kNothingRemoved) markers->removeFromLegend();
    QVector<double> keys;
    QVector<double> values;
    for (const Spot* spot : spots) {
        keys.push_back(spot->worth.value * factor());
        values.push_back(spot->quality);
    }
    markers->setData(keys, values);
}

void TradeoffPlot::drawErrors(const std::vector<const Spot*>& spots, const QColor& colour) {
    const auto bar = [&](double x1, double y1, double x2, double y2) {
        auto* line = new QCPItemLine(m_plot);
        line->start->setCoords(x1, y1);
        line->end->setCoords(x2, y2);
        line->setPen(QPen(colour, 1));
    };
    for (const Spot* spot : spots) {
        const double x = spot->worth.value * factor();
        if (std::isfinite(spot->error) && spot->error > 0) {
            bar(x, spot->quality - spot->error, x, spot->quality + spot->error);
        }
        if (std::isfinite(spot->worth.low) && spot->worth.high > spot->worth.low) {
            bar(spot->worth.low * factor(), spot->quality, spot->worth.high * factor(), spot->quality);
        }
    }
}

void TradeoffPlot::drawCurrent() {
    if (!m_current) return;
    const Colours& c = theme().colours();
    const Figure worth = worthOf(*m_current, axis());
    if (!std::isfinite(worth.value)) return;
    const double x = worth.value * factor();
    auto* line = new QCPItemLine(m_plot);
    for (QCPItemPosition* end : {line->start, line->end}) end->setTypeY(QCPItemPosition::ptAxisRectRatio);
    line->start->setCoords(x, 0);
    line->end->setCoords(x, 1);
    line->setPen(QPen(c.accent, 1, Qt::DotLine));
    const Figure& quality = m_current->quality;
    if (!std::isfinite(quality.value)) return;
    const bool measured = quality.standing == Standing::Measured && worth.standing != Standing::Estimated;
    auto* marker = new QCPGraph(m_plot->xAxis, m_plot->yAxis);
    marker->setLineStyle(QCPGraph::lsNone);
    marker->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(c.accent, 2),
                                            measured ? QBrush(c.accent) : QBrush(c.surface), kMarker + 4));
    marker->setPen(QPen(c.accent, 2));
    marker->setName(measured ? tr("this plan, measured") : tr("this plan, estimated"));
    marker->setData({x}, {quality.value * qualityFactor()});
}

}  // namespace perfmamba::widgets
