// What a pass holds at most: weights, state, and the rows of one layer, however many layers there are.
#include <QTest>

#include <numeric>

#include "core/engine/engine.h"
#include "kernels/devices.h"
#include "kernels/error.h"

using namespace perfmamba;
using engine::Engine;
using engine::LogitsFor;
using model::Config;

namespace {

constexpr std::int64_t kFloat = sizeof(float);

/// The peak of a prefill, after one that may find other sizes cached.
MemoryUse peakOf(Engine& engine, std::int64_t length) {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(length));
    std::iota(tokens.begin(), tokens.end(), 0);
    for (std::int32_t& token : tokens) token %= static_cast<std::int32_t>(engine.config().vocab_size);
    MemoryUse peak;
    for (int pass = 0; pass < 2; ++pass) {
        engine::State state = engine.newState(1);
        engine.backend().beginPass(false);
        engine.forward(tokens, state, LogitsFor::LastToken);
        peak = engine.backend().endPass().memory_peak;
    }
    return peak;
}

/// Of a token, in one layer: residual, in_proj's outputs, the convolution's, what the scan leaves (over Δ, in Mamba-1).
std::int64_t activationBytes(const Config& c) {
    const std::int64_t low = c.architecture == model::Architecture::Mamba1 ? c.dt_rank + 2 * c.states(0) : 0;
    return kFloat * (c.d_model + c.inProjRows(0) + c.convWidth(0) + c.d_inner + low);
}

/// Of a token, in one layer: x in panels; or in Mamba-2 a chunk's states and C·Bᵀ, and Δ with its sums.
std::int64_t workspaceBytes(const Config& c) {
    if (c.architecture == model::Architecture::Mamba1) return kFloat * c.d_inner;
    return kFloat * std::max(c.d_inner, c.ssmState(0) / c.chunk_size + c.n_groups * c.chunk_size + 3 * c.n_heads);
}

}  // namespace

class TestEngineMemory : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void oneLayersRows_data() { addDemos(); }
    void oneLayersRows() {
        QFETCH(QString, demo);
        Engine engine = engineOf(demo);
        QVERIFY(engine.config().n_layer >= 4);  // else a layer's share would not show
        constexpr std::int64_t kLength = 1024;
        const MemoryUse peak = peakOf(engine, kLength);
        QVERIFY(peak[MemoryKind::Activations] <= kLength * activationBytes(engine.config()));
        QVERIFY(peak[MemoryKind::Workspace] <= kLength * workspaceBytes(engine.config()));
        // What the backend took from the system for them is not more either: blocks are used again, by every layer.
        const std::int64_t reserved = engine.backend().reserved_bytes();
        QVERIFY(reserved - peak[MemoryKind::State] - peak[MemoryKind::Weights] <=
                2 * kLength * (activationBytes(engine.config()) + workspaceBytes(engine.config())));
        peakOf(engine, kLength);
        QCOMPARE(engine.backend().reserved_bytes(), reserved);
    }

    void lengths_data() { addDemos(); }
    void lengths() {
        QFETCH(QString, demo);
        Engine engine = engineOf(demo);
        const std::int64_t shorter = peakOf(engine, 256)[MemoryKind::Activations];
        QCOMPARE(peakOf(engine, 512)[MemoryKind::Activations], 2 * shorter);
    }

    /// What cannot fit is told by the length that was asked for, also where it is run in pieces.
    void tooLarge() {
        const Engine engine = engineOf("mamba2-bytes");
        const auto refusal = [&](std::int64_t length, std::int64_t of) {
            try {
                engine.checkFits(std::int64_t{1} << 40, length, of);
            } catch (const Error& error) {
                return QString::fromUtf8(error.what());
            }
            return QString();
        };
        QVERIFY(refusal(512, 4096).startsWith("memory: batch 1099511627776 of 4096 tokens, 512 at a time, needs at"));
        QVERIFY(refusal(64, 64).startsWith("memory: batch 1099511627776 of 64 tokens needs at least"));
        QVERIFY(refusal(1, 0).contains(" of 1 token needs at least"));
    }

private:
    static void addDemos() {
        QTest::addColumn<QString>("demo");
        for (const char* demo : {"mamba1-bytes", "mamba2-bytes"}) QTest::newRow(demo) << QString::fromLatin1(demo);
    }
    static Engine engineOf(const QString& demo) {
        return {model::Checkpoint::open(PERFMAMBA_SOURCE_DIR "/resources/demo/" + demo.toStdString()),
                kernels::makeBackend("cpu", {.threads = 2})};
    }
};

QTEST_GUILESS_MAIN(TestEngineMemory)
#include "test_engine_memory.moc"
