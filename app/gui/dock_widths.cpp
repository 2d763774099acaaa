#include "app/gui/dock_widths.h"

#include <QApplication>
#include <QDockWidget>
#include <QEvent>
#include <QMainWindow>
#include <algorithm>
#include <utility>

namespace perfmamba::app {

DockWidths::DockWidths(QMainWindow& window, QList<QDockWidget*> docks)
    : QObject(&window), m_window(window), m_docks(std::move(docks)) {
    keep(0);
    m_window.installEventFilter(this);
    for (QDockWidget* dock : std::as_const(m_docks)) dock->installEventFilter(this);
}

void DockWidths::keep(int least) {
    constexpr int kSmallWindow = 1280;
    const bool small = m_window.width() < kSmallWindow;
    m_wanted.clear();
    for (const QDockWidget* dock : std::as_const(m_docks)) {
        m_wanted << (small ? std::max(dock->width(), least) : dock->width());
    }
}

void DockWidths::set(int width) {
    m_wanted.fill(width);
    apply();
}

void DockWidths::apply() {
    m_window.resizeDocks(m_docks, m_wanted, Qt::Horizontal);
}

bool DockWidths::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() != QEvent::Resize) return QObject::eventFilter(watched, event);
    if (watched == &m_window) {
        // The layout has made room by now, of the docks as of all others.
        QMetaObject::invokeMethod(
            this, [this] { apply(); }, Qt::QueuedConnection);
    } else if (QApplication::mouseButtons() == Qt::LeftButton) {
        for (qsizetype i = 0; i < m_docks.size(); ++i) {
            if (watched == m_docks[i] && !m_docks[i]->isFloating()) m_wanted[i] = m_docks[i]->width();
        }
    }
    return QObject::eventFilter(watched, event);
}

}  // namespace perfmamba::app
