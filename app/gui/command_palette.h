// Every action by its name: type a few letters, Enter runs it.
#pragma once

#include <QFrame>
#include <QList>

class QAction;
class QLineEdit;
class QListWidget;

namespace perfmamba::app {

class CommandPalette : public QFrame {
    Q_OBJECT
public:
    explicit CommandPalette(QWidget* window);
    /// Opens over the window with these actions; those that are disabled are left out.
    void open(const QList<QAction*>& actions);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void filter(const QString& text);
    void trigger();

    QList<QAction*> m_actions;
    QLineEdit* m_field = nullptr;
    QListWidget* m_list = nullptr;
};

/// Whether the letters of `typed` occur in `text` in that order, whatever lies between; lower is better, −1: no.
int matchScore(const QString& typed, const QString& text);
/// An action's text without its mnemonic and its dots.
QString plainText(const QAction& action);

}  // namespace perfmamba::app
