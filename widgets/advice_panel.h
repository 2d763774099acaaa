// What the profile says, a sentence an entry: a click shows in all views what it is about.
#pragma once

#include <QWidget>
#include <vector>

#include "core/study/advice.h"
#include "widgets/selection.h"

class QListWidget;
class QListWidgetItem;

namespace perfmamba::widgets {

class AdvicePanel : public QWidget {
    Q_OBJECT
public:
    explicit AdvicePanel(Selection& selection, QWidget* parent = nullptr);
    void setAdvice(std::vector<study::Advice> advice);

    /// The sentences, a line each: what is copied where none is selected.
    [[nodiscard]] QString text() const;
    [[nodiscard]] QListWidget* list() const { return m_list; }

private:
    void follow(const QListWidgetItem* item);

    Selection& m_selection;
    std::vector<study::Advice> m_advice;  // in the order of the list's items
    QListWidget* m_list = nullptr;
};

}  // namespace perfmamba::widgets
