// A status bar whose messages are shortened to the room they have; the whole of it stands in its tooltip.
#pragma once

#include <QStatusBar>

namespace perfmamba::widgets {

class StatusBar : public QStatusBar {
    Q_OBJECT
public:
    explicit StatusBar(QWidget* parent = nullptr);
    /// The message as it stands there.
    [[nodiscard]] QString shown() const;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    [[nodiscard]] QRect messageRoom() const;
};

}  // namespace perfmamba::widgets
