#include "app/gui/main_window.h"

#include <QActionGroup>
#include <QApplication>
#include <QCloseEvent>
#include <QComboBox>
#include <QDateTime>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMenu>
#include <QMimeData>
#include <QProgressBar>
#include <QStackedWidget>
#include <QStandardPaths>
#include <QStatusBar>
#include <QTabBar>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <utility>

#include "app/gui/command_palette.h"
#include "app/gui/dock_widths.h"
#include "core/profile/floors.h"
#include "core/report/chrome_trace.h"
#include "widgets/advice_panel.h"
#include "widgets/compare_page.h"
#include "widgets/component_table.h"
#include "widgets/derive.h"
#include "widgets/details_panel.h"
#include "widgets/elided_label.h"
#include "widgets/empty_page.h"
#include "widgets/format.h"
#include "widgets/layer_map.h"
#include "widgets/memory_page.h"
#include "widgets/messages_panel.h"
#include "widgets/model_card.h"
#include "widgets/plot_menu.h"
#include "widgets/profile_page.h"
#include "widgets/save_dialog.h"
#include "widgets/scaling_form.h"
#include "widgets/scaling_page.h"
#include "widgets/status_bar.h"
#include "widgets/studies_page.h"
#include "widgets/theme.h"
#include "widgets/workload_bar.h"

namespace perfmamba::app {

using widgets::MessagesPanel;

namespace {

/// Between two redraws during a run. Drawing takes a core for some milliseconds that the measured pass would have had:
/// few enough not to be measured, and with the drawing itself a pass is seen within 200 ms.
constexpr int kRefresh_ms = 150;
/// The style sheet's padding and underline of a tab.
constexpr int kTabRoom = 20;
constexpr int kDockWidth = 236;  // pixels, of those at the sides

/// Of the last page, wherever it stands: Ctrl+5 is of the studies.
constexpr int kCompareKey = 6;

bool isReport(const QString& path) {
    const QString suffix = QFileInfo(path).suffix();
    return suffix == QLatin1String("h5") || suffix == QLatin1String("hdf5");
}

/// What can be opened of it: one file or folder, or two reports, the older one first. Else nothing.
QStringList droppedPaths(const QMimeData& data) {
    QStringList paths;
    for (const QUrl& url : data.urls()) {
        if (!url.isLocalFile()) return {};
        paths << url.toLocalFile();
    }
    if (paths.size() == 1) return paths;
    if (paths.size() != 2 || !std::ranges::all_of(paths, isReport)) return {};
    std::ranges::sort(paths, {}, [](const QString& path) { return QFileInfo(path).lastModified(); });
    return paths;
}

}  // namespace

MainWindow::MainWindow(QWidget* parent) : QMainWindow(parent), m_settings(Settings::load()) {
    setObjectName(QStringLiteral("mainWindow"));
    setWindowIcon(QIcon(QStringLiteral(":/icons/app.svg")));
    setAcceptDrops(true);
    setDockOptions(AllowTabbedDocks | AllowNestedDocks);
    resize(1280, 720);
    widgets::theme().setChoice(m_settings.theme);

    m_workers = new Workers(this);
    m_session = new Session(*m_workers, this);
    m_pruning = new PruningSession(*m_workers, this);
    m_scaling = new ScalingSession(*m_workers, this);
    m_page_actions = new QActionGroup(this);

    auto* centre = new QWidget;
    auto* layout = new QVBoxLayout(centre);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_tabs = new QTabBar;
    m_tabs->setObjectName(QStringLiteral("pages"));
    m_tabs->setDrawBase(false);
    m_tabs->setExpanding(false);
    m_tabs->setUsesScrollButtons(true);
    m_tabs->setMinimumHeight(m_tabs->fontMetrics().height() + kTabRoom);
    m_tabs->setAccessibleName(tr("Pages"));
    buildActions();
    auto* head = new QHBoxLayout;
    // What is short of room is the chip: every page stays in reach.
    m_tabs->setSizePolicy(QSizePolicy::Minimum, QSizePolicy::Fixed);
    head->addWidget(m_tabs);
    head->addStretch(1);
    head->addWidget(makeBaselineChip());
    layout->addLayout(head);
    m_page_model = new widgets::ElidedLabel;
    m_page_model->setObjectName(QStringLiteral("pageModel"));
    m_page_model->setAccessibleName(tr("The page's model"));
    m_page_model->setProperty("notice", true);
    m_page_model->hide();
    layout->addWidget(m_page_model);
    m_stack = new QStackedWidget;
    layout->addWidget(m_stack, 1);
    setCentralWidget(centre);
    buildDocks();

    m_profile_page = new widgets::ProfilePage(m_selection);
    m_memory_page = new widgets::MemoryPage(m_selection);
    // One line a page: its tab, its shortcut, its empty state and what fills it.
    addPage(QStringLiteral("pageProfile"), QStringLiteral("profile"), tr("Profile"),
            tr("where the time of a forward pass goes, by component, layer and length"), m_profile_page,
            [this](const ProfilePtr& profile) { m_profile_page->setProfile(profile, m_comparison); });
    addPage(QStringLiteral("pageMemory"), QStringLiteral("memory"), tr("Memory"),
            tr("what is in use over a pass, what the peak consists of, and how it grows with length"), m_memory_page,
            [this](const ProfilePtr& profile) { m_memory_page->setProfile(profile, m_comparison); });
    buildPruningPages();
    buildStudiesPage();
    buildComparePage();

    buildMenus();
    buildToolBar();
    buildStatusBar();
    m_palette = new CommandPalette(this);
    m_first_state = saveState(Settings::kStateVersion);

    m_workload->setOptions(m_settings.workload);
    m_workload->setDevice(m_settings.device);
    m_workload->setPrecision(m_settings.precision);
    m_profile_page->restoreLayout(m_settings.profile_page);
    if (m_settings.map_metric >= 0 && m_settings.map_metric < m_metric->count()) {
        m_metric->setCurrentIndex(m_settings.map_metric);
    }

    connect(&widgets::theme(), &widgets::Theme::changed, this, &MainWindow::retheme);
    connect(m_workload, &widgets::WorkloadBar::changed, this, &MainWindow::updateTexts);
    connect(m_session, &Session::devicesFound, this, [this](const std::vector<kernels::DeviceChoice>& found) {
        std::vector<widgets::WorkloadBar::Device> devices;
        devices.reserve(found.size());
        for (const kernels::DeviceChoice& device : found) {
            devices.push_back({QString::fromStdString(device.id), QString::fromStdString(device.name),
                               QString::fromStdString(device.missing), device.precisions});
        }
        m_workload->setDevices(devices);
        m_studies_page->scaling()->form()->setDevices(devices);
        if (!devices.empty() && m_device_label->text().isEmpty()) m_device_label->setText(devices.front().name);
    });
    connect(m_session, &Session::modelOpened, this, &MainWindow::modelOpened);
    connect(m_session, &Session::runningChanged, this, &MainWindow::updateTexts);
    connect(m_session, &Session::snapshot, this, [this](const ProfilePtr& profile, const profile::Progress& progress) {
        m_run_told = true;
        m_newest = profile;
        m_newest_progress = progress;
        if (!m_refresh->isActive()) m_refresh->start();
    });
    m_refresh = new QTimer(this);
    m_refresh->setSingleShot(true);
    m_refresh->setInterval(kRefresh_ms);
    connect(m_refresh, &QTimer::timeout, this, &MainWindow::showNewest);
    connect(m_session, &Session::finished, this, &MainWindow::runFinished);
    connect(m_session, &Session::progress, this, [this](const profile::Progress& progress) {
        m_run_told = true;
        showProgress(progress);
    });
    connect(m_session, &Session::ceilingsMeasured, this, &MainWindow::showCeilings);
    connect(m_session, &Session::reportOpened, this, &MainWindow::reportOpened);
    connect(m_session, &Session::baselineOpened, this, &MainWindow::baselineOpened);
    connect(m_session, &Session::reportSaved, this, [this](const QString& path, bool kept) {
        if (!kept) {
            m_settings.reports = withRecent(m_settings.reports, path);
            m_shown_from = path;
            updateTexts();
        }
        statusBar()->showMessage(kept ? tr("Run kept in %1").arg(path) : tr("Saved %1").arg(path), 8000);
    });
    connect(m_session, &Session::activitySaved, this, [this](const QString& path) {
        m_settings.reports = withRecent(m_settings.reports, path);
        statusBar()->showMessage(tr("Saved %1").arg(path), 8000);
    });
    connect(m_session, &Session::textSaved, this,
            [this](const QString& path) { statusBar()->showMessage(tr("Saved %1").arg(path), 8000); });
    connectPruning();
    connectScaling();
    connect(m_workers, &Workers::failed, this, [this](const QString& text) {
        m_run_when_open = false;
        report(static_cast<int>(MessagesPanel::Kind::Error), text);
        updateTexts();
    });
    connect(m_tabs, &QTabBar::currentChanged, this, &MainWindow::showPage);
    retheme();
    showPage(std::clamp(m_settings.page, 0, m_tabs->count() - 1));
    m_session->findDevices();
    restoreBaseline();
}

MainWindow::~MainWindow() {
    // The session goes first, while everything that its signals reach still stands.
    m_session->disconnect(this);
    m_pruning->disconnect(this);
    m_scaling->disconnect(this);
    m_workers->disconnect(this);
    m_pruning->stop();
    m_scaling->stop();
    delete std::exchange(m_session, nullptr);
    delete std::exchange(m_pruning, nullptr);
    delete std::exchange(m_scaling, nullptr);
}

void MainWindow::buildDocks() {
    const auto dock = [this](const QString& id, const QString& title, QWidget* widget, Qt::DockWidgetArea area) {
        auto* result = new QDockWidget(title, this);
        result->setObjectName(id);
        result->setFeatures(QDockWidget::DockWidgetMovable | QDockWidget::DockWidgetClosable |
                            QDockWidget::DockWidgetFloatable);
        result->setWidget(widget);
        addDockWidget(area, result);
        return result;
    };

    auto* left = new QWidget;
    left->setAutoFillBackground(true);
    left->setBackgroundRole(QPalette::Base);
    auto* layout = new QVBoxLayout(left);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_card = new widgets::ModelCard;
    m_card->setNoteAction(action(QStringLiteral("openReportsModel")));
    layout->addWidget(m_card);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 4, 10, 4);
    auto* label = new QLabel(tr("Layers by"));
    label->setFont(widgets::Theme::headingFont());
    label->setProperty("heading", true);
    bar->addWidget(label);
    bar->addSpacing(6);
    m_metric = new QComboBox;
    m_metric->addItems({tr("time"), tr("share"), tr("peak memory"), tr("work (FLOP)"), tr("work rate"), tr("of floor"),
                        tr("Δ to the baseline")});
    m_metric->setAccessibleName(tr("What the map's colours mean"));
    label->setBuddy(m_metric);
    bar->addWidget(m_metric, 1);
    layout->addLayout(bar);
    m_map = new widgets::LayerMap(m_selection);
    layout->addWidget(m_map, 1);
    connect(m_metric, &QComboBox::currentIndexChanged, this,
            [this](int index) { m_map->setMetric(static_cast<widgets::MapMetric>(index)); });
    m_map_dock = dock(QStringLiteral("mapDock"), tr("Model"), left, Qt::LeftDockWidgetArea);

    m_details = new widgets::DetailsPanel(m_selection);
    m_details_dock = dock(QStringLiteral("detailsDock"), tr("Details"), m_details, Qt::RightDockWidgetArea);
    m_advice = new widgets::AdvicePanel(m_selection);
    m_advice_dock = dock(QStringLiteral("adviceDock"), tr("Advice"), m_advice, Qt::RightDockWidgetArea);
    tabifyDockWidget(m_details_dock, m_advice_dock);
    m_details_dock->raise();
    connect(m_advice_dock, &QDockWidget::visibilityChanged, this, &MainWindow::showAdvice);
    m_messages = new MessagesPanel;
    m_messages_dock = dock(QStringLiteral("messagesDock"), tr("Messages"), m_messages, Qt::BottomDockWidgetArea);
    m_messages_dock->hide();
    connect(m_messages, &MessagesPanel::closeRequested, m_messages_dock, &QWidget::hide);
    connect(m_messages, &MessagesPanel::cleared, m_messages_dock, &QWidget::hide);
    m_dock_widths = new DockWidths(*this, {m_map_dock, m_details_dock});
    m_dock_widths->set(kDockWidth);
    resizeDocks({m_messages_dock}, {90}, Qt::Vertical);
}

void MainWindow::buildStatusBar() {
    setStatusBar(new widgets::StatusBar);
    statusBar()->setSizeGripEnabled(false);
    const auto label = [](QLabel* result, const QString& name) {
        result->setFont(widgets::Theme::smallFont());
        result->setProperty("muted", true);
        result->setAccessibleName(name);
        result->setContentsMargins(6, 0, 6, 0);
        return result;
    };
    const auto left = [&](const QString& name) {
        QLabel* result = label(new QLabel, name);
        statusBar()->addWidget(result);
        return result;
    };
    m_device_label = left(tr("Device"));
    m_overhead_label = left(tr("What recording costs"));
    m_source_label = left(tr("Where what is shown comes from"));
    // QStatusBar hides them itself, but for a message that comes while the window is being shown.
    connect(statusBar(), &QStatusBar::messageChanged, this, [this](const QString& text) {
        for (QLabel* shown : {m_device_label, m_overhead_label, m_source_label}) shown->setVisible(text.isEmpty());
    });
    // In a widget of their own, of one size from the start: QProgressBar paints the window at once when its value
    // changes, also while the status bar's layout still waits.
    m_progress_area = new QWidget;
    auto* area = new QHBoxLayout(m_progress_area);
    area->setContentsMargins(0, 0, 0, 0);
    m_progress_label = label(new widgets::ElidedLabel, tr("Progress"));
    m_progress_label->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    m_progress_label->setFixedWidth(m_progress_label->fontMetrics().horizontalAdvance(
        tr("prefill 16384, batch 4096: pass 1000, ±10.0 %  ·  1000 min left  ")));
    area->addWidget(m_progress_label);
    m_progress = new QProgressBar;
    m_progress->setTextVisible(false);
    m_progress->setRange(0, 1000);
    m_progress->setFixedWidth(130);
    m_progress->setAccessibleName(tr("Progress of the run"));
    area->addWidget(m_progress);
    m_progress_area->hide();
    statusBar()->addPermanentWidget(m_progress_area);
}

MainWindow::Page& MainWindow::addPage(const QString& id, const QString& icon, const QString& title,
                                      const QString& purpose, QWidget* view,
                                      std::function<void(const ProfilePtr&)> show) {
    const int index = m_tabs->count();
    Page page{new widgets::EmptyPage, new QStackedWidget, purpose, std::move(show), {}, QStringLiteral("run"), {}};
    page.ready = [this] { return m_shown && !m_shown->points.empty(); };
    page.stack->addWidget(page.empty);
    page.stack->addWidget(view);
    m_pages << page;
    m_stack->addWidget(page.stack);
    const int key = id == QLatin1String("pageCompare") ? kCompareKey : index + 1;
    QAction* action = add(id, icon, title, tr("Page %1").arg(title), QKeySequence(QStringLiteral("Ctrl+%1").arg(key)),
                          [this, index] { showPage(index); });
    action->setCheckable(true);
    m_page_actions->addAction(action);
    m_tabs->addTab(title);
    m_tabs->setTabToolTip(index, action->toolTip());
    return m_pages.back();
}

void MainWindow::showPage(int index) {
    if (index < 0 || index >= m_pages.size()) return;
    m_tabs->setCurrentIndex(index);
    m_stack->setCurrentIndex(index);
    m_page_actions->actions().at(index)->setChecked(true);
    // A page that was hidden has not followed what was shown meanwhile.
    m_pages[index].show(m_shown);
    updateTexts();
}

void MainWindow::showProfile(const ProfilePtr& profile) {
    m_shown = profile;
    compareWithBaseline();
    const int page = m_tabs->currentIndex();
    if (page >= 0) m_pages[page].show(profile);
    m_map->setProfile(profile, m_comparison);
    m_details->setProfile(profile, m_comparison);
    showAdvice();
    updateTexts();
}

void MainWindow::showNewest() {
    if (!m_newest || !m_session->running()) return;
    const ProfilePtr newest = std::exchange(m_newest, nullptr);
    showProfile(m_live ? widgets::mergedForLive(m_last_finished, newest) : newest);
    showProgress(m_newest_progress);
}

void MainWindow::showProgress(const profile::Progress& progress) {
    QString text = QString::fromStdString(progress.what);
    const bool goes_on = progress.done < 1 && progress.seconds_left > 0.0;
    if (goes_on) text += tr("  ·  %1 left").arg(widgets::timeText(*progress.seconds_left * 1e6));
    m_progress_label->setText(text);
    m_progress->setValue(static_cast<int>(std::lround(progress.done * 1000)));
}

void MainWindow::updateTexts() {
    const bool running = m_session->running();
    const bool working = running || m_pruning->busy() || m_scaling->busy();
    const auto& model = m_session->model();
    const bool has_points = m_shown && !m_shown->points.empty();
    const auto get = [this](const char* id) { return action(QString::fromLatin1(id)); };

    // What is shown may be a report of another model than the one that is open; the card belongs to what is shown.
    m_card->setModel(has_points ? std::optional(m_shown->model) : model);
    const bool of_another = has_points && (!model || model->hash != m_shown->model.hash);
    // A report names the folder that its model was read from: on this machine it may be there.
    const QString its_model = of_another ? QString::fromStdString(m_shown->model.path) : QString();
    const bool is_there = !its_model.isEmpty() && QFileInfo::exists(its_model);
    get("openReportsModel")->setEnabled(is_there);
    get("openReportsModel")
        ->setToolTip(is_there ? tr("Open %1, to measure it").arg(its_model) : get("openReportsModel")->statusTip());
    m_card->setNote(!of_another ? QString()
                    : model     ? tr("Of a report. Run measures %1.").arg(QString::fromStdString(model->name))
                                : tr("Of a report. Its model is not open."));
    m_workload->setStoredType(model ? QString::fromStdString(model->stored_type) : QString());
    // A run would wait for all cells of a study.
    const bool can_run = model.has_value() && !m_scaling->busy();
    get("run")->setEnabled(can_run);
    get("run")->setToolTip(!model    ? tr("Open a checkpoint first: a run measures the open model")
                           : can_run ? tr("Measure %1 (F5)").arg(QString::fromStdString(model->name))
                                     : tr("A scaling study is being measured: stop it first (Esc)"));
    get("live")->setEnabled(can_run);
    get("trace")->setChecked(m_workload->options().trace != TraceMode::Off);
    get("stop")->setEnabled(working);
    for (const char* id : {"collect", "measurePlan", "runStudy", "exportPlan", "loadPlan"}) {
        get(id)->setEnabled(model.has_value());
    }
    get("savePlan")->setEnabled(m_plan != nullptr);
    const activity::ActivityPtr activity = activityToSave();
    // What is collected is saved once it has ended.
    get("save")->setEnabled(activity ? activity->complete || !m_pruning->busy() : has_points && !running);
    get("save")->setText(activity ? tr("&Save activity as…") : tr("&Save report as…"));
    get("save")->setStatusTip(
        activity
            ? tr("Save what the states of %1 did as an HDF5 report").arg(QString::fromStdString(activity->model.name))
            : tr("Save this profile as an HDF5 report"));
    get("save")->setToolTip(QStringLiteral("%1 (%2)").arg(get("save")->statusTip(),
                                                          get("save")->shortcut().toString(QKeySequence::NativeText)));
    get("exportTable")->setEnabled(has_points);
    get("saveTrace")->setEnabled(m_shown && report::hasTimeline(*m_shown) && !running);
    get("saveSummary")->setEnabled(has_points ? !running : m_study != nullptr);
    updateBaselineTexts();
    updateScalingTexts();

    const QString name = has_points ? QString::fromStdString(m_shown->model.name)
                         : model    ? QString::fromStdString(model->name)
                                    : QString();
    setWindowTitle(name.isEmpty() ? QCoreApplication::applicationName()
                                  : QStringLiteral("%1 – %2").arg(name, QCoreApplication::applicationName()));

    for (const Page& page : std::as_const(m_pages)) {
        const bool ready = page.ready();
        page.stack->setCurrentIndex(ready ? 1 : 0);
        if (!ready) emptyTexts(page);
    }

    updatePageModel();
    m_progress_area->setVisible(working);
    if (!has_points) {
        m_overhead_label->clear();
        m_source_label->clear();
        return;
    }
    const profile::Provenance& provenance = m_shown->provenance;
    const profile::Point* point = widgets::pointOf(*m_shown, m_selection.focus());
    m_device_label->setText(widgets::deviceText(provenance, point->device_use));
    m_workload->setTraceStatus(point->trace);
    const profile::Ratio& overhead = point->overhead;
    m_overhead_label->setText(!overhead.known() ? QString()
                              : overhead.differs()
                                  ? tr("recording %1%2 %")
                                        .arg(overhead.median >= 1 ? QStringLiteral("+") : QStringLiteral("−"),
                                             widgets::threeDigits(std::abs(overhead.median - 1) * 100))
                              : overhead.tooNoisy() ? tr("recording: too noisy to tell its cost")
                                                    : tr("recording: no cost measured"));
    const QString lost = widgets::lostRecordsText(point->counts);
    if (!lost.isEmpty()) m_overhead_label->setText(m_overhead_label->text() + QStringLiteral(" · ") + lost);
    m_source_label->setText(!m_shown_from.isEmpty()        ? tr("report %1").arg(QFileInfo(m_shown_from).fileName())
                            : running || m_shown->complete ? QString()
                                                           : tr("stopped before the end"));
}

/// The card, the map and Details follow what is shown; States and Prune keep what was collected, scored or studied,
/// which may be another model's.
void MainWindow::updatePageModel() {
    const int index = m_tabs->currentIndex();
    const Page* page = index >= 0 && index < m_pages.size() ? &m_pages[index] : nullptr;
    const profile::ModelSummary* of = page && page->model && page->ready() ? page->model() : nullptr;
    const auto& open = m_session->model();
    const bool has_points = m_shown && !m_shown->points.empty();
    const profile::ModelSummary* card = has_points ? &m_shown->model : open ? &*open : nullptr;
    const bool another = of != nullptr && (card == nullptr || card->hash != of->hash);
    m_page_model->setVisible(another);
    m_page_model->clear();
    if (!another) return;
    const auto origin = [&](const profile::ModelSummary& model) {
        return open && open->hash == model.hash ? tr("the open model") : tr("of a report");
    };
    const QString name = QString::fromStdString(of->name);
    m_page_model->setText(card == nullptr
                              ? tr("This page: %1, %2. The model itself is not open.").arg(name, origin(*of))
                              : tr("This page: %1, %2. Card, map and Details: %3, %4.")
                                    .arg(name, origin(*of), QString::fromStdString(card->name), origin(*card)));
}

QString MainWindow::pageModelText() const {
    return m_page_model->text();
}

void MainWindow::emptyTexts(const Page& page) {
    if (page.own_texts && page.own_texts(*page.empty)) return;
    const auto get = [this](const QString& id) { return action(id); };
    const auto& model = m_session->model();
    if (m_session->running() && page.maker == QLatin1String("run")) {
        const bool waits = m_pruning->busy() && !m_run_told;
        page.empty->setTexts(waits ? tr("Waiting for the engine…") : tr("Warming up…"),
                             waits
                                 ? tr("The run begins when what the engine does has ended: its progress stands below.")
                                 : tr("The first passes are not counted. Then this page shows %1.").arg(page.purpose));
        page.empty->setActions({get(QStringLiteral("stop"))});
    } else if (model) {
        QStringList lengths;
        for (const std::int64_t length : m_workload->options().lengths) lengths << widgets::lengthText(length);
        const QString does = page.what_maker_does.isEmpty()
                                 ? tr("Run measures it at %1 tokens.").arg(lengths.join(QStringLiteral(", ")))
                                 : page.what_maker_does;
        page.empty->setTexts(QString::fromStdString(model->name),
                             tr("%1 Then this page shows %2.").arg(does, page.purpose));
        page.empty->setActions({get(page.maker)});
    } else {
        page.empty->setTexts(tr("Open a Mamba checkpoint"),
                             tr("Choose or drop a folder of Hugging Face or state-spaces, a GGUF file, or a saved "
                                "report. %1 this page shows %2.")
                                 .arg(page.what_maker_does.isEmpty() ? tr("After a run") : tr("Then"), page.purpose));
        QList<QAction*> actions = {get(QStringLiteral("open")), get(QStringLiteral("openReport"))};
        if (QAction* demo = get(QStringLiteral("demo"))) actions.insert(1, demo);
        page.empty->setActions(actions);
    }
}

// Running -------------------------------------------------------------------------------------------------------------

void MainWindow::startRun() {
    const auto& model = m_session->model();
    if (!model) return;
    m_newest.reset();
    // What is shown stays while Live goes on. Its runs follow each other in one file, which no other run has had and
    // nothing is compared with.
    const bool again = m_live && m_last_finished && m_last_finished->model.hash == model->hash;
    if (!again || !m_kept_is_live || m_kept_as == m_baseline.path) {
        rememberPrevious();
        m_kept_as = newKeptReport(QString::fromStdString(model->name), m_workload->options().mode, m_baseline.path);
        m_kept_is_live = m_live;
    }
    if (!again) m_last_finished.reset();
    m_shown_from.clear();
    statusBar()->clearMessage();
    m_progress->setValue(0);
    m_run_told = false;
    m_progress_label->setText(m_pruning->busy() ? tr("waiting for the engine") : tr("loading the weights"));
    if (!again) showProfile(nullptr);
    m_session->run(target(), m_workload->options(), m_kept_as);
    updateTexts();
}

void MainWindow::stopRun() {
    action(QStringLiteral("live"))->setChecked(false);
    m_session->stop();
    m_pruning->stop();
    m_scaling->stop();
    m_progress_label->setText(tr("stopping"));
}

void MainWindow::runFinished(const ProfilePtr& profile) {
    m_newest.reset();
    if (profile) {
        m_last_finished = m_live ? widgets::mergedForLive(m_last_finished, profile) : profile;
        showProfile(m_last_finished);
    }
    updateTexts();
    if (m_live && profile && profile->complete) {
        startRun();
    } else if (m_live) {
        action(QStringLiteral("live"))->setChecked(false);
    }
}

void MainWindow::measureCeilings() {
    m_newest.reset();
    m_progress->setValue(0);
    m_progress_label->setText(tr("what the device can do"));
    m_session->measureCeilings(target());
    updateTexts();
}

/// A run on that device, if one is shown, has its floors from now on. Reports stay what they are.
void MainWindow::showCeilings(const profile::Ceilings& ceilings) {
    if (m_shown && m_shown_from.isEmpty() && m_shown->model.compute_type == ceilings.precision &&
        m_shown->provenance.device == ceilings.device && m_shown->provenance.threads == ceilings.threads) {
        m_last_finished = std::make_shared<const profile::Profile>(profile::withCeilings(*m_shown, ceilings));
        showProfile(m_last_finished);
    }
    updateTexts();
    statusBar()->showMessage(
        tr("%1 reaches %2").arg(QString::fromStdString(ceilings.device), widgets::ceilingsText(ceilings)), 8000);
}

void MainWindow::modelOpened() {
    const auto& model = m_session->model();
    m_settings.checkpoints = withRecent(m_settings.checkpoints, QString::fromStdString(model->path));
    action(QStringLiteral("live"))->setChecked(false);
    rememberPrevious();
    m_last_finished.reset();
    m_shown_from.clear();
    m_selection.set({});
    showProfile(nullptr);
    pruningModelOpened();
    scalingModelOpened();
    statusBar()->showMessage(tr("Opened %1").arg(QString::fromStdString(model->path)), 5000);
    if (std::exchange(m_run_when_open, false)) startRun();
}

void MainWindow::reportOpened(const report::Contents& contents, const QString& path) {
    m_settings.reports = withRecent(m_settings.reports, path);
    const ProfilePtr& profile = contents.profile;
    if (contents.scaling) {
        scalingReportOpened(contents.scaling, path);
        return;
    }
    if (!profile) {
        pruningReportOpened(contents, path);
        return;
    }
    action(QStringLiteral("live"))->setChecked(false);
    rememberPrevious();
    m_newest.reset();
    m_last_finished.reset();
    m_shown_from = path;
    m_selection.set({});
    showProfile(profile);
    statusBar()->showMessage(
        tr("Report of %1, taken %2 on %3")
            .arg(QString::fromStdString(profile->model.name), QString::fromStdString(profile->provenance.created),
                 QString::fromStdString(profile->provenance.device)),
        8000);
}

// Files ---------------------------------------------------------------------------------------------------------------

void MainWindow::openPath(const QString& path) {
    const QFileInfo info(path);
    if (isReport(path)) {
        m_session->openReport(info.absoluteFilePath());
    } else {
        m_session->open(info.absoluteFilePath());
    }
}

void MainWindow::askForCheckpoint() {
    const QString start =
        m_settings.checkpoints.isEmpty() ? QString() : QFileInfo(m_settings.checkpoints.front()).absolutePath();
    const QString folder = QFileDialog::getExistingDirectory(this, tr("Open a checkpoint's folder"), start);
    if (!folder.isEmpty()) openPath(folder);
}

void MainWindow::askForModelFile() {
    const QString start =
        m_settings.checkpoints.isEmpty() ? QString() : QFileInfo(m_settings.checkpoints.front()).absolutePath();
    const QString file =
        QFileDialog::getOpenFileName(this, tr("Open a model's file"), start, tr("Models (*.gguf);;All files (*)"));
    if (!file.isEmpty()) openPath(file);
}

void MainWindow::askForReport() {
    askForReportIn(m_settings.reports.isEmpty() ? keptReportsFolder()
                                                : QFileInfo(m_settings.reports.front()).absolutePath());
}

void MainWindow::askForReportIn(const QString& folder) {
    const QString file =
        QFileDialog::getOpenFileName(this, tr("Open a report"), folder, tr("Reports (*.h5 *.hdf5);;All files (*)"));
    if (!file.isEmpty()) m_session->openReport(file);
}

void MainWindow::askWhereToSave() {
    if (const activity::ActivityPtr activity = activityToSave()) {
        askWhereToSaveActivity(activity);
        return;
    }
    if (!m_shown) return;
    const ProfilePtr profile = m_shown;  // while the dialog is open, another model may open behind it
    const QString name = QString::fromStdString(profile->model.name) + QStringLiteral(".h5");
    const QString file = widgets::askForFileToSave(this, tr("Save the report"), name, tr("Reports (*.h5)"),
                                                   {QStringLiteral("h5"), QStringLiteral("hdf5")});
    if (!file.isEmpty()) m_session->saveReport(profile, file);
}

void MainWindow::exportTable() {
    const QString file = widgets::askForFileToSave(this, tr("Export the table"), QStringLiteral("components.csv"),
                                                   tr("CSV (*.csv)"), {QStringLiteral("csv")});
    if (file.isEmpty()) return;
    const bool changes = m_tabs->currentIndex() == m_compare_index && m_comparison;
    if (!widgets::writeText(changes ? m_compare_page->csv() : m_profile_page->table()->csv(), file)) {
        report(static_cast<int>(MessagesPanel::Kind::Error),
               tr("%1: cannot be written (choose another folder)").arg(file));
    }
}

void MainWindow::report(int kind, const QString& text) {
    m_messages->add(static_cast<MessagesPanel::Kind>(kind), text);
    m_messages_dock->show();
    m_messages_dock->raise();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (!droppedPaths(*event->mimeData()).isEmpty()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    const QStringList paths = droppedPaths(*event->mimeData());
    if (paths.isEmpty()) return;
    event->acceptProposedAction();
    const bool on_compare = m_tabs->currentIndex() == m_compare_index && m_shown && !m_shown->points.empty();
    if (paths.size() == 2) {
        openBaseline(paths.front());
        openPath(paths.back());
    } else if (on_compare && isReport(paths.front())) {
        openBaseline(paths.front());
    } else {
        openPath(paths.front());
    }
}

// Layout and settings -------------------------------------------------------------------------------------------------

void MainWindow::setTheme(widgets::ThemeChoice choice) {
    m_settings.theme = choice;
    widgets::theme().setChoice(choice);
}

void MainWindow::resetLayout() {
    restoreState(m_first_state, Settings::kStateVersion);
    m_dock_widths->set(kDockWidth);
    m_profile_page->resetLayout();
}

void MainWindow::showEvent(QShowEvent* event) {
    QMainWindow::showEvent(event);
    m_tabs->updateGeometry();  // the layout may have asked for its size before the style sheet was there
    if (std::exchange(m_restored, true)) return;
    restoreGeometry(m_settings.geometry);
    if (restoreState(m_settings.state, Settings::kStateVersion)) m_dock_widths->keep(kDockWidth);
    m_messages_dock->setVisible(m_messages->count() > 0);
}

void MainWindow::saveSettings() {
    if (m_restored) {
        m_settings.geometry = saveGeometry();
        m_settings.state = saveState(Settings::kStateVersion);
        m_settings.profile_page = m_profile_page->saveLayout();
    }
    m_settings.workload = m_workload->options();
    m_settings.device = m_workload->device();
    m_settings.precision = m_workload->wantedPrecision();
    m_settings.page = m_tabs->currentIndex();
    m_settings.map_metric = m_metric->currentIndex();
    m_settings.baseline = m_baseline.path;
    m_settings.save();
}

void MainWindow::closeEvent(QCloseEvent* event) {
    saveSettings();
    m_session->stop();
    event->accept();
}

}  // namespace perfmamba::app
