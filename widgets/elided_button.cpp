#include "widgets/elided_button.h"

#include <QStyleOptionToolButton>
#include <QStylePainter>
#include <algorithm>

namespace perfmamba::widgets {
namespace {

constexpr int kLeastName = 40;  // pixels; less tells no name from another
constexpr int kLeast = 90;

}  // namespace

ElidedButton::ElidedButton(QWidget* parent) : QToolButton(parent) {
    setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);  // as wide as its text, or less
}

void ElidedButton::setTexts(const QString& pattern, const QString& name) {
    m_pattern = pattern;
    m_name = name;
    setText(pattern.arg(name));
    setAccessibleName(text());
}

QString ElidedButton::shortened(int room) const {
    const QFontMetrics metrics = fontMetrics();
    if (metrics.horizontalAdvance(text()) <= room) return text();
    const int for_name = room - metrics.horizontalAdvance(m_pattern.arg(QString()));
    // The middle goes: models' names and times differ at both ends.
    if (for_name >= kLeastName) return m_pattern.arg(metrics.elidedText(m_name, Qt::ElideMiddle, for_name));
    return metrics.elidedText(text(), Qt::ElideRight, room);
}

QString ElidedButton::shown() const {
    const int around = sizeHint().width() - fontMetrics().horizontalAdvance(text());
    return shortened(width() - around);
}

QSize ElidedButton::minimumSizeHint() const {
    const QSize whole = sizeHint();
    return {std::min(whole.width(), kLeast), whole.height()};
}

void ElidedButton::paintEvent(QPaintEvent* /*event*/) {
    QStylePainter painter(this);
    QStyleOptionToolButton option;
    initStyleOption(&option);
    option.text = shown();
    painter.drawComplexControl(QStyle::CC_ToolButton, option);
}

}  // namespace perfmamba::widgets
