// Layout and formatting without a window.
#include <QTest>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "app/gui/command_palette.h"
#include "app/gui/settings.h"
#include "gui_test.h"
#include "tests/unit/fabricated_profile.h"
#include "widgets/derive.h"
#include "widgets/details_panel.h"
#include "widgets/format.h"
#include "widgets/lane.h"
#include "widgets/plot_menu.h"
#include "widgets/shapes.h"
#include "widgets/timeline_layout.h"
#include "widgets/wrapping.h"

#include <future>

using namespace perfmamba;
using namespace perfmamba::widgets;

class TestGuiArithmetic : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { test::failOnAnyWarning(); }

    void digitsFollowTheError() {
        QCOMPARE(widgets::digitsOf(99.9512, 0.0488), QStringLiteral("99.951"));
        QCOMPARE(widgets::digitsOf(45.07, 0.9), QStringLiteral("45.07"));
        QCOMPARE(widgets::digitsOf(1234.4, 56), QStringLiteral("1234"));
        QCOMPARE(widgets::digitsOf(0.000276, 0), QStringLiteral("0.000276"));
        QCOMPARE(widgets::digitsOf(100, std::numeric_limits<double>::quiet_NaN()), QStringLiteral("100"));
        QCOMPARE(widgets::digitsOf(std::numeric_limits<double>::quiet_NaN(), 1), QStringLiteral("n/a"));
    }

    void threeDigits_data() {
        QTest::addColumn<double>("value");
        QTest::addColumn<QString>("text");
        QTest::newRow("zero") << 0.0 << "0";
        QTest::newRow("one") << 1.0 << "1.00";
        QTest::newRow("carry") << 9.999 << "10.0";
        QTest::newRow("carry to 1000") << 999.6 << "1" + QString(QChar(0x2009)) + "000";
        QTest::newRow("small") << 0.012345 << "0.0123";
        QTest::newRow("large") << 12345.6 << "12" + QString(QChar(0x2009)) + "346";
        QTest::newRow("negative") << -3.14159 << "-3.14";
        QTest::newRow("missing") << std::numeric_limits<double>::quiet_NaN() << "n/a";
        QTest::newRow("infinite") << std::numeric_limits<double>::infinity() << "n/a";
    }
    void threeDigits() {
        QFETCH(double, value);
        QFETCH(QString, text);
        QCOMPARE(widgets::threeDigits(value), text);
    }

    void shortestThatFits() {
        const auto within = [](double value, qsizetype characters) {
            return widgets::shortest(value, [&](const QString& text) { return text.size() <= characters; });
        };
        QCOMPARE(within(0.00528, 7), QStringLiteral("0.00528"));
        QCOMPARE(within(0.00528, 6), QStringLiteral("0.0053"));
        QCOMPARE(within(0.00528, 5), QStringLiteral("0.005"));
        QCOMPARE(within(0.00528, 4), QString());  // "0.01" is nearly twice as much
        QCOMPARE(within(12.34, 3), QStringLiteral("12"));
        QCOMPARE(within(0.96, 1), QStringLiteral("1"));
        QCOMPARE(within(123.4, 3), QStringLiteral("123"));
        QCOMPARE(within(123.4, 2), QString());
        QCOMPARE(within(0, 1), QStringLiteral("0"));
        QCOMPARE(significant(123.4, 1), QStringLiteral("123"));
        QCOMPARE(significant(9.96, 2), QStringLiteral("10"));
    }

    void wrapping() {
        QCOMPARE(columnsThatFit({50, 60, 70}, 200), 3);
        QCOMPARE(columnsThatFit({50, 60, 70}, 170), 2);  // 70 below 50: 130
        QCOMPARE(columnsThatFit({50, 60, 70}, 120), 1);
        QCOMPARE(columnsThatFit({50, 60, 70}, 10), 1);
        QCOMPARE(columnsThatFit({}, 100), 1);
    }

    void units() {
        QCOMPARE(timeUnit(3).name, QStringLiteral("µs"));
        QCOMPARE(timeUnit(999.4).name, QStringLiteral("µs"));
        QCOMPARE(timeUnit(999.6).name, QStringLiteral("ms"));
        QCOMPARE(timeUnit(2e6).name, QStringLiteral("s"));
        QCOMPARE(bytesUnit(0).name, QStringLiteral("B"));
        QCOMPARE(bytesUnit(2.5e9).name, QStringLiteral("GB"));
        QCOMPARE(countUnit(3e9, QStringLiteral("FLOP")).name, QStringLiteral("GFLOP"));
        QCOMPARE(lengthText(512), QStringLiteral("512"));
        QCOMPARE(lengthText(16384), QStringLiteral("16k"));
        QCOMPARE(grouped(1234567).remove(QChar(0x2009)), QStringLiteral("1234567"));
    }

    void segmentUnderTheCursor() {
        const std::vector<double> heights = {10, 0, 20, 5};
        QCOMPARE(segmentAt(heights, -1), -1);
        QCOMPARE(segmentAt(heights, 0), 0);
        QCOMPARE(segmentAt(heights, 9.9), 0);
        QCOMPARE(segmentAt(heights, 10), 2);
        QCOMPARE(segmentAt(heights, 34.9), 3);
        QCOMPARE(segmentAt(heights, 35), -1);
    }

    void labelsKeepApart() {
        const std::vector<double> wanted = {1, 2, 3, 50, 99};
        const std::vector<double> at = spreadLabels(wanted, 10, 0, 100);
        for (std::size_t i = 1; i < at.size(); ++i) QVERIFY(at[i] - at[i - 1] >= 10 - 1e-9);
        QVERIFY(at.back() <= 100);
        QCOMPARE(at[3], 50.0);
        const std::vector<double> crowded = spreadLabels(std::vector<double>{95, 96, 97}, 10, 0, 100);
        QCOMPARE(crowded, (std::vector<double>{80, 90, 100}));
        QVERIFY(spreadLabels({}, 10, 0, 100).empty());
    }

    void zoomKeepsTheTimeUnderTheCursor() {
        TimeView view{0, 1000, 100, 500};
        const double before = view.toTime(300);
        view.zoom(300, 0.5, 1000);
        QVERIFY(std::abs(view.toTime(300) - before) < 1e-9);
        QCOMPARE(view.end_us - view.begin_us, 500.0);
        view.zoom(300, 100, 1000);
        QCOMPARE(view.begin_us, 0.0);
        QCOMPARE(view.end_us, 1000.0);
        view.zoom(300, 0.1, 1000);
        view.pan(1e6, 1000);
        QVERIFY(view.end_us <= 1000 + 1e-9);
        QVERIFY(std::abs(view.end_us - view.begin_us - 100) < 1e-9);
    }

    void ticks() {
        QCOMPARE(tickStep(100, 10), 10.0);
        QCOMPARE(tickStep(100, 9), 20.0);
        QCOMPARE(tickStep(0.3, 6), 0.05);
        QCOMPARE(tickStep(0, 6), 1.0);
    }

    void detailFollowsTheZoom() {
        // Ten thousand spans of 1 µs in 500 pixels: about one block a pixel, and each one's own when zoomed in.
        std::vector<Span> spans;
        for (int i = 0; i < 10'000; ++i) {
            spans.push_back({Component::Ssm, Stage::Whole, 0, static_cast<double>(i), i + 0.9});
        }
        TimeView view{0, 10'000, 0, 500};
        const std::vector<Block> far = blocksOf(spans, view);
        QVERIFY(far.size() <= 502);
        QVERIFY(far.size() >= 400);
        QVERIFY(far.front().merged);
        view.begin_us = 100;
        view.end_us = 110;
        const std::vector<Block> near = blocksOf(spans, view);
        QCOMPARE(near.size(), std::size_t{11});
        QCOMPARE(near.front().index, std::size_t{100});
        QCOMPARE(spanAt(spans, 105.5, 0), 105);
        QCOMPARE(spanAt(spans, 105.95, 0.01), -1);
        QCOMPARE(spanAt(spans, 105.93, 0.2), 105);
    }

    void rowsOfTheTimeline() {
        const auto profile = test::fabricatedProfile();
        const std::vector<TimelineRow> rows = timelineRows(profile->points.back().last_pass);
        QCOMPARE(rows.size(), static_cast<std::size_t>(test::kFabricatedLayers) + 1);
        QCOMPARE(rows.front().layer, kNoLayer);
        QCOMPARE(rows.back().layer, static_cast<std::int32_t>(test::kFabricatedLayers) - 1);
        QVERIFY(!rows.back().stages.empty());
    }

    void gaps() {
        const std::vector<Span> spans = {{Component::Norm, Stage::Whole, 0, 1, 2},
                                         {Component::Ssm, Stage::Whole, 0, 4, 5}};
        const auto found = gapsOf(spans, 6);
        QCOMPARE(found.size(), std::size_t{3});
        QCOMPARE(found[1], (std::pair<double, double>{2, 4}));
    }

    void kernelNames() {
        QCOMPARE(shortKernelName("void ns::scan<float, ns::Plain<4> >(float const*, int)"), QStringLiteral("scan"));
        QCOMPARE(shortKernelName("norm(float*)"), QStringLiteral("norm"));
        QCOMPARE(shortKernelName("sm90_xmma_gemm_bf16_tn"), QStringLiteral("sm90_xmma_gemm_bf16_tn"));
        QCOMPARE(shortKernelName("void (anonymous namespace)::conv<3>(Args)"), QStringLiteral("conv"));
        QCOMPARE(shortKernelName("void perfmamba::(anonymous namespace)::step<perfmamba::BFloat16, 8>(Args<(int)3>)"),
                 QStringLiteral("step"));
        QCOMPARE(shortKernelName("copy, device to host"), QStringLiteral("copy, device to host"));
        QCOMPARE(shortKernelName(""), QString());
    }

    void kernelsOfASelection() {
        profile::Point point = test::fabricatedPoint(64);
        test::traceByKernels(point);
        const auto inside = kernelsInside(point, Component::Ssm, 2);
        QCOMPARE(inside.size(), std::size_t{2});
        QCOMPARE(inside[0].name, QStringLiteral("ssm_kernel"));
        QCOMPARE(inside[0].count, 4);  // once a stage
        QVERIFY(inside[0].time_us > inside[1].time_us);
        QCOMPARE(kernelsInside(point, Component::XProj, std::nullopt).size(), std::size_t{0});
        const auto all = kernelsInside(point, std::nullopt, std::nullopt);
        QVERIFY(std::ranges::none_of(all, [](const KernelSum& sum) { return sum.kind == RunKind::Overhead; }));
        QVERIFY(std::ranges::any_of(all, [](const KernelSum& sum) { return sum.kind == RunKind::Copy; }));

        std::vector<TimelineRow> rows = timelineRows(point.last_pass);
        addKernels(rows, point.last_kernels);
        QCOMPARE(rows.front().layer, kNoLayer);
        QCOMPARE(rows.front().runs.back()->kind, RunKind::Overhead);
        std::size_t kernels = 0;
        for (const TimelineRow& row : rows) {
            QCOMPARE(row.kernels.size(), row.runs.size());
            kernels += row.kernels.size();
        }
        QCOMPARE(kernels, point.last_kernels.size());
    }

    void idleBetweenKernels() {
        std::vector<KernelRun> runs(3);
        runs[0].begin_us = 1;
        runs[0].end_us = 4;
        runs[1].kind = RunKind::Overhead;
        runs[1].begin_us = 4;
        runs[1].end_us = 9;
        runs[2].begin_us = 6;
        runs[2].end_us = 8;
        using Gaps = std::vector<std::pair<double, double>>;
        QCOMPARE(idleOf(runs, 10), (Gaps{{0, 1}, {4, 6}, {8, 10}}));
    }

    void statusTexts() {
        profile::Provenance provenance;
        provenance.device = "Example H200";
        provenance.device_id = "cuda:0";
        profile::Point point = test::fabricatedPoint(64);
        test::traceByKernels(point);
        QCOMPARE(deviceText(provenance, point.device_use), QStringLiteral("Example H200 · 1980 MHz · 41 °C · 313 W"));
        QCOMPARE(lostRecordsText(point.counts), QStringLiteral("6 records lost"));
        QCOMPARE(lostRecordsText({}), QString());
        provenance = {};
        provenance.device = "Example CPU";
        provenance.device_id = "cpu";
        provenance.threads = 4;
        QCOMPARE(deviceText(provenance, {}), QStringLiteral("Example CPU · 4 threads"));
    }

    void memoryKeepsItsPeak() {
        profile::Point point;
        point.last_pass_us = 1000;
        point.memory.at_start[MemoryKind::Weights] = 100;
        for (int i = 0; i < 500; ++i) {
            const double at = i * 2.0;
            const std::int64_t bytes = i == 333 ? 5000 : 10;
            point.memory.events.push_back({at, MemoryKind::Activations, Component::Ssm, 0, bytes});
            point.memory.events.push_back({at + 1, MemoryKind::Activations, Component::Ssm, 0, -bytes});
        }
        const MemoryCurve curve = memoryCurveOf(point, 20);
        QVERIFY(curve.time_us.size() <= 64);
        const auto& activations = curve.bytes[static_cast<std::size_t>(MemoryKind::Activations)];
        QCOMPARE(*std::max_element(activations.begin(), activations.end()), 5000.0);
        QCOMPARE(activations.back(), 0.0);
        QVERIFY(std::is_sorted(curve.time_us.begin(), curve.time_us.end()));
        QCOMPARE(memoryCurveOf(point, 100'000).time_us.size(), std::size_t{1002});
    }

    void memoryByComponent() {
        profile::Point point;
        point.last_pass_us = 100;
        point.memory.at_start[MemoryKind::Weights] = 1000;
        point.memory.at_start[MemoryKind::State] = 50;
        using enum Component;
        using enum MemoryKind;
        point.memory.events = {
            {10, Activations, Embedding, kNoLayer, 8},
            {20, Activations, InProj, 0, 30},
            {25, Workspace, Ssm, 0, 5},
            {30, Activations, Ssm, 0, 12},
            {35, Workspace, Ssm, 0, -5},
            {40, Activations, InProj, 0, -30},
            {50, Weights, LmHead, kNoLayer, 100},
            {60, State, Other, kNoLayer, -20},
        };
        const ComponentMemoryCurve curve = componentMemoryCurveOf(point, 1'000'000);
        QCOMPARE(curve.time_us, (std::vector<double>{0, 10, 20, 25, 30, 35, 40, 50, 60, 100}));
        const auto of = [&](Component component) { return curve.bytes[static_cast<std::size_t>(component)]; };
        QCOMPARE(of(Embedding), (std::vector<double>{0, 8, 8, 8, 8, 8, 8, 8, 8, 8}));
        QCOMPARE(of(InProj), (std::vector<double>{0, 0, 30, 30, 30, 30, 0, 0, 0, 0}));
        QCOMPARE(of(Ssm), (std::vector<double>{0, 0, 0, 5, 17, 12, 12, 12, 12, 12}));
        QCOMPARE(of(LmHead), std::vector<double>(10, 0));
        QCOMPARE(curve.weights, (std::vector<double>{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1100, 1100, 1100}));
        QCOMPARE(curve.before, (std::vector<double>{50, 50, 50, 50, 50, 50, 50, 50, 30, 30}));
    }

    void memoryByComponentIsNeverNegative() {
        // Releases that name another component than their allocation's, as older reports have them.
        profile::Point point;
        point.last_pass_us = 10;
        point.memory.at_start[MemoryKind::State] = 5;
        point.memory.events = {{1, MemoryKind::Activations, Component::InProj, 0, 100},
                               {2, MemoryKind::Activations, Component::Ssm, 0, 10},
                               {3, MemoryKind::Activations, Component::OutProj, 0, -100},
                               {4, MemoryKind::Activations, Component::OutProj, 0, -1000}};
        const ComponentMemoryCurve curve = componentMemoryCurveOf(point, 1'000'000);
        const MemoryCurve by_kind = memoryCurveOf(point, 1'000'000);
        QCOMPARE(curve.time_us, by_kind.time_us);
        std::vector<double> sums(curve.time_us.size(), 0.0);
        const auto add = [&](const std::vector<double>& bytes) {
            for (std::size_t i = 0; i < sums.size(); ++i) {
                QVERIFY(bytes[i] >= 0);
                sums[i] += bytes[i];
            }
        };
        for (const auto& bytes : curve.bytes) add(bytes);
        add(curve.before);
        add(curve.weights);
        QCOMPARE(sums, (std::vector<double>{5, 105, 115, 15, 0, 0}));
    }

    void measures() {
        const auto profile = test::fabricatedProfile();
        const profile::Point& point = profile->points.back();
        double shares = 0;
        for (const Component component : componentsIn(*profile))
            shares += measureOf(*profile, point, component, Measure::Share);
        QVERIFY(std::abs(shares - 1) < 0.02);
        QCOMPARE(measureOf(*profile, point, Component::XProj, Measure::Time), 0.0);  // Mamba-2 has none
        QCOMPARE(layerCountOf(point), static_cast<std::int32_t>(test::kFabricatedLayers));
        QCOMPARE(layerComponentsIn(point).size(), std::size_t{6});
        QCOMPARE(tokensOf(*profile, point), static_cast<double>(profile->options.batch * point.length));
        profile::ComponentCost cost;
        QVERIFY(std::isnan(metricOf(cost, MapMetric::Time)));
    }

    void liveKeepsWhatIsNotYetMeasuredAgain() {
        const auto previous = test::fabricatedProfile();
        auto next = std::make_shared<profile::Profile>(*previous);
        next->points.resize(1);
        next->points[0].total.median = 123;
        const ProfilePtr merged = mergedForLive(previous, next);
        QCOMPARE(merged->points.size(), previous->points.size());
        QCOMPARE(merged->points[0].total.median, 123.0);
        QCOMPARE(merged->points[1].total.median, previous->points[1].total.median);
        next->options.batch += 1;
        QCOMPARE(mergedForLive(previous, next), ProfilePtr(next));
        QCOMPARE(mergedForLive(nullptr, next), ProfilePtr(next));
    }

    void liveTakesShortRunsToo() {
        const auto previous = test::fabricatedProfile();
        auto next = std::make_shared<profile::Profile>(*previous);
        next->points[0].total.median = 123;
        next->points[0].total.samples.resize(2);
        next->complete = false;
        QCOMPARE(mergedForLive(previous, next)->points[0].total.median, previous->points[0].total.median);
        // A run of two passes never has three.
        auto before = std::make_shared<profile::Profile>(*previous);
        before->options.repeat = next->options.repeat = 2;
        QCOMPARE(mergedForLive(before, next)->points[0].total.median, 123.0);
        // A complete run counts whatever it holds.
        next->options.repeat = before->options.repeat = 0;
        next->complete = true;
        QCOMPARE(mergedForLive(before, next)->points[0].total.median, 123.0);
    }

    void liveDoesNotMixWorkloads() {
        const auto previous = test::fabricatedProfile();
        const auto differs = [&](auto change) {
            auto next = std::make_shared<profile::Profile>(*previous);
            next->points.resize(1);
            change(*next);
            return mergedForLive(previous, next) == ProfilePtr(next);
        };
        QVERIFY(!differs([](profile::Profile&) {}));
        QVERIFY(differs([](profile::Profile& p) { p.options.threads += 1; }));
        QVERIFY(differs([](profile::Profile& p) { p.options.repeat += 1; }));
        QVERIFY(differs([](profile::Profile& p) { p.options.bound *= 2; }));
        QVERIFY(differs([](profile::Profile& p) { p.options.budget_s += 1; }));
        QVERIFY(differs([](profile::Profile& p) { p.options.seed += 1; }));
        QVERIFY(differs([](profile::Profile& p) { p.provenance.device_id = "cuda"; }));
        QVERIFY(differs([](profile::Profile& p) { p.model.hash = "another"; }));
    }

    void histogram() {
        const Histogram flat = histogramOf({5, 5, 5, 5});
        QCOMPARE(flat.edges.size(), flat.counts.size() + 1);
        QCOMPARE(std::accumulate(flat.counts.begin(), flat.counts.end(), 0), 4);
        QVERIFY(histogramOf({}).counts.empty());
        std::vector<double> samples;
        for (int i = 0; i < 1000; ++i) samples.push_back(i % 100);
        const Histogram many = histogramOf(samples);
        QCOMPARE(std::accumulate(many.counts.begin(), many.counts.end(), 0), 1000);
        QVERIFY(many.counts.size() <= 40);
        QCOMPARE(many.beyond, 0);
    }

    /// A pass that the machine held up leaves the others their bins.
    void histogramOfOutliers() {
        std::vector<double> samples;
        for (int i = 0; i < 200; ++i) samples.push_back(70 + i % 10);
        samples.insert(samples.end(), {1500.0, 4200.0});
        const Histogram histogram = histogramOf(samples);
        QCOMPARE(histogram.beyond, 2);
        QCOMPARE(histogram.most, 4200.0);
        QVERIFY(histogram.edges.back() < 100);
        QCOMPARE(std::accumulate(histogram.counts.begin(), histogram.counts.end(), 0), 200);
        QVERIFY(std::ranges::count_if(histogram.counts, [](int count) { return count > 0; }) >= 5);
        // What else is drawn is in view, too.
        QCOMPARE(histogramOf(samples, 134).edges.back(), 134.0);
        QCOMPARE(histogramOf(samples, 134).beyond, 2);
        // Equal samples but one: there is no width to speak of.
        const Histogram equal = histogramOf({5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 50});
        QCOMPARE(std::accumulate(equal.counts.begin(), equal.counts.end(), equal.beyond), 12);
    }

    void shapes() {
        const auto profile = test::fabricatedProfile();
        const model::Config& config = profile->model.config;
        using enum profile::Mode;
        QCOMPARE(shapesOf(config, Component::InProj, 0, Prefill, 2, 64).outputs,
                 QStringLiteral("(2, 64, %1)").arg(config.inProjRows(0)));
        QVERIFY(shapesOf(config, Component::Other, kNoLayer, Prefill, 1, 1).inputs.isEmpty());
        // A decode pass takes one step, whatever its context.
        const Shapes step = shapesOf(config, Component::Ssm, 0, Decode, 2, 64);
        QVERIFY2(step.what.contains(QStringLiteral("one step")), qPrintable(step.what));
        QVERIFY2(step.inputs.contains(QStringLiteral("x (2, 1, ")), qPrintable(step.inputs));
        QVERIFY2(step.inputs.contains(QStringLiteral("h (2, ")), qPrintable(step.inputs));
        QVERIFY(shapesOf(config, Component::Ssm, 0, Prefill, 2, 64).what.contains(QStringLiteral("chunks")));
        QVERIFY(shapesOf(config, Component::Conv1d, 0, Decode, 1, 64).what.contains(QStringLiteral("one step")));
        model::Config first = config;
        first.architecture = model::Architecture::Mamba1;
        QVERIFY(shapesOf(first, Component::Ssm, 0, Decode, 1, 64).what.contains(QStringLiteral("one step")));
        QVERIFY(!shapesOf(first, Component::Ssm, 0, Prefill, 1, 64).what.contains(QStringLiteral("one step")));
    }

    void whatCachesServe() {
        const auto profile = test::fabricatedProfile();
        profile::Profile run = *profile;
        profile::Ceilings& ceilings = run.provenance.ceilings.emplace();
        ceilings.bytes_per_s = 1e9;
        ceilings.flops_per_s = ceilings.exponentials_per_s = 1e15;
        ceilings.cache_bytes = 1LL << 40;
        profile::Point& point = run.points.front();
        profile::setFloors(point, ceilings);
        const InCache all = inCacheOf(run, point, std::nullopt);
        QVERIFY(all.all && all.names.contains(QStringLiteral("ssm")) && all.names.contains(QStringLiteral("norm")));
        const InCache layer = inCacheOf(run, point, 1);
        QVERIFY(layer.all && !layer.names.contains(QStringLiteral("lm_head")));
        ceilings.cache_bytes = 1;
        QVERIFY(inCacheOf(run, point, std::nullopt).names.isEmpty());
    }

    void csvFields() {
        QCOMPARE(csvField(QStringLiteral("plain")), QStringLiteral("plain"));
        QCOMPARE(csvField(QStringLiteral("a,b")), QStringLiteral("\"a,b\""));
        QCOMPARE(csvField(QStringLiteral("say \"a\"")), QStringLiteral("\"say \"\"a\"\"\""));
    }

    void paletteMatches() {
        QVERIFY(app::matchScore(QStringLiteral("rst"), QStringLiteral("Reset layout")) >= 0);
        QCOMPARE(app::matchScore(QStringLiteral("xyz"), QStringLiteral("Reset layout")), -1);
        QVERIFY(app::matchScore(QStringLiteral("run"), QStringLiteral("Run")) <
                app::matchScore(QStringLiteral("run"), QStringLiteral("Recent runs")));
    }

    void recentLists() {
        QStringList list;
        for (int i = 0; i < 20; ++i) list = app::withRecent(list, QString::number(i));
        QCOMPARE(list.size(), static_cast<qsizetype>(app::Settings::kRecent));
        list = app::withRecent(list, QStringLiteral("15"));
        QCOMPARE(list.count(QStringLiteral("15")), qsizetype{1});
        QCOMPARE(list.front(), QStringLiteral("15"));
    }

    void newerJobReplacesWaitingOne() {
        std::vector<int> ran;
        {
            widgets::Lane lane;
            std::promise<void> gate;
            std::shared_future<void> open(gate.get_future());
            lane.post({}, [open] { open.wait(); });
            for (int i = 0; i < 20; ++i) lane.post("slider", [&ran, i] { ran.push_back(i); });
            lane.post("other", [&ran] { ran.push_back(100); });
            gate.set_value();
        }
        QCOMPARE(ran, (std::vector<int>{19, 100}));
    }
};

QTEST_MAIN(TestGuiArithmetic)
#include "test_gui_arithmetic.moc"
