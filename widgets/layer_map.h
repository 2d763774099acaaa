// The overview and the navigation: layers × components, a cell each, coloured by one metric.
#pragma once

#include <QAbstractScrollArea>
#include <optional>
#include <vector>

#include "widgets/change_text.h"
#include "widgets/derive.h"
#include "widgets/format.h"
#include "widgets/plot_menu.h"
#include "widgets/selection.h"

namespace perfmamba::widgets {

/// Click a cell, a row's number or a column's name; arrow keys move, Escape clears. Below the layers a row for what
/// belongs to none.
class LayerMap : public QAbstractScrollArea {
    Q_OBJECT
public:
    explicit LayerMap(Selection& selection, QWidget* parent = nullptr);

    /// The comparison is for the metric Change: grey where no difference was measured, white at none.
    void setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison = {});
    void setMetric(MapMetric metric);
    [[nodiscard]] MapMetric metric() const { return m_metric; }

    [[nodiscard]] const Picture& picture() const { return m_picture; }
    [[nodiscard]] QString csv() const;
    /// Middle of a cell in the viewport, for tests.
    [[nodiscard]] QPoint cellCentre(std::int32_t layer, Component component) const;

protected:
    bool viewportEvent(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    struct Cell {
        std::optional<std::int32_t> layer;
        std::optional<Component> component;
        bool operator==(const Cell&) const = default;
    };
    void rebuild();
    void paint(QPainter& painter, QSize size);
    void paintHeader(QPainter& painter) const;
    void paintLayers(QPainter& painter, QSize size) const;
    void paintOutside(QPainter& painter, QSize size) const;
    void paintLegend(QPainter& painter, QSize size) const;
    void paintCell(QPainter& painter, const QRectF& rect, double value, bool with_text, bool quiet) const;
    [[nodiscard]] double valueOf(const profile::ComponentCost& cost) const;
    [[nodiscard]] double valueOf(std::int32_t layer, Component component) const;
    [[nodiscard]] const profile::Change* changeOf(std::int32_t layer, Component component) const;
    /// Shows changes, and this one is inside the noise.
    [[nodiscard]] bool isQuiet(std::int32_t layer, Component component) const;
    [[nodiscard]] QColor colourOf(double value) const;
    [[nodiscard]] QString whyEmpty() const;
    [[nodiscard]] QString textOf(double value) const;
    [[nodiscard]] QString signOf(double value) const;
    [[nodiscard]] double rowHeight() const;
    [[nodiscard]] double columnWidth() const;
    [[nodiscard]] int layersRoom() const;
    [[nodiscard]] QRectF cellRect(std::int32_t layer, std::size_t column) const;
    [[nodiscard]] QRectF outsideRect(std::size_t index) const;
    [[nodiscard]] Cell cellAt(const QPoint& at) const;
    void choose(const Cell& cell, bool toggle);
    void scrollTo(std::int32_t layer);

    Selection& m_selection;
    ProfilePtr m_profile;
    ComparisonPtr m_comparison;
    const profile::Point* m_point = nullptr;
    const profile::PointComparison* m_compared = nullptr;  // at the same length
    MapMetric m_metric = MapMetric::Time;
    std::vector<Component> m_columns;
    std::vector<Component> m_outside;  // components of no layer
    std::int32_t m_layers = 0;
    std::vector<double> m_values;  // layers × columns
    std::vector<char> m_quiet;     // the same: inside the noise
    double m_least = 0;
    double m_most = 1;
    Unit m_unit;
    Cell m_hover;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
