// What makes the timeline of a million events fast: what is drawn is bounded by pixels, never by events, and shows what
// drawing everything would; what lies under the mouse is found by halving; the GUI thread lays out nothing long.
#include <QPaintDevice>
#include <QPaintEngine>
#include <QPainter>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gui_test.h"
#include "tests/support/cpu_clock.h"
#include "tests/support/many_events.h"
#include "widgets/timeline.h"
#include "widgets/timeline_layout.h"

using namespace perfmamba;
using namespace perfmamba::widgets;

namespace {

constexpr int kPatience = 60'000;  // ms; sanitizers and busy machines

/// Counts what is drawn on it.
class Counter : public QPaintDevice {
public:
    struct Engine : QPaintEngine {
        Engine() : QPaintEngine(AllFeatures) {}
        bool begin(QPaintDevice*) override { return true; }
        bool end() override { return true; }
        void updateState(const QPaintEngineState&) override {}
        void drawRects(const QRect*, int count) override { rectangles += count; }
        void drawRects(const QRectF*, int count) override { rectangles += count; }
        void drawLines(const QLine*, int) override {}
        void drawLines(const QLineF*, int) override {}
        void drawPath(const QPainterPath&) override {}
        void drawPixmap(const QRectF&, const QPixmap&, const QRectF&) override {}
        void drawTextItem(const QPointF&, const QTextItem&) override { ++texts; }
        [[nodiscard]] Type type() const override { return User; }
        int rectangles = 0;
        int texts = 0;
    };

    explicit Counter(QSize size) : m_size(size) {}
    [[nodiscard]] QPaintEngine* paintEngine() const override { return &m_engine; }
    [[nodiscard]] int rectangles() const { return m_engine.rectangles; }
    [[nodiscard]] int texts() const { return m_engine.texts; }

protected:
    [[nodiscard]] int metric(PaintDeviceMetric metric) const override {
        switch (metric) {
            case PdmWidth: return m_size.width();
            case PdmHeight: return m_size.height();
            case PdmDevicePixelRatio: return 1;
            case PdmDevicePixelRatioScaled: return static_cast<int>(devicePixelRatioFScale());
            default: return 96;
        }
    }

private:
    QSize m_size;
    mutable Engine m_engine;
};

/// Spans in order, long and short, some after a gap.
std::vector<Span> randomSpans(std::size_t count, std::mt19937& random) {
    std::vector<Span> spans;
    std::exponential_distribution<double> length(1);
    double at = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (random() % 3 == 0) at += length(random);
        Span span;
        span.begin_us = at;
        at = span.end_us = at + length(random) * (random() % 7 == 0 ? 20 : 0.2);
        spans.push_back(span);
    }
    return spans;
}

/// Any part of the spans' time, on few pixels.
TimeView randomView(double end_us, std::mt19937& random) {
    std::uniform_real_distribution<double> share(0, 1);
    const double a = share(random) * end_us;
    const double b = share(random) * end_us;
    return {std::min(a, b), std::max(a, b) + 0.01, 10, static_cast<double>(5 + random() % 120)};
}

}  // namespace

class TestGuiTimeline : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { test::failOnAnyWarning(); }

    // Against drawing every span: a pixel in which one begins is covered, none is covered that nothing touches, and
    // what is a pixel wide or wider is exactly where it was.
    void blocksCoverWhatAllSpansDo() {
        std::mt19937 random(11);
        for (int round = 0; round < 300; ++round) {
            const std::vector<Span> spans = randomSpans(1 + random() % 400, random);
            const TimeView view = randomView(spans.back().end_us, random);
            const std::vector<Block> blocks = blocksOf(spans, view);
            const auto first = static_cast<int>(view.left);
            const int last = first + static_cast<int>(view.width);
            std::vector<bool> covered(static_cast<std::size_t>(last - first));
            for (const Block& block : blocks) {
                const Span& span = spans[block.index];
                if (block.x1 - block.x0 > 1) {
                    QCOMPARE(block.x0, view.toX(span.begin_us));
                    QCOMPARE(block.x1, view.toX(span.end_us));
                }
                const int to = std::min(last, static_cast<int>(std::ceil(block.x1 - 1e-9)));
                for (int x = std::max(first, static_cast<int>(std::floor(block.x0))); x < to; ++x) {
                    covered[static_cast<std::size_t>(x - first)] = true;
                }
            }
            for (int x = first; x < last; ++x) {
                bool begins = false;
                bool touched = false;
                for (const Span& span : spans) {
                    const double x0 = view.toX(span.begin_us);
                    begins = begins || (x0 > x + 1e-6 && x0 < x + 1 - 1e-6);
                    touched = touched || (x0 <= x + 1 + 1e-6 && view.toX(span.end_us) >= x - 1e-6);
                }
                const bool is_covered = covered[static_cast<std::size_t>(x - first)];
                QVERIFY2(is_covered || !begins, qPrintable(QStringLiteral("round %1, pixel %2").arg(round).arg(x)));
                QVERIFY2(!is_covered || touched, qPrintable(QStringLiteral("round %1, pixel %2").arg(round).arg(x)));
            }
            QVERIFY(static_cast<double>(blocks.size()) <= 2 * view.width + 2);
        }
    }

    void wideGapsAreThoseOfAll() {
        std::mt19937 random(12);
        for (int round = 0; round < 300; ++round) {
            std::vector<std::pair<double, double>> gaps;
            for (const Span& span : randomSpans(1 + random() % 400, random)) {
                gaps.emplace_back(span.begin_us, span.end_us);
            }
            const TimeView view = randomView(gaps.back().second, random);
            std::vector<std::pair<double, double>> expected;
            for (const auto& [begin, end] : gaps) {
                const double x0 = view.toX(begin);
                const double x1 = view.toX(end);
                if (x1 - x0 < 1 || end < view.begin_us || begin > view.end_us) continue;
                expected.emplace_back(std::max(x0, view.left), std::min(x1, view.left + view.width));
            }
            QCOMPARE(wideGaps(gaps, view), expected);
        }
    }

    void whatIsDrawnIsBoundedByPixels() {
        const QSize size(700, 400);
        constexpr std::int32_t kLayers = 6;
        // Each row's components and kernels, the lane and the strip of the whole pass, the gaps, the ground.
        constexpr int kBound = (2 * (kLayers + 1) + 3) * 2 * 700 + 200;
        for (const auto kind : {test::ManyEvents::InOrder, test::ManyEvents::Repeated}) {
            for (const std::size_t events : {4'000, 40'000, 400'000}) {
                Selection selection;
                Timeline timeline(selection);
                timeline.resize(size);
                timeline.setProfile(test::manyEvents(events, kind, kLayers));
                QTRY_VERIFY_WITH_TIMEOUT(timeline.ready(), kPatience);
                for (int zoom = 0; zoom < 40; zoom += 8) {
                    Counter counter(size);
                    timeline.picture().paint(counter, size);
                    QVERIFY(counter.rectangles() > 100 || zoom > 0);
                    QVERIFY2(counter.rectangles() < kBound, qPrintable(QString::number(counter.rectangles())));
                    QVERIFY2(counter.texts() < kBound / 10, qPrintable(QString::number(counter.texts())));
                    for (int i = 0; i < 8; ++i) QTest::keyClick(&timeline, Qt::Key_Plus);
                }
            }
        }
    }

    // A thousand times as many spans take hardly longer: doubling is one step more. Far above what it takes, as caches
    // play a part; looking at one after the other would take a thousand times as long.
    void whatLiesUnderTheMouseIsFoundByHalving() {
        std::mt19937 random(13);
        const std::vector<Span> many = randomSpans(1'000'000, random);
        const std::span<const Span> few = std::span(many).first(1000);
        const auto timeOf = [&](std::span<const Span> spans) {
            std::uniform_real_distribution<double> time(0, spans.back().end_us);
            long found = 0;
            const double begin = test::threadCpuMs();
            for (int i = 0; i < 100'000; ++i) found += spanAt(spans, time(random), 0) >= 0 ? 1 : 0;
            const double ms = test::threadCpuMs() - begin;
            return found > 0 ? ms : 0;
        };
        timeOf(few);
        const double few_ms = timeOf(few);
        const double many_ms = timeOf(many);
        QVERIFY(few_ms > 0);
        QVERIFY2(many_ms < 100 * few_ms, qPrintable(QStringLiteral("%1 and %2 ms").arg(few_ms).arg(many_ms)));
        // And it is the one that all would give.
        for (int i = 0; i < 200; ++i) {
            const double at = few.back().end_us * i / 200;
            const auto here =
                std::ranges::find_if(few, [&](const Span& span) { return span.begin_us <= at && at <= span.end_us; });
            const int found = spanAt(few, at, 0);
            QCOMPARE(found >= 0, here != few.end());
            if (found >= 0) QVERIFY(few[static_cast<std::size_t>(found)].begin_us <= at);
        }
    }

    void aLongPassIsLaidOutBesideTheGuiThread() {
        Selection selection;
        Timeline timeline(selection);
        timeline.resize(800, 400);
        timeline.show();
        QStringList captions;
        connect(&timeline, &Timeline::captionChanged, this, [&](const QString& text) { captions << text; });
        const auto large = test::manyEvents(200'000);
        timeline.setProfile(large);
        QVERIFY(!timeline.ready());
        QVERIFY(captions.isEmpty());
        QTRY_VERIFY_WITH_TIMEOUT(timeline.ready(), kPatience);
        QCOMPARE(captions.size(), qsizetype{1});
        QCOMPARE(timeline.view().end_us, large->points[0].last_pass_us);
        // What was asked for last is shown, whatever is still under way.
        timeline.setProfile(test::manyEvents(300'000));
        const auto small = test::fabricatedProfile();
        timeline.setProfile(small);
        QVERIFY(timeline.ready());
        QTest::qWait(300);
        QCOMPARE(timeline.view().end_us, small->points.back().last_pass_us);
        // A window may be closed meanwhile.
        {
            Timeline other(selection);
            other.setProfile(large);
        }
    }

    // Of a component that runs many times the very run that was clicked is walked on from.
    void walksThroughRunsOfTheSameComponent() {
        Selection selection;
        Timeline timeline(selection);
        timeline.resize(800, 400);
        timeline.show();
        const auto profile = test::manyEvents(4'000, test::ManyEvents::Repeated, 2);
        timeline.setProfile(profile);
        const std::vector<Span>& pass = profile->points[0].last_pass;
        QTest::keyClick(&timeline, Qt::Key_Left);  // the last of all
        for (std::size_t i = pass.size(); i-- > pass.size() - 30;) {
            QCOMPARE(selection.focus().component, std::optional(pass[i].component));
            QCOMPARE(selection.focus().layer, std::optional(pass[i].layer));
            QTest::keyClick(&timeline, Qt::Key_Left);
        }
        QTest::keyClick(&timeline, Qt::Key_F);
        QVERIFY(timeline.view().begin_us > pass[pass.size() / 2].begin_us);
    }
};

QTEST_MAIN(TestGuiTimeline)
#include "test_gui_timeline.moc"
