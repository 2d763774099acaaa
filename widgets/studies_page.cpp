#include "widgets/studies_page.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QSplitter>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "widgets/component_model.h"
#include "widgets/component_table.h"
#include "widgets/empty_page.h"
#include "widgets/roofline_plot.h"
#include "widgets/scaling_page.h"
#include "widgets/segments.h"

namespace perfmamba::widgets {

StudiesPage::StudiesPage(Selection& selection, QWidget* parent) : QWidget(parent) {
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 6, 8, 2);
    bar->setSpacing(0);
    // In the order of Tab.
    m_buttons = addSegments(*bar, this,
                            {{tr("Scaling"), tr("Time and memory by length, for models, devices and precisions")},
                             {tr("What d_state costs"), tr("Time by number of states N, beside its floor")},
                             {tr("Roofline"), tr("Each component under what the device reaches")}});
    bar->addStretch(1);
    layout->addLayout(bar);
    m_stack = new QStackedWidget;
    layout->addWidget(m_stack, 1);

    // The first two tabs are two sides of one study.
    m_scaling = new ScalingPage;
    m_stack->addWidget(m_scaling);
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
    m_roofline_empty = new EmptyPage;
    m_roofline_stack = new QStackedWidget;
    m_roofline_stack->addWidget(m_roofline_empty);
    m_roofline_stack->addWidget(columns);
    m_stack->addWidget(m_roofline_stack);

    connect(m_buttons, &QButtonGroup::idClicked, this, [this](int id) { showTab(static_cast<Tab>(id)); });
    showTab(Tab::Scaling);
}

void StudiesPage::showTab(Tab tab) {
    m_buttons->button(static_cast<int>(tab))->setChecked(true);
    m_stack->setCurrentIndex(tab == Tab::Roofline ? 1 : 0);
    if (tab != Tab::Roofline) {
        m_scaling->setSide(tab == Tab::States ? ScalingPage::Side::States : ScalingPage::Side::Lengths);
    }
}

StudiesPage::Tab StudiesPage::tab() const {
    return static_cast<Tab>(m_buttons->checkedId());
}

void StudiesPage::setProfile(const ProfilePtr& profile) {
    m_roofline->setProfile(profile);
    m_table->setProfile(profile);
    m_roofline_stack->setCurrentIndex(profile && !profile->points.empty() ? 1 : 0);
}

}  // namespace perfmamba::widgets
