// The profiler on a real model: everything adds up, memory agrees with the process, stopping loses nothing.
#include <QTest>
#include <cmath>
#include <map>
#include <numeric>

#include "core/profile/profiler.h"
#include "core/profile/system_info.h"
#include "kernels/devices.h"
#include "kernels/error.h"
#include "tests/support/checkpoint_folder.h"

using namespace perfmamba;
using namespace perfmamba::profile;

namespace {

engine::Engine openDemo(const char* demo, int threads = 2) {
    return {model::Checkpoint::open(std::string(PERFMAMBA_SOURCE_DIR "/resources/demo/") + demo),
            kernels::makeBackend("cpu", {.threads = threads})};
}

Options optionsFor(std::vector<std::int64_t> lengths, int repeat) {
    Options options;
    options.lengths = std::move(lengths);
    options.repeat = repeat;
    return options;
}

double sum(const std::vector<ComponentCost>& rows, const std::function<double(const ComponentCost&)>& value) {
    return std::accumulate(rows.begin(), rows.end(), 0.0,
                           [&](double total, const ComponentCost& row) { return total + value(row); });
}

}  // namespace

class TestProfiler : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void addsUp_data() {
        QTest::addColumn<QString>("demo");
        QTest::addColumn<bool>("decode");
        for (const char* demo : {"mamba1-bytes", "mamba2-bytes"}) {
            for (const bool decode : {false, true}) {
                QTest::addRow("%s %s", demo, decode ? "decode" : "prefill") << QString::fromLatin1(demo) << decode;
            }
        }
    }
    void addsUp() {
        QFETCH(QString, demo);
        QFETCH(bool, decode);
        engine::Engine engine = openDemo(qPrintable(demo));
        Options options = optionsFor({64, 300}, 9);
        options.mode = decode ? Mode::Decode : Mode::Prefill;
        options.batch = 2;
        const auto profile = run(engine, options, {});
        QVERIFY(profile->complete);
        QCOMPARE(profile->points.size(), 2U);
        const bool mamba1 = engine.config().architecture == model::Architecture::Mamba1;
        for (const Point& point : profile->points) {
            QCOMPARE(point.total.n(), 9U);
            // Every pass and the shares add up exactly; medians of parts need not.
            for (std::size_t pass = 0; pass < 9; ++pass) {
                const double parts = sum(point.components, [&](const auto& row) { return row.time.samples[pass]; });
                QVERIFY(std::abs(parts - point.total.samples[pass]) < 1e-6 * point.total.samples[pass]);
            }
            QVERIFY(std::abs(sum(point.components, [](const auto& row) { return row.share; }) - 1) < 1e-9);
            QCOMPARE(point.components.back().component, Component::Other);
            QVERIFY(point.components.back().share < 0.25);
            // What lies between the components is not in the cost model: not known is not zero.
            QVERIFY(std::isnan(point.components.back().flops) && std::isnan(point.components.back().bytes));
            QVERIFY(point.whole().flops > 0 && point.whole().calls > 6);
            QVERIFY(!point.cut_short);

            QCOMPARE(point.components.size(), mamba1 ? 12U : 10U);
            QCOMPARE(point.layers.size(), 6U * (mamba1 ? 8U : 6U));
            QCOMPARE(point.find(Component::InProj)->calls, 6);
            QCOMPARE(point.find(Component::LmHead)->calls, 1);
            QVERIFY(point.find(Component::InProj, 5) != nullptr);
            QCOMPARE(point.find(Component::XProj) != nullptr, mamba1);
            QVERIFY(std::isfinite(point.overhead.median));
            QVERIFY(point.overhead.pairs >= 8);
            const double tokens = decode ? 2.0 : 2.0 * static_cast<double>(point.length);
            QVERIFY(std::abs(point.tokens_per_second * point.total.median * 1e-6 / tokens - 1) < 1e-9);
        }
    }

    void theChunkIsKept() {
        const auto chunkOf = [](const char* demo, std::int64_t chunk) {
            engine::Engine engine(model::Checkpoint::open(std::string(PERFMAMBA_SOURCE_DIR "/resources/demo/") + demo),
                                  kernels::makeBackend("cpu", {.threads = 2, .chunk = chunk}));
            return run(engine, optionsFor({64}, 1), {})->model.compute_chunk;
        };
        QCOMPARE(chunkOf("mamba2-bytes", 8), std::int64_t{8});
        QVERIFY(chunkOf("mamba2-bytes", 0) > 8);
        QCOMPARE(chunkOf("mamba1-bytes", 8), std::int64_t{0});  // has no SSD
    }

    /// Of so few passes none stands out: times and shares are of the same ones.
    void sharesOfFewPasses() {
        engine::Engine engine = openDemo("mamba2-bytes");
        const auto profile = run(engine, optionsFor({64}, 2), {});
        const Point& point = profile->points.at(0);
        for (const ComponentCost& cost : point.components) {
            QVERIFY(std::abs(cost.share - cost.time.median / point.total.median) < 1e-9);
        }
    }

    void timelineIsNested() {
        engine::Engine engine = openDemo("mamba2-bytes");
        const auto profile = run(engine, optionsFor({200}, 3), {});
        const Point& point = profile->points.at(0);
        QCOMPARE(point.stages.size(), 4U);
        double end = 0;
        const Span* whole = nullptr;
        for (const Span& span : point.last_pass) {
            QVERIFY(span.begin_us >= 0 && span.end_us >= span.begin_us && span.end_us <= point.last_pass_us);
            if (span.stage == Stage::Whole) {
                QVERIFY(span.begin_us >= end);
                end = span.end_us;
                whole = &span;
            } else {
                QVERIFY(whole && whole->component == Component::Ssm && whole->layer == span.layer);
                QVERIFY(span.begin_us >= whole->begin_us && span.end_us <= whole->end_us);
            }
        }
    }

    /// The ledger against the process's own figure, at a length where the model itself hardly counts.
    void memoryAgreesWithTheProcess() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        QSKIP("a sanitizer's own memory would be counted");
#endif
        engine::Engine engine = openDemo("mamba2-bytes");
        engine.backend().trim();
        const std::int64_t before = residentBytes();
        const std::int64_t ledger_before = engine.backend().ledger().current().total();
        QCOMPARE(ledger_before, engine.backend().ledger().current()[MemoryKind::Weights]);
        const auto profile = run(engine, optionsFor({16384}, 2), {});
        const MemoryProfile& memory = profile->points.at(0).memory;
        const double ledger = static_cast<double>(memory.peak.total() - ledger_before);
        const double process = static_cast<double>(memory.process_peak_bytes - before);
        qInfo("ledger %.1f MB, reserved %.1f MB, process %.1f MB", ledger / 1e6,
              static_cast<double>(memory.reserved_bytes) / 1e6, process / 1e6);
        QVERIFY(ledger > 50e6);
        // What the ledger does not know: page tables, the token ids, the profile itself.
        QVERIFY(std::abs(process - static_cast<double>(memory.reserved_bytes)) < 0.05 * process + 6e6);
        QVERIFY(static_cast<double>(memory.reserved_bytes) < 1.3 * ledger);
        QCOMPARE(memory.peak_component, Component::Ssm);
        // Nothing is left behind.
        QCOMPARE(engine.backend().ledger().current().total(), ledger_before);
    }

    /// Weights that were converted do not stay in memory as they were stored, too.
    void convertedWeightsOnce() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        QSKIP("a sanitizer's own memory would be counted");
#endif
        const tests::CheckpointFolder folder("mamba1-bytes");
        const std::int64_t rows = 200'000;  // 51 MB of embeddings, 102 MB converted
        folder.editConfig("\"vocab_size\": 256", "\"vocab_size\": " + std::to_string(rows));
        std::int64_t end = 0;
        folder.editHeader([&](nlohmann::ordered_json& header) {
            for (auto& [name, value] : header.items()) {
                if (name == "__metadata__") continue;
                std::int64_t bytes = 2;
                if (name == "backbone.embeddings.weight") value["shape"][0] = rows;
                for (const auto& extent : value["shape"]) bytes *= extent.get<std::int64_t>();
                value["dtype"] = "F16";
                value["data_offsets"] = {end, end + bytes};
                end += bytes;
            }
        });
        const auto file = folder.path() / "model.safetensors";
        std::uint64_t header_bytes = 0;
        std::memcpy(&header_bytes, tests::readFile(file).data(), sizeof header_bytes);
        std::filesystem::resize_file(file, 8 + header_bytes + static_cast<std::uint64_t>(end));

        const std::int64_t before = residentBytes();
        engine::Engine engine(model::Checkpoint::open(folder.path()), kernels::makeBackend("cpu", {.threads = 1}));
        const std::int64_t weights = engine.backend().ledger().current()[MemoryKind::Weights];
        QCOMPARE(engine.checkpoint().storedType(), std::string("float16"));
        QVERIFY(weights > 100'000'000);
        const std::int64_t process = residentBytes() - before;
        qInfo("ledger %.1f MB, process %.1f MB", static_cast<double>(weights) / 1e6,
              static_cast<double>(process) / 1e6);
        QVERIFY(std::abs(process - weights) < 15'000'000);  // twice would be 51 MB more
    }

    /// By component, what is in use is never negative, and at the end of a layer only what the next one needs is left.
    void memoryHasOwners() {
        engine::Engine engine = openDemo("mamba1-bytes");
        const auto profile = run(engine, optionsFor({100}, 1), {});
        std::map<Component, std::int64_t> use;
        for (const MemoryEvent& event : profile->points.at(0).memory.events) {
            use[event.component] += event.delta_bytes;
            QVERIFY(use[event.component] >= 0);
        }
        QVERIFY(!use.contains(Component::Other));
        QCOMPARE(use.at(Component::InProj), 0);
        QCOMPARE(use.at(Component::DtProj), 0);
        QVERIFY(!use.contains(Component::Ssm));        // writes over dt
        QCOMPARE(use.at(Component::LmHead), 256 * 4);  // the logits, which the caller holds
    }

    void logitsOnlyWhereAsked() {
        engine::Engine engine = openDemo("mamba1-bytes");
        const auto profile = run(engine, optionsFor({16384}, 1), {});
        QCOMPARE(profile->points.at(0).memory.peak[MemoryKind::Logits], 0);  // the peak is inside a layer
        std::int64_t most = 0;
        std::int64_t now = 0;
        for (const MemoryEvent& event : profile->points.at(0).memory.events) {
            if (event.kind == MemoryKind::Logits) now += event.delta_bytes;
            most = std::max(most, now);
        }
        QCOMPARE(most, 256 * 4);
    }

    void stopRule() {
        engine::Engine engine = openDemo("mamba1-recall");
        Options options = optionsFor({64}, 0);
        options.bound = 0.5;
        const auto easy = run(engine, options, {});
        QVERIFY(easy->points.at(0).converged);
        QVERIFY(easy->points.at(0).total.n() >= 6);
        options.bound = 1e-9;
        options.budget_s = 0.2;
        const auto hard = run(engine, options, {});
        QVERIFY(hard->points.at(0).total.n() >= 3);
        QVERIFY(!hard->points.at(0).converged || hard->points.at(0).total.ci_low == hard->points.at(0).total.ci_high);
    }

    /// A decode's context is neither counted against its budget nor held in memory at once.
    void longContext() {
        engine::Engine engine = openDemo("mamba2-bytes");
        Options options = optionsFor({16384}, 0);
        options.mode = Mode::Decode;
        options.bound = 1e-9;
        options.budget_s = 0.2;
        const auto profile = run(engine, options, {});
        QVERIFY(profile->points.at(0).total.n() > 6);
        options.batch = 64;
        options.lengths = {600'000};
        std::stop_source stop;
        const auto started = run(
            engine, options, {}, [&](const auto&, const Progress&) { stop.request_stop(); }, stop.get_token());
        QVERIFY(started->points.empty());
    }

    void cancelKeepsWhatWasMeasured() {
        engine::Engine engine = openDemo("mamba2-bytes");
        std::stop_source stop;
        const auto profile = run(
            engine, optionsFor({64, 16384, 64}, 3), {},
            [&](const std::shared_ptr<const Profile>&, const Progress& progress) {
                if (progress.point == 1) stop.request_stop();
            },
            stop.get_token());
        QVERIFY(!profile->complete);
        QCOMPARE(profile->points.size(), 1U);
        // The engine is as good as new.
        QVERIFY(run(engine, optionsFor({64}, 3), {})->complete);
    }

    /// A length that was stopped at is kept, and does not pass for one that was measured.
    void cutShort() {
        engine::Engine engine = openDemo("mamba2-bytes");
        std::stop_source stop;
        const auto profile = run(
            engine, optionsFor({64, 256}, 100'000), {},
            [&](const std::shared_ptr<const Profile>& snapshot, const Progress&) {
                if (!snapshot->points.empty() && snapshot->points.back().total.n() > 1) stop.request_stop();
            },
            stop.get_token());
        QVERIFY(!profile->complete);
        QCOMPARE(profile->points.size(), 1U);
        QVERIFY(profile->points[0].cut_short && profile->points[0].total.n() > 1);
        QCOMPARE(profile->measured(), 0U);
    }

    void countersNeedAGpu() {
        engine::Engine engine = openDemo("mamba2-recall");
        Options options = optionsFor({64}, 3);
        options.counters = true;
        const auto profile = run(engine, options, {});
        QVERIFY(profile->complete);
        QCOMPARE(profile->points[0].total.n(), std::size_t{3});
        QCOMPARE(profile->points[0].counted.missing, std::string("counters: need an NVIDIA GPU, and cpu is none"));
        QVERIFY(profile->points[0].counted.kernels.empty());
    }

    void progressIsTold() {
        engine::Engine engine = openDemo("mamba2-recall");
        double last = 0;
        int calls = 0;
        const auto profile = run(engine, optionsFor({64, 128}, 20), {},
                                 [&](const std::shared_ptr<const Profile>& snapshot, const Progress& progress) {
                                     ++calls;
                                     QVERIFY(!snapshot->complete);
                                     QVERIFY(progress.done >= 0 && progress.done <= 1);
                                     QVERIFY(!progress.what.empty());
                                     last = progress.done;
                                 });
        QVERIFY(calls >= 4);
        QVERIFY(last > 0.9);
    }

    void wrongOptions_data() {
        QTest::addColumn<QString>("says");
        QTest::addColumn<std::function<void(Options&)>>("edit");
        const auto row = [](const char* name, const char* says, const std::function<void(Options&)>& edit) {
            QTest::newRow(name) << QString::fromLatin1(says) << edit;
        };
        row("no lengths", "lengths", [](Options& o) { o.lengths.clear(); });
        row("length 0", "0 is below 1", [](Options& o) { o.lengths = {64, 0}; });
        row("batch 0", "batch", [](Options& o) { o.batch = 0; });
        row("too many tokens", "too many", [](Options& o) {
            o.lengths = {16384};
            o.batch = 1'000'000'000;
        });
        row("repeat", "repeat", [](Options& o) { o.repeat = -1; });
        row("bound", "bound", [](Options& o) { o.bound = 0; });
        row("budget", "budget", [](Options& o) { o.budget_s = std::nan(""); });
    }
    void wrongOptions() {
        QFETCH(QString, says);
        QFETCH(std::function<void(Options&)>, edit);
        engine::Engine engine = openDemo("mamba2-recall");
        Options options;
        edit(options);
        try {
            run(engine, options, {});
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(QString::fromUtf8(error.what()).contains(says), error.what());
        }
    }

    void tooLittleMemory() {
        engine::Engine engine = openDemo("mamba2-bytes");
        Options options = optionsFor({16384}, 1);
        options.batch = 30'000;
        try {
            run(engine, options, {});
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(QString::fromUtf8(error.what()).startsWith(u"memory: "), error.what());
        }
        QVERIFY(run(engine, optionsFor({64}, 3), {})->complete);
    }

    void tokensOutsideTheVocabulary() {
        engine::Engine engine = openDemo("mamba2-recall");
        engine::State state = engine.newState(2);
        for (const std::vector<std::int32_t>& bad : {std::vector<std::int32_t>{}, {1, 2, 3}, {1, 65}, {-1, 2}}) {
            try {
                engine.forward(bad, state, engine::LogitsFor::LastToken);
                QFAIL("no error");
            } catch (const Error& error) {
                QVERIFY2(QString::fromUtf8(error.what()).startsWith(u"tokens: "), error.what());
            }
        }
        QCOMPARE(state.position, 0);
    }
};

QTEST_GUILESS_MAIN(TestProfiler)
#include "test_profiler.moc"
