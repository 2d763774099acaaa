// The tracer over a CUPTI of the tests' own, and the parsing of real records by the real library where it is there.
#include <QTest>

#include <cupti.h>

#include "kernels/cuda/cupti/parse.h"
#include "kernels/cuda/cupti/tracer.h"
#include "tests/cuda/fake_cupti.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using namespace perfmamba::kernels::cuda;

namespace {

const cupti::Search kFake{{FAKE_CUPTI}, FAKE_CUPTI};

template <class Record>
void put(std::vector<std::uint8_t>& buffer, const Record& record) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&record);
    buffer.insert(buffer.end(), bytes, bytes + sizeof record);
}

}  // namespace

class TestCupti : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        const DynamicLibrary fake(FAKE_CUPTI);
        QVERIFY2(fake, fake.failure().c_str());
        launch = fake.function<FakeLaunch>("fakeLaunch");
        node = fake.function<FakeNode>("fakeNode");
        state = fake.function<FakeState>("fakeState");
        QVERIFY(launch && node && state);
    }
    void init() {
        for (const char* variable : {"FAKE_DRIVER_FAILS", "FAKE_CUPTI_VERSION", "FAKE_CUPTI_SUBSCRIBE_FAILS",
                                     "FAKE_CUPTI_ENABLE_FAILS", "FAKE_CUPTI_FLUSH_FAILS", "FAKE_CUPTI_LOSES"}) {
            qunsetenv(variable);
        }
    }

    void tracesAPass() {
        const auto tracer = cupti::makeTracer(kFake);
        QVERIFY(!tracer->tracing());
        QVERIFY(tracer->start());
        QCOMPARE(tracer->status().tracer, std::string("CUPTI 13.0"));
        QCOMPARE(tracer->status().reason, std::string());

        PassRecord record;
        record.total_us = 42;
        tracer->beginPass(true, nullptr, nullptr);
        tracer->beginSpan(Component::Norm, Stage::Whole, 0);
        launch("_Z4normPf", 0, 0);
        tracer->endSpan();
        tracer->beginSpan(Component::Ssm, Stage::Whole, 0);
        tracer->beginSpan(Component::Ssm, Stage::ChunkScan, 0);
        launch("scan", 0, 0);
        tracer->endSpan();
        launch("gemm", 0, 1);  // as cuBLASLt does, past the runtime
        tracer->endSpan();
        launch("stray", 0, 0);
        QVERIFY(tracer->endPass(record));

        QCOMPARE(record.total_us, 42.0);
        QCOMPARE(record.trace.tracer, std::string("CUPTI 13.0"));
        QCOMPARE(record.trace.detail, TraceDetail::Kernels);
        QCOMPARE(record.kernels.size(), std::size_t{4});
        QCOMPARE(record.kernels[0].name, std::string("norm(float*)"));
        QCOMPARE(record.kernels[0].component, Component::Norm);
        QCOMPARE(record.kernels[0].duration_us(), 2.0);
        QCOMPARE(record.kernels[0].registers, 32);
        QCOMPARE(record.kernels[1].stage, Stage::ChunkScan);
        QCOMPARE(record.kernels[2].component, Component::Ssm);
        QCOMPARE(record.kernels[2].stage, Stage::Whole);
        QCOMPARE(record.kernels[3].component, Component::Other);
        QCOMPARE(record.counts.uncharged, 1);
        QCOMPARE(record.counts.missing, 0);
        QCOMPARE(record.spans.size(), std::size_t{3});
    }

    // Passes that are not recorded run without records and callbacks of launches; graphs are followed all the same.
    void unrecordedPasses() {
        const auto tracer = cupti::makeTracer(kFake);
        tracer->start();
        PassRecord record;
        tracer->beginPass(false, nullptr, nullptr);
        QCOMPARE(state().kinds, 0);
        QCOMPARE(state().callbacks, 2);
        tracer->beginSpan(Component::Norm, Stage::Whole, 0);
        launch("norm", 0, 0);
        tracer->endSpan();
        QVERIFY(!tracer->endPass(record));
        QVERIFY(record.kernels.empty());

        tracer->beginPass(true, nullptr, nullptr);
        QVERIFY(state().kinds > 0);
        launch("norm", 0, 0);
        QVERIFY(tracer->endPass(record));
        QCOMPARE(record.kernels.size(), std::size_t{1});
        QCOMPARE(record.counts.outside, 0);
    }

    void graphs() {
        const auto tracer = cupti::makeTracer(kFake);
        tracer->start();
        tracer->beginCapture();
        tracer->beginSpan(Component::InProj, Stage::Whole, 2);
        node(0, 0x10);
        tracer->endSpan();
        node(0x10, 0x20);  // instantiated
        const GraphKey graph = tracer->endCapture(1);
        QVERIFY(graph != 0);
        for (int pass = 0; pass < 2; ++pass) {
            PassRecord record;
            tracer->beginPass(true, nullptr, nullptr);
            launch("gemm", 0x20, 0);
            tracer->graphLaunched(graph);
            QVERIFY(tracer->endPass(record));
            QCOMPARE(record.kernels.size(), std::size_t{1});
            QCOMPARE(record.kernels[0].component, Component::InProj);
            QCOMPARE(record.kernels[0].layer, 2);
            QCOMPARE(record.counts.missing, 0);
            QCOMPARE(record.spans.size(), std::size_t{1});
        }
    }

    void lostRecords() {
        const auto tracer = cupti::makeTracer(kFake);
        tracer->start();
        qputenv("FAKE_CUPTI_LOSES", "1");
        PassRecord record;
        tracer->beginPass(true, nullptr, nullptr);
        launch("norm", 0, 0);
        launch("norm", 0, 0);
        QVERIFY(tracer->endPass(record));
        QCOMPARE(record.counts.dropped, 2);
        QCOMPARE(record.counts.missing, 2);
        QVERIFY(record.counts.incomplete());
    }

    void onAndOff() {
        const int finalized = state().finalized;
        {
            const auto tracer = cupti::makeTracer(kFake);
            QVERIFY(tracer->start());
            const std::uint64_t generation = tracer->generation();
            QVERIFY(state().subscribed);
            tracer->stop();
            QVERIFY(!state().subscribed);
            QCOMPARE(state().finalized, finalized + 1);
            QCOMPARE(tracer->status().reason, std::string("tracing is off"));
            PassRecord record;
            tracer->beginPass(true, nullptr, nullptr);
            launch("norm", 0, 0);
            QVERIFY(!tracer->endPass(record));
            QVERIFY(tracer->start());
            QVERIFY(tracer->generation() != generation);
        }
        QVERIFY(!state().subscribed);
        QCOMPARE(state().finalized, finalized + 2);
    }

    void refusals_data() {
        QTest::addColumn<QByteArray>("variable");
        QTest::addColumn<QByteArray>("value");
        QTest::addColumn<QString>("reason");
        QTest::newRow("no GPU") << QByteArray("FAKE_DRIVER_FAILS") << QByteArray("100")
                                << "kernel tracing: the NVIDIA driver finds no GPU to work with (error 100)";
        QTest::newRow("too old") << QByteArray("FAKE_CUPTI_VERSION") << QByteArray("26")
                                 << "is CUPTI 12.x or older, and 13.0 is needed";
        QTest::newRow("a later generation")
            << QByteArray("FAKE_CUPTI_VERSION") << QByteArray("140000") << "is CUPTI 14.0, and 13.0 is needed";
        QTest::newRow("taken") << QByteArray("FAKE_CUPTI_SUBSCRIBE_FAILS") << QByteArray("39")
                               << "CUPTI serves one tool at a time, and 'CUPTI for Nsight Systems' has it "
                                  "(start without that tool)";
        QTest::newRow("no driver behind it") << QByteArray("FAKE_CUPTI_SUBSCRIBE_FAILS") << QByteArray("999")
                                             << "CUPTI does not get through to the driver: subscribing failed";
        QTest::newRow("not permitted") << QByteArray("FAKE_CUPTI_ENABLE_FAILS") << QByteArray("35")
                                       << "the driver keeps it for administrators";
        QTest::newRow("whatever else") << QByteArray("FAKE_CUPTI_ENABLE_FAILS") << QByteArray("14")
                                       << "CUPTI 13.0 does not go with this driver";
    }
    void refusals() {
        QFETCH(QByteArray, variable);
        QFETCH(QByteArray, value);
        QFETCH(QString, reason);
        qputenv(variable.constData(), value);
        const auto tracer = cupti::makeTracer(kFake);
        QVERIFY(!tracer->start());
        QVERIFY(!tracer->tracing());
        const QString said = QString::fromStdString(tracer->status().reason);
        QVERIFY2(said.contains(reason), qPrintable(said));
        QVERIFY(!state().subscribed);
        qunsetenv(variable.constData());
        QVERIFY(tracer->start());
    }

    void failsInTheMiddle() {
        const auto tracer = cupti::makeTracer(kFake);
        tracer->start();
        PassRecord record;
        tracer->beginPass(true, nullptr, nullptr);
        launch("norm", 0, 0);
        qputenv("FAKE_CUPTI_FLUSH_FAILS", "9");
        QVERIFY(!tracer->endPass(record));
        QVERIFY(!tracer->tracing());
        QVERIFY(tracer->status().reason.starts_with("collecting records failed"));
    }

    void notFound() {
        const auto tracer = cupti::makeTracer({{"/nowhere/libcupti.so.13"}, FAKE_CUPTI});
        QVERIFY(!tracer->start());
        QVERIFY(tracer->status().reason.starts_with("kernel tracing: libcupti.so.13 was not found"));
        QVERIFY(tracer->status().reason.find("PERFMAMBA_CUPTI") != std::string::npos);
        const auto other = cupti::makeTracer({{"libm.so.6"}, FAKE_CUPTI});
        QVERIFY(!other->start());
        QVERIFY(other->status().reason.find("is no CUPTI") != std::string::npos);
        const auto no_driver = cupti::makeTracer({{FAKE_CUPTI}, "/nowhere/libcuda.so.1"});
        QVERIFY(!no_driver->start());
        QCOMPARE(no_driver->status().reason, std::string("kernel tracing: there is no NVIDIA driver"));
    }

    void candidates() {
        qputenv("PERFMAMBA_CUPTI", "/opt/cupti/libcupti.so.13");
        QCOMPARE(cupti::candidatePaths(), std::vector<std::string>{"/opt/cupti/libcupti.so.13"});
        qputenv("PERFMAMBA_CUPTI", "/tmp");
        QCOMPARE(cupti::candidatePaths(), std::vector<std::string>{"/tmp/libcupti.so.13"});
        qunsetenv("PERFMAMBA_CUPTI");
        QVERIFY(cupti::candidatePaths().size() > 3);
        QCOMPARE(cupti::candidatePaths().front(), std::string("libcupti.so.13"));
    }

    // Hand-built buffers through the library's own walk: its sizes are those that the headers gave this build.
    void realRecords() {
        const DynamicLibrary library(REAL_CUPTI);
        if (!library) QSKIP("the toolkit's libcupti is not there");
        const auto next = library.function<decltype(&::cuptiActivityGetNextRecord)>("cuptiActivityGetNextRecord");
        QVERIFY(next);
        std::vector<std::uint8_t> buffer;
        buffer.reserve(4096);
        CUpti_ActivityKernel10 kernel{};
        kernel.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
        kernel.correlationId = 7;
        kernel.start = 100;
        kernel.end = 350;
        kernel.name = "_ZN9perfmamba4scanEPKfi";
        kernel.gridY = 3;
        kernel.blockX = 128;
        kernel.staticSharedMemory = 16;
        kernel.dynamicSharedMemory = 1024;
        kernel.graphNodeId = 5;
        put(buffer, kernel);
        CUpti_ActivityMemcpy6 copy{};
        copy.kind = CUPTI_ACTIVITY_KIND_MEMCPY;
        copy.copyKind = CUPTI_ACTIVITY_MEMCPY_KIND_DTOH;
        copy.bytes = 4096;
        copy.start = 400;
        copy.end = 450;
        put(buffer, copy);
        CUpti_ActivityMemset4 fill{};
        fill.kind = CUPTI_ACTIVITY_KIND_MEMSET;
        fill.bytes = 64;
        put(buffer, fill);
        CUpti_ActivityOverhead3 overhead{};
        overhead.kind = CUPTI_ACTIVITY_KIND_OVERHEAD;
        overhead.overheadKind = CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH;
        overhead.start = 500;
        overhead.end = 600;
        overhead.correlationId = 7;
        put(buffer, overhead);
        CUpti_ActivityMemory4 memory{};
        memory.kind = CUPTI_ACTIVITY_KIND_MEMORY2;
        memory.memoryKind = CUPTI_ACTIVITY_MEMORY_KIND_DEVICE;
        memory.memoryOperationType = CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_RELEASE;
        memory.bytes = 77;
        put(buffer, memory);

        trace::Records records;
        cupti::parse(next, buffer.data(), buffer.size(), records);
        QCOMPARE(records.runs.size(), std::size_t{3});
        QCOMPARE(records.runs[0].name, std::string("perfmamba::scan(float const*, int)"));
        QCOMPARE(records.runs[0].grid[1], 3);
        QCOMPARE(records.runs[0].shared_bytes, 1040);
        QCOMPARE(records.runs[0].graph_node, std::uint64_t{5});
        QCOMPARE(records.runs[1].kind, RunKind::Copy);
        QCOMPARE(records.runs[1].name, std::string("copy, device to host"));
        QCOMPARE(records.runs[2].kind, RunKind::Fill);
        QCOMPARE(records.overheads.at(0).name, std::string("CUPTI: flushing buffers"));
        QCOMPARE(records.allocations.at(0).delta_bytes, -77);
        QCOMPARE(records.unknown, 0);
    }

private:
    FakeLaunch launch = nullptr;
    FakeNode node = nullptr;
    FakeState state = nullptr;
};

QTEST_GUILESS_MAIN(TestCupti)
#include "test_cupti.moc"
