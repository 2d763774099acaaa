#include "widgets/elided_label.h"

#include <QPainter>

#include "widgets/theme.h"

namespace perfmamba::widgets {

ElidedLabel::ElidedLabel(QWidget* parent) : QLabel(parent) {
    setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    setTextFormat(Qt::PlainText);
}

QSize ElidedLabel::minimumSizeHint() const {
    return {20, fontMetrics().height() + 2};
}

void ElidedLabel::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(this);
    painter.setPen(palette().color(foregroundRole()));
    // The middle goes: models' names differ at both ends.
    painter.drawText(contentsRect(), static_cast<int>(alignment()),
                     fontMetrics().elidedText(text(), Qt::ElideMiddle, contentsRect().width()));
}

ElidedLabel* makeHeading(const QString& text) {
    auto* label = new ElidedLabel;
    label->setText(text);
    label->setFont(Theme::headingFont());
    label->setProperty("heading", true);
    return label;
}

}  // namespace perfmamba::widgets
