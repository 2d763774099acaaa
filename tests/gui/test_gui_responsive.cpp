// The GUI thread is never blocked for more than 50 ms: opening, running, reports, pruning and all pages on a demo
// model, then profiles, activity and passes as large as models get.
#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QDockWidget>
#include <QSignalSpy>
#include <QSlider>
#include <QTest>
#include <QWheelEvent>

#include "app/gui/main_window.h"
#include "core/report/report.h"
#include "gui_test.h"
#include "gui_watch.h"
#include "tests/support/many_events.h"
#include "tests/unit/fabricated_activity.h"
#include "widgets/compare_page.h"
#include "widgets/details_panel.h"
#include "widgets/heatmap.h"
#include "widgets/layer_map.h"
#include "widgets/memory_page.h"
#include "widgets/messages_panel.h"
#include "widgets/profile_page.h"
#include "widgets/prune_page.h"
#include "widgets/states_page.h"
#include "widgets/study_form.h"
#include "widgets/timeline.h"
#include "widgets/workload_bar.h"

using namespace perfmamba;
using app::MainWindow;
using test::Watch;

namespace {

constexpr int kPatience = 120'000;  // ms; sanitizers and busy machines

// The promise is 50 ms on a usual machine. Cores of a busy one share caches and clock, and compute half as fast.
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
constexpr double kBound_ms = 2 * 50;
#else
constexpr double kBound_ms = 5000;  // such a build is many times slower: only that the watch works
#endif

constexpr std::array kPages = {"pageProfile", "pageMemory", "pageStates", "pagePrune", "pageStudies", "pageCompare"};

QString demo(const char* name) {
    return QStringLiteral(PERFMAMBA_SOURCE_DIR "/resources/demo/") + QString::fromLatin1(name);
}

/// Passes that drift, as those of a machine that warms up: what is hardest to compare.
profile::Summary drifting(double median_us, int passes) {
    std::vector<double> samples;
    for (int i = 0; i < passes; ++i) {
        samples.push_back(median_us * (1 + 0.02 * i / passes + 0.001 * (i * 7919 % 100) / 100));
    }
    return profile::summarise(std::move(samples));
}

/// A model of 64 layers at nine lengths, so many passes each, with every kind of row.
std::shared_ptr<profile::Profile> largeProfile(double factor, int passes = 3) {
    auto profile = std::make_shared<profile::Profile>(*test::scaledProfile(factor));
    profile->model.config.n_layer = 64;
    profile->options.repeat = passes;
    const std::vector<profile::Point> small = profile->points;
    profile->points.clear();
    profile->options.lengths.assign(profile::kLengths.begin(), profile::kLengths.end());
    const auto take = [passes](profile::Summary& time) { time = drifting(time.median, passes); };
    for (std::size_t i = 0; i < profile::kLengths.size(); ++i) {
        profile::Point point = small[i % small.size()];
        point.length = profile::kLengths[i];
        std::vector<profile::ComponentCost> layers;
        std::vector<Span> pass;
        double at = 0;
        for (std::int32_t layer = 0; layer < 64; ++layer) {
            for (profile::ComponentCost cost : point.layers) {
                if (cost.layer != layer % static_cast<std::int32_t>(test::kFabricatedLayers)) continue;
                cost.layer = layer;
                take(cost.time);
                layers.push_back(std::move(cost));
            }
            double end = at;
            for (Span span : point.last_pass) {
                if (span.layer != 0) continue;
                span.layer = layer;
                span.begin_us += at;
                span.end_us += at;
                end = std::max(end, span.end_us);
                pass.push_back(span);
            }
            at = end;
        }
        point.layers = std::move(layers);
        point.last_pass = std::move(pass);
        point.last_pass_us = at;
        if (!point.last_kernels.empty()) test::traceByKernels(point);
        for (profile::ComponentCost& cost : point.components) take(cost.time);
        for (profile::StageCost& cost : point.stages) take(cost.time);
        take(point.total);
        take(point.untraced);
        profile->points.push_back(std::move(point));
    }
    return profile;
}

/// As a Mamba-1 of 2.8 billion parameters has it: 64 layers × 5120 channels × 16 states.
std::shared_ptr<activity::Activity> largeActivity() {
    test::ActivityShape shape;
    shape.layers = 1;
    shape.heads = 0;
    shape.channels = 5120;
    shape.group_states = {16};
    auto activity = test::fabricatedActivity(shape);
    activity->layers.resize(64, activity->layers.front());
    activity->model.config.n_layer = 64;
    return activity;
}

}  // namespace

class TestGuiResponsive : public QObject {
    Q_OBJECT

    std::unique_ptr<test::OwnPlace> m_place;
    std::unique_ptr<MainWindow> m_window;

    static test::WatchedApplication& application() { return *static_cast<test::WatchedApplication*>(qApp); }
    QAction* action(const char* id) { return m_window->action(QString::fromLatin1(id)); }

    void visitPages(Watch& watch) {
        for (const char* page : kPages) {
            watch.act(page, [&] { action(page)->trigger(); });
            watch.rest(30);
        }
    }

    void selectThings(Watch& watch) {
        widgets::Selection& selection = m_window->selection();
        const std::int32_t layer = 1;
        watch.act("select a component", [&] { selection.setComponent(Component::Ssm); });
        watch.rest(20);
        watch.act("select a cell", [&] { selection.setCell(layer, Component::InProj); });
        watch.rest(20);
        watch.act("select a state", [&] { selection.setCellState(layer, 3); });
        watch.rest(20);
        watch.act("select a length", [&] { selection.setLength(m_window->shown()->points.front().length); });
        watch.rest(20);
        watch.act("select everything", [&] { selection.clear(); });
        watch.rest(20);
    }

    void hover(Watch& watch, QWidget& view) {
        for (int i = 0; i < 20; ++i) {
            const QPointF at(view.width() * (i + 0.5) / 20, view.height() * (i + 0.5) / 20);
            watch.act("hover", [&] {
                QMouseEvent move(QEvent::MouseMove, at, view.mapToGlobal(at), Qt::NoButton, Qt::NoButton,
                                 Qt::NoModifier);
                QCoreApplication::sendEvent(&view, &move);
            });
            watch.rest(1);
        }
    }

    void checkPromise(const Watch& watch) {
        qInfo("longest turn of the event loop: %s", qPrintable(watch.during()));
        QVERIFY2(watch.longest_ms() < kBound_ms, qPrintable(watch.during()));
    }

    /// The same up to three times, each in a new window: a slow program is slow in all of them, while a machine that
    /// shares its caches with others makes one try twice as long as the next, counted in processor time, too.
    template <class Case>
    void checkPromiseOf(const Case& act) {
        for (int tries = 1;; ++tries) {
            Watch watch(application());
            act(watch);
            if (QTest::currentTestFailed()) return;
            if (watch.longest_ms() < kBound_ms || tries == 3) return checkPromise(watch);
            qInfo("tried again: %s", qPrintable(watch.during()));
            cleanup();
            init();
        }
    }

private Q_SLOTS:
    void initTestCase() { m_place = std::make_unique<test::OwnPlace>(); }
    void init() {
        test::failOnAnyWarning();
        m_window = std::make_unique<MainWindow>();
        m_window->resize(1600, 1000);
        m_window->show();
        QTest::qWait(100);  // nobody waits for a window that is not there yet
    }
    void cleanup() { m_window.reset(); }

    void aRunAReportAndAPlan() {
        Watch watch(application());
        watch.act("open a model", [&] { m_window->openPath(demo("mamba2-recall")); });
        QVERIFY(watch.until([&] { return m_window->session().model().has_value(); }, kPatience));
        profile::Options options;
        options.lengths = {64, 256};
        options.repeat = 5;
        m_window->workload()->setOptions(options);
        QSignalSpy finished(&m_window->session(), &app::Session::finished);
        watch.act("run", [&] { action("run")->trigger(); });
        QVERIFY(watch.until([&] { return finished.count() == 1; }, kPatience));
        watch.rest(200);
        visitPages(watch);
        selectThings(watch);

        const QString file = m_place->path(QStringLiteral("run.h5"));
        watch.act("save", [&] { m_window->session().saveReport(m_window->shown(), file); });
        QVERIFY(watch.until([&] { return QFile::exists(file); }, kPatience));
        watch.act("pin as the baseline", [&] { action("pinBaseline")->trigger(); });
        watch.act("run", [&] { action("run")->trigger(); });
        QVERIFY(watch.until([&] { return finished.count() == 2; }, kPatience));
        QVERIFY(watch.until([&] { return m_window->comparison() != nullptr; }, kPatience));
        visitPages(watch);

        QSignalSpy activity(&m_window->pruning(), &app::PruningSession::activityChanged);
        watch.act("collect activity", [&] { action("collect")->trigger(); });
        QVERIFY(watch.until([&] { return !activity.isEmpty() && activity.last()[1].toBool(); }, kPatience));
        visitPages(watch);
        selectThings(watch);

        watch.act("pagePrune", [&] { action("pagePrune")->trigger(); });
        widgets::PrunePage& page = *m_window->prunePage();
        QVERIFY(watch.until([&] { return page.plan() != nullptr; }, kPatience));
        for (int i = 1; i < 10; ++i) {
            watch.act("move the slider", [&] { page.panel()->slider()->setValue(1000 - i * 50); });
            watch.rest(10);
        }
        watch.rest(500);
        QVERIFY(watch.until([&] { return !m_window->pruning().busy(); }, kPatience));
        study::Options study;
        study.criteria = {"magnitude"};
        study.shares = {0, 0.5};
        study.workloads = {{profile::Mode::Decode, 1, 0}};
        study.pairs = 6;
        study.budget_s = 0.05;
        study.sensitivity_share = 0;
        page.studyForm()->setOptions(study);
        QSignalSpy studied(&m_window->pruning(), &app::PruningSession::studyChanged);
        watch.act("run a study", [&] { action("runStudy")->trigger(); });
        QVERIFY(watch.until([&] { return !studied.isEmpty() && studied.last()[1].toBool(); }, kPatience));
        watch.act("undo", [&] { action("undo")->trigger(); });
        watch.rest(50);

        QSignalSpy opened(&m_window->session(), &app::Session::reportOpened);
        watch.act("open the report", [&] { m_window->openPath(file); });
        QVERIFY(watch.until([&] { return opened.count() == 1; }, kPatience));
        visitPages(watch);
        for (const char* theme : {"themeDark", "themeLight", "themeSystem"}) action(theme)->trigger();
        QCOMPARE(m_window->messages()->count(), 0);
        checkPromise(watch);
    }

    void aLargeProfile() {
        Watch watch(application());
        const QString before = m_place->path(QStringLiteral("before.h5"));
        const QString after = m_place->path(QStringLiteral("after.h5"));
        report::write(before.toStdString(), *largeProfile(1.2));
        report::write(after.toStdString(), *largeProfile(1));
        QSignalSpy opened(&m_window->session(), &app::Session::reportOpened);
        watch.act("open a report", [&] { m_window->openPath(after); });
        QVERIFY(watch.until([&] { return opened.count() == 1; }, kPatience));
        watch.rest(200);
        visitPages(watch);
        selectThings(watch);
        watch.act("pageProfile", [&] { action("pageProfile")->trigger(); });
        watch.rest(20);
        hover(watch, *m_window->profilePage()->timeline()->viewport());
        hover(watch, *m_window->map()->viewport());
        auto* metric = m_window->findChild<QDockWidget*>(QStringLiteral("mapDock"))->findChild<QComboBox*>();
        for (int i = 0; i < metric->count(); ++i) {
            watch.act("map's measure", [&] { metric->setCurrentIndex(i); });
            watch.rest(10);
        }

        watch.act("open a baseline", [&] { m_window->openBaseline(before); });
        QVERIFY(watch.until([&] { return m_window->comparison() != nullptr; }, kPatience));
        watch.rest(100);
        visitPages(watch);
        auto* layers = m_window->comparePage()->findChild<QCheckBox*>();
        watch.act("every layer's changes", [&] { layers->setChecked(true); });
        watch.rest(50);
        selectThings(watch);
        QCOMPARE(m_window->messages()->count(), 0);
        checkPromise(watch);
    }

    void aLargeProfileOfManyPasses() {
        const widgets::ProfilePtr before = largeProfile(1.2, 400);
        const widgets::ProfilePtr after = largeProfile(1, 400);
        checkPromiseOf([&](Watch& watch) {
            watch.act("a run's end", [&] { Q_EMIT m_window->session().finished(before); });
            watch.rest(100);
            watch.act("pin as the baseline", [&] { action("pinBaseline")->trigger(); });
            watch.rest(100);
            visitPages(watch);
            watch.act("another run's end", [&] { Q_EMIT m_window->session().finished(after); });
            QVERIFY(watch.until([&] { return m_window->comparison() != nullptr; }, kPatience));
            watch.rest(100);
            visitPages(watch);
            selectThings(watch);
        });
    }

    void aLargeActivity() {
        Watch watch(application());
        const activity::ActivityPtr activity = largeActivity();
        watch.act("pageStates", [&] { action("pageStates")->trigger(); });
        // As it comes from a run, without the file's hundreds of MiB.
        watch.act("activity", [&] { Q_EMIT m_window->pruning().activityChanged(activity, true); });
        watch.rest(100);
        widgets::StatesPage& page = *m_window->statesPage();
        QVERIFY(page.overview()->isVisible());
        widgets::Selection& selection = m_window->selection();
        for (std::int32_t layer = 0; layer < 64; layer += 13) {
            watch.act("select a layer", [&] { selection.setLayer(layer); });
            watch.rest(20);
            watch.act("select a state", [&] { selection.setCellState(layer, layer % 16); });
            watch.rest(20);
        }
        for (const bool on : {true, false}) {
            watch.act("sorted", [&] { page.setSorted(on); });
            watch.rest(20);
            watch.act("logarithmic", [&] { page.setLogarithmic(on); });
            watch.rest(20);
            watch.act("scale of each layer", [&] { page.setScalePerLayer(on); });
            watch.rest(20);
        }
        for (const auto statistic : {activity::Statistic::OutputEnergy, activity::Statistic::Decay}) {
            watch.act("another measure", [&] { page.setMeasure({statistic, true}); });
            watch.rest(20);
        }
        const auto scores = test::fabricatedScores(*activity);
        const auto plan = test::fabricatedPlan(*activity, *scores, 0.5);
        watch.act("scores", [&] { page.setScores(scores, 0.5); });
        watch.act("a plan", [&] { page.setPlan(plan); });
        watch.rest(50);
        hover(watch, *page.rows());
        hover(watch, *page.overview());
        checkPromise(watch);
    }

    void aMillionEvents() {
        Watch watch(application());
        const widgets::ProfilePtr profile = test::manyEvents(1'000'000);
        // As it comes from a run.
        watch.act("a run's end", [&] { Q_EMIT m_window->session().finished(profile); });
        widgets::Timeline& timeline = *m_window->profilePage()->timeline();
        QVERIFY(watch.until([&] { return timeline.ready(); }, kPatience));
        watch.rest(50);
        selectThings(watch);
        visitPages(watch);
        watch.act("pageProfile", [&] { action("pageProfile")->trigger(); });
        watch.rest(50);
        QWidget& view = *timeline.viewport();
        hover(watch, view);
        for (int i = 0; i < 20; ++i) {
            watch.act("zoom", [&] {
                const QPointF at(view.rect().center());
                QWheelEvent wheel(at, view.mapToGlobal(at), {}, {0, 240}, Qt::NoButton, Qt::NoModifier,
                                  Qt::NoScrollPhase, false);
                QCoreApplication::sendEvent(&view, &wheel);
            });
            watch.rest(1);
        }
        for (const auto key : {Qt::Key_Left, Qt::Key_Right, Qt::Key_Down, Qt::Key_F, Qt::Key_Home}) {
            watch.act("walk", [&] { QTest::keyClick(&timeline, key); });
            watch.rest(10);
        }
        checkPromise(watch);
    }
};

int main(int argc, char** argv) {
    test::WatchedApplication application(argc, argv);
    TestGuiResponsive test;
    return QTest::qExec(&test, argc, argv);
}
#include "test_gui_responsive.moc"
