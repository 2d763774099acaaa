// The window: tool bar, map, pages, details, messages; connects what the user asks for to the session and what the
// session answers to the views.
#pragma once

#include <QList>
#include <QMainWindow>
#include <QPointer>
#include <functional>

#include "app/gui/pruning_session.h"
#include "app/gui/scaling_session.h"
#include "app/gui/session.h"
#include "app/gui/settings.h"
#include "core/study/advice.h"
#include "widgets/change_text.h"
#include "widgets/selection.h"
#include "widgets/token_sources.h"

class QActionGroup;
class QComboBox;
class QDockWidget;
class QLabel;
class QMenu;
class QProgressBar;
class QStackedWidget;
class QTabBar;
class QTimer;
class QToolBar;

namespace perfmamba::widgets {
class AdvicePanel;
class ComparePage;
class DetailsPanel;
class ElidedButton;
class EmptyPage;
class LayerMap;
class MemoryPage;
class MessagesPanel;
class ModelCard;
class ProfilePage;
class PrunePage;
class StatesPage;
class StudiesPage;
class WorkloadBar;
}  // namespace perfmamba::widgets

namespace perfmamba::app {

class CommandPalette;
class DockWidths;
class ExportDialog;

/// What to call a run: its report's file, or the model and when it was taken, where it was kept by itself.
/// @param path of its report; may be empty
QString runName(const profile::Profile& profile, const QString& path);

class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    explicit MainWindow(QWidget* parent = nullptr);
    ~MainWindow() override;

    /// A checkpoint folder, a file in one, or a report (.h5).
    void openPath(const QString& path);
    /// Starts a run as soon as the model that is being opened is open.
    void runWhenOpen() { m_run_when_open = true; }
    void startRun();
    /// Compares what is shown, now and later, with that report.
    void openBaseline(const QString& path);

    // For tests.
    [[nodiscard]] Session& session() { return *m_session; }
    [[nodiscard]] widgets::Selection& selection() { return m_selection; }
    [[nodiscard]] const ProfilePtr& shown() const { return m_shown; }
    [[nodiscard]] widgets::ProfilePage* profilePage() const { return m_profile_page; }
    [[nodiscard]] widgets::MemoryPage* memoryPage() const { return m_memory_page; }
    [[nodiscard]] widgets::StatesPage* statesPage() const { return m_states_page; }
    [[nodiscard]] widgets::PrunePage* prunePage() const { return m_prune_page; }
    [[nodiscard]] widgets::StudiesPage* studiesPage() const { return m_studies_page; }
    [[nodiscard]] widgets::ComparePage* comparePage() const { return m_compare_page; }
    [[nodiscard]] const widgets::ComparisonPtr& comparison() const { return m_comparison; }
    [[nodiscard]] widgets::ElidedButton* baselineChip() const { return m_chip_name; }
    [[nodiscard]] PruningSession& pruning() { return *m_pruning; }
    [[nodiscard]] const activity::ActivityPtr& activity() const { return m_activity; }
    [[nodiscard]] ScalingSession& scaling() { return *m_scaling; }
    [[nodiscard]] ExportDialog* exportDialog() const;
    [[nodiscard]] widgets::LayerMap* map() const { return m_map; }
    [[nodiscard]] widgets::DetailsPanel* details() const { return m_details; }
    [[nodiscard]] widgets::AdvicePanel* advice() const { return m_advice; }
    void saveSummary(const QString& file);
    [[nodiscard]] widgets::MessagesPanel* messages() const { return m_messages; }
    [[nodiscard]] widgets::WorkloadBar* workload() const { return m_workload; }
    [[nodiscard]] QAction* action(const QString& id) const;
    /// "This page: NAME, …"; empty where the page is about the card's model.
    [[nodiscard]] QString pageModelText() const;
    void saveSettings();

protected:
    void closeEvent(QCloseEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

private:
    // In the order of addPage().
    static constexpr int kProfilePage = 0;
    static constexpr int kStatesPage = 2;
    static constexpr int kPrunePage = 3;

    struct Page {
        widgets::EmptyPage* empty;
        QStackedWidget* stack;
        QString purpose;
        std::function<void(const ProfilePtr&)> show;
        std::function<bool()> ready;  // whether it has something to show
        QString maker;                // the action that makes it have something
        QString what_maker_does;      // in words, for the empty page of an open model
        /// What it shows is of, where that need not be the card's model; null: nothing.
        std::function<const profile::ModelSummary*()> model = {};
        /// Fills the empty page by itself, where it is set and returns true.
        std::function<bool(widgets::EmptyPage&)> own_texts = {};
    };

    // main_actions.cpp
    QAction* add(const QString& id, const QString& icon, const QString& text, const QString& tip,
                 const QKeySequence& keys, std::function<void()> does);
    void buildActions();
    void buildMenus();
    void buildToolBar();
    void retheme();
    void fillRecent();
    [[nodiscard]] QList<QAction*> allActions() const;

    void buildDocks();
    void buildStatusBar();
    Page& addPage(const QString& id, const QString& icon, const QString& title, const QString& purpose, QWidget* view,
                  std::function<void(const ProfilePtr&)> show);
    void showPage(int index);
    void showProfile(const ProfilePtr& profile);
    void showNewest();
    void showProgress(const profile::Progress& progress);
    void updateTexts();
    void resetLayout();
    void setTheme(widgets::ThemeChoice choice);
    void report(int kind, const QString& text);
    void modelOpened();
    void runFinished(const ProfilePtr& profile);
    void measureCeilings();
    void showCeilings(const profile::Ceilings& ceilings);
    void reportOpened(const report::Contents& contents, const QString& path);
    void askForCheckpoint();
    void askForModelFile();
    void askForReport();
    void askForReportIn(const QString& folder);
    void askWhereToSave();
    void exportTable();
    void stopRun();
    void emptyTexts(const Page& page);
    void updatePageModel();

    // main_pruning.cpp
    void buildPruningActions();
    void buildPruningPages();
    void connectPruning();
    void pruningModelOpened();
    void pruningReportOpened(const report::Contents& contents, const QString& path);
    [[nodiscard]] Target target() const;
    void collectActivity();
    void setPlan(const prune::PlanPtr& plan);
    void showActivity(const activity::ActivityPtr& activity);
    /// What Save writes on this page: the activity, where it and not the run is what the page shows. Else null.
    [[nodiscard]] activity::ActivityPtr activityToSave() const;
    void askWhereToSaveActivity(const activity::ActivityPtr& activity);
    void showScores();
    void showStateDetails();
    void startStudy(study::Options options);
    void setSources(const widgets::TokenSources& sources);
    void measure(const prune::PlanPtr& plan, bool full);
    void openExport(prune::Form form);
    /// "{}" where that plan was not measured.
    [[nodiscard]] std::string recordOf(const prune::Plan& plan) const;
    void askWhereToSavePlan();
    void askForPlan();

    // main_scaling.cpp
    void buildScalingActions();
    void buildStudiesPage();
    void connectScaling();
    void updateScalingTexts();
    void scalingModelOpened();
    void scalingReportOpened(const study::ScalingPtr& study, const QString& path);
    void startScaling();
    void askForAnotherModel();

    // main_outputs.cpp
    /// Whether what other numbers of states cost was measured of that model, on its device, in the same way.
    [[nodiscard]] bool priceIsOf(const profile::Profile& profile) const;
    [[nodiscard]] study::Known known() const;
    void showAdvice();
    void askWhereToSaveTrace();
    void askWhereToSaveSummary();
    using SummaryWriter = std::function<void(const report::Sink&)>;
    /// Writes the summary of what is shown at this moment; empty where there is nothing to sum up.
    [[nodiscard]] SummaryWriter summaryWriter() const;

    // main_compare.cpp
    /// A run to compare with.
    struct Baseline {
        ProfilePtr profile;  // null: there is none
        QString name;
        QString path;  // of its report
    };
    void buildCompareActions();
    void buildComparePage();
    QWidget* makeBaselineChip();
    bool emptyCompareTexts(widgets::EmptyPage& empty);
    void pinBaseline();
    void askForBaseline();
    void restoreBaseline();
    void baselineOpened(const report::Contents& contents, const QString& path);
    void setBaseline(Baseline baseline);
    /// Before another run takes the place of what is shown.
    void rememberPrevious();
    void compareWithBaseline();
    void updateBaselineTexts();

    Settings m_settings;
    widgets::Selection m_selection;
    Workers* m_workers = nullptr;
    Session* m_session = nullptr;
    PruningSession* m_pruning = nullptr;
    ScalingSession* m_scaling = nullptr;
    ProfilePtr m_shown;
    ProfilePtr m_last_finished;
    QString m_shown_from;         // the report's path, where what is shown was read from one
    QString m_kept_as;            // where the run is kept
    bool m_kept_is_live = false;  // it was Live that began that file
    ProfilePtr m_newest;          // of the run, not yet drawn
    profile::Progress m_newest_progress;
    QTimer* m_refresh = nullptr;
    bool m_live = false;
    bool m_run_told = false;  // the run has begun: it is not behind something that the engine does
    bool m_run_when_open = false;
    bool m_restored = false;
    QByteArray m_first_state;  // of the docks, for Reset layout

    QList<QAction*> m_actions;
    QActionGroup* m_page_actions = nullptr;
    QMenu* m_pages_menu = nullptr;
    QMenu* m_recent = nullptr;
    QToolBar* m_bar = nullptr;
    QTabBar* m_tabs = nullptr;
    QLabel* m_page_model = nullptr;  // whose the page is, where the card shows another model
    QStackedWidget* m_stack = nullptr;
    QList<Page> m_pages;
    widgets::WorkloadBar* m_workload = nullptr;
    widgets::ModelCard* m_card = nullptr;
    widgets::LayerMap* m_map = nullptr;
    QComboBox* m_metric = nullptr;
    widgets::DetailsPanel* m_details = nullptr;
    widgets::MessagesPanel* m_messages = nullptr;
    QDockWidget* m_map_dock = nullptr;
    QDockWidget* m_details_dock = nullptr;
    DockWidths* m_dock_widths = nullptr;
    QDockWidget* m_messages_dock = nullptr;
    widgets::AdvicePanel* m_advice = nullptr;
    QDockWidget* m_advice_dock = nullptr;
    widgets::ProfilePage* m_profile_page = nullptr;
    widgets::MemoryPage* m_memory_page = nullptr;
    widgets::StatesPage* m_states_page = nullptr;
    widgets::PrunePage* m_prune_page = nullptr;
    widgets::StudiesPage* m_studies_page = nullptr;
    widgets::ComparePage* m_compare_page = nullptr;
    int m_compare_index = 0;
    int m_studies_index = 0;
    QString m_scaling_path;  // where the scaling study is kept
    CommandPalette* m_palette = nullptr;

    Baseline m_baseline;
    Baseline m_previous;                  // what was shown before
    widgets::ComparisonPtr m_comparison;  // of what is shown with the baseline; null where there is none
    QString m_not_compared;               // why not, where the two have nothing in common
    QWidget* m_chip = nullptr;            // 'compared with: NAME ✕'
    widgets::ElidedButton* m_chip_name = nullptr;

    // What is known of the states.
    activity::ActivityPtr m_activity;
    prune::PlanPtr m_plan;
    study::StudyPtr m_study;
    bool m_price_asked = false;
    study::CostPtr m_cost;   // what other numbers of states cost
    Target m_priced_target;  // the model and device that it is of
    QString m_study_path;    // where the study is kept
    /// The last full measurement, as it goes into pruning.json, and whose it is.
    struct Record {
        prune::PlanPtr plan;
        std::string json;
    };
    Record m_measured;
    QPointer<ExportDialog> m_export_dialog;
    QLabel* m_device_label = nullptr;
    QLabel* m_overhead_label = nullptr;
    QLabel* m_source_label = nullptr;
    QWidget* m_progress_area = nullptr;
    QLabel* m_progress_label = nullptr;
    QProgressBar* m_progress = nullptr;
};

}  // namespace perfmamba::app
