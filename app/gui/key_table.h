// The keys and the mouse, in one table: the actions' shortcuts as they are, and what the views do themselves.
#pragma once

#include <QDialog>

class QAction;

namespace perfmamba::app {

class KeyTable : public QDialog {
    Q_OBJECT
public:
    KeyTable(const QList<QAction*>& actions, QWidget* parent);
};

}  // namespace perfmamba::app
