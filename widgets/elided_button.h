// A button that shortens the name in its text to the room it has; its tooltip should have the whole of it.
#pragma once

#include <QToolButton>

namespace perfmamba::widgets {

class ElidedButton : public QToolButton {
    Q_OBJECT
public:
    explicit ElidedButton(QWidget* parent = nullptr);
    /// @param pattern with %1 for the name, which is what is shortened as long as there is room for any of it
    void setTexts(const QString& pattern, const QString& name);
    /// As it stands in that many pixels.
    [[nodiscard]] QString shortened(int room) const;
    [[nodiscard]] QString shown() const;
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QString m_pattern = QStringLiteral("%1");
    QString m_name;
};

}  // namespace perfmamba::widgets
