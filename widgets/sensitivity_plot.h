// How much each layer matters: what is lost when it is pruned alone.
#pragma once

#include <QWidget>
#include <vector>

#include "widgets/plot_menu.h"
#include "widgets/prune_derive.h"
#include "widgets/selection.h"

class QCustomPlot;

namespace perfmamba::widgets {

/// Bars of Δ quality with their standard errors. Click or arrow keys select the layer.
class SensitivityPlot : public QWidget {
    Q_OBJECT
public:
    explicit SensitivityPlot(Selection& selection, QWidget* parent = nullptr);
    void setStudy(const study::StudyPtr& study);
    [[nodiscard]] const Picture& picture() const { return m_picture; }
    [[nodiscard]] QString csv() const;

private:
    void refill();
    void refit();
    void step(int by);
    void hover(const QPoint& at, const QPoint& global);
    void click(const QPoint& at);
    bool pressed(int key);
    [[nodiscard]] int barAt(const QPoint& at) const;
    [[nodiscard]] QString tipOf(const LayerDelta& delta) const;

    Selection& m_selection;
    QString m_quality;  // "accuracy"
    std::vector<LayerDelta> m_deltas;
    QCustomPlot* m_plot = nullptr;
    Picture m_picture;
};

}  // namespace perfmamba::widgets
