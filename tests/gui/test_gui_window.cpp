// The window on a demo checkpoint, driven as a user does: open, run, cancel, save, reopen, remember.
#include <QAction>
#include <QDir>
#include <QElapsedTimer>
#include <QLabel>
#include <QMenu>
#include <QMimeData>
#include <QProgressBar>
#include <QSignalSpy>
#include <QStatusBar>
#include <QTest>
#include <QTimer>

#include "app/gui/main_window.h"
#include "gui_test.h"
#include "widgets/component_table.h"
#include "widgets/details_panel.h"
#include "widgets/layer_map.h"
#include "widgets/memory_page.h"
#include "widgets/messages_panel.h"
#include "widgets/profile_page.h"
#include "widgets/workload_bar.h"

using namespace perfmamba;
using app::MainWindow;
using app::ProfilePtr;

namespace {

constexpr int kPatience = 60'000;  // ms; sanitizers and busy machines

QString demo(const char* name) {
    return QStringLiteral(PERFMAMBA_SOURCE_DIR "/resources/demo/") + QString::fromLatin1(name);
}

bool isOpen(MainWindow& window, const char* name) {
    const auto& model = window.session().model();
    return model && model->name == name;
}

profile::Options shortOptions(std::vector<std::int64_t> lengths, int repeat = 3) {
    profile::Options options;
    options.lengths = std::move(lengths);
    options.repeat = repeat;
    return options;
}

/// The open model on the CPU.
app::Target onCpu(MainWindow& window) {
    return {window.session().checkpoint(), "cpu", {}};
}

QByteArray contentOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class TestGuiWindow : public QObject {
    Q_OBJECT

    std::unique_ptr<test::OwnPlace> m_place;

private Q_SLOTS:
    void initTestCase() { m_place = std::make_unique<test::OwnPlace>(); }
    void init() { test::failOnAnyWarning(); }

    void openRunSelectSave() {
        const QString file = m_place->path(QStringLiteral("saved.h5"));
        ProfilePtr measured;
        {
            MainWindow window;
            window.show();
            QVERIFY(!window.action(QStringLiteral("run"))->isEnabled());
            window.openPath(demo("mamba2-recall"));
            QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba2-recall"), kPatience);
            QVERIFY(window.action(QStringLiteral("run"))->isEnabled());
            window.workload()->setOptions(shortOptions({64, 128}));
            QSignalSpy finished(&window.session(), &app::Session::finished);
            window.action(QStringLiteral("run"))->trigger();
            QVERIFY(window.action(QStringLiteral("stop"))->isEnabled());
            QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
            QVERIFY(!window.action(QStringLiteral("stop"))->isEnabled());
            measured = window.shown();
            QVERIFY(measured && measured->complete);
            QCOMPARE(measured->points.size(), std::size_t{2});
            QVERIFY(!measured->provenance.command.empty());
            QVERIFY(window.details()->text().contains(QStringLiteral("whole pass")));
            QCOMPARE(window.messages()->count(), 0);

            window.selection().setCell(1, Component::Ssm);
            QVERIFY(window.details()->text().contains(QStringLiteral("layer 1")));
            QVERIFY(window.profilePage()->table()->csv().contains(QStringLiteral("ssm")));
            window.action(QStringLiteral("pageMemory"))->trigger();
            QVERIFY(window.memoryPage()->explanation().contains(QStringLiteral("in use")));
            window.grab();

            QSignalSpy saved(&window.session(), &app::Session::reportSaved);
            window.session().saveReport(measured, file);
            QTRY_VERIFY_WITH_TIMEOUT(!saved.isEmpty(), kPatience);
            QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(file), kPatience);
            window.close();
        }
        // The run was kept by itself, too.
        QVERIFY(!QDir(app::keptReportsFolder()).isEmpty());

        MainWindow window;
        window.show();
        window.openPath(file);
        QTRY_VERIFY_WITH_TIMEOUT(window.shown() != nullptr, kPatience);
        QCOMPARE(window.shown()->points.size(), measured->points.size());
        QCOMPARE(window.shown()->points[0].total.median, measured->points[0].total.median);
        QCOMPARE(window.shown()->model.name, measured->model.name);
        QVERIFY(!window.action(QStringLiteral("run"))->isEnabled());  // a report is no model
        QVERIFY(window.windowTitle().contains(QStringLiteral("mamba2-recall")));
        // But it names one that is there.
        QAction* its_model = window.action(QStringLiteral("openReportsModel"));
        QVERIFY(its_model->isEnabled());
        its_model->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba2-recall"), kPatience);
        QVERIFY(!its_model->isEnabled());
    }

    void keptRunsAreListed() {
        for (int i = 0; i < 12; ++i) {
            QFile file(app::newKeptReport(QStringLiteral("listed"), profile::Mode::Decode, {}));
            QVERIFY(file.open(QIODevice::WriteOnly));
            QTest::qWait(2);  // their names have the millisecond
        }
        MainWindow window;
        QStringList entries;
        for (QMenu* menu : window.findChildren<QMenu*>()) {
            if (menu->title() != QStringLiteral("Re&cent")) continue;
            Q_EMIT menu->aboutToShow();
            for (const QAction* entry : menu->actions()) entries << entry->text();
        }
        QCOMPARE(entries.filter(QStringLiteral("listed-decode-")).size(), qsizetype{app::Settings::kRecent});
        QCOMPARE(entries.filter(QStringLiteral("More: ")).size(), 1);
    }

    void progressHasItsPlace() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba2-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba2-recall"), kPatience);
        window.workload()->setOptions(shortOptions({64}, 100'000));
        QSignalSpy snapshots(&window.session(), &app::Session::snapshot);
        window.startRun();
        QTRY_VERIFY_WITH_TIMEOUT(snapshots.count() >= 3, kPatience);
        const auto placeOf = [&](const QWidget* widget) {
            return QRect(widget->mapTo(window.statusBar(), QPoint()), widget->size());
        };
        const auto* bar = window.statusBar()->findChild<QProgressBar*>();
        QVERIFY(bar->isVisible());
        for (const QLabel* label : window.statusBar()->findChildren<QLabel*>()) {
            QVERIFY(window.statusBar()->rect().contains(placeOf(label)));
            QVERIFY(!placeOf(label).intersects(placeOf(bar)));
        }
    }

    void stopKeepsWhatWasMeasured() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba1-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba1-recall"), kPatience);
        window.workload()->setOptions(shortOptions({64, 256, 1024, 4096}, 100'000));
        QSignalSpy snapshots(&window.session(), &app::Session::snapshot);
        QSignalSpy finished(&window.session(), &app::Session::finished);
        window.startRun();
        QTRY_VERIFY_WITH_TIMEOUT(snapshots.count() >= 3, kPatience);
        window.action(QStringLiteral("stop"))->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
        QVERIFY(window.shown() && !window.shown()->complete);
        QVERIFY(!window.session().running());
        QCOMPARE(window.messages()->count(), 0);  // stopping is no failure
    }

    void newerRunReplacesTheOlder() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba1-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba1-recall"), kPatience);
        QSignalSpy finished(&window.session(), &app::Session::finished);
        window.session().run(onCpu(window), shortOptions({64, 4096}, 100'000));
        for (int i = 0; i < 20; ++i) window.session().run(onCpu(window), shortOptions({64}, 100'000));
        window.session().run(onCpu(window), shortOptions({128}));
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
        QCOMPARE(window.shown()->points.size(), std::size_t{1});
        QCOMPARE(window.shown()->points[0].length, std::int64_t{128});
    }

    /// Live has a file of its own: not that of the run before it, and not the baseline's.
    void liveLeavesKeptRunsAlone() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba1-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba1-recall"), kPatience);
        window.workload()->setOptions(shortOptions({64}));
        QSignalSpy saved(&window.session(), &app::Session::reportSaved);
        window.startRun();
        QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, kPatience);
        const QString first = saved.first()[0].toString();
        const QByteArray before = contentOf(first);
        window.action(QStringLiteral("pinBaseline"))->trigger();
        window.action(QStringLiteral("live"))->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(saved.count() >= 3, kPatience);
        const QString live = saved[1][0].toString();
        QVERIFY(live != first);
        QCOMPARE(saved[2][0].toString(), live);  // cycle after cycle
        window.action(QStringLiteral("live"))->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(!window.session().running(), kPatience);
        QCOMPARE(contentOf(first), before);
    }

    void aReportOpenedDuringARunStays() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba1-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba1-recall"), kPatience);
        window.workload()->setOptions(shortOptions({64}));
        QSignalSpy finished(&window.session(), &app::Session::finished);
        window.startRun();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
        const QString file = m_place->path(QStringLiteral("meanwhile.h5"));
        window.session().saveReport(window.shown(), file);
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(file), kPatience);

        window.workload()->setOptions(shortOptions({128, 256}, 100'000));
        QSignalSpy snapshots(&window.session(), &app::Session::snapshot);
        QSignalSpy saved(&window.session(), &app::Session::reportSaved);
        window.startRun();
        QTRY_VERIFY_WITH_TIMEOUT(snapshots.count() >= 3, kPatience);
        saved.clear();
        QSignalSpy opened(&window.session(), &app::Session::reportOpened);
        window.openPath(file);
        QTRY_COMPARE_WITH_TIMEOUT(opened.count(), 1, kPatience);
        QVERIFY(!window.session().running());
        // The run is kept, and nothing of it takes the report's place.
        QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, kPatience);
        QVERIFY(saved[0][1].toBool());
        QTest::qWait(300);
        QCOMPARE(finished.count(), 1);
        QCOMPARE(window.shown()->points.size(), std::size_t{1});
        QCOMPARE(window.shown()->points[0].length, std::int64_t{64});
    }

    void aLengthThatFailsLeavesTheOthers() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba1-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba1-recall"), kPatience);
        QSignalSpy finished(&window.session(), &app::Session::finished);
        QSignalSpy saved(&window.session(), &app::Session::reportSaved);
        const QString file = m_place->path(QStringLiteral("until it failed.h5"));
        constexpr std::int64_t kTooLong = std::int64_t{1} << 30;  // terabytes of activations
        window.session().run(onCpu(window), shortOptions({64, kTooLong}), file);
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
        QCOMPARE(window.messages()->count(), 1);
        QVERIFY(window.shown() && !window.shown()->complete);
        QCOMPARE(window.shown()->points.size(), std::size_t{1});
        QCOMPARE(window.shown()->points[0].length, std::int64_t{64});
        QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, kPatience);
        QVERIFY(QFile::exists(file));
        QCOMPARE(window.messages()->count(), 1);
    }

    void badFolderSaysSoAndChangesNothing() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba2-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba2-recall"), kPatience);
        window.openPath(m_place->path(QStringLiteral("no such folder")));
        QTRY_COMPARE_WITH_TIMEOUT(window.messages()->count(), 1, kPatience);
        QVERIFY(window.messages()->text().contains(QStringLiteral("no such folder")));
        QVERIFY(window.messages()->isVisible());
        QVERIFY(isOpen(window, "mamba2-recall"));
        // Nor does a file that is no report.
        const QString file = m_place->path(QStringLiteral("fake.h5"));
        QFile fake(file);
        QVERIFY(fake.open(QIODevice::WriteOnly));
        fake.write("not HDF5");
        fake.close();
        window.openPath(file);
        QTRY_COMPARE_WITH_TIMEOUT(window.messages()->count(), 2, kPatience);
        QVERIFY(isOpen(window, "mamba2-recall"));
    }

    void dropsOpen() {
        MainWindow window;
        window.show();
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(demo("mamba1-recall") + QStringLiteral("/config.json"))});
        QDragEnterEvent enter(QPoint(100, 100), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(&window, &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent drop(QPointF(100, 100), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(&window, &drop);
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba1-recall"), kPatience);
    }

    void remembers() {
        {
            MainWindow window;
            window.show();
            profile::Options options = shortOptions({256, 2048}, 9);
            options.mode = profile::Mode::Decode;
            options.batch = 5;
            window.workload()->setOptions(options);
            window.action(QStringLiteral("pageMemory"))->trigger();
            window.action(QStringLiteral("themeDark"))->trigger();
            window.openPath(demo("mamba2-recall"));
            QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba2-recall"), kPatience);
            window.close();
        }
        const app::Settings settings = app::Settings::load();
        QCOMPARE(settings.theme, widgets::ThemeChoice::Dark);
        QCOMPARE(settings.page, 1);
        QVERIFY(settings.checkpoints.front().endsWith(QStringLiteral("mamba2-recall")));
        MainWindow window;
        window.show();
        QCOMPARE(window.workload()->options().mode, profile::Mode::Decode);
        QCOMPARE(window.workload()->options().batch, std::int64_t{5});
        QCOMPARE(window.workload()->options().lengths, (std::vector<std::int64_t>{256, 2048}));
        QVERIFY(window.action(QStringLiteral("themeDark"))->isChecked());
        window.action(QStringLiteral("themeSystem"))->trigger();
        window.action(QStringLiteral("resetLayout"))->trigger();
    }

    void theWindowStaysResponsiveDuringARun() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba2-bytes"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(window, "mamba2-bytes"), kPatience);
        window.workload()->setOptions(shortOptions({64, 512}, 12));
        QElapsedTimer clock;
        qint64 longest = 0;
        QTimer beat;
        beat.setInterval(5);
        connect(&beat, &QTimer::timeout, this, [&] { longest = std::max(longest, clock.restart()); });
        QSignalSpy finished(&window.session(), &app::Session::finished);
        window.startRun();
        clock.start();
        beat.start();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
        qInfo("longest gap of the GUI thread: %lld ms", static_cast<long long>(longest));
        QVERIFY2(longest < 1500, "the GUI thread was blocked");  // a generous bound: the cores are shared with the run
    }

    void closingDuringARunEndsQuickly() {
        auto window = std::make_unique<MainWindow>();
        window->show();
        window->openPath(demo("mamba2-bytes"));
        QTRY_VERIFY_WITH_TIMEOUT(isOpen(*window, "mamba2-bytes"), kPatience);
        window->workload()->setOptions(shortOptions({64, 1024}, 100'000));
        QSignalSpy snapshots(&window->session(), &app::Session::snapshot);
        const auto kept_before = QDir(app::keptReportsFolder()).entryList({QStringLiteral("mamba2-bytes*.h5")}).size();
        window->startRun();
        QTRY_VERIFY_WITH_TIMEOUT(snapshots.count() >= 2, kPatience);
        QElapsedTimer clock;
        clock.start();
        window->close();
        window.reset();
        QVERIFY(clock.elapsed() < 20'000);
        // Nothing is lost: the passes so far are in a kept report.
        QCOMPARE(QDir(app::keptReportsFolder()).entryList({QStringLiteral("mamba2-bytes*.h5")}).size(),
                 kept_before + 1);
    }
};

QTEST_MAIN(TestGuiWindow)
#include "test_gui_window.moc"
