#include "widgets/status_bar.h"

#include <QPainter>
#include <QStyle>
#include <QStyleOption>
#include <algorithm>

namespace perfmamba::widgets {
namespace {

constexpr int kMargin = 6;  // pixels, as Qt's own

}  // namespace

StatusBar::StatusBar(QWidget* parent) : QStatusBar(parent) {
    connect(this, &QStatusBar::messageChanged, this, &QWidget::setToolTip);
}

QRect StatusBar::messageRoom() const {
    // While there is a message, of the widgets only the permanent ones are shown; they stand at the right.
    int end = width() - kMargin;
    for (const QWidget* child : findChildren<QWidget*>(QString(), Qt::FindDirectChildrenOnly)) {
        if (child->isVisible()) end = std::min(end, child->x() - kMargin);
    }
    return {kMargin, 0, std::max(0, end - kMargin), height()};
}

QString StatusBar::shown() const {
    // The middle goes: a path's file stands at its end.
    return fontMetrics().elidedText(currentMessage(), Qt::ElideMiddle, messageRoom().width());
}

void StatusBar::paintEvent(QPaintEvent* event) {
    if (currentMessage().isEmpty()) {
        QStatusBar::paintEvent(event);
        return;
    }
    QPainter painter(this);
    QStyleOption option;
    option.initFrom(this);
    style()->drawPrimitive(QStyle::PE_PanelStatusBar, &option, &painter, this);
    painter.setPen(palette().windowText().color());
    painter.drawText(messageRoom(), Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine, shown());
}

}  // namespace perfmamba::widgets
