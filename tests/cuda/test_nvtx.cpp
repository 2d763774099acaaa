// The ranges that a tool like Nsight sees of a pass.
#include <QTest>

#include "kernels/cuda/dynamic_library.h"
#include "kernels/cuda/plugin/nvtx.h"
#include "tests/cuda/fake_nvtx.h"
#include "tests/cuda/host_engine.h"

using namespace perfmamba;
using namespace perfmamba::kernels::cuda;

class TestNvtx : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // NVTX looks for a tool once, at its first call.
    void initTestCase() {
        qputenv("NVTX_INJECTION64_PATH", FAKE_NVTX);
        heard = DynamicLibrary(FAKE_NVTX).function<FakeNvtx>("fakeNvtx");
        QVERIFY(heard);
    }

    void names() {
        QCOMPARE(std::string(nvtx::rangeName(Component::Ssm, Stage::ChunkScan)), std::string("ssm/chunk_scan"));
        QCOMPARE(std::string(nvtx::rangeName(Component::NormF, Stage::Whole)), std::string("norm_f"));
        nvtx::push(Component::Ssm, Stage::ChunkScan, 3);
        QCOMPARE(std::string(heard().last_range), std::string("PerfMamba: ssm/chunk_scan 3"));
        nvtx::pop();
    }

    void ofAPass() {
        const tests::HostEngine device = tests::onDevice(tests::openCase("mamba2-lengths"));
        const FakeNvtxState before = heard();
        (void)tests::logitsOf(*device.engine, 1);
        const FakeNvtxState after = heard();
        QVERIFY(after.pushed - before.pushed > 20);
        QCOMPARE(after.popped, after.pushed);
        QCOMPARE(after.deepest, 2);  // stages lie in components
        QCOMPARE(std::string(after.last_range), std::string("PerfMamba: lm_head -1"));
    }

private:
    FakeNvtx heard = nullptr;
};

QTEST_GUILESS_MAIN(TestNvtx)
#include "test_nvtx.moc"
