// How fast a pass of a million events pans, zooms and tells what lies under the mouse, and what it takes to load:
// prints times of the GUI thread, asserts nothing. resources/docs/how-we-measure.md has numbers.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <QApplication>
#include <QElapsedTimer>
#include <QMouseEvent>
#include <QScreen>
#include <QThread>
#include <QWheelEvent>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "tests/support/cpu_clock.h"
#include "tests/support/many_events.h"
#include "widgets/timeline.h"

namespace {

using namespace perfmamba;

double usedMiB() {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd) / (1 << 20);
}

/// Runs `frame` so often and prints the wall-clock time of one, with what it leaves to be painted.
void measure(const char* what, int frames, const std::function<void(int)>& frame) {
    std::vector<double> ms;
    for (int i = 0; i < frames; ++i) {
        QElapsedTimer clock;
        clock.start();
        frame(i);
        QCoreApplication::processEvents();
        ms.push_back(static_cast<double>(clock.nsecsElapsed()) * 1e-6);
    }
    std::ranges::sort(ms);
    const auto at = [&](double share) {
        return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))];
    };
    std::printf("  %-34s median %6.2f ms   p95 %6.2f ms   most %6.2f ms   %5.0f a second\n", what, at(0.5), at(0.95),
                ms.back(), 1000 / at(0.5));
}

void moveMouse(QWidget& to, QPointF at, Qt::MouseButtons held) {
    QMouseEvent move(QEvent::MouseMove, at, to.mapToGlobal(at), Qt::NoButton, held, Qt::NoModifier);
    QCoreApplication::sendEvent(&to, &move);
}

void press(QWidget& to, QPointF at, bool down) {
    QMouseEvent event(down ? QEvent::MouseButtonPress : QEvent::MouseButtonRelease, at, to.mapToGlobal(at),
                      Qt::LeftButton, down ? Qt::LeftButton : Qt::NoButton, Qt::NoModifier);
    QCoreApplication::sendEvent(&to, &event);
}

void turnWheel(QWidget& to, QPointF at, int notches) {
    QWheelEvent event(at, to.mapToGlobal(at), {}, {0, notches * 120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                      false);
    QCoreApplication::sendEvent(&to, &event);
}

void run(QSize size, const widgets::ProfilePtr& profile, int frames) {
    std::printf("%d × %d\n", size.width(), size.height());
    widgets::Selection selection;
    widgets::Timeline timeline(selection);
    timeline.resize(size);
    timeline.show();
    QCoreApplication::processEvents();

    const double before = usedMiB();
    QElapsedTimer clock;
    clock.start();
    double longest_ms = 0;
    const auto turn = [&](const std::function<void()>& what) {
        const double begin = test::threadCpuMs();
        what();
        longest_ms = std::max(longest_ms, test::threadCpuMs() - begin);
    };
    turn([&] { timeline.setProfile(profile); });
    while (!timeline.ready()) {
        turn([] { QCoreApplication::processEvents(QEventLoop::AllEvents); });
        QThread::msleep(1);
    }
    std::printf("  %-34s %.0f ms until shown, GUI thread at most %.1f ms in one turn, %.0f MiB\n", "laid out",
                static_cast<double>(clock.nsecsElapsed()) * 1e-6, longest_ms, usedMiB() - before);

    QWidget& view = *timeline.viewport();
    const QPointF middle(size.width() / 2.0, size.height() / 2.0);
    measure("whole pass painted", frames, [&](int) { view.repaint(); });
    for (const int notches : {0, 8, 16, 24}) {
        timeline.fit();
        for (int i = 0; i < notches; ++i) turnWheel(view, middle, 1);
        const double extent = timeline.view().end_us - timeline.view().begin_us;
        char what[64];
        std::snprintf(what, sizeof what, "panned, %.3g ms in view", extent * 1e-3);
        press(view, middle, true);
        measure(what, frames,
                [&](int i) { moveMouse(view, middle + QPointF((i % 2 ? 1 : -1) * (i + 8), 0), Qt::LeftButton); });
        press(view, middle, false);
    }
    timeline.fit();
    measure("zoomed in and out", frames, [&](int i) { turnWheel(view, middle, i % 60 < 30 ? 1 : -1); });
    timeline.fit();
    measure("hovered over the whole pass", frames, [&](int i) {
        const double share = static_cast<double>(i) / frames;
        moveMouse(view, {80 + share * (size.width() - 90), 80 + share * (size.height() - 90)}, Qt::NoButton);
    });
    measure("clicked from span to span", frames, [&](int i) {
        const QPointF at(80 + static_cast<double>(i * 37 % (size.width() - 90)), middle.y());
        press(view, at, true);
        press(view, at, false);
    });
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App options("How fast the timeline draws a pass of many events.");
    std::size_t events = 1'000'000;
    int frames = 200;
    bool in_order = false;
    options.add_option("--events", events, "spans and kernels of the pass");
    options.add_option("--frames", frames, "paints of each kind");
    options.add_flag("--in-order", in_order, "each layer once, not over and over again");
    CLI11_PARSE(options, argc, argv);
    QApplication app(argc, argv);
    const double before = usedMiB();
    const widgets::ProfilePtr profile =
        test::manyEvents(events, in_order ? test::ManyEvents::InOrder : test::ManyEvents::Repeated);
    const profile::Point& point = profile->points.front();
    std::printf("%zu spans and %zu kernels, layers %s: the profile takes %.0f MiB; platform %s\n",
                point.last_pass.size(), point.last_kernels.size(), in_order ? "in order" : "over and over again",
                usedMiB() - before, qPrintable(QGuiApplication::platformName()));
    run({1600, 1000}, profile, frames);
    run({3840, 2160}, profile, frames);
    return 0;
}
