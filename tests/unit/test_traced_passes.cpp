// Passes traced a kernel at a time, gathered; the choice of how passes are recorded; the device's sensors over a run.
#include <QTest>

#include <cmath>

#include "core/profile/device_watch.h"
#include "core/profile/pass_statistics.h"
#include "core/profile/profiler.h"
#include "core/report/text.h"
#include "kernels/devices.h"
#include "kernels/error.h"

using namespace perfmamba;
using namespace perfmamba::profile;

namespace {

model::Config smallConfig() {
    model::Config config;
    config.architecture = model::Architecture::Mamba2;
    config.n_layer = 2;
    config.d_model = 8;
    config.d_inner = 16;
    config.d_state = 4;
    config.d_conv = 4;
    config.n_heads = 2;
    config.head_dim = 8;
    config.n_groups = 1;
    config.chunk_size = 4;
    config.vocab_size = config.vocab_padded = 16;
    return config;
}

KernelRun runOf(Component component, std::int32_t layer, double begin, double end, Stage stage = Stage::Whole) {
    KernelRun run;
    run.name = "kernel";
    run.component = component;
    run.stage = stage;
    run.layer = layer;
    run.begin_us = begin;
    run.end_us = end;
    return run;
}

/// norm, then ssm with two kernels and a gap between; a copy that nobody launched.
kernels::PassRecord tracedPass(double slower) {
    kernels::PassRecord record;
    record.total_us = 20 + slower;
    record.trace = {"CUPTI 13.0", TraceDetail::Kernels, ""};
    record.spans = {{Component::Norm, Stage::Whole, 0, 1, 3},
                    {Component::Ssm, Stage::Whole, 0, 4, 12 + slower},
                    {Component::Ssm, Stage::ChunkScan, 0, 8, 12 + slower}};
    record.kernels = {runOf(Component::Norm, 0, 1, 3), runOf(Component::Ssm, 0, 4, 6),
                      runOf(Component::Ssm, 0, 8, 12 + slower, Stage::ChunkScan),
                      runOf(Component::Other, kNoLayer, 14 + slower, 15 + slower)};
    record.kernels.back().kind = RunKind::Copy;
    record.counts.dropped = 1;
    record.counts.launch_us = 2;
    return record;
}

DeviceReading reading(double time_s, double energy_j, double power_w) {
    DeviceReading result;
    result.time_s = time_s;
    result.clock_mhz = 1900 + time_s;
    result.power_w = power_w;
    result.energy_j = energy_j;
    result.temperature_c = 40 + time_s;
    result.source = "NVML";
    return result;
}

}  // namespace

class TestTracedPasses : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void timesAreSumsOfKernels() {
        PassStatistics statistics(smallConfig(), {}, Mode::Prefill, 1, 8);
        for (int pass = 0; pass < 6; ++pass) statistics.add(tracedPass(pass));
        const Point point = statistics.point();
        QCOMPARE(point.find(Component::Norm)->time.median, 2.0);
        QCOMPARE(point.find(Component::Ssm)->time.samples[0], 6.0);  // 2 + 4: the gap between is not its own
        QCOMPARE(point.find(Component::Ssm)->time.samples[5], 11.0);
        QCOMPARE(point.find(Component::Ssm, 0)->calls, 1);
        QCOMPARE(point.find(Component::Other)->time.samples[0], 12.0);
        QCOMPARE(point.stages.at(0).time.samples[0], 4.0);
        for (std::size_t pass = 0; pass < 6; ++pass) {
            double parts = 0;
            for (const ComponentCost& cost : point.components) parts += cost.time.samples[pass];
            QCOMPARE(parts, point.total.samples[pass]);
        }
        QCOMPARE(point.counts.dropped, 6);      // of all passes
        QCOMPARE(point.counts.launch_us, 2.0);  // of the last
        QCOMPARE(point.last_kernels.size(), std::size_t{4});
        QCOMPARE(point.trace.tracer, std::string("CUPTI 13.0"));
    }

    // A pass whose records were lost: its components count 0, and its time is in 'other'.
    void aPassWithoutRecords() {
        PassStatistics statistics(smallConfig(), {}, Mode::Prefill, 1, 8);
        statistics.add(tracedPass(0));
        kernels::PassRecord lost = tracedPass(0);
        lost.spans.clear();
        lost.kernels.clear();
        statistics.add(std::move(lost));
        statistics.add(tracedPass(0));
        const Point point = statistics.point();
        QCOMPARE(point.find(Component::Ssm)->time.samples, (std::vector<double>{6, 0, 6}));
        QCOMPARE(point.find(Component::Other)->time.samples[1], 20.0);
    }

    void recordingOff() {
        engine::Engine engine(model::Checkpoint::open(PERFMAMBA_SOURCE_DIR "/resources/demo/mamba2-recall"),
                              kernels::makeBackend("cpu"));
        Options options;
        options.lengths = {64};
        options.repeat = 3;
        options.trace = TraceMode::Off;
        const auto profile = run(engine, options, {});
        const Point& point = profile->points.at(0);
        QCOMPARE(point.total.n(), std::size_t{3});
        QCOMPARE(point.components.size(), std::size_t{1});  // 'other' has it all
        QCOMPARE(point.untraced.n(), std::size_t{0});
        QVERIFY(report::summary(*profile).find("recording was off") != std::string::npos);

        options.trace = TraceMode::Auto;
        QCOMPARE(run(engine, options, {})->provenance.tracer, std::string("host clock"));
        options.trace = TraceMode::Cupti;
        QVERIFY_EXCEPTION_THROWN((void)run(engine, options, {}), Error);
    }

    void whatTheSummarySays() {
        PassStatistics statistics(smallConfig(), {}, Mode::Prefill, 1, 8);
        statistics.add(tracedPass(0));
        Profile profile;
        profile.model.config = smallConfig();
        profile.points = {statistics.point()};
        profile.points[0].device_use = useOf({reading(0, 100, 300), reading(2, 700, 310)}, 1e6, 10);
        const std::string text = report::summary(profile);
        QVERIFY(text.find("CUPTI 13.0: 3 kernels in the last pass, the device idle for 10.0 % of it") !=
                std::string::npos);
        QVERIFY(text.find("the trace lacks records: 1 dropped") != std::string::npos);
        QVERIFY(text.find("300 W, at most 42.0 °C, 30.0 J a token, by NVML") != std::string::npos);
        profile.points[0].trace = {"CUDA events", TraceDetail::Components, "there is no NVIDIA driver"};
        QVERIFY(report::summary(profile).find("timed by CUDA events: there is no NVIDIA driver") != std::string::npos);
    }

    void sensors() {
        // Energy counted over two seconds: 600 J, 300 W; a pass of 1 s and 10 tokens: 30 J each.
        const DeviceUse use = useOf({reading(0, 100, 1), reading(0, 100, 1), reading(2, 700, 1)}, 1e6, 10);
        QCOMPARE(use.power_w, 300.0);
        QCOMPARE(use.energy_j_per_token, 30.0);
        QCOMPARE(use.readings, 2);
        QCOMPARE(use.clock_mhz, 1901.0);
        QCOMPARE(use.temperature_c, 42.0);
        // Too short for the counter: the mean of the readings.
        QCOMPARE(useOf({reading(0, 100, 200), reading(0.5, 700, 300)}, 1e6, 1).power_w, 250.0);
        const DeviceUse none = useOf({DeviceReading{}}, 1e6, 1);
        QVERIFY(std::isnan(none.power_w) && std::isnan(none.clock_mhz) && std::isnan(none.energy_j_per_token));
        QCOMPARE(none.readings, 0);
    }

private:
    static DeviceUse useOf(const std::vector<DeviceReading>& readings, double pass_us, double tokens) {
        DeviceWatch watch;
        for (const DeviceReading& one : readings) watch.add(one);
        return watch.use(pass_us, tokens);
    }
};

QTEST_GUILESS_MAIN(TestTracedPasses)
#include "test_traced_passes.moc"
