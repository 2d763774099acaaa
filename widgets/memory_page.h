// Where the memory goes: over the last pass by kind, by length, and as a table.
#pragma once

#include <QBrush>
#include <QColor>
#include <QWidget>
#include <vector>

#include "widgets/change_text.h"
#include "widgets/plot_menu.h"
#include "widgets/selection.h"

class QButtonGroup;
class QCheckBox;
class QCustomPlot;
class QLabel;
class QMouseEvent;
class QTableWidget;

namespace perfmamba::widgets {

class MemoryPage : public QWidget {
    Q_OBJECT
public:
    explicit MemoryPage(Selection& selection, QWidget* parent = nullptr);
    /// With a comparison, each length has a column of what became of it since the baseline.
    void setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison = {});

    [[nodiscard]] const Picture& overPassPicture() const { return m_over_pass_picture; }
    [[nodiscard]] QString csv() const;
    /// The sentence under the plot.
    [[nodiscard]] QString explanation() const;
    /// Stacks the pass by the component that allocated, instead of by what the memory is for.
    void setByComponent(bool by_component);
    /// What the plot says at that time of the pass, and at that height of the stack; empty without a profile.
    [[nodiscard]] QString overPassTip(double time_us, double bytes) const;

private:
    /// A layer of the stack, over m_times_us.
    struct Band {
        QString name;
        QBrush brush;
        std::vector<double> bytes;
    };
    [[nodiscard]] bool byComponent() const;
    void makeBands();
    void makeComponentBands(bool with_weights);
    void paintRunning(double time_factor);
    void hover(QMouseEvent* event);
    void refresh();
    void fillOverPass();
    void fillByLength();
    void fillTable();
    /// Of the table, for each length: what is in use and, with a baseline, the difference.
    [[nodiscard]] int columnsPerLength() const { return m_comparison ? 2 : 1; }
    void setCell(int row, int column, const QString& text, const QString& tip, const QColor& colour, bool bold);
    void fillChange(int row, int column, const profile::Point& point);
    void labelByLength();
    void fitOverPass();
    void fitByLength();

    Selection& m_selection;
    ProfilePtr m_profile;
    ComparisonPtr m_comparison;
    const profile::Point* m_point = nullptr;
    QLabel* m_heading = nullptr;
    QButtonGroup* m_stacked_by = nullptr;
    QCheckBox* m_weights = nullptr;
    QCustomPlot* m_over_pass = nullptr;
    QLabel* m_explanation = nullptr;
    QCustomPlot* m_by_length = nullptr;
    QTableWidget* m_table = nullptr;
    Picture m_over_pass_picture;
    Picture m_by_length_picture;
    struct LineEnd {
        QString name;
        QColor colour;
        double value = 0;
    };
    std::vector<LineEnd> m_ends;
    std::vector<double> m_times_us;
    std::vector<Band> m_bands;  // from the bottom
    double m_most = 1;
};

/// What the peak consists of, in words.
QString peakInWords(const profile::Point& point);

}  // namespace perfmamba::widgets
