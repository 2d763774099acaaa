// A scroll area that is never narrower than its content can be: it scrolls upwards and downwards alone, and nothing of
// the content is cut off at the right.
#pragma once

#include <QScrollArea>

namespace perfmamba::widgets {

class FittingArea : public QScrollArea {
    Q_OBJECT
public:
    explicit FittingArea(QWidget* content, QWidget* parent = nullptr);
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
};

/// `content` where there is room for it, and a bar to scroll across where there is less.
QScrollArea* scrolledAcross(QWidget* content);

}  // namespace perfmamba::widgets
