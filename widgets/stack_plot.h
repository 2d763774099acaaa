// Stacked bars by length, a panel a series: of what time or memory consists, beside each other on one scale.
#pragma once

#include <QBrush>
#include <QPoint>
#include <QWidget>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "widgets/plot_menu.h"

class QCPAbstractItem;
class QCPAxisRect;
class QCPLayoutGrid;
class QCustomPlot;

namespace perfmamba::widgets {

/// What is stacked, bottom first: the same in every panel.
struct StackPart {
    QString name;
    QBrush brush;
};
struct StackPanel {
    QString title;
    QStringList labels;                        // below the bars
    std::vector<std::int64_t> lengths;         // the same as numbers
    std::vector<std::vector<double>> heights;  // [bar][part], in the axis' unit
};
struct StackAxis {
    QString label;
    QString unit;
    QString x_label;
    std::optional<double> top;  // where the axis ends; none: above the highest bar
    int decimals = -1;          // of the numbers in the bars; −1: three digits
};

/// Hover tells the numbers, arrow keys go from part to part.
class StackPlot : public QWidget {
    Q_OBJECT
public:
    explicit StackPlot(const QString& name, const QString& accessible_name, QWidget* parent = nullptr);
    /// A view that was moved stays, as long as it is of the same panels and axis.
    void setPanels(std::vector<StackPanel> panels, std::vector<StackPart> parts, StackAxis axis);
    void fitView();
    /// Of each panel where its axes begin and end: x, then y.
    using View = std::vector<std::array<double, 4>>;
    [[nodiscard]] View view() const;

    [[nodiscard]] const std::vector<StackPanel>& panels() const { return m_panels; }
    [[nodiscard]] QString csv() const;
    [[nodiscard]] const Picture& picture() const { return m_picture; }
    /// Middle of a part in the plot's pixels; (−1, −1) where it has none.
    [[nodiscard]] QPoint partCentre(std::size_t panel, std::size_t bar, std::size_t part) const;
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }

private:
    struct Hit {
        std::size_t panel = 0, bar = 0, part = 0;
    };
    void rebuild();
    void keepCursorInside();
    void fillPanel(std::size_t panel);
    void label();
    void setView(const View& view);
    [[nodiscard]] std::optional<Hit> hitAt(const QPoint& at) const;
    [[nodiscard]] QString tipOf(const Hit& hit) const;
    [[nodiscard]] QString numberOf(double value) const;
    bool pressed(int key);

    std::vector<StackPanel> m_panels;
    std::vector<StackPart> m_parts;
    StackAxis m_axis;
    std::optional<Hit> m_cursor;
    View m_fitted;  // as it was fitted last
    QCustomPlot* m_plot = nullptr;
    QCPLayoutGrid* m_grid = nullptr;  // titles above the panels
    std::vector<QCPAxisRect*> m_rects;
    std::vector<QCPAbstractItem*> m_labels;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
