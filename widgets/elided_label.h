// A label that shortens its text to the room it has and shows the whole of it on hover.
#pragma once

#include <QLabel>

namespace perfmamba::widgets {

class ElidedLabel : public QLabel {
    Q_OBJECT
public:
    explicit ElidedLabel(QWidget* parent = nullptr);
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;
};

/// Says in the theme's headings what stands below or beside it.
ElidedLabel* makeHeading(const QString& text = {});

}  // namespace perfmamba::widgets
