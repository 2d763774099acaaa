// The window's actions, menus and tool bar. Every action has a text, an icon, a tooltip and mostly a shortcut, so that
// menus, palette and key table stay in step.
#include <QActionGroup>
#include <QApplication>
#include <QDir>
#include <QDockWidget>
#include <QFileInfo>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QToolBar>
#include <QToolButton>
#include <algorithm>

#include "app/gui/command_palette.h"
#include "app/gui/key_table.h"
#include "app/gui/main_window.h"
#include "widgets/component_table.h"
#include "widgets/memory_page.h"
#include "widgets/profile_page.h"
#include "widgets/theme.h"
#include "widgets/timeline.h"
#include "widgets/workload_bar.h"

namespace perfmamba::app {
namespace {

constexpr char kIconProperty[] = "iconName";

/// The demo beside the program: in the source tree, or installed.
QString demoFolder() {
    const QString here = QCoreApplication::applicationDirPath();
    for (const char* place : {"/../../resources/demo/mamba2-bytes", "/../share/perfmamba/demo/mamba2-bytes"}) {
        const QFileInfo folder(here + QLatin1String(place));
        if (folder.isDir()) return folder.canonicalFilePath();
    }
    return {};
}

}  // namespace

QAction* MainWindow::add(const QString& id, const QString& icon, const QString& text, const QString& tip,
                         const QKeySequence& keys, std::function<void()> does) {
    auto* action = new QAction(text, this);
    action->setObjectName(id);
    action->setShortcut(keys);
    const QString key_text = keys.toString(QKeySequence::NativeText);
    action->setToolTip(key_text.isEmpty() ? tip : QStringLiteral("%1 (%2)").arg(tip, key_text));
    action->setStatusTip(tip);
    action->setProperty(kIconProperty, icon);
    if (does) connect(action, &QAction::triggered, this, [does = std::move(does)] { does(); });
    addAction(action);
    m_actions << action;
    return action;
}

QAction* MainWindow::action(const QString& id) const {
    return findChild<QAction*>(id, Qt::FindDirectChildrenOnly);
}

QList<QAction*> MainWindow::allActions() const {
    return m_actions;
}

void MainWindow::buildActions() {
    const auto s = [](const char* text) { return QString::fromLatin1(text); };
    add(s("open"), s("open"), tr("&Open checkpoint…"), tr("Open a model's folder"), QKeySequence::Open,
        [this] { askForCheckpoint(); });
    action(s("open"))->setIconText(tr("Open"));
    add(s("openFile"), s("open"), tr("Open &GGUF file…"), tr("Open a model in a GGUF file"), {},
        [this] { askForModelFile(); });
    add(s("openReport"), s("report"), tr("Open &report…"), tr("Open a saved report"), QKeySequence(tr("Ctrl+Shift+O")),
        [this] { askForReport(); });
    add(s("openReportsModel"), s("open"), tr("Open the report's &model"),
        tr("Open the model that the shown report is of, where its folder is still there"), {}, [this] {
            if (m_shown) openPath(QString::fromStdString(m_shown->model.path));
        });
    action(s("openReportsModel"))->setIconText(tr("Open it"));
    add(s("save"), s("save"), tr("&Save report as…"), tr("Save this profile as an HDF5 report"), QKeySequence::Save,
        [this] { askWhereToSave(); });
    add(s("exportTable"), s("table"), tr("&Export table as CSV…"),
        tr("Save the component table as it is sorted and filtered"), QKeySequence(tr("Ctrl+E")),
        [this] { exportTable(); });
    add(s("saveTrace"), s("export"), tr("Save &timeline as a trace…"),
        tr("Save the last pass of each length for Perfetto (ui.perfetto.dev) or chrome://tracing"), {},
        [this] { askWhereToSaveTrace(); });
    add(s("saveSummary"), s("report"), tr("Save s&ummary…"),
        tr("Save one page that says what was measured, to read, print or send"), {},
        [this] { askWhereToSaveSummary(); });
    if (const QString demo = demoFolder(); !demo.isEmpty()) {
        QAction* action = add(s("demo"), s("profile"), tr("Open the &demo model"),
                              tr("A small Mamba-2 that comes with the program"), {}, [this, demo] { openPath(demo); });
        action->setIconText(tr("Try the demo"));
    }
    add(s("quit"), s("quit"), tr("&Quit"), tr("Close the window; a run under way is stopped and kept"),
        QKeySequence::Quit, [this] { close(); });

    add(s("run"), s("run"), tr("&Run"), tr("Measure the open model"), QKeySequence(Qt::Key_F5), [this] { startRun(); });
    add(s("stop"), s("stop"), tr("&Stop"), tr("Stop the run and keep what it measured"), QKeySequence(Qt::Key_Escape),
        [this] { stopRun(); });
    QAction* live = add(s("live"), s("live"), tr("&Live"), tr("Repeat the run until it is stopped"),
                        QKeySequence(tr("Ctrl+L")), {});
    live->setCheckable(true);
    connect(live, &QAction::toggled, this, [this](bool on) {
        m_live = on;
        if (on && !m_session->running()) startRun();
    });

    add(s("trace"), s("measure"), tr("&Record the passes"),
        tr("Record the passes of the next run as finely as can be; off: time whole passes only"), {},
        [this] {
            const bool off = m_workload->options().trace == TraceMode::Off;
            m_workload->setTrace(off ? TraceMode::Auto : TraceMode::Off);
        })
        ->setCheckable(true);

    add(s("ceilings"), s("measure"), tr("Measure &ceilings"),
        tr("Measure anew what this device reaches at best; floors stand on it"), {}, [this] { measureCeilings(); });

    buildPruningActions();
    buildScalingActions();
    buildCompareActions();

    add(s("clear"), s("reset"), tr("Select &everything"), tr("Clear the selection: all layers, all components"),
        QKeySequence(tr("Ctrl+D")), [this] { m_selection.clear(); });
    add(s("find"), s("find"), tr("&Filter components"), tr("Go to the table's filter"), QKeySequence::Find, [this] {
        showPage(kProfilePage);
        m_profile_page->table()->focusFilter();
    });
    add(s("fitSelection"), s("focus"), tr("Zoom timeline to selection"), tr("Show the selected span, layer or range"),
        {}, [this] {
            showPage(kProfilePage);
            m_profile_page->timeline()->fitSelection();
        });
    add(s("fitAll"), s("fit"), tr("Zoom timeline to the whole pass"), tr("Show the whole last pass"), {}, [this] {
        showPage(kProfilePage);
        m_profile_page->timeline()->fit();
    });
    add(s("palette"), s("palette"), tr("&Command palette…"), tr("Every action by its name"),
        QKeySequence(tr("Ctrl+Shift+P")), [this] { m_palette->open(allActions()); });
    add(s("resetLayout"), s("reset"), tr("Reset &layout"), tr("Put docks and splitters back where they were at first"),
        {}, [this] { resetLayout(); });

    auto* themes = new QActionGroup(this);
    const auto theme_action = [&](const QString& id, const QString& text, widgets::ThemeChoice choice) {
        QAction* action =
            add(id, s("theme"), text, tr("Colours of the window"), {}, [this, choice] { setTheme(choice); });
        action->setCheckable(true);
        action->setChecked(m_settings.theme == choice);
        themes->addAction(action);
    };
    theme_action(s("themeSystem"), tr("Theme: as the &system"), widgets::ThemeChoice::System);
    theme_action(s("themeLight"), tr("Theme: &light"), widgets::ThemeChoice::Light);
    theme_action(s("themeDark"), tr("Theme: &dark"), widgets::ThemeChoice::Dark);

    add(s("keys"), s("keys"), tr("&Keys and mouse"), tr("What the keys and the mouse do"), QKeySequence(tr("?")),
        [this] {
            auto* table = new KeyTable(allActions(), this);
            table->show();
        });
    add(s("about"), s("about"), tr("&About"), tr("Version and licence"), {}, [this] {
        auto* box = new QMessageBox(QMessageBox::NoIcon, tr("About"),
                                    tr("<b>PerfMamba Explorer %1</b><br>A microscope for selective state-space models."
                                       "<br><br>Free software: GNU GPL, version 3 or later.<br>Qt %2, QCustomPlot 2")
                                        .arg(QCoreApplication::applicationVersion(), QString::fromLatin1(qVersion())),
                                    QMessageBox::Close, this);
        box->setAttribute(Qt::WA_DeleteOnClose);
        box->setModal(false);
        box->setIconPixmap(QIcon(QStringLiteral(":/icons/app.svg")).pixmap(64, 64));
        box->show();
    });
}

void MainWindow::buildMenus() {
    const auto get = [this](const char* id) { return action(QString::fromLatin1(id)); };
    QMenu* file = menuBar()->addMenu(tr("&File"));
    file->addAction(get("open"));
    file->addAction(get("openFile"));
    file->addAction(get("openReport"));
    file->addAction(get("openReportsModel"));
    m_recent = file->addMenu(tr("Re&cent"));
    connect(m_recent, &QMenu::aboutToShow, this, &MainWindow::fillRecent);
    if (QAction* demo = get("demo")) file->addAction(demo);
    file->addSeparator();
    file->addActions({get("save"), get("saveSummary"), get("saveTrace"), get("exportTable")});
    file->addSeparator();
    file->addAction(get("quit"));

    QMenu* run = menuBar()->addMenu(tr("&Run"));
    run->addActions({get("run"), get("stop"), get("live"), get("trace"), get("ceilings")});
    run->addSeparator();
    run->addActions({get("runScaling"), get("sweepStates")});
    run->addSeparator();
    run->addActions({get("pinBaseline"), get("comparePrevious"), get("openBaseline"), get("removeBaseline")});

    QMenu* pruning = menuBar()->addMenu(tr("&Prune"));
    pruning->addActions({get("collect"), get("measurePlan"), get("runStudy")});
    pruning->addSeparator();
    pruning->addActions({get("undo"), get("redo")});
    pruning->addSeparator();
    pruning->addActions({get("loadPlan"), get("savePlan"), get("exportPlan")});

    QMenu* view = menuBar()->addMenu(tr("&View"));
    m_pages_menu = view;
    view->addActions(m_page_actions->actions());
    view->addSeparator();
    view->addActions({get("find"), get("clear"), get("fitSelection"), get("fitAll")});
    view->addSeparator();
    for (QDockWidget* dock : {m_map_dock, m_details_dock, m_advice_dock, m_messages_dock})
        view->addAction(dock->toggleViewAction());
    view->addAction(get("resetLayout"));
    view->addSeparator();
    view->addActions({get("themeSystem"), get("themeLight"), get("themeDark")});

    QMenu* help = menuBar()->addMenu(tr("&Help"));
    help->addActions({get("palette"), get("keys")});
    help->addSeparator();
    help->addAction(get("about"));
}

void MainWindow::buildToolBar() {
    m_bar = addToolBar(tr("Tool bar"));
    m_bar->setObjectName(QStringLiteral("toolBar"));
    m_bar->setMovable(false);
    m_bar->setIconSize(QSize(16, 16));
    m_bar->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_bar->addAction(action(QStringLiteral("open")));
    m_bar->addSeparator();
    m_workload = new widgets::WorkloadBar;
    m_bar->addWidget(m_workload);
    m_bar->addSeparator();
    m_bar->addAction(action(QStringLiteral("run")));
    m_bar->widgetForAction(action(QStringLiteral("run")))->setProperty("primary", true);
    m_bar->addAction(action(QStringLiteral("stop")));
    m_bar->addAction(action(QStringLiteral("live")));
}

void MainWindow::retheme() {
    for (QAction* action : std::as_const(m_actions)) {
        const QString name = action->property(kIconProperty).toString();
        action->setIcon(widgets::theme().icon(name, action->objectName() == QLatin1String("run")));
    }
}

void MainWindow::fillRecent() {
    m_recent->clear();
    const auto entries = [this](const QString& title, const QStringList& paths) {
        m_recent->addSection(title);
        for (const QString& path : paths) {
            const QFileInfo info(path);
            QAction* entry = m_recent->addAction(info.fileName(), this, [this, path] { openPath(path); });
            entry->setToolTip(path);
            entry->setEnabled(info.exists());
        }
    };
    m_recent->setToolTipsVisible(true);
    if (!m_settings.checkpoints.isEmpty()) entries(tr("Checkpoints"), m_settings.checkpoints);
    if (!m_settings.reports.isEmpty()) entries(tr("Reports"), m_settings.reports);
    const auto kept = [this, &entries](const QString& title, const QString& folder) {
        QStringList newest;
        const QFileInfoList files = QDir(folder).entryInfoList({QStringLiteral("*.h5")}, QDir::Files, QDir::Time);
        for (const QFileInfo& file : files.first(std::min<qsizetype>(files.size(), Settings::kRecent))) {
            newest << file.absoluteFilePath();
        }
        if (newest.isEmpty()) return;
        entries(title, newest);
        if (files.size() == newest.size()) return;
        QAction* more = m_recent->addAction(tr("More: %1 in all…").arg(files.size()), this,
                                            [this, folder] { askForReportIn(folder); });
        more->setToolTip(folder);
    };
    kept(tr("Runs kept by themselves"), keptReportsFolder());
    kept(tr("Studies kept by themselves"), keptStudiesFolder());
    if (m_recent->isEmpty()) m_recent->addAction(tr("Nothing yet"))->setEnabled(false);
}

}  // namespace perfmamba::app
