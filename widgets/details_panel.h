// The numbers of what is selected: median, spread, interval, samples, work, bytes, rates, shapes, stages; of a state,
// what it does.
#pragma once

#include <QWidget>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "widgets/background.h"
#include "widgets/change_text.h"
#include "widgets/plot_menu.h"
#include "widgets/selection.h"
#include "widgets/state_details.h"

class QCustomPlot;
class QGridLayout;
class QLabel;

namespace perfmamba::widgets {

struct KernelSum;

/// Bins of a histogram: edges.size() = counts.size() + 1. The number of bins follows Freedman and Diaconis, 6 … 40.
struct Histogram {
    std::vector<double> edges;
    std::vector<int> counts;
    int beyond = 0;   // samples above the last edge: outliers
    double most = 0;  // the largest sample
};
/// @param at_least the bins reach that far where there are outliers
Histogram histogramOf(const std::vector<double>& samples, double at_least = 0);

class DetailsPanel : public QWidget {
    Q_OBJECT
public:
    explicit DetailsPanel(Selection& selection, QWidget* parent = nullptr);
    /// With a comparison, rows say what became of the selection since the baseline.
    void setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison = {});
    /// Shown while a state is selected.
    void setStates(const StateEvidence& states);

    /// The rows as shown, "name: value" a line, for tests and for copying.
    [[nodiscard]] QString text() const;
    /// What the histogram says at that pixel of its width.
    [[nodiscard]] QString binTip(int x) const;

private:
    using Row = DetailRow;
    void refresh();
    bool showState();
    void showRows(const std::vector<Row>& rows);
    /// @param change since the baseline, whose median is marked; may be null
    void showSamples(const profile::Summary& time, const profile::Change* change = nullptr);
    void fitSamples();
    std::vector<Row> rowsOf(const profile::Point& point, const profile::ComponentCost& cost) const;
    std::vector<Row> rowsOf(const profile::Point& point) const;
    /// Since the baseline: of a component, or of the whole pass; null where there is none.
    const profile::Change* changeOf(const profile::Point& point, const profile::ComponentCost* cost) const;
    static void appendTraceRows(const profile::Point& point, std::vector<Row>& rows);
    void showKernels(const profile::Point& point, std::optional<Component> component,
                     std::optional<std::int32_t> layer);
    void listKernels(const std::vector<KernelSum>& sums);
    void showStages(const profile::Point& point, bool wanted);

    Selection& m_selection;
    ProfilePtr m_profile;
    ComparisonPtr m_comparison;
    StateEvidence m_states;
    QLabel* m_title = nullptr;
    QLabel* m_where = nullptr;
    QLabel* m_chip = nullptr;
    QGridLayout* m_grid = nullptr;
    std::vector<std::pair<QLabel*, QLabel*>> m_labels;
    std::vector<Row> m_rows;
    QLabel* m_plot_heading = nullptr;
    QCustomPlot* m_histogram = nullptr;
    QLabel* m_stages = nullptr;
    QLabel* m_kernels = nullptr;
    QWidget* m_body = nullptr;
    QLabel* m_empty = nullptr;
    profile::Summary m_shown;
    Histogram m_bins;                                                // of its samples
    double m_samples_from = 0, m_samples_to = 1, m_samples_top = 1;  // the histogram's axes, as shown
    /// Which kernels are asked for.
    struct KernelsOf {
        std::string model;  // its hash
        std::int64_t length = 0;
        std::optional<Component> component;
        std::optional<std::int32_t> layer;

        bool operator==(const KernelsOf&) const = default;
    };
    KernelsOf m_asked;
    Background m_background;  // sums very many kernels
};

}  // namespace perfmamba::widgets
