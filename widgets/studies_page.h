// The studies: one question a tab. How it scales with length, what d_state costs, the roofline.
#pragma once

#include <QWidget>

#include "widgets/selection.h"

class QButtonGroup;
class QHBoxLayout;
class QStackedWidget;

namespace perfmamba::widgets {

class ComponentTable;
class EmptyPage;
class RooflinePlot;
class ScalingPage;

class StudiesPage : public QWidget {
    Q_OBJECT
public:
    enum class Tab { Scaling, States, Roofline };

    explicit StudiesPage(Selection& selection, QWidget* parent = nullptr);
    void setProfile(const ProfilePtr& profile);
    void showTab(Tab tab);
    [[nodiscard]] Tab tab() const;

    [[nodiscard]] ScalingPage* scaling() const { return m_scaling; }
    [[nodiscard]] RooflinePlot* roofline() const { return m_roofline; }
    [[nodiscard]] ComponentTable* table() const { return m_table; }
    /// Of the roofline, which alone needs a profile: 0 is its empty page, 1 itself.
    [[nodiscard]] QStackedWidget* rooflineStack() const { return m_roofline_stack; }
    [[nodiscard]] EmptyPage* rooflineEmpty() const { return m_roofline_empty; }

private:
    QButtonGroup* m_buttons = nullptr;
    QStackedWidget* m_stack = nullptr;
    ScalingPage* m_scaling = nullptr;
    RooflinePlot* m_roofline = nullptr;
    ComponentTable* m_table = nullptr;
    QStackedWidget* m_roofline_stack = nullptr;
    EmptyPage* m_roofline_empty = nullptr;
};

}  // namespace perfmamba::widgets
