// How wide the docks at the sides should be: a small window takes width from them, a larger one gives it back.
#pragma once

#include <QList>
#include <QObject>

class QDockWidget;
class QMainWindow;

namespace perfmamba::app {

class DockWidths : public QObject {
    Q_OBJECT
public:
    /// What the user drags a dock to is what is wanted of it from then on.
    DockWidths(QMainWindow& window, QList<QDockWidget*> docks);
    /// As wide as they are now, after the layout was restored, but in a small window no narrower than `least`: there it
    /// may be that width was taken from them.
    void keep(int least);
    /// So wide each.
    void set(int width);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void apply();

    QMainWindow& m_window;
    QList<QDockWidget*> m_docks;
    QList<int> m_wanted;  // pixels
};

}  // namespace perfmamba::app
