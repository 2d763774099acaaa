// Small buttons side by side that stay down.
#pragma once

#include <QString>
#include <utility>
#include <vector>

class QBoxLayout;
class QButtonGroup;
class QObject;
class QToolButton;

namespace perfmamba::widgets {

QToolButton* makeSegment(const QString& text, const QString& tip);
/// Adds one for each text and tip to the bar, of which one is chosen: first the first. Ids count from 0.
QButtonGroup* addSegments(QBoxLayout& bar, QObject* owner,
                          const std::vector<std::pair<QString, QString>>& texts_and_tips);

}  // namespace perfmamba::widgets
