#include "widgets/segments.h"

#include <QBoxLayout>
#include <QButtonGroup>
#include <QToolButton>

namespace perfmamba::widgets {

QToolButton* makeSegment(const QString& text, const QString& tip) {
    auto* button = new QToolButton;
    button->setText(text);
    button->setToolTip(tip);
    button->setAccessibleName(tip);
    button->setCheckable(true);
    button->setProperty("segment", true);
    return button;
}

QButtonGroup* addSegments(QBoxLayout& bar, QObject* owner,
                          const std::vector<std::pair<QString, QString>>& texts_and_tips) {
    auto* group = new QButtonGroup(owner);
    for (const auto& [text, tip] : texts_and_tips) {
        QToolButton* button = makeSegment(text, tip);
        button->setChecked(group->buttons().isEmpty());
        group->addButton(button, static_cast<int>(group->buttons().size()));
        bar.addWidget(button);
    }
    return group;
}

}  // namespace perfmamba::widgets
