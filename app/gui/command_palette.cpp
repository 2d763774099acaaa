#include "app/gui/command_palette.h"

#include <QAction>
#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

namespace perfmamba::app {

int matchScore(const QString& typed, const QString& text) {
    int score = 0;
    qsizetype at = 0;
    for (const QChar letter : typed) {
        if (letter.isSpace()) continue;
        const qsizetype found = text.indexOf(letter, at, Qt::CaseInsensitive);
        if (found < 0) return -1;
        score += static_cast<int>(found - at);
        at = found + 1;
    }
    return score;
}

QString plainText(const QAction& action) {
    QString text = action.text();
    return text.remove(QLatin1Char('&')).remove(QChar(0x2026));
}

CommandPalette::CommandPalette(QWidget* window) : QFrame(window) {
    setObjectName(QStringLiteral("palette"));
    setFrameShape(QFrame::StyledPanel);
    setAutoFillBackground(true);
    setAccessibleName(tr("Command palette"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 8, 8, 8);
    layout->setSpacing(6);
    m_field = new QLineEdit;
    m_field->setPlaceholderText(tr("Type what you want to do"));
    m_field->installEventFilter(this);
    layout->addWidget(m_field);
    m_list = new QListWidget;
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setFocusPolicy(Qt::NoFocus);
    m_list->setUniformItemSizes(true);
    layout->addWidget(m_list);
    connect(m_field, &QLineEdit::textChanged, this, &CommandPalette::filter);
    connect(m_list, &QListWidget::itemClicked, this, [this] { trigger(); });
    hide();
}

void CommandPalette::open(const QList<QAction*>& actions) {
    m_actions = actions;
    constexpr int kWidth = 460;
    constexpr int kHeight = 360;
    const QSize room = parentWidget()->size();
    const int width = std::min(kWidth, room.width() - 40);
    setGeometry((room.width() - width) / 2, 60, width, std::min(kHeight, room.height() - 100));
    m_field->clear();
    filter({});
    show();
    raise();
    m_field->setFocus(Qt::ShortcutFocusReason);
}

void CommandPalette::filter(const QString& text) {
    QList<std::pair<int, QAction*>> found;
    for (QAction* action : std::as_const(m_actions)) {
        if (!action->isEnabled() || action->isSeparator()) continue;
        const int score = matchScore(text, plainText(*action));
        if (score >= 0) found.emplace_back(score, action);
    }
    if (!text.isEmpty()) {
        std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    m_list->clear();
    for (const auto& entry : std::as_const(found)) {
        const QAction* action = entry.second;
        const QString keys = action->shortcut().toString(QKeySequence::NativeText);
        auto* item = new QListWidgetItem(action->icon(), keys.isEmpty() ? plainText(*action)
                                                                        : plainText(*action) + QStringLiteral("    ") + keys);
        item->setData(Qt::UserRole, static_cast<int>(m_actions.indexOf(entry.second)));
        item->setToolTip(action->toolTip());
        m_list->addItem(item);
    }
    m_list->setCurrentRow(0);
}

void CommandPalette::trigger() {
    const QListWidgetItem* item = m_list->currentItem();
    hide();
    if (item == nullptr) return;
    m_actions[item->data(Qt::UserRole).toInt()]->trigger();
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::FocusOut) hide();
    // Escape is the window's Stop while a run is on: not while this is open.
    if (event->type() == QEvent::ShortcutOverride) event->accept();
    if (event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        const int row = m_list->currentRow();
        switch (key) {
            case Qt::Key_Escape: hide(); return true;
            case Qt::Key_Return:
            case Qt::Key_Enter: trigger(); return true;
            case Qt::Key_Down: m_list->setCurrentRow(std::min(row + 1, m_list->count() - 1)); return true;
            case Qt::Key_Up: m_list->setCurrentRow(std::max(row - 1, 0)); return true;
            default: break;
        }
    }
    return QFrame::eventFilter(watched, event);
}

}  // namespace perfmamba::app
