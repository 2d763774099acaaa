#include "widgets/messages_panel.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QListWidget>
#include <QTime>
#include <QToolButton>
#include <QVBoxLayout>

#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kMost = 500;
constexpr int kKindRole = Qt::UserRole;

void colour(QListWidgetItem& item) {
    const Colours& c = theme().colours();
    const auto kind = static_cast<MessagesPanel::Kind>(item.data(kKindRole).toInt());
    item.setForeground(kind == MessagesPanel::Kind::Error     ? c.error
                       : kind == MessagesPanel::Kind::Warning ? c.warning
                                                              : c.text);
}

}  // namespace

MessagesPanel::MessagesPanel(QWidget* parent) : QWidget(parent) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_list = new QListWidget;
    m_list->setAccessibleName(tr("Messages"));
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setWordWrap(true);
    m_list->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_list->setContextMenuPolicy(Qt::ActionsContextMenu);
    layout->addWidget(m_list, 1);
    setFocusProxy(m_list);

    auto* copy = new QAction(theme().icon(QStringLiteral("copy")), tr("Copy"), m_list);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    connect(copy, &QAction::triggered, this, [this] {
        QStringList lines;
        for (const QListWidgetItem* item : m_list->selectedItems()) lines << item->text();
        QApplication::clipboard()->setText(lines.isEmpty() ? text() : lines.join(QLatin1Char('\n')));
    });
    auto* clear_all = new QAction(tr("Clear"), m_list);
    connect(clear_all, &QAction::triggered, this, &MessagesPanel::clear);
    m_list->addActions({copy, clear_all});
    auto* buttons = new QVBoxLayout;
    buttons->setContentsMargins(4, 4, 4, 4);
    const auto button = [&](const QString& text, const QString& tip, auto act) {
        auto* tool = new QToolButton;
        tool->setText(text);
        tool->setFont(Theme::smallFont());
        tool->setToolTip(tip);
        tool->setFocusPolicy(Qt::StrongFocus);
        tool->setSizePolicy(QSizePolicy::Minimum, QSizePolicy::Fixed);
        connect(tool, &QToolButton::clicked, this, act);
        buttons->addWidget(tool);
    };
    button(tr("Close"), tr("Hide the messages; View → Messages shows them again"), &MessagesPanel::closeRequested);
    button(tr("Clear"), tr("Forget all messages"), &MessagesPanel::clear);
    buttons->addStretch(1);
    layout->addLayout(buttons);
    connect(&theme(), &Theme::changed, this, [this] {
        for (int i = 0; i < m_list->count(); ++i) colour(*m_list->item(i));
    });
}

void MessagesPanel::add(Kind kind, const QString& text) {
    while (m_list->count() >= kMost) delete m_list->takeItem(0);
    auto* item = new QListWidgetItem(QTime::currentTime().toString(QStringLiteral("HH:mm:ss  ")) + text);
    item->setData(kKindRole, static_cast<int>(kind));
    colour(*item);
    m_list->addItem(item);
    m_list->setCurrentItem(item, QItemSelectionModel::NoUpdate);
    m_list->scrollToBottom();
}

void MessagesPanel::clear() {
    m_list->clear();
    Q_EMIT cleared();
}

int MessagesPanel::count() const {
    return m_list->count();
}

QString MessagesPanel::text() const {
    QStringList lines;
    for (int i = 0; i < m_list->count(); ++i) lines << m_list->item(i)->text();
    return lines.join(QLatin1Char('\n'));
}

}  // namespace perfmamba::widgets
