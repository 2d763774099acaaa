// Each component under the roofs of its device: work a byte across, work a second upwards, both logarithmic.
#pragma once

#include <QPoint>
#include <QWidget>
#include <optional>
#include <vector>

#include "widgets/derive.h"
#include "widgets/plot_menu.h"
#include "widgets/selection.h"

class QCPAbstractItem;
class QCustomPlot;
class QLabel;

namespace perfmamba::widgets {

class ElidedLabel;

/// A solid dot is measured; the hollow one above it is where its own floor lies, which may be lower than the roofs
/// where exponentials are the limit. Click selects, hover tells the numbers, arrow keys go from dot to dot.
class RooflinePlot : public QWidget {
    Q_OBJECT
public:
    explicit RooflinePlot(Selection& selection, QWidget* parent = nullptr);

    void setProfile(const ProfilePtr& profile);

    /// A row a dot.
    [[nodiscard]] QString csv() const;
    [[nodiscard]] const Picture& picture() const { return m_picture; }
    [[nodiscard]] const std::vector<RooflineDot>& dots() const { return m_dots; }
    /// Middle of a component's dot in the plot's pixels, for tests; (−1, −1) where it has none.
    [[nodiscard]] QPoint dotCentre(Component component) const;
    /// What stands below the plot.
    [[nodiscard]] QString note() const;

private:
    void refill();
    void drawRoofs();
    void drawDot(const RooflineDot& dot);
    void layoutLabels();
    void fitView();
    [[nodiscard]] const RooflineDot* dotAt(const QPoint& at) const;
    [[nodiscard]] QPointF pixelOf(double flops_per_byte, double flops_per_s) const;
    void hover(const QPoint& at, const QPoint& global);
    void click(const QPoint& at);
    bool pressed(int key);

    Selection& m_selection;
    ProfilePtr m_profile;
    const profile::Point* m_point = nullptr;
    std::vector<RooflineDot> m_dots;
    std::vector<QCPAbstractItem*> m_labels;
    QString m_fitted;  // what the axes were fitted to
    ElidedLabel* m_heading = nullptr;
    QCustomPlot* m_plot = nullptr;
    QLabel* m_note = nullptr;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
