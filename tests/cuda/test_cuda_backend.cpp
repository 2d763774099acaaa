// Whole models on the CUDA backend against the CPU engine: in pieces, decoded by graphs, in batches, masked, ragged,
// watched; and what a recorded pass says.
#include <QTest>

#include <algorithm>
#include <map>
#include <set>

#include "core/engine/state_observer.h"
#include "core/prune/apply.h"
#include "core/prune/plan.h"
#include "tests/cuda/host_engine.h"

using namespace perfmamba;
using engine::Engine;
using engine::LogitsFor;
using kernels::PassRecord;
using tests::HostEngine;

namespace {

// The promises: float32 to 1e-4, 16 bits to 1e-2 of the logits' norm.
double toleranceOf(DType precision) {
    return precision == DType::F32 ? 1e-4 : 1e-2;
}

/// Every state stays or goes by itself, in every layer and group another number.
engine::Mask unevenMask(const model::Config& config) {
    engine::Mask mask;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        std::vector<std::uint8_t>& flags = mask.emplace_back();
        for (std::int64_t n = 0; n < config.states(layer); ++n) flags.push_back((n * n + layer) % 5 < 3 ? 1 : 0);
    }
    return mask;
}

tests::CheckpointPtr ragged(const tests::CheckpointPtr& whole) {
    prune::Plan plan = prune::fullPlan(whole->config(), whole->name(), whole->hash());
    const engine::Mask mask = unevenMask(whole->config());
    for (std::size_t layer = 0; layer < mask.size(); ++layer) plan.layers[layer] = mask[layer];
    return prune::apply(whole, plan, prune::Form::Ragged);
}

void compare(const std::vector<float>& got, const std::vector<float>& expected, DType precision) {
    const double error = tests::relativeError(got, expected);
    qInfo("%.1e", error);
    QVERIFY2(error < toleranceOf(precision), qPrintable(QString::number(error)));
}

using SpanName = std::tuple<Component, Stage, std::int32_t>;

std::vector<SpanName> namesOf(const PassRecord& record) {
    std::vector<SpanName> names;
    for (const Span& span : record.spans) names.emplace_back(span.component, span.stage, span.layer);
    return names;
}

/// Hears what a tracer is told while it counts.
class CountingTracer final : public kernels::cuda::Tracer {
public:
    explicit CountingTracer(std::vector<SpanName>& heard) : m_heard(heard) {}
    [[nodiscard]] TraceStatus status() const override { return {"", TraceDetail::Off, "it only counts"}; }
    bool start() override { return false; }
    void stop() override {}
    [[nodiscard]] std::uint64_t generation() const override { return 0; }
    void beginPass(bool, void*, void*) override { m_heard.clear(); }
    bool endPass(PassRecord&) override { return false; }
    void beginSpan(Component component, Stage stage, std::int32_t layer) override {
        m_heard.emplace_back(component, stage, layer);
    }
    void endSpan() override {}
    void beginCapture() override { QFAIL("captured while counting"); }
    kernels::cuda::GraphKey endCapture(std::int64_t) override { return 0; }
    void graphLaunched(kernels::cuda::GraphKey) override { QFAIL("replayed while counting"); }
    CountedPass count(void*, const std::function<void()>& pass) override {
        for (int i = 0; i < 2; ++i) pass();
        CountedPass counted;
        counted.kernels.resize(m_heard.size());
        return counted;
    }

private:
    std::vector<SpanName>& m_heard;
};

}  // namespace

class TestCudaBackend : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void logits_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<int>("precision");
        QTest::addColumn<int>("batch");
        struct Case {
            const char* model;
            int batch;
        };
        for (const Case& c : {Case{"mamba1-lengths", 3}, Case{"mamba1-state5", 1}, Case{"mamba1-use-bias", 2},
                              Case{"mamba1-bf16", 1}, Case{"mamba1-no-conv-bias", 1}, Case{"mamba2-lengths", 3},
                              Case{"mamba2-groups4", 2}, Case{"mamba2-state96", 1}, Case{"mamba2-use-bias", 1},
                              Case{"mamba2-f16", 17}, Case{"mamba2-dt-limit", 1}, Case{"mamba2-padded-vocab", 1}}) {
            for (const DType precision : {DType::F32, DType::BF16, DType::F16}) {
                const std::string row = std::string(c.model) + ' ' + std::string(kernels::precisionName(precision));
                QTest::newRow(row.c_str()) << c.model << static_cast<int>(precision) << c.batch;
            }
        }
    }
    void logits() {
        QFETCH(QString, model);
        QFETCH(int, precision);
        QFETCH(int, batch);
        const auto checkpoint = tests::openCase(model.toStdString());
        const HostEngine device = tests::onDevice(checkpoint, static_cast<DType>(precision));
        compare(tests::logitsOf(*device.engine, batch), tests::logitsOf(*tests::onCpu(checkpoint), batch),
                static_cast<DType>(precision));
        // The first of the single tokens is the step before it is captured; then it is captured, then launched again.
        QVERIFY(device.runtime->graphLaunches() > 0);
    }

    void masked_data() { addArchitectures(); }
    void masked() {
        QFETCH(QString, model);
        const auto checkpoint = tests::openCase(model.toStdString());
        const HostEngine device = tests::onDevice(checkpoint);
        const auto cpu = tests::onCpu(checkpoint);
        const std::vector<float> whole = tests::logitsOf(*device.engine, 2);
        for (Engine* engine : {device.engine.get(), cpu.get()}) engine->setMask(unevenMask(checkpoint->config()));
        const std::vector<float> expected = tests::logitsOf(*cpu, 2);
        compare(tests::logitsOf(*device.engine, 2), expected, DType::F32);
        QVERIFY(tests::relativeError(whole, expected) > 1e-3);
        device->setMask({});
        QCOMPARE(tests::logitsOf(*device.engine, 2), whole);
    }

    /// The mask changes between two steps that have the same state: what was captured with the other is not used.
    void maskChangesBetweenSteps_data() { addArchitectures(); }
    void maskChangesBetweenSteps() {
        QFETCH(QString, model);
        const auto checkpoint = tests::openCase(model.toStdString());
        const HostEngine device = tests::onDevice(checkpoint);
        const auto cpu = tests::onCpu(checkpoint);
        engine::State on_device = device->newState(1);
        engine::State on_cpu = cpu->newState(1);
        for (int i = 0; i < 12; ++i) {
            const engine::Mask mask = i / 4 % 2 == 1 ? unevenMask(checkpoint->config()) : engine::Mask{};
            if (i % 4 == 0) {
                device->setMask(mask);
                cpu->setMask(mask);
            }
            const auto tokens = tests::tokensOf(checkpoint->config(), 1, i);
            compare(device->logits(tokens, on_device, LogitsFor::LastToken),
                    cpu->logits(tokens, on_cpu, LogitsFor::LastToken), DType::F32);
        }
    }

    void raggedStates_data() { addArchitectures(); }
    void raggedStates() {
        QFETCH(QString, model);
        const auto checkpoint = ragged(tests::openCase(model.toStdString()));
        const std::vector<float> expected = tests::logitsOf(*tests::onCpu(checkpoint), 2);
        for (const DType precision : {DType::F32, DType::F16}) {
            compare(tests::logitsOf(*tests::onDevice(checkpoint, precision).engine, 2), expected, precision);
        }
        // bfloat16 rounds a small pruned model to 1e-2 of float32 and over it: compared with the whole model under the
        // mask, rounded alike, what the pruning itself does is seen.
        const HostEngine whole = tests::onDevice(tests::openCase(model.toStdString()), DType::BF16);
        whole->setMask(unevenMask(whole->config()));
        compare(tests::logitsOf(*tests::onDevice(checkpoint, DType::BF16).engine, 2), tests::logitsOf(*whole.engine, 2),
                DType::BF16);
    }

    void observed_data() { addArchitectures(); }
    void observed() {
        QFETCH(QString, model);
        const auto checkpoint = tests::openCase(model.toStdString());
        const HostEngine device = tests::onDevice(checkpoint);
        const auto cpu = tests::onCpu(checkpoint);
        const std::vector<float> unwatched = tests::logitsOf(*device.engine, 2);
        engine::StateObserver seen(checkpoint->config(), device->backend(), 4, 16);
        engine::StateObserver expected(checkpoint->config(), cpu->backend(), 4, 16);
        device->observe(&seen);
        cpu->observe(&expected);
        // Single tokens run component by component now, and round elsewhere.
        compare(tests::logitsOf(*device.engine, 2), unwatched, DType::F32);
        (void)tests::logitsOf(*cpu, 2);
        for (std::int64_t layer = 0; layer < checkpoint->config().n_layer; ++layer) {
            const engine::LayerSums got = seen.read(layer);
            const engine::LayerSums want = expected.read(layer);
            QCOMPARE(seen.tokens(layer), expected.tokens(layer));
            compareSums(got.sum, want.sum);
            compareSums(got.most, want.most);
            compareSums(got.binned, want.binned);
        }
        // Once nobody watches, steps are launched as graphs again.
        device->observe(nullptr);
        const std::int64_t before = device.runtime->graphLaunches();
        QCOMPARE(tests::logitsOf(*device.engine, 2), unwatched);
        QVERIFY(device.runtime->graphLaunches() > before);
    }

    void severalStates() {
        const auto checkpoint = tests::openCase("mamba2-groups2");
        const HostEngine device = tests::onDevice(checkpoint);
        const std::vector<float> alone = tests::logitsOf(*device.engine, 1);
        const std::vector<float> three = tests::logitsOf(*device.engine, 3);
        // Two sequences in turn, and others of another batch between: each has the logits that it has alone.
        engine::State first = device->newState(1);
        engine::State second = device->newState(1);
        for (int i = 0; i < 8; ++i) {
            const auto tokens = tests::tokensOf(checkpoint->config(), 1, i);
            const auto one = device->logits(tokens, first, LogitsFor::LastToken);
            if (i == 4) QCOMPARE(tests::logitsOf(*device.engine, 3), three);
            QCOMPARE(device->logits(tokens, second, LogitsFor::LastToken), one);
        }
        QCOMPARE(tests::logitsOf(*device.engine, 1), alone);
    }

    /// A pass launched as a graph says the same of itself as one launched kernel by kernel.
    void recordedGraphs_data() { addRepeated(); }
    void recordedGraphs() {
        QFETCH(QString, model);
        QFETCH(int, length);
        const auto checkpoint = tests::openCase(model.toStdString());
        const HostEngine device = tests::onDevice(checkpoint);
        engine::State state = device->newState(2);
        // What is made once is there: the place of the token ids.
        (void)device->logits(tests::tokensOf(checkpoint->config(), 2 * length + 2), state, LogitsFor::LastToken);
        std::vector<PassRecord> records;
        for (int i = 0; i < 5; ++i) {
            device->backend().beginPass(true);
            const auto logits =
                device->forward(tests::tokensOf(checkpoint->config(), 2 * length, i), state, LogitsFor::LastToken);
            records.push_back(device->backend().endPass());
        }
        QVERIFY(device.runtime->graphLaunches() >= 3);
        for (const PassRecord& record : records) {
            checkRecord(record, checkpoint->config(), length == 1);
            QCOMPARE(namesOf(record), namesOf(records.front()));
            QCOMPARE(record.memory_peak.total(), records.front().memory_peak.total());
            QCOMPARE(record.memory.size(), records.front().memory.size());
        }
    }

    /// The same prompt again and again, each time from where the last one ended, is what the CPU makes of it.
    void repeatedPrompts_data() { addRepeated(); }
    void repeatedPrompts() {
        QFETCH(QString, model);
        QFETCH(int, length);
        const auto checkpoint = tests::openCase(model.toStdString());
        const HostEngine device = tests::onDevice(checkpoint);
        const auto cpu = tests::onCpu(checkpoint);
        engine::State own = device->newState(2);
        engine::State expected = cpu->newState(2);
        for (int i = 0; i < 5; ++i) {
            const auto tokens = tests::tokensOf(checkpoint->config(), 2 * length, i);
            compare(device->logits(tokens, own, LogitsFor::LastToken),
                    cpu->logits(tokens, expected, LogitsFor::LastToken), DType::F32);
            QCOMPARE(own.position, (i + 1) * length);
        }
        QVERIFY(device.runtime->graphLaunches() >= 3);
    }

    void unrecordedPass() {
        const auto checkpoint = tests::openCase("mamba2-lengths");
        const HostEngine device = tests::onDevice(checkpoint);
        engine::State state = device->newState(1);
        device->backend().beginPass(false);
        (void)device->forward(tests::tokensOf(checkpoint->config(), 9), state, LogitsFor::LastToken);
        const PassRecord record = device->backend().endPass();
        QVERIFY(record.total_us > 0);
        QVERIFY(record.spans.empty());
        QVERIFY(record.memory.empty());
    }

    void ledgerIsEven() {
        const auto checkpoint = tests::openCase("mamba1-lengths");
        const HostEngine device = tests::onDevice(checkpoint);
        (void)tests::logitsOf(*device.engine, 2);
        const MemoryUse before = device->backend().ledger().current();
        (void)tests::logitsOf(*device.engine, 2);
        QCOMPARE(device->backend().ledger().current().bytes, before.bytes);
        QCOMPARE(before[MemoryKind::Activations], 0);
        QCOMPARE(before[MemoryKind::State], 0);
        QVERIFY(device->backend().reserved_bytes() >= before.total());
        device->backend().trim();
        (void)tests::logitsOf(*device.engine, 2);
    }

    /// A run that is stopped leaves the engine as it was, also while a step is captured.
    void stopped() {
        const auto checkpoint = tests::openCase("mamba1-lengths");
        const HostEngine device = tests::onDevice(checkpoint);
        const std::vector<float> expected = tests::logitsOf(*device.engine, 1);
        std::stop_source stop;
        stop.request_stop();
        engine::State state = device->newState(1);
        for (int i = 0; i < 3; ++i) {
            QVERIFY_EXCEPTION_THROWN(device->forward(tests::tokensOf(checkpoint->config(), 1), state,
                                                     LogitsFor::LastToken, stop.get_token()),
                                     Cancelled);
        }
        QCOMPARE(tests::logitsOf(*device.engine, 1), expected);
    }

    // A step that is a graph already is run launch by launch while it is counted, and is a graph again afterwards.
    void counting() {
        std::vector<SpanName> heard;
        const HostEngine device =
            tests::onDevice(tests::openCase("mamba2-lengths"), DType::F32, {}, std::make_unique<CountingTracer>(heard));
        kernels::Backend& backend = device->backend();
        engine::State state = device->newState(1);
        const auto step = [&](bool record) {
            const std::vector<std::int32_t> token = tests::tokensOf(device->config(), 1, state.position);
            backend.beginPass(record);
            (void)device->logits(token, state, LogitsFor::LastToken);
            return backend.endPass();
        };
        std::vector<SpanName> expected;
        for (int i = 0; i < 4; ++i) expected = namesOf(step(true));
        QVERIFY(heard.empty());
        const CountedPass counted = backend.count([&] { (void)step(false); });
        QCOMPARE(heard, expected);
        QCOMPARE(counted.kernels.size(), expected.size());
        QCOMPARE(state.position, 6);
        QCOMPARE(namesOf(step(true)), expected);
        QCOMPARE(heard.size(), expected.size());  // nothing more was told

        QVERIFY_EXCEPTION_THROWN((void)backend.count([] { throw Error("memory", "is not enough"); }), Error);
        QCOMPARE(namesOf(step(true)), expected);
        QVERIFY_EXCEPTION_THROWN((void)tests::onDevice(tests::openCase("mamba1-lengths"))->backend().count([] {}),
                                 Error);
    }

    void traceIsOfEvents() {
        const HostEngine device = tests::onDevice(tests::openCase("mamba1-lengths"));
        QCOMPARE(device->backend().traceStatus().tracer, std::string("CUDA events"));
        device->backend().setTrace(TraceMode::Auto);
        QVERIFY_EXCEPTION_THROWN(device->backend().setTrace(TraceMode::Cupti), Error);
    }

private:
    static void addArchitectures() {
        QTest::addColumn<QString>("model");
        for (const char* model : {"mamba1-lengths", "mamba2-lengths", "mamba2-groups2"}) QTest::newRow(model) << model;
    }

    /// Passes of one token, and of more.
    static void addRepeated() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<int>("length");
        for (const char* model : {"mamba1-lengths", "mamba2-lengths", "mamba2-groups2"}) {
            for (const int length : {1, 37}) QTest::addRow("%s of %d", model, length) << model << length;
        }
    }

    static void compareSums(const std::vector<double>& got, const std::vector<double>& expected) {
        QCOMPARE(got.size(), expected.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
            QVERIFY2(std::abs(got[i] - expected[i]) <= 1e-4 * std::abs(expected[i]) + 1e-6,
                     qPrintable(QStringLiteral("%1: %2, not %3").arg(i).arg(got[i]).arg(expected[i])));
        }
    }

    static void checkRecord(const PassRecord& record, const model::Config& config, bool fused) {
        double charged = 0;
        std::set<Component> seen;
        for (const Span& span : record.spans) {
            QVERIFY(span.begin_us <= span.end_us);
            QVERIFY(span.begin_us >= 0);
            QVERIFY(span.end_us <= record.total_us);
            if (span.stage == Stage::Whole) charged += span.duration_us();
            seen.insert(span.component);
        }
        QVERIFY(charged <= record.total_us);
        const bool mamba1 = config.architecture == model::Architecture::Mamba1;
        QCOMPARE(seen.contains(Component::XProj), mamba1);
        // Of a fused step: no norm, conv1d, dt_proj, gate or norm_f of its own.
        QCOMPARE(seen.size(), fused ? (mamba1 ? 6U : 5U) : (mamba1 ? 11U : 9U));
        QVERIFY(std::ranges::is_sorted(record.spans, {}, &Span::begin_us));
        QVERIFY(std::ranges::is_sorted(record.memory, {}, &MemoryEvent::time_us));
        // What comes in a pass goes in it, all but its logits, which the caller still holds.
        std::map<MemoryKind, std::int64_t> left;
        for (const MemoryEvent& event : record.memory) left[event.kind] += event.delta_bytes;
        QCOMPARE(left[MemoryKind::Activations], 0);
        QCOMPARE(left[MemoryKind::Workspace], 0);
        QCOMPARE(left[MemoryKind::Logits], 2 * config.vocab_padded * 4);
        QVERIFY(record.memory_peak.total() > record.memory_at_start.total());
        QCOMPARE(record.trace.tracer, std::string("CUDA events"));
    }
};

QTEST_GUILESS_MAIN(TestCudaBackend)
#include "test_cuda_backend.moc"
