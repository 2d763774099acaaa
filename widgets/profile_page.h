// The first page: bars and table side by side, the timeline of the last pass below.
#pragma once

#include <QWidget>

#include "widgets/change_text.h"
#include "widgets/selection.h"

class QLabel;
class QSplitter;

namespace perfmamba::widgets {

class ComponentTable;
class SharePlot;
class Timeline;

class ProfilePage : public QWidget {
    Q_OBJECT
public:
    explicit ProfilePage(Selection& selection, QWidget* parent = nullptr);
    void setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison = {});

    [[nodiscard]] SharePlot* sharePlot() const { return m_share; }
    [[nodiscard]] ComponentTable* table() const { return m_table; }
    [[nodiscard]] Timeline* timeline() const { return m_timeline; }
    /// For the settings: the splitters' positions.
    [[nodiscard]] QByteArray saveLayout() const;
    void restoreLayout(const QByteArray& layout);
    void resetLayout();

private:
    SharePlot* m_share = nullptr;
    ComponentTable* m_table = nullptr;
    Timeline* m_timeline = nullptr;
    QLabel* m_caption = nullptr;
    QSplitter* m_rows = nullptr;
    QSplitter* m_columns = nullptr;
};

}  // namespace perfmamba::widgets
