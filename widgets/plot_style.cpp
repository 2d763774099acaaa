#include "widgets/plot_style.h"

#include <QKeyEvent>
#include <cmath>
#include <vector>

#include "widgets/theme.h"
#include "widgets/wrapping.h"

namespace perfmamba::widgets {
namespace {

/// Keeps Shift to x and brings Home; QCustomPlot's own handlers do the rest.
class Navigation : public QObject {
public:
    Navigation(QCustomPlot& plot, std::function<void()> fit) : QObject(&plot), m_plot(plot), m_fit(std::move(fit)) {
        m_plot.installEventFilter(this);
    }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        switch (event->type()) {
            case QEvent::Wheel: keepToX(static_cast<QWheelEvent*>(event)->modifiers()); break;
            case QEvent::MouseButtonPress: keepToX(static_cast<QMouseEvent*>(event)->modifiers()); break;
            case QEvent::MouseButtonDblClick: m_fit(); return true;
            case QEvent::KeyPress:
                if (static_cast<QKeyEvent*>(event)->key() == Qt::Key_Home) {
                    m_fit();
                    return true;
                }
                break;
            default: break;
        }
        return QObject::eventFilter(watched, event);
    }

private:
    void keepToX(Qt::KeyboardModifiers modifiers) {
        const bool x_only = modifiers.testFlag(Qt::ShiftModifier);
        const Qt::Orientations directions = x_only ? Qt::Orientations(Qt::Horizontal) : Qt::Horizontal | Qt::Vertical;
        for (QCPAxisRect* rect : m_plot.axisRects()) {
            rect->setRangeZoom(directions);
            rect->setRangeDrag(directions);
        }
    }

    QCustomPlot& m_plot;
    std::function<void()> m_fit;
};

class PlainTicker : public QCPAxisTicker {
protected:
    double getTickStep(const QCPRange& range) override {
        m_step = QCPAxisTicker::getTickStep(range);
        return m_step;
    }
    QString getTickLabel(double tick, const QLocale& locale, QChar format, int precision) override {
        constexpr int kMostDecimals = 6;
        constexpr double kPlain = 1e5;  // beyond, as the axis has it
        int decimals = 0;
        double step = m_step;
        for (; decimals < kMostDecimals && std::abs(step - std::round(step)) > 1e-6 * step; ++decimals) step *= 10;
        if (decimals == kMostDecimals || std::abs(tick) >= kPlain) {
            return QCPAxisTicker::getTickLabel(tick, locale, format, precision);
        }
        return locale.toString(tick, 'f', decimals);
    }

private:
    double m_step = 1;
};

class LegendWrapper : public QObject {
public:
    explicit LegendWrapper(QCustomPlot& plot) : QObject(&plot), m_plot(plot) { plot.installEventFilter(this); }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        if (event->type() == QEvent::Resize) wrapLegend(m_plot, static_cast<QResizeEvent*>(event)->size().width());
        return QObject::eventFilter(watched, event);
    }

private:
    QCustomPlot& m_plot;
};

class Listener : public QObject {
public:
    Listener(QCustomPlot& plot, PlotInput input) : QObject(&plot), m_input(std::move(input)) {
        plot.installEventFilter(this);
    }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        switch (event->type()) {
            case QEvent::MouseMove: {
                const auto* mouse = static_cast<QMouseEvent*>(event);
                if (mouse->buttons() == Qt::NoButton) m_input.hover(mouse->pos(), mouse->globalPosition().toPoint());
                break;
            }
            case QEvent::MouseButtonPress: m_pressed_at = static_cast<QMouseEvent*>(event)->pos(); break;
            case QEvent::MouseButtonRelease: {
                const auto* mouse = static_cast<QMouseEvent*>(event);
                const bool dragged = (mouse->pos() - m_pressed_at).manhattanLength() >= kClickReach;
                if (mouse->button() == Qt::LeftButton && !dragged) m_input.click(mouse->pos());
                break;
            }
            case QEvent::KeyPress:
                if (m_input.press(static_cast<QKeyEvent*>(event)->key())) return true;
                break;
            default: break;
        }
        return QObject::eventFilter(watched, event);
    }

private:
    static constexpr int kClickReach = 4;  // pixels

    PlotInput m_input;
    QPoint m_pressed_at;
};

}  // namespace

void stylePlot(QCustomPlot& plot) {
    const Colours& c = theme().colours();
    plot.setBackground(c.surface);
    QList<QCPAxis*> axes;
    for (QCPAxisRect* rect : plot.axisRects()) {
        rect->setBackground(c.surface);
        axes << rect->axes();
    }
    for (QCPAxis* axis : axes) {
        axis->setBasePen(QPen(c.border, 1));
        axis->setTickPen(QPen(c.border, 1));
        axis->setSubTickPen(Qt::NoPen);
        axis->setTickLength(0, 3);
        axis->setTickLabelColor(c.muted);
        axis->setLabelColor(c.muted);
        axis->setTickLabelFont(Theme::smallFont());
        axis->setLabelFont(Theme::smallFont());
        axis->setTickLabelPadding(4);
        axis->setLabelPadding(4);
        axis->grid()->setPen(QPen(c.grid, 1));
        axis->grid()->setSubGridVisible(false);
        axis->grid()->setZeroLinePen(QPen(c.border, 1));
    }
    if (plot.legend != nullptr) {
        plot.legend->setBrush(c.surface);
        plot.legend->setBorderPen(Qt::NoPen);
        plot.legend->setTextColor(c.text);
        plot.legend->setFont(Theme::smallFont());
        plot.legend->setIconSize(14, 14);
    }
}

QSharedPointer<QCPAxisTicker> plainTicker() {
    return QSharedPointer<PlainTicker>::create();
}

void putLegendBelow(QCustomPlot& plot) {
    plot.legend->setVisible(true);
    plot.plotLayout()->addElement(1, 0, plot.legend);
    plot.plotLayout()->setRowStretchFactor(1, 0.001);
    plot.legend->setMargins(QMargins(10, 0, 4, 4));
    plot.legend->setRowSpacing(0);
    // Without an entry it must not narrow the plot: QCustomPlot takes the hint of an empty legend for its limit.
    plot.legend->setMaximumSize(QWIDGETSIZE_MAX / 2, QWIDGETSIZE_MAX);
    new LegendWrapper(plot);  // owned by the plot
}

void wrapLegend(QCustomPlot& plot, int width) {
    QCPLegend& legend = *plot.legend;
    std::vector<int> widths;
    for (int i = 0; i < legend.itemCount(); ++i) {
        // The plottables' items hide what every element has. A last row that is not full ends in cells without any.
        const QCPLayoutElement* item = legend.item(i);
        if (item != nullptr) widths.push_back(item->minimumOuterSizeHint().width() + legend.columnSpacing());
    }
    const int room = width - legend.margins().left() - legend.margins().right();
    const int wrap = columnsThatFit(widths, room);
    legend.setWrap(wrap);
    legend.setFillOrder(QCPLegend::foColumnsFirst);  // arranges anew what stands there
}

void showNumbers(QCPAxis& axis, bool shown) {
    axis.setTicks(shown);
    axis.setTickLabels(shown);
}

void makeNavigable(QCustomPlot& plot, std::function<void()> fit) {
    plot.setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    new Navigation(plot, std::move(fit));  // owned by the plot
}

void listenTo(QCustomPlot& plot, PlotInput input) {
    plot.setMouseTracking(true);
    plot.setFocusPolicy(Qt::StrongFocus);
    new Listener(plot, std::move(input));  // owned by the plot
}

QSharedPointer<QCPAxisTickerText> categoryTicker(const QStringList& labels) {
    QSharedPointer<QCPAxisTickerText> ticker(new QCPAxisTickerText);
    for (qsizetype i = 0; i < labels.size(); ++i) ticker->addTick(static_cast<double>(i), labels[i]);
    return ticker;
}

}  // namespace perfmamba::widgets
