#include "widgets/empty_page.h"

#include <QAction>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "widgets/elided_label.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {

EmptyPage::EmptyPage(QWidget* parent) : QWidget(parent) {
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    auto* layout = new QVBoxLayout(this);
    layout->setSpacing(10);
    layout->addStretch(2);
    m_title = new ElidedLabel;
    QFont font = m_title->font();
    font.setPointSizeF(font.pointSizeF() * 1.6);
    font.setWeight(QFont::DemiBold);
    m_title->setFont(font);
    m_title->setAlignment(Qt::AlignCenter);
    layout->addWidget(m_title);
    m_body = new QLabel;
    m_body->setWordWrap(true);
    m_body->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_body->setProperty("muted", true);
    m_body->setFixedWidth(480);
    layout->addWidget(m_body, 0, Qt::AlignHCenter);
    layout->addSpacing(6);
    m_buttons = new QWidget;
    new QHBoxLayout(m_buttons);
    layout->addWidget(m_buttons, 0, Qt::AlignHCenter);
    layout->addStretch(3);
}

void EmptyPage::setTexts(const QString& title, const QString& body) {
    m_title->setText(title);
    m_body->setText(body);
    // Centred in the layout the label is given the height of its hint, which knows nothing of the lines it wraps to.
    m_body->setMinimumHeight(m_body->heightForWidth(m_body->width()));
}

void EmptyPage::setActions(const QList<QAction*>& actions) {
    qDeleteAll(m_buttons->findChildren<QPushButton*>(QString(), Qt::FindDirectChildrenOnly));
    for (QAction* action : actions) {
        const bool first = action == actions.front();
        auto* button = new QPushButton;
        button->setProperty("primary", first);
        const auto follow = [button, action] {
            const QString keys = action->shortcut().toString(QKeySequence::NativeText);
            QString text = action->iconText();
            if (!keys.isEmpty()) text += QStringLiteral("   ") + keys;
            button->setText(text);
            button->setToolTip(action->toolTip());
            button->setEnabled(action->isEnabled());
        };
        follow();
        connect(action, &QAction::changed, button, follow);
        connect(button, &QPushButton::clicked, action, &QAction::trigger);
        m_buttons->layout()->addWidget(button);
    }
}

}  // namespace perfmamba::widgets
