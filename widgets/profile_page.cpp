#include "widgets/profile_page.h"

#include <QDataStream>
#include <QLabel>
#include <QSplitter>
#include <QToolButton>
#include <QVBoxLayout>

#include "widgets/component_table.h"
#include "widgets/elided_label.h"
#include "widgets/share_plot.h"
#include "widgets/theme.h"
#include "widgets/timeline.h"

namespace perfmamba::widgets {

ProfilePage::ProfilePage(Selection& selection, QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_rows = new QSplitter(Qt::Vertical);
    m_rows->setHandleWidth(1);
    m_rows->setChildrenCollapsible(false);
    layout->addWidget(m_rows);

    const auto surface = [](QWidget* widget) {
        widget->setAutoFillBackground(true);
        widget->setBackgroundRole(QPalette::Base);
        return widget;
    };
    m_columns = new QSplitter(Qt::Horizontal);
    m_columns->setHandleWidth(1);
    m_columns->setChildrenCollapsible(false);
    m_share = new SharePlot(selection);
    m_table = new ComponentTable(selection);
    m_columns->addWidget(surface(m_share));
    m_columns->addWidget(surface(m_table));
    m_columns->setStretchFactor(0, 5);
    m_columns->setStretchFactor(1, 6);
    m_rows->addWidget(m_columns);

    auto* below = surface(new QWidget);
    auto* below_layout = new QVBoxLayout(below);
    below_layout->setContentsMargins(0, 0, 0, 0);
    below_layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 4, 8, 2);
    m_caption = makeHeading(tr("Last pass"));
    bar->addWidget(m_caption, 1);
    m_timeline = new Timeline(selection);
    const auto button = [&](const QString& icon, const QString& text, const QString& tip, auto act) {
        auto* tool = new QToolButton;
        tool->setText(text);
        tool->setToolTip(tip);
        tool->setAccessibleName(tip);
        tool->setAutoRaise(true);
        tool->setIcon(theme().icon(icon));
        tool->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        connect(tool, &QToolButton::clicked, m_timeline, act);
        connect(&theme(), &Theme::changed, tool, [tool, icon] { tool->setIcon(theme().icon(icon)); });
        bar->addWidget(tool);
    };
    button(QStringLiteral("focus"), tr("Selection"), tr("Zoom to the selection (F)"),
           [this] { m_timeline->fitSelection(); });
    button(QStringLiteral("fit"), tr("All"), tr("Show the whole pass (Home)"), [this] { m_timeline->fit(); });
    below_layout->addLayout(bar);
    below_layout->addWidget(m_timeline, 1);
    m_rows->addWidget(below);
    m_rows->setStretchFactor(0, 6);
    m_rows->setStretchFactor(1, 5);

    connect(m_timeline, &Timeline::captionChanged, this,
            [this](const QString& caption) { m_caption->setText(caption.isEmpty() ? tr("Last pass") : caption); });
}

void ProfilePage::setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison) {
    m_share->setProfile(profile, comparison);
    m_table->setProfile(profile, comparison);
    m_timeline->setProfile(profile);
}

void ProfilePage::resetLayout() {
    m_rows->setSizes({6000, 5000});
    m_columns->setSizes({5000, 6000});
}

QByteArray ProfilePage::saveLayout() const {
    QByteArray layout;
    QDataStream stream(&layout, QIODevice::WriteOnly);
    stream << m_rows->saveState() << m_columns->saveState();
    return layout;
}

void ProfilePage::restoreLayout(const QByteArray& layout) {
    QByteArray rows;
    QByteArray columns;
    QDataStream stream(layout);
    stream >> rows >> columns;
    if (stream.status() != QDataStream::Ok) return;
    m_rows->restoreState(rows);
    m_columns->restoreState(columns);
}

}  // namespace perfmamba::widgets
