// What d_state costs: time against the number of states N at one mode, batch and length, beside the floor.
#pragma once

#include <QWidget>

#include "widgets/scaling_derive.h"

class QComboBox;
class QSplitter;
class QTableWidget;
class QToolButton;

namespace perfmamba::widgets {

class CurvePlot;

class StatesCostView : public QWidget {
    Q_OBJECT
public:
    explicit StatesCostView(QWidget* parent = nullptr);
    /// A study of several numbers of states.
    void setStudy(const study::ScalingPtr& study);
    [[nodiscard]] const study::ScalingPtr& study() const { return m_study; }

    [[nodiscard]] StatesShape shape() const;
    void setShape(const StatesShape& shape);
    [[nodiscard]] CurvePlot* curves() const { return m_curves; }
    [[nodiscard]] QTableWidget* table() const { return m_table; }

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void fillChoices();
    void refill();
    void fillTable(const std::vector<StatesCurve>& curves, const Unit& unit);

    study::ScalingPtr m_study;
    bool m_chosen = false;  // by the user: not changed by itself
    QComboBox* m_mode = nullptr;
    QComboBox* m_batch = nullptr;
    QComboBox* m_length = nullptr;
    QToolButton* m_log = nullptr;
    QSplitter* m_split = nullptr;
    CurvePlot* m_curves = nullptr;
    QTableWidget* m_table = nullptr;
};

}  // namespace perfmamba::widgets
