// What a device can do to a program that runs on it: too little memory, and being lost at any moment.
#include <QTest>

#include "kernels/error.h"
#include "tests/cuda/host_engine.h"

using namespace perfmamba;
using engine::LogitsFor;
using kernels::Buffer;
using kernels::cuda::CudaBackend;
using kernels::cuda::HostRuntime;
using tests::HostEngine;

namespace {

std::string complaint(const std::function<void()>& action) {
    try {
        action();
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

const std::string kLost =
    "device cuda:0: is lost: an illegal memory access was met (start the program again, or choose 'cpu')";

/// A recorded prompt and recorded steps: everything that a session does.
void work(engine::Engine& engine) {
    engine::State state = engine.newState(2);
    for (const std::int64_t length : {19, 1, 1, 1, 1}) {
        engine.backend().beginPass(true);
        const auto tokens = tests::tokensOf(engine.config(), 2 * length, length);
        const engine::Logits logits = engine.forward(tokens, state, LogitsFor::LastToken);
        (void)engine.backend().endPass();
        std::vector<float> host(logits.values.elements());
        engine.backend().toHost(logits.values.data(), host);
    }
}

}  // namespace

class TestCudaFaults : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void outOfMemory() {
        const auto checkpoint = tests::openCase("mamba2-groups2");
        const HostEngine device = tests::onDevice(checkpoint);
        const std::vector<float> expected = tests::logitsOf(*device.engine, 1);
        device->backend().trim();
        device.runtime->setMemory(device->backend().reserved_bytes() + (8 << 20));
        engine::State state = device->newState(1);
        // Told before anything is allocated, by who asks first; and by the allocation itself.
        const std::string fits = complaint([&] { device->checkFits(64, 4096); });
        QVERIFY2(fits.find("GB are left") != std::string::npos, fits.c_str());
        const std::vector<std::int32_t> tokens = tests::tokensOf(checkpoint->config(), 100000);
        const std::string refused = complaint([&] { (void)device->forward(tokens, state, LogitsFor::LastToken); });
        QVERIFY2(refused.starts_with("memory: 25.6 MB for activations are more than the "), refused.c_str());
        QVERIFY2(refused.ends_with("MB that are left on cuda:0 (choose a shorter length or a smaller batch)"),
                 refused.c_str());
        // Of what is left in pieces only the largest counts: the sentence says less than was asked for.
        const std::size_t number = refused.find("than the ") + 9;
        QVERIFY2(QByteArray(refused.c_str() + number).split(' ').front().toDouble() < 25.6, refused.c_str());
        // The program goes on.
        QCOMPARE(tests::logitsOf(*device.engine, 1), expected);
    }

    /// The message of one who asks for more than any piece that is free, though not than all of them.
    void memoryInPieces() {
        constexpr std::size_t kPiece = (std::size_t{6} << 20) / sizeof(float);
        HostRuntime::Options options;
        options.memory_bytes = std::int64_t{40} << 20;
        CudaBackend backend(std::make_unique<HostRuntime>(options), nullptr, DType::F32);
        std::vector<Buffer> pieces;
        for (int i = 0; i < 3; ++i) pieces.push_back(backend.allocate(MemoryKind::Activations, kPiece));
        // 14 MB of the segment and 8 of the device are left: 22, but not 18 in one piece.
        const std::string refused =
            complaint([&] { pieces.push_back(backend.allocate(MemoryKind::Activations, 3 * kPiece)); });
        const std::size_t number = refused.find("than the ") + 9;
        QVERIFY2(QByteArray(refused.c_str() + number).split(' ').front().toDouble() < 18.8, refused.c_str());
    }

    /// A step is captured while memory is short: what its kernels write to does not go back to the device before they
    /// run. It runs uncaptured then.
    void memoryIsShortWhileAStepIsCaptured() {
        HostRuntime::Options options;
        options.memory_bytes = std::int64_t{200} << 20;
        auto own = std::make_unique<HostRuntime>(options);
        HostRuntime* runtime = own.get();
        CudaBackend backend(std::move(own), nullptr, DType::F32);
        const std::vector<std::int32_t> tokens = {1};
        int runs = 0;
        const auto work = [&] {
            ++runs;
            for (const std::size_t megabytes : {3, 5}) {
                Buffer buffer = backend.allocate(MemoryKind::Activations, (megabytes << 20) / sizeof(float));
                backend.fillZero(buffer);
            }
        };
        backend.replay({1}, tokens, work);
        const std::int64_t used = options.memory_bytes - runtime->memoryLeft().free_bytes;
        runtime->setMemory(used + (std::int64_t{6} << 20));
        backend.replay({1}, tokens, work);
        QCOMPARE(runtime->graphLaunches(), std::int64_t{0});
        QCOMPARE(runs, 3);  // once, captured in vain, and after that
    }

    void weightsDoNotFit() {
        const auto checkpoint = tests::openCase("mamba2-groups2");
        const std::string refused =
            complaint([&] { tests::onDevice(checkpoint, DType::F32, {.memory_bytes = 10000}); });
        QVERIFY2(refused.find("MB for weights are more than the") != std::string::npos, refused.c_str());
    }

    /// After each thing that is ever put on the stream.
    void lostAtAnyMoment_data() {
        QTest::addColumn<QString>("model");
        for (const char* model : {"mamba1-lengths", "mamba2-lengths"}) QTest::newRow(model) << model;
    }
    void lostAtAnyMoment() {
        QFETCH(QString, model);
        const auto checkpoint = tests::openCase(model.toStdString());
        int losses = 0;
        for (std::int64_t after = 0;; ++after) {
            const HostEngine device = tests::onDevice(checkpoint);
            device.runtime->loseAfter(after);
            const std::string said = complaint([&] { work(*device.engine); });
            if (said.empty()) break;  // nothing is put on the stream so late
            ++losses;
            QCOMPARE(QString::fromStdString(said), QString::fromStdString(kLost));
            // From then on the same sentence for everything, and nothing else happens.
            QCOMPARE(complaint([&] { work(*device.engine); }), kLost);
            QCOMPARE(complaint([&] { device->checkFits(1, 1); }), kLost);
            QCOMPARE(complaint([&] { (void)device->backend().endPass(); }), kLost);
        }
        qInfo("%d moments", losses);
        QVERIFY(losses > 100);
    }

    void lostWhileLoading() {
        const auto checkpoint = tests::openCase("mamba1-bf16");
        QCOMPARE(complaint([&] { tests::onDevice(checkpoint, DType::F32, {.lost_after = 5}); }), kLost);
    }
};

QTEST_GUILESS_MAIN(TestCudaFaults)
#include "test_cuda_faults.moc"
