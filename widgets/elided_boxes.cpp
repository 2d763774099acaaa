#include "widgets/elided_boxes.h"

#include <QFileInfo>
#include <QPainter>
#include <QStyleOptionComboBox>
#include <QStyleOptionFrame>
#include <QStylePainter>

namespace perfmamba::widgets {
namespace {

constexpr int kBeside = 4;  // pixels between the text and the box's ends

}  // namespace

void ElidedCombo::paintEvent(QPaintEvent* /*event*/) {
    QStylePainter painter(this);
    QStyleOptionComboBox option;
    initStyleOption(&option);
    painter.drawComplexControl(QStyle::CC_ComboBox, option);
    const QRect room = style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, this);
    option.currentText = fontMetrics().elidedText(option.currentText, Qt::ElideRight, room.width() - kBeside);
    painter.drawControl(QStyle::CE_ComboBoxLabel, option);
}

QString PathEdit::shortened(int room) const {
    const QString name = QFileInfo(text()).fileName();
    return fontMetrics().elidedText(name.isEmpty() ? text() : name, Qt::ElideMiddle, room);
}

void PathEdit::paintEvent(QPaintEvent* event) {
    if (hasFocus()) {
        QLineEdit::paintEvent(event);
        return;
    }
    QPainter painter(this);
    QStyleOptionFrame option;
    initStyleOption(&option);
    style()->drawPrimitive(QStyle::PE_PanelLineEdit, &option, &painter, this);
    const QRect room =
        style()->subElementRect(QStyle::SE_LineEditContents, &option, this).adjusted(kBeside / 2, 0, -kBeside / 2, 0);
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(room, Qt::AlignLeft | Qt::AlignVCenter, shortened(room.width()));
}

}  // namespace perfmamba::widgets
