// Input boxes that shorten what they show to the room they have, and say so with "…".
#pragma once

#include <QComboBox>
#include <QLineEdit>

namespace perfmamba::widgets {

class ElidedCombo : public QComboBox {
    Q_OBJECT
public:
    using QComboBox::QComboBox;

protected:
    void paintEvent(QPaintEvent* event) override;
};

/// Of a path it shows the file's name alone while nobody types.
class PathEdit : public QLineEdit {
    Q_OBJECT
public:
    using QLineEdit::QLineEdit;
    /// As it stands in that many pixels without the focus.
    [[nodiscard]] QString shortened(int room) const;

protected:
    void paintEvent(QPaintEvent* event) override;
};

}  // namespace perfmamba::widgets
