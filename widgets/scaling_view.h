// A scaling study by length: one of its measures as curves, or of what time and memory consist; every cell below.
#pragma once

#include <QWidget>
#include <optional>
#include <vector>

#include "widgets/scaling_derive.h"

class QButtonGroup;
class QComboBox;
class QLabel;
class QStackedWidget;
class QTableWidget;
class QTableWidgetItem;

namespace perfmamba::widgets {

class CurvePlot;
class StackPlot;

/// What is shown: kScalingMeasures, then the two that are stacked.
enum class ScalingShown { Time, PerToken, TokensPerSecond, PeakMemory, Components, MemoryKinds };

class ScalingView : public QWidget {
    Q_OBJECT
public:
    explicit ScalingView(QWidget* parent = nullptr);
    void setStudy(const study::ScalingPtr& study);
    [[nodiscard]] const study::ScalingPtr& study() const { return m_study; }
    /// The cell that is being measured, and how far it is; none: nothing is measured.
    void setUnderWay(const std::optional<std::size_t>& cell, const QString& what);

    void setShown(ScalingShown shown);
    [[nodiscard]] ScalingShown shown() const { return m_shown; }
    /// The two series whose bars stand beside each other.
    void setPanels(int left, int right);

    [[nodiscard]] CurvePlot* curves() const { return m_curves; }
    [[nodiscard]] StackPlot* stacks() const { return m_stacks; }
    [[nodiscard]] QTableWidget* table() const { return m_table; }
    [[nodiscard]] QString tableCsv() const;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void sizeColumns();
    void fillPlot();
    void fillCurves();
    void fillStacks();
    void fillTable();
    void fillCell(QTableWidgetItem& item, std::size_t cell, const Unit& unit);
    void fillChoices();
    void itemChanged(const QTableWidgetItem* item);
    [[nodiscard]] ScalingMeasure measure() const;
    [[nodiscard]] Unit unit() const;
    [[nodiscard]] QString axisText(const Unit& unit) const;

    study::ScalingPtr m_study;
    std::vector<SeriesCells> m_series;
    QStringList m_names;
    std::vector<bool> m_wanted;  // which series are drawn
    std::optional<std::size_t> m_under_way;
    QString m_what;
    ScalingShown m_shown = ScalingShown::Time;
    QButtonGroup* m_buttons = nullptr;
    QWidget* m_choices = nullptr;  // which series are stacked
    QComboBox* m_left = nullptr;
    QComboBox* m_right = nullptr;
    QStackedWidget* m_stack = nullptr;
    CurvePlot* m_curves = nullptr;
    StackPlot* m_stacks = nullptr;
    QLabel* m_caption = nullptr;
    QTableWidget* m_table = nullptr;
};

}  // namespace perfmamba::widgets
