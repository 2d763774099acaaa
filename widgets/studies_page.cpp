#include "widgets/studies_page.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QSplitter>
#include <QStackedWidget>
#include <QToolButton>
#include <QVBoxLayout>

#include "widgets/component_model.h"
#include "widgets/component_table.h"
#include "widgets/roofline_plot.h"

namespace perfmamba::widgets {

StudiesPage::StudiesPage(Selection& selection, QWidget* parent) : QWidget(parent) {
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_bar = new QHBoxLayout;
    m_bar->setContentsMargins(10, 6, 8, 2);
    m_bar->setSpacing(0);
    m_bar->addStretch(1);
    layout->addLayout(m_bar);
    m_buttons = new QButtonGroup(this);
    m_stack = new QStackedWidget;
    layout->addWidget(m_stack, 1);

    auto* columns = new QSplitter(Qt::Horizontal);
    columns->setHandleWidth(1);
    columns->setChildrenCollapsible(false);
    m_roofline = new RooflinePlot(selection);
    m_table = new ComponentTable(selection);
    m_table->showOnly({ComponentModel::Time, ComponentModel::Floor, ComponentModel::OfFloor, ComponentModel::Limit});
    columns->addWidget(m_roofline);
    columns->addWidget(m_table);
    columns->setStretchFactor(0, 1);
    columns->setStretchFactor(1, 1);
    columns->setSizes({1000, 1000});
    addStudy(tr("Roofline"), tr("Each component under what the device reaches"), columns);

    connect(m_buttons, &QButtonGroup::idClicked, m_stack, &QStackedWidget::setCurrentIndex);
    m_buttons->button(0)->setChecked(true);
}

void StudiesPage::addStudy(const QString& title, const QString& tip, QWidget* view) {
    auto* button = new QToolButton;
    button->setText(title);
    button->setToolTip(tip);
    button->setCheckable(true);
    button->setProperty("segment", true);
    m_buttons->addButton(button, m_stack->count());
    m_bar->insertWidget(m_stack->count(), button);
    m_stack->addWidget(view);
}

void StudiesPage::setProfile(const ProfilePtr& profile) {
    m_roofline->setProfile(profile);
    m_table->setProfile(profile);
}

}  // namespace perfmamba::widgets
