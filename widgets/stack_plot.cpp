#include "widgets/stack_plot.h"

#include <QResizeEvent>
#include <QToolTip>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "widgets/derive.h"
#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

double sumOf(const std::vector<double>& heights) {
    return std::accumulate(heights.begin(), heights.end(), 0.0);
}

}  // namespace

StackPlot::StackPlot(const QString& name, const QString& accessible_name, QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_plot = new QCustomPlot;
    m_plot->setObjectName(name);
    m_plot->setMinimumSize(240, 160);
    const auto hover = [this](const QPoint& at, const QPoint& global) {
        const std::optional<Hit> hit = hitAt(at);
        QToolTip::showText(global, hit ? tipOf(*hit) : QString(), m_plot);  // an empty one hides it
    };
    listenTo(*m_plot, {hover, [](const QPoint&) {}, [this](int key) { return pressed(key); }});
    m_plot->setAccessibleName(accessible_name);
    m_plot->setAccessibleDescription(tr("Stacked bars. Left and right choose the bar, up and down the part of it."));
    // One legend below all the panels.
    m_plot->plotLayout()->clear();
    m_grid = new QCPLayoutGrid;
    m_plot->plotLayout()->addElement(0, 0, m_grid);
    m_plot->legend = new QCPLegend;
    putLegendBelow(*m_plot);
    m_plot->legend->setLayer(QStringLiteral("legend"));
    m_plot->legend->setFillOrder(QCPLegend::foColumnsFirst);
    setFocusProxy(m_plot);
    layout->addWidget(m_plot, 1);
    makeNavigable(*m_plot, [this] { fitView(); });
    m_picture = pictureOf(
        *m_plot, name, [this] { return csv(); }, [this] { fitView(); });
    addPictureMenu(*m_plot, m_picture);
    connect(m_plot, &QCustomPlot::afterLayout, this, [this] { label(); });
    connect(&theme(), &Theme::changed, this, [this] { rebuild(); });
    rebuild();
}

void StackPlot::setPanels(std::vector<StackPanel> panels, std::vector<StackPart> parts, StackAxis axis) {
    const bool same = axis.label == m_axis.label && axis.top == m_axis.top &&
                      std::ranges::equal(panels, m_panels, {}, &StackPanel::title, &StackPanel::title);
    const View before = view();
    const bool moved = same && before != m_fitted;
    m_panels = std::move(panels);
    m_parts = std::move(parts);
    m_axis = std::move(axis);
    keepCursorInside();
    rebuild();
    if (moved) setView(before);
}

void StackPlot::keepCursorInside() {
    if (!m_cursor) return;
    const bool nothing =
        m_cursor->panel >= m_panels.size() || m_panels[m_cursor->panel].heights.empty() || m_parts.empty();
    if (nothing) {
        m_cursor.reset();
        return;
    }
    m_cursor->bar = std::min(m_cursor->bar, m_panels[m_cursor->panel].heights.size() - 1);
    m_cursor->part = std::min(m_cursor->part, m_parts.size() - 1);
}

StackPlot::View StackPlot::view() const {
    View view;
    for (const QCPAxisRect* rect : m_rects) {
        const QCPRange x = rect->axis(QCPAxis::atBottom)->range(), y = rect->axis(QCPAxis::atLeft)->range();
        view.push_back({x.lower, x.upper, y.lower, y.upper});
    }
    return view;
}

void StackPlot::setView(const View& view) {
    for (std::size_t panel = 0; panel < std::min(m_rects.size(), view.size()); ++panel) {
        m_rects[panel]->axis(QCPAxis::atBottom)->setRange(view[panel][0], view[panel][1]);
        m_rects[panel]->axis(QCPAxis::atLeft)->setRange(view[panel][2], view[panel][3]);
    }
}

void StackPlot::rebuild() {
    QCustomPlot& plot = *m_plot;
    plot.clearPlottables();
    plot.clearItems();
    m_labels.clear();
    m_rects.clear();
    m_grid->clear();
    for (std::size_t panel = 0; panel < m_panels.size(); ++panel) {
        const int column = static_cast<int>(panel);
        auto* title = new QCPTextElement(&plot, QString(), Theme::headingFont());
        title->setTextColor(theme().colours().muted);
        m_grid->addElement(0, column, title);
        auto* rect = new QCPAxisRect(&plot);
        m_grid->addElement(1, column, rect);
        rect->setMinimumMargins(QMargins(46, 4, 8, 18));
        for (QCPAxis* axis : rect->axes()) {
            axis->setLayer(QStringLiteral("axes"));
            axis->grid()->setLayer(QStringLiteral("grid"));
        }
        m_rects.push_back(rect);
    }
    if (!m_panels.empty()) m_grid->setRowStretchFactor(0, 0.001);
    stylePlot(plot);
    // The height of a line: what is below an entry's rectangle, as in in_proj, is not drawn.
    plot.legend->setIconSize(12, QFontMetrics(plot.legend->font()).height() + 1);
    for (std::size_t panel = 0; panel < m_panels.size(); ++panel) fillPanel(panel);
    wrapLegend(plot, plot.width());
    fitView();
}

void StackPlot::fillPanel(std::size_t panel) {
    QCPAxis* x = m_rects[panel]->axis(QCPAxis::atBottom);
    QCPAxis* y = m_rects[panel]->axis(QCPAxis::atLeft);
    x->setTicker(categoryTicker(m_panels[panel].labels));
    x->setLabel(m_axis.x_label);
    x->grid()->setVisible(false);
    x->setTickPen(Qt::NoPen);
    x->setSubTicks(false);
    y->setLabel(panel == 0 ? m_axis.label : QString());
    y->setSubTicks(false);
    QCPBars* below = nullptr;
    for (std::size_t part = 0; part < m_parts.size(); ++part) {
        auto* bars = new QCPBars(x, y);
        bars->setName(m_parts[part].name);
        bars->setWidth(kBarWidth);
        bars->setAntialiased(false);
        bars->setBrush(m_parts[part].brush);
        bars->setPen(QPen(theme().colours().surface, 1));
        if (panel > 0) bars->removeFromLegend();
        if (below != nullptr) bars->moveAbove(below);
        below = bars;
        QVector<double> keys, values;
        for (std::size_t bar = 0; bar < m_panels[panel].heights.size(); ++bar) {
            keys.push_back(static_cast<double>(bar));
            values.push_back(m_panels[panel].heights[bar][part]);
        }
        bars->setData(keys, values, true);
    }
}

void StackPlot::fitView() {
    double highest = 0;
    for (const StackPanel& panel : m_panels) {
        for (const auto& heights : panel.heights) highest = std::max(highest, sumOf(heights));
    }
    for (std::size_t panel = 0; panel < m_rects.size(); ++panel) {
        const auto bars = static_cast<double>(m_panels[panel].heights.size());
        m_rects[panel]->axis(QCPAxis::atBottom)->setRange(-0.6, std::max(bars, 1.0) - 0.4);
        m_rects[panel]->axis(QCPAxis::atLeft)->setRange(0, m_axis.top.value_or(highest > 0 ? highest * 1.06 : 1));
    }
    m_fitted = view();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

QString StackPlot::numberOf(double value) const {
    return m_axis.decimals >= 0 ? QString::number(value, 'f', m_axis.decimals) : threeDigits(value);
}

/// Numbers inside the bars, where they fit, and the titles as far as they do.
void StackPlot::label() {
    for (QCPAbstractItem* item : m_labels) m_plot->removeItem(item);
    m_labels.clear();
    const QFont font = Theme::smallFont();
    const QFontMetrics metrics(font);
    for (std::size_t panel = 0; panel < m_rects.size(); ++panel) {
        auto* title = static_cast<QCPTextElement*>(m_grid->element(0, static_cast<int>(panel)));
        title->setText(QFontMetrics(title->font())
                           .elidedText(m_panels[panel].title, Qt::ElideMiddle, m_rects[panel]->width() - 8));
        QCPAxis* x = m_rects[panel]->axis(QCPAxis::atBottom);
        QCPAxis* y = m_rects[panel]->axis(QCPAxis::atLeft);
        const double width = x->coordToPixel(kBarWidth) - x->coordToPixel(0);
        for (std::size_t bar = 0; bar < m_panels[panel].heights.size(); ++bar) {
            double base = 0;
            for (std::size_t part = 0; part < m_parts.size(); ++part) {
                const double height = m_panels[panel].heights[bar][part];
                const double middle = base + height / 2;
                base += height;
                if (y->coordToPixel(0) - y->coordToPixel(height) < metrics.height() + 1) continue;
                const QString text = numberOf(height);
                if (metrics.horizontalAdvance(text) > width - 3) continue;
                const QBrush& brush = m_parts[part].brush;
                if (brush.style() != Qt::SolidPattern) continue;
                auto* item = new QCPItemText(m_plot);
                item->setClipAxisRect(m_rects[panel]);
                item->position->setAxes(x, y);
                item->position->setCoords(static_cast<double>(bar), middle);
                item->setPositionAlignment(Qt::AlignCenter);
                item->setText(text);
                item->setFont(font);
                item->setColor(Theme::textOn(brush.color()));
                m_labels.push_back(item);
            }
        }
    }
}

QPoint StackPlot::partCentre(std::size_t panel, std::size_t bar, std::size_t part) const {
    if (panel >= m_panels.size() || bar >= m_panels[panel].heights.size() || part >= m_parts.size()) return {-1, -1};
    const std::vector<double>& heights = m_panels[panel].heights[bar];
    const auto at = heights.begin() + static_cast<std::ptrdiff_t>(part);
    const double middle = std::accumulate(heights.begin(), at, 0.0) + *at / 2;
    return QPointF(m_rects[panel]->axis(QCPAxis::atBottom)->coordToPixel(static_cast<double>(bar)),
                   m_rects[panel]->axis(QCPAxis::atLeft)->coordToPixel(middle))
        .toPoint();
}

std::optional<StackPlot::Hit> StackPlot::hitAt(const QPoint& at) const {
    for (std::size_t panel = 0; panel < m_rects.size(); ++panel) {
        if (!m_rects[panel]->rect().contains(at)) continue;
        const double x = m_rects[panel]->axis(QCPAxis::atBottom)->pixelToCoord(at.x());
        const auto bar = static_cast<std::ptrdiff_t>(std::lround(x));
        if (bar < 0 || bar >= static_cast<std::ptrdiff_t>(m_panels[panel].heights.size()) ||
            std::abs(x - static_cast<double>(bar)) > kBarWidth / 2) {
            return std::nullopt;
        }
        const auto index = static_cast<std::size_t>(bar);
        const int part =
            segmentAt(m_panels[panel].heights[index], m_rects[panel]->axis(QCPAxis::atLeft)->pixelToCoord(at.y()));
        if (part >= 0) return Hit{panel, index, static_cast<std::size_t>(part)};
    }
    return std::nullopt;
}

QString StackPlot::tipOf(const Hit& hit) const {
    const StackPanel& panel = m_panels[hit.panel];
    const std::vector<double>& heights = panel.heights[hit.bar];
    QString tip = tr("%1, %2 tokens\n%3: %4 %5")
                      .arg(panel.title, panel.labels[static_cast<qsizetype>(hit.bar)], m_parts[hit.part].name,
                           threeDigits(heights[hit.part]), m_axis.unit);
    if (!m_axis.top) {
        tip += tr("\n%1 of %2 %3")
                   .arg(percentText(heights[hit.part] / sumOf(heights)), threeDigits(sumOf(heights)), m_axis.unit);
    }
    return tip;
}

bool StackPlot::pressed(int key) {
    if (key != Qt::Key_Left && key != Qt::Key_Right && key != Qt::Key_Up && key != Qt::Key_Down) return false;
    std::vector<Hit> bars;  // of all panels, from left to right
    for (std::size_t panel = 0; panel < m_panels.size(); ++panel) {
        for (std::size_t bar = 0; bar < m_panels[panel].heights.size(); ++bar) bars.push_back({panel, bar, 0});
    }
    if (bars.empty() || m_parts.empty()) return false;
    const auto moved = [](std::size_t from, int step, std::size_t count) {
        return static_cast<std::size_t>(std::clamp(static_cast<int>(from) + step, 0, static_cast<int>(count) - 1));
    };
    if (!m_cursor) {
        m_cursor = bars.front();
    } else if (key == Qt::Key_Up || key == Qt::Key_Down) {
        m_cursor->part = moved(m_cursor->part, key == Qt::Key_Up ? 1 : -1, m_parts.size());
    } else {
        const auto here = std::ranges::find_if(
            bars, [this](const Hit& hit) { return hit.panel == m_cursor->panel && hit.bar == m_cursor->bar; });
        const std::size_t part = m_cursor->part;
        m_cursor =
            bars[moved(static_cast<std::size_t>(here - bars.begin()), key == Qt::Key_Left ? -1 : 1, bars.size())];
        m_cursor->part = part;
    }
    const QPoint at = partCentre(m_cursor->panel, m_cursor->bar, m_cursor->part);
    m_plot->setAccessibleDescription(tipOf(*m_cursor));
    QToolTip::showText(m_plot->mapToGlobal(at + QPoint(8, 8)), tipOf(*m_cursor), m_plot);
    return true;
}

QString StackPlot::csv() const {
    QString text = QStringLiteral("series,length");
    for (const StackPart& part : m_parts) {
        text += QLatin1Char(',') + csvField(QStringLiteral("%1 [%2]").arg(part.name, m_axis.unit));
    }
    text += QLatin1Char('\n');
    for (const StackPanel& panel : m_panels) {
        for (std::size_t bar = 0; bar < panel.heights.size(); ++bar) {
            text += csvField(panel.title) + QLatin1Char(',') + QString::number(panel.lengths[bar]);
            for (const double height : panel.heights[bar]) text += QLatin1Char(',') + csvNumber(height);
            text += QLatin1Char('\n');
        }
    }
    return text;
}

}  // namespace perfmamba::widgets
