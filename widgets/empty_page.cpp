#include "widgets/empty_page.h"

#include <QAction>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/elided_label.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kBodyWidth = 480;  // pixels, at most
constexpr int kAround = 40;      // the margins at both sides

}  // namespace

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
    m_body->setMaximumWidth(kBodyWidth);
    auto* middle = new QHBoxLayout;
    middle->addStretch(1);
    middle->addWidget(m_body, 1000);
    middle->addStretch(1);
    layout->addLayout(middle);
    layout->addSpacing(6);
    m_buttons = new QWidget;
    m_row = new QHBoxLayout(m_buttons);
    layout->addWidget(m_buttons, 0, Qt::AlignHCenter);
    layout->addStretch(3);
}

void EmptyPage::setTexts(const QString& title, const QString& body) {
    m_title->setText(title);
    m_body->setText(body);
}

void EmptyPage::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    arrangeButtons();
}

void EmptyPage::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    arrangeButtons();
}

QSize EmptyPage::minimumSizeHint() const {
    int widest = 0;
    for (const QPushButton* button : m_buttons->findChildren<QPushButton*>(QString(), Qt::FindDirectChildrenOnly)) {
        widest = std::max(widest, button->sizeHint().width());
    }
    return {widest + kAround, QWidget::minimumSizeHint().height()};
}

/// Below each other where they have no room beside each other.
void EmptyPage::arrangeButtons() {
    int wanted = kAround;
    for (const QPushButton* button : m_buttons->findChildren<QPushButton*>(QString(), Qt::FindDirectChildrenOnly)) {
        wanted += button->sizeHint().width() + m_row->spacing();
    }
    m_row->setDirection(wanted > width() ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
}

void EmptyPage::setActions(const QList<QAction*>& actions) {
    if (actions == m_actions) return;
    m_actions = actions;
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
        m_row->addWidget(button);
    }
    if (isVisible()) arrangeButtons();  // hidden ones have no style yet
}

}  // namespace perfmamba::widgets
