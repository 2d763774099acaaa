// What pruning costs in accuracy and wins in time or memory: a line a criterion, the frontier, and the plan at hand.
#pragma once

#include <QPoint>
#include <QWidget>
#include <optional>
#include <vector>

#include "widgets/plot_menu.h"
#include "widgets/prune_derive.h"

class QCPAbstractItem;
class QBoxLayout;
class QComboBox;
class QCustomPlot;
class QToolButton;

namespace perfmamba::widgets {

/// Solid markers are measured, hollow ones estimated. A click on a point, or Enter after the arrow keys, chooses its
/// plan.
class TradeoffPlot : public QWidget {
    Q_OBJECT
public:
    explicit TradeoffPlot(QWidget* parent = nullptr);
    /// Any of the three may be missing.
    void setStudy(const study::StudyPtr& study);
    void setCost(const study::CostPtr& cost);
    void setMeasured(const std::vector<MeasuredPlan>& measured);
    /// The plan at hand.
    void setCurrent(const std::optional<Price>& price);

    [[nodiscard]] WorthAxis axis() const;
    void setAxis(const WorthAxis& axis);
    [[nodiscard]] const Picture& picture() const { return m_picture; }
    [[nodiscard]] QString csv() const;
    /// The marker of that cell of the study in the plot's pixels; (−1, −1) when it is not drawn.
    [[nodiscard]] QPoint cellAt(std::size_t cell) const;
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void planChosen(const perfmamba::prune::PlanPtr& plan);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    /// A point that can be chosen.
    struct Spot {
        QString name;   // "ghost, 50 % removed"
        QString title;  // the same with the criterion's title
        std::size_t series = 0;
        Figure worth;
        double quality = 0;
        double error = 0;
        bool frontier = false;
        std::optional<std::size_t> cell;
        prune::PlanPtr plan;  // null: the study's cell has it
    };
    void fillAxes();
    void refill();
    void refit();
    void arrangeBar();
    /// As many numbers across as there is room for.
    void spaceTicks();
    void drawReference();
    void drawFrontier();
    void drawSeries();
    void drawCurrent();
    void drawMarkers(const std::vector<const Spot*>& spots, const QString& criterion, bool solid);
    void drawErrors(const std::vector<const Spot*>& spots, const QColor& colour);
    void showCursor();
    [[nodiscard]] double factor() const;
    [[nodiscard]] bool logarithmicX() const;
    [[nodiscard]] int spotAt(const QPoint& at) const;
    [[nodiscard]] QString tipOf(const Spot& spot) const;
    [[nodiscard]] bool higherIsBetter() const;
    /// Accuracy is a share and shown in per cent; nats and bits are not.
    [[nodiscard]] double qualityFactor() const;
    [[nodiscard]] QString qualityName() const;
    [[nodiscard]] QString qualityTitle() const;
    void choose(int spot);
    /// The nearest spot of the criterion before or after the cursor's.
    [[nodiscard]] int besideCursor(int step) const;
    void hover(const QPoint& at, const QPoint& global);
    bool pressed(int key);

    study::StudyPtr m_study;
    study::CostPtr m_cost;
    std::vector<MeasuredPlan> m_measured;
    std::optional<Price> m_current;
    std::vector<TradeoffSeries> m_series;
    std::vector<Spot> m_spots;
    int m_cursor = -1;
    QBoxLayout* m_bar = nullptr;  // the axis, the buttons
    QComboBox* m_axis = nullptr;
    QWidget* m_logs = nullptr;
    QToolButton* m_log_x = nullptr;
    QToolButton* m_log_y = nullptr;
    QCustomPlot* m_plot = nullptr;
    QCPAbstractItem* m_ring = nullptr;
    Picture m_picture;
};

/// How a criterion is drawn, the same everywhere: colour, marker and dash together.
struct CriterionStyle {
    QColor colour;
    int marker = 0;  // QCPScatterStyle::ScatterShape
    Qt::PenStyle dash = Qt::SolidLine;
};
CriterionStyle styleOf(const QString& criterion, bool dark);

}  // namespace perfmamba::widgets
