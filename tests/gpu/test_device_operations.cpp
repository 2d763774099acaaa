// Every operation of the CUDA backend through its interface, in the SIMT executor: what tests/run --gpu does on a GPU.
#include <QTest>

#include "kernels/cuda/plugin/cuda_backend.h"
#include "kernels/cuda/plugin/host_runtime.h"
#include "tests/gpu/operations.h"

using namespace perfmamba;
using namespace perfmamba::kernels;

class TestDeviceOperations : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void all_data() {
        QTest::addColumn<DType>("precision");
        for (const DType type : {DType::F32, DType::BF16, DType::F16}) {
            QTest::newRow(std::string(name(type)).c_str()) << type;
        }
    }
    void all() {
        QFETCH(DType, precision);
        using cuda::HostRuntime;
        cuda::CudaBackend backend(std::make_unique<HostRuntime>(HostRuntime::Options{}), nullptr, precision);
        const std::vector<tests::Check> checks = tests::checkOperations(backend, false);
        QVERIFY(checks.size() > 200);
        int failed = 0;
        for (const tests::Check& check : checks) {
            if (check.passed()) continue;
            ++failed;
            qWarning("%s: %.2e, at most %.2e", check.what.c_str(), check.error, check.bound);
        }
        QCOMPARE(failed, 0);
    }
};

QTEST_APPLESS_MAIN(TestDeviceOperations)
#include "test_device_operations.moc"
