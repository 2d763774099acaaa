// Warnings and errors, newest last, as they stand; to be read and copied, never in the way.
#pragma once

#include <QWidget>

class QListWidget;

namespace perfmamba::widgets {

class MessagesPanel : public QWidget {
    Q_OBJECT
public:
    enum class Kind { Note, Warning, Error };

    explicit MessagesPanel(QWidget* parent = nullptr);
    void add(Kind kind, const QString& text);
    void clear();
    [[nodiscard]] int count() const;
    /// All messages, a line each.
    [[nodiscard]] QString text() const;

Q_SIGNALS:
    /// The panel is not wanted now; the messages stay.
    void closeRequested();
    void cleared();

private:
    QListWidget* m_list = nullptr;
};

}  // namespace perfmamba::widgets
