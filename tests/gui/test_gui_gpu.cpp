// The window beside a GPU: a run seen live, recording switched off and on, and a GPU that is lost during a run. Skipped
// where there is none. PERFMAMBA_PICTURES names a folder for pictures of what is shown.
#include <QAction>
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QTest>
#include <algorithm>

#include "app/gui/main_window.h"
#include "gui_test.h"
#include "tests/gpu/device_fault.h"
#include "widgets/messages_panel.h"
#include "widgets/profile_page.h"
#include "widgets/workload_bar.h"

using namespace perfmamba;
using app::MainWindow;
using app::ProfilePtr;

namespace {

constexpr int kPatience = 60'000;  // ms
const QString kGpu = QStringLiteral("cuda:0");

void keepPicture(MainWindow& window, const char* name) {
    const QString folder = qEnvironmentVariable("PERFMAMBA_PICTURES");
    if (!folder.isEmpty()) window.grab().save(folder + QLatin1Char('/') + QString::fromLatin1(name) + ".png");
}

profile::Options decode(int repeat) {
    profile::Options options;
    options.mode = profile::Mode::Decode;
    options.lengths = {64};
    options.repeat = repeat;
    options.budget_s = 3;
    return options;
}

bool hasKernels(const ProfilePtr& profile) {
    return profile && !profile->points.empty() && !profile->points[0].last_kernels.empty();
}

}  // namespace

class TestGuiGpu : public QObject {
    Q_OBJECT

    std::unique_ptr<test::OwnPlace> m_place;
    bool m_usable = false;

    /// With the model open and the GPU chosen.
    void open(MainWindow& window) const {
        bool found = false;
        connect(&window.session(), &app::Session::devicesFound, &window, [&found] { found = true; });
        window.resize(1600, 1000);
        window.show();
        window.openPath(qEnvironmentVariable("PERFMAMBA_MODEL",
                                             QStringLiteral(PERFMAMBA_SOURCE_DIR "/resources/demo/mamba2-bytes")));
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model().has_value(), kPatience);
        QTRY_VERIFY_WITH_TIMEOUT(found, kPatience);
        window.workload()->setDevice(kGpu);
    }

    static void run(MainWindow& window) {
        QSignalSpy finished(&window.session(), &app::Session::finished);
        window.startRun();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
        QVERIFY2(window.messages()->count() == 0, qPrintable(window.messages()->text()));
        QVERIFY(window.shown() && window.shown()->complete);
    }

private Q_SLOTS:
    void initTestCase() {
        m_place = std::make_unique<test::OwnPlace>();
        MainWindow window;
        std::vector<kernels::DeviceChoice> found;
        connect(&window.session(), &app::Session::devicesFound, this,
                [&found](const auto& devices) { found = devices; });
        QTRY_VERIFY_WITH_TIMEOUT(!found.empty(), kPatience);
        m_usable = std::ranges::any_of(found, [](const kernels::DeviceChoice& device) {
            return kGpu == QString::fromStdString(device.id) && device.missing.empty();
        });
    }
    void init() {
        test::failOnAnyWarning();
        if (!m_usable) QSKIP("there is no GPU");
    }

    /// From the moment that a pass reaches the GUI thread until it is drawn.
    void passesAreSeenWhileTheRunLasts() {
        MainWindow window;
        open(window);
        window.workload()->setOptions(decode(100'000));
        QElapsedTimer clock;
        clock.start();
        qint64 waiting_since = -1;
        qint64 longest = 0;
        int drawn = 0;
        ProfilePtr last;
        connect(&window.session(), &app::Session::snapshot, this,
                [&] { waiting_since = waiting_since < 0 ? clock.elapsed() : waiting_since; });
        window.startRun();
        QElapsedTimer run_time;
        run_time.start();
        while (run_time.elapsed() < 3000) {
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 5);
            if (window.shown() == last || waiting_since < 0) continue;
            last = window.shown();
            window.profilePage()->repaint();
            longest = std::max(longest, clock.elapsed() - waiting_since);
            waiting_since = -1;
            ++drawn;
        }
        keepPicture(window, "live");
        QVERIFY(hasKernels(window.shown()));
        QSignalSpy finished(&window.session(), &app::Session::finished);
        window.action(QStringLiteral("stop"))->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
        keepPicture(window, "stopped");
        qInfo("drawn %d times, at most %lld ms after a pass was known", drawn, static_cast<long long>(longest));
        QVERIFY(drawn > 3);
        QCOMPARE(window.messages()->count(), 0);
    }

    void recordingIsSwitchedOffAndOn() {
        MainWindow window;
        open(window);
        window.workload()->setOptions(decode(20));
        run(window);
        QVERIFY(hasKernels(window.shown()));
        window.action(QStringLiteral("trace"))->trigger();
        run(window);
        QVERIFY(!hasKernels(window.shown()));
        QVERIFY(window.shown()->points[0].total.median > 0);
        keepPicture(window, "recording-off");
        window.action(QStringLiteral("trace"))->trigger();
        run(window);
        QVERIFY(hasKernels(window.shown()));
    }

    void aPromptIsMeasured() {
        MainWindow window;
        open(window);
        profile::Options options;
        options.lengths = {64, 1024};
        options.repeat = 10;
        window.workload()->setOptions(options);
        run(window);
        QCOMPARE(window.shown()->points.size(), std::size_t{2});
        window.selection().setCell(1, Component::Ssm);
        keepPicture(window, "prefill");
    }

    /// The last: nothing of this process uses the GPU any more.
    void aGpuThatIsLostLeavesTheCpu() {
        MainWindow window;
        open(window);
        window.workload()->setOptions(decode(100'000));
        QSignalSpy snapshots(&window.session(), &app::Session::snapshot);
        QSignalSpy finished(&window.session(), &app::Session::finished);
        window.startRun();
        QTRY_VERIFY_WITH_TIMEOUT(snapshots.count() >= 2, kPatience);
        tests::loseDevice();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
        QCOMPARE(window.messages()->count(), 1);
        qInfo("%s", qPrintable(window.messages()->text()));
        QVERIFY(window.messages()->text().contains(QStringLiteral("is lost")));
        QVERIFY(window.messages()->text().contains(QStringLiteral("choose 'cpu'")));
        QVERIFY(window.shown() && !window.shown()->complete && !window.shown()->points.empty());
        keepPicture(window, "lost");
        window.workload()->setDevice(QStringLiteral("cpu"));
        window.workload()->setOptions(decode(3));
        window.startRun();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 2, kPatience);
        QVERIFY(window.shown()->complete);
        QCOMPARE(window.messages()->count(), 1);
    }
};

QTEST_MAIN(TestGuiGpu)
#include "test_gui_gpu.moc"
