// What the GPU's counters count: the plan by the real library's Host API, where it is there; counting itself, and what
// is in its way, by a CUPTI of the tests' own.
#include <QTest>

#include <algorithm>
#include <cmath>

#include "kernels/cuda/cupti/counters.h"
#include "kernels/cuda/cupti/tracer.h"
#include "kernels/error.h"
#include "tests/cuda/fake_cupti.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using namespace perfmamba::kernels::cuda;

namespace {

const cupti::Search kFake{{FAKE_CUPTI}, FAKE_CUPTI};

std::string complaint(const std::function<void()>& action) {
    try {
        action();
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

/// Empty where the real library can be asked.
const char* whyNotReal() {
#ifdef __SANITIZE_ADDRESS__
    return "NVIDIA's library opens another with RTLD_DEEPBIND, which the sanitizer refuses";
#else
    return DynamicLibrary(REAL_CUPTI) ? "" : "the toolkit's libcupti is not there";
#endif
}

std::unique_ptr<cupti::CounterHost> realHost(const std::string& chip) {
    auto api = std::make_shared<cupti::Api>();
    api->version = CUPTI_API_VERSION;
    api->getResultString =
        DynamicLibrary(REAL_CUPTI).function<decltype(&::cuptiGetResultString)>("cuptiGetResultString");
    return std::make_unique<cupti::CounterHost>(api, cupti::loadCounterApi(REAL_CUPTI), chip);
}

}  // namespace

class TestCounters : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        const DynamicLibrary fake(FAKE_CUPTI);
        QVERIFY2(fake, fake.failure().c_str());
        launch = fake.function<FakeLaunch>("fakeLaunch");
        state = fake.function<FakeState>("fakeState");
        QVERIFY(launch && state);
    }
    void init() {
        for (const char* variable : {"FAKE_COUNTERS_FAIL", "FAKE_COUNTERS_LOSE", "FAKE_COUNTERS_CONFIDENTIAL",
                                     "FAKE_COUNTERS_A_PASS", "FAKE_CHIP", "FAKE_CUPTI_SUBSCRIBE_FAILS"}) {
            qunsetenv(variable);
        }
    }

    // The real library -----------------------------------------------------------------------------------------------

    void plan_data() {
        QTest::addColumn<QString>("chip");
        QTest::addColumn<int>("metrics");
        QTest::addColumn<QString>("missing");
        QTest::newRow("Hopper") << "GH100" << 7 << "";
        QTest::newRow("Ampere") << "GA100" << 7 << "";
        QTest::newRow("Blackwell, where reads have another name") << "GB202" << 7 << "";
        QTest::newRow("Turing") << "TU102" << 6 << "TU102 does not count in the same pass: DRAM throughput";
    }
    void plan() {
        if (*whyNotReal()) QSKIP(whyNotReal());
        QFETCH(QString, chip);
        QFETCH(int, metrics);
        QFETCH(QString, missing);
        const auto host = realHost(chip.toStdString());
        QCOMPARE(host->metrics().size(), static_cast<std::size_t>(metrics));
        QCOMPARE(QString::fromStdString(host->missing()), missing);
        QVERIFY(!host->configImage().empty());
    }

    void unknownChip() {
        if (*whyNotReal()) QSKIP(whyNotReal());
        QCOMPARE(complaint([] { (void)realHost("XX999"); }),
                 std::string("counters: CUPTI 13.0 does not know the chip XX999"));
    }

    void noLibrary() {
        QVERIFY(complaint([] { (void)cupti::loadCounterApi("/nowhere/libcupti.so.13"); }).starts_with("counters: "));
        QVERIFY(complaint([] {
                    (void)cupti::loadCounterApi("libm.so.6");
                }).ends_with("has no cuptiProfilerHostInitialize (CUPTI 13.0 has it)"));
    }

    // A device of the tests' own -------------------------------------------------------------------------------------

    void counts() {
        const auto tracer = cupti::makeTracer(kFake);
        QVERIFY(tracer->start());
        const std::uint64_t generation = tracer->generation();
        int passes = 0;
        const CountedPass counted = tracer->count(nullptr, [&] {
            ++passes;
            pass(*tracer);
        });
        QCOMPARE(passes, 2);
        QCOMPARE(counted.source, std::string("CUPTI 13.0, GH100"));
        QCOMPARE(counted.missing, std::string());
        QCOMPARE(counted.kernels.size(), std::size_t{3});
        const KernelCounts& norm = counted.kernels[0];
        QCOMPARE(norm.name, std::string("norm(float*)"));
        QCOMPARE(norm.component, Component::Norm);
        QCOMPARE(norm.layer, 4);
        QCOMPARE(norm.time_us, 3.0);  // it lies last in CUPTI's image
        QCOMPARE(norm.dram_read_bytes, 6000.0);
        QCOMPARE(norm.dram_written_bytes, 9000.0);
        QCOMPARE(norm.instructions, 21000.0);
        const KernelCounts& scan = counted.kernels[1];
        QCOMPARE(scan.stage, Stage::ChunkScan);
        QCOMPARE(scan.name, std::string("gemm"));  // past the runtime, as cuBLASLt launches
        QCOMPARE(scan.time_us, 2.0);
        QCOMPARE(scan.tensorShare(), 6.0 / 7.0);
        QCOMPARE(counted.kernels[2].component, Component::Other);

        // And tracing goes on, with the graphs it knew.
        QCOMPARE(tracer->generation(), generation);
        QVERIFY(tracer->tracing() && !state().counting);
        PassRecord record;
        tracer->beginPass(true, nullptr, nullptr);
        launch("norm", 0, 0);
        QVERIFY(tracer->endPass(record));
        QCOMPARE(record.kernels.size(), std::size_t{1});
        QCOMPARE(record.counts.outside, 0);
    }

    void countsWithoutTracing() {
        const auto tracer = cupti::makeTracer(kFake);
        const int finalized = state().finalized;
        QCOMPARE(tracer->count(nullptr, [&] { pass(*tracer); }).kernels.size(), std::size_t{3});
        QVERIFY(!tracer->tracing() && !state().subscribed);
        QCOMPARE(state().finalized, finalized + 1);
    }

    void notAllInOnePass() {
        qputenv("FAKE_COUNTERS_A_PASS", "3");
        const auto tracer = cupti::makeTracer(kFake);
        const CountedPass counted = tracer->count(nullptr, [&] { pass(*tracer); });
        QCOMPARE(counted.missing, std::string("GH100 does not count in the same pass: DRAM throughput, occupancy, "
                                              "tensor pipe instructions, instructions"));
        QCOMPARE(counted.kernels[0].dram_written_bytes, 9000.0);
        QVERIFY(std::isnan(counted.kernels[0].instructions) && std::isnan(counted.kernels[0].tensorShare()));
    }

    void refusals_data() {
        QTest::addColumn<QByteArray>("variable");
        QTest::addColumn<QByteArray>("value");
        QTest::addColumn<QString>("reason");
        const auto row = [](const char* what, const char* variable, const char* value, const char* reason) {
            QTest::newRow(what) << QByteArray(variable) << QByteArray(value) << QString(reason);
        };
        row("for administrators only", "FAKE_COUNTERS_FAIL", "cuptiProfilerGetCounterAvailability:35",
            "counters: counting (asking what there is) is refused: the driver keeps it for administrators "
            "(set NVreg_RestrictProfilingToAdminUsers=0, or run as root)");
        row("the same, told late", "FAKE_COUNTERS_FAIL", "cuptiRangeProfilerStart:35",
            "counters: counting (starting) is refused: the driver keeps it for administrators");
        row("another tool counts", "FAKE_COUNTERS_FAIL", "cuptiRangeProfilerEnable:26",
            "counters: counting (enabling) failed: another tool has the GPU's counters (start without that tool)");
        row("another tool has CUPTI", "FAKE_CUPTI_SUBSCRIBE_FAILS", "39",
            "CUPTI serves one tool at a time, and 'CUPTI for Nsight Systems' has it (start without that tool)");
        row("a chip of the future", "FAKE_CHIP", "GX900", "counters: CUPTI 13.0 does not know the chip GX900");
        row("confidential", "FAKE_COUNTERS_CONFIDENTIAL", "1",
            "counters: this GPU does not count: confidential computing is on");
        row("kernels it did not see", "FAKE_COUNTERS_LOSE", "1",
            "counters: 3 kernels were launched, and 0 counted: whose the counts are is not known");
        row("failing at the end", "FAKE_COUNTERS_FAIL", "cuptiRangeProfilerStop:999",
            "counters: CUPTI does not get through to the driver: counting (stopping) failed with error 999");
    }
    void refusals() {
        QFETCH(QByteArray, variable);
        QFETCH(QByteArray, value);
        QFETCH(QString, reason);
        const auto tracer = cupti::makeTracer(kFake);
        qputenv(variable.constData(), value);
        const auto said =
            QString::fromStdString(complaint([&] { (void)tracer->count(nullptr, [&] { pass(*tracer); }); }));
        QVERIFY2(said.contains(reason), qPrintable(said));
        QVERIFY(!state().counting && !state().subscribed);
        qunsetenv(variable.constData());
        QCOMPARE(tracer->count(nullptr, [&] { pass(*tracer); }).kernels.size(), std::size_t{3});
    }

    void passesThatFail() {
        const auto tracer = cupti::makeTracer(kFake);
        QVERIFY(tracer->start());
        QVERIFY(complaint([&] { (void)tracer->count(nullptr, [] {}); }).ends_with("the pass launched no kernel"));
        int passes = 0;
        QCOMPARE(complaint([&] {
                     (void)tracer->count(nullptr, [&] {
                         pass(*tracer);
                         if (++passes == 2) throw Error("memory", "is not enough");
                     });
                 }),
                 std::string("memory: is not enough"));
        QVERIFY(!state().counting && tracer->tracing());
    }

    // The second pass launches more than there is room for, or other than the first.
    void passesThatDiffer() {
        const auto tracer = cupti::makeTracer(kFake);
        int passes = 0;
        const auto growing = [&](int most) {
            return complaint([&] {
                (void)tracer->count(nullptr, [&] {
                    pass(*tracer);
                    if (++passes % 2 == 0) {
                        for (int i = 0; i < most; ++i) launch("more", 0, 0);
                    }
                });
            });
        };
        QCOMPARE(growing(5), std::string());  // all counted: it is known whose they are
        QCOMPARE(growing(20), std::string("counters: CUPTI dropped 4 kernels, having room for fewer"));
    }

    void sums() {
        KernelCounts kernel;
        kernel.name = "scan";
        kernel.component = Component::Ssm;
        kernel.layer = 1;
        kernel.time_us = 10;
        kernel.dram_read_bytes = 100;
        kernel.dram_percent = 80;
        KernelCounts longer = kernel;
        longer.time_us = 30;
        longer.dram_percent = 40;
        KernelCounts other = kernel;
        other.layer = 2;
        const std::vector<KernelCounts> rows = merged({kernel, other, longer});
        QCOMPARE(rows.size(), std::size_t{2});
        QCOMPARE(rows[0].kernels, 2);
        QCOMPARE(rows[0].layer, 1);
        QCOMPARE(rows[0].time_us, 40.0);
        QCOMPARE(rows[0].dram_read_bytes, 200.0);
        QCOMPARE(rows[0].dram_percent, 50.0);  // by time, not the mean of 80 and 40
        QVERIFY(std::isnan(rows[0].occupancy_percent) && std::isnan(rows[0].instructions));
        QCOMPARE(sumOf(rows, {}).kernels, 3);
        QCOMPARE(sumOf({}, {}).kernels, 0);
        QVERIFY(std::isnan(sumOf({}, {}).time_us));
    }

private:
    void pass(Tracer& tracer) const {
        tracer.beginPass(false, nullptr, nullptr);
        tracer.beginSpan(Component::Norm, Stage::Whole, 4);
        launch("_Z4normPf", 0, 0);
        tracer.endSpan();
        tracer.beginSpan(Component::Ssm, Stage::Whole, 4);
        tracer.beginSpan(Component::Ssm, Stage::ChunkScan, 4);
        launch("gemm", 0, 1);
        tracer.endSpan();
        tracer.endSpan();
        launch("stray", 0, 0);
        PassRecord record;
        QVERIFY(!tracer.endPass(record));
    }

    FakeLaunch launch = nullptr;
    FakeState state = nullptr;
};

QTEST_GUILESS_MAIN(TestCounters)
#include "test_counters.moc"
