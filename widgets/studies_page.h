// The studies: one question a tab. So far the roofline.
#pragma once

#include <QWidget>

#include "widgets/selection.h"

class QButtonGroup;
class QHBoxLayout;
class QSplitter;
class QStackedWidget;

namespace perfmamba::widgets {

class ComponentTable;
class RooflinePlot;

class StudiesPage : public QWidget {
    Q_OBJECT
public:
    explicit StudiesPage(Selection& selection, QWidget* parent = nullptr);
    void setProfile(const ProfilePtr& profile);

    [[nodiscard]] RooflinePlot* roofline() const { return m_roofline; }
    [[nodiscard]] ComponentTable* table() const { return m_table; }

private:
    void addStudy(const QString& title, const QString& tip, QWidget* view);

    QButtonGroup* m_buttons = nullptr;
    QHBoxLayout* m_bar = nullptr;
    QStackedWidget* m_stack = nullptr;
    RooflinePlot* m_roofline = nullptr;
    ComponentTable* m_table = nullptr;
};

}  // namespace perfmamba::widgets
