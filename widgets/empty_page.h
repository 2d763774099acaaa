// What a page shows before it has anything to show: what would appear, and the button that makes it appear.
#pragma once

#include <QList>
#include <QWidget>

class QAction;
class QBoxLayout;
class QLabel;

namespace perfmamba::widgets {

class EmptyPage : public QWidget {
    Q_OBJECT
public:
    explicit EmptyPage(QWidget* parent = nullptr);
    void setTexts(const QString& title, const QString& body);
    /// The buttons' texts, tooltips and enabled states follow the actions; the first is the obvious one.
    void setActions(const QList<QAction*>& actions);
    /// As narrow as the widest button: the text wraps, the buttons then stand below each other.
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;

private:
    void arrangeButtons();

    QLabel* m_title = nullptr;
    QLabel* m_body = nullptr;
    QWidget* m_buttons = nullptr;
    QBoxLayout* m_row = nullptr;  // of the buttons
    QList<QAction*> m_actions;
};

}  // namespace perfmamba::widgets
