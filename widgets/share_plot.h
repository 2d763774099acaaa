// Where the time goes, by length: stacked bars, one colour a component.
#pragma once

#include <QPoint>
#include <QWidget>
#include <vector>

#include "widgets/change_text.h"
#include "widgets/derive.h"
#include "widgets/plot_menu.h"
#include "widgets/selection.h"

class QButtonGroup;
class QCPAbstractItem;
class QCPBars;
class QCPItemRect;
class QCustomPlot;

namespace perfmamba::widgets {

/// Click selects component and length, hover tells the numbers, arrow keys move the selection.
class SharePlot : public QWidget {
    Q_OBJECT
public:
    explicit SharePlot(Selection& selection, QWidget* parent = nullptr);

    /// With a comparison, a narrow bar beside each is the baseline's.
    void setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison = {});
    void setMeasure(Measure measure);
    [[nodiscard]] Measure measure() const { return m_measure; }

    /// Every bar as text: length, then a column a component, in the measure shown.
    [[nodiscard]] QString csv() const;
    [[nodiscard]] const Picture& picture() const { return m_picture; }
    /// Middle of a segment in the plot's pixels, for tests; invalid (−1, −1) when it is not drawn.
    [[nodiscard]] QPoint segmentCentre(std::size_t point, Component component) const;
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }

private:
    void refill();
    void refillBaseline();
    void restyle();
    void layoutLabels();
    void fitView();
    void hover(const QPoint& at, const QPoint& global);
    void click(const QPoint& at);
    bool pressed(int key);
    struct Hit {
        int point = -1;
        int component = -1;  // index into m_components
    };
    [[nodiscard]] Hit hitAt(const QPoint& at) const;
    [[nodiscard]] std::vector<double> heightsOf(const profile::Point& point) const;
    /// The baseline at the length of that point; null where it has none.
    [[nodiscard]] const profile::Point* baselineAt(const profile::Point& point) const;

    Selection& m_selection;
    ProfilePtr m_profile;
    ComparisonPtr m_comparison;
    Measure m_measure = Measure::Share;
    double m_factor = 100;  // from the measure's unit to the axis
    QString m_unit;
    QButtonGroup* m_buttons = nullptr;
    QCustomPlot* m_plot = nullptr;
    QCPItemRect* m_band = nullptr;  // behind the selected length
    std::vector<Component> m_components;
    std::vector<QCPBars*> m_bars;           // one a component, bottom first
    std::vector<QCPBars*> m_baseline_bars;  // the same, where there is a comparison
    std::vector<QCPAbstractItem*> m_labels;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
