// Engines with states taken out: by a mask, by zeroed weights, by smaller tensors; and engines that are watched.
#include <QTest>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/engine/engine.h"
#include "core/profile/pass_statistics.h"
#include "kernels/devices.h"
#include "kernels/error.h"
#include "tests/support/checkpoint_folder.h"
#include "tests/support/relative_error.h"

using namespace perfmamba;
using engine::Engine;
using engine::LogitsFor;
using engine::Mask;
using engine::StateObserver;
using kernels::Statistic;
using model::Checkpoint;
using model::Config;
using tests::relativeError;
namespace fs = std::filesystem;

namespace {

using CheckpointPtr = std::shared_ptr<const Checkpoint>;
using Tokens = std::vector<std::int32_t>;

constexpr std::int64_t kBatch = 2;
constexpr std::int64_t kLength = 70;

CheckpointPtr openCase(const QString& name) {
    const fs::path source(PERFMAMBA_SOURCE_DIR);
    const fs::path demo = source / "resources/demo" / name.toStdString();
    return Checkpoint::open(fs::exists(demo) ? demo : source / "tests/golden/cases" / name.toStdString());
}

Engine engineOf(const CheckpointPtr& checkpoint) {
    return {checkpoint, kernels::makeBackend("cpu", {.threads = 2})};
}

Tokens someTokens(const Config& config, std::int64_t count) {
    std::mt19937 generator(3);
    std::uniform_int_distribution<std::int32_t> any(0, static_cast<std::int32_t>(config.vocab_size) - 1);
    Tokens tokens(static_cast<std::size_t>(count));
    for (std::int32_t& token : tokens) token = any(generator);
    return tokens;
}

/// The logits of a prefill, and of one token after it.
std::vector<float> run(Engine& engine) {
    engine::State state = engine.newState(kBatch);
    std::vector<float> logits =
        engine.logits(someTokens(engine.config(), kBatch * kLength), state, LogitsFor::EveryToken);
    const std::vector<float> next = engine.logits(someTokens(engine.config(), kBatch), state, LogitsFor::LastToken);
    logits.insert(logits.end(), next.begin(), next.end());
    return logits;
}

std::vector<float> run(const CheckpointPtr& checkpoint) {
    Engine engine = engineOf(checkpoint);
    return run(engine);
}

bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Another number of states in every group of every layer, and none in the second layer.
Mask unevenMask(const Config& config) {
    std::mt19937 generator(5);
    Mask mask;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        std::vector<std::uint8_t>& flags = mask.emplace_back();
        for (std::int64_t group = 0; group < config.groups(); ++group) {
            const std::int64_t states = config.states(layer, group);
            const std::int64_t kept = layer == 1 ? 0 : std::max<std::int64_t>(states - 3 * group - layer - 2, 1);
            std::vector<std::uint8_t> part(static_cast<std::size_t>(states), 0);
            std::fill_n(part.begin(), kept, 1);
            std::ranges::shuffle(part, generator);
            flags.insert(flags.end(), part.begin(), part.end());
        }
    }
    return mask;
}

/// `tensor` with rows of its first dimension dropped, or set to zero.
HostTensor withoutRows(const HostTensor& tensor, const std::set<std::int64_t>& rows, bool zero) {
    const std::vector<float> values = tensor.toFloat();
    const std::int64_t width = tensor.elements() / tensor.shape[0];
    std::vector<float> result;
    for (std::int64_t row = 0; row < tensor.shape[0]; ++row) {
        if (!rows.contains(row)) {
            result.insert(result.end(), values.begin() + row * width, values.begin() + (row + 1) * width);
        } else if (zero) {
            result.insert(result.end(), static_cast<std::size_t>(width), 0.0F);
        }
    }
    std::vector<std::int64_t> shape = tensor.shape;
    shape[0] = static_cast<std::int64_t>(result.size()) / width;
    return HostTensor::fromFloat(tensor.name, shape, std::move(result));
}

HostTensor transposed(const HostTensor& tensor) {
    const std::vector<float> values = tensor.toFloat();
    const auto rows = static_cast<std::size_t>(tensor.shape[0]);
    const auto columns = static_cast<std::size_t>(tensor.shape[1]);
    std::vector<float> result(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) result[i % columns * rows + i / columns] = values[i];
    return HostTensor::fromFloat(tensor.name, {tensor.shape[1], tensor.shape[0]}, std::move(result));
}

/// The checkpoint without the masked states: their rows zeroed, or everything of theirs removed.
CheckpointPtr prune(const CheckpointPtr& source, const Mask& mask, bool zero) {
    Config config = source->config();
    const Config& c = source->config();
    const bool first = c.architecture == model::Architecture::Mamba1;
    std::map<std::string, HostTensor> replaced;
    config.state_sizes.clear();
    for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
        const std::vector<std::uint8_t>& flags = mask[static_cast<std::size_t>(layer)];
        const std::int64_t states = c.states(layer);
        std::set<std::int64_t> gone;
        std::vector<std::int64_t>& sizes = config.state_sizes.emplace_back();
        sizes.assign(static_cast<std::size_t>(c.groups()), 0);
        for (std::int64_t n = 0; n < states; ++n) {
            const bool kept = flags[static_cast<std::size_t>(n)] != 0;
            if (!kept) gone.insert(n);
            sizes[static_cast<std::size_t>(n / (states / c.groups()))] += kept ? 1 : 0;
        }
        const std::string mixer = fmt::format("backbone.layers.{}.mixer.", layer);
        const auto cut = [&](const std::string& name, std::int64_t before) {
            if (!source->has(mixer + name)) return;
            std::set<std::int64_t> rows;
            for (const std::int64_t n : gone) rows.insert({before + n, before + states + n});
            replaced[mixer + name] = withoutRows(source->tensor(mixer + name), rows, zero);
        };
        if (first) {
            cut("x_proj.weight", c.dt_rank);
            if (!zero) {
                const HostTensor a_log = transposed(source->tensor(mixer + "A_log"));
                replaced[mixer + "A_log"] = transposed(withoutRows(a_log, gone, false));
            }
        } else {
            cut("in_proj.weight", 2 * c.d_inner);
            cut("in_proj.bias", 2 * c.d_inner);
            cut("conv1d.bias", c.d_inner);
            if (!zero) cut("conv1d.weight", c.d_inner);
        }
    }
    if (zero) config = c;
    return Checkpoint::derive(source, config, std::move(replaced));
}

std::vector<float> valuesOf(Engine& engine, const kernels::Buffer& buffer) {
    std::vector<float> values(buffer.elements());
    engine.backend().toHost(buffer.data(), values);
    return values;
}

std::string complaint(const std::function<void()>& action) {
    try {
        action();
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

}  // namespace

class TestPrunedEngine : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void maskIsZeroedWeights_data() { addCases(); }
    void maskIsZeroedWeights() {
        QFETCH(QString, name);
        const CheckpointPtr checkpoint = openCase(name);
        const Mask mask = unevenMask(checkpoint->config());
        Engine engine = engineOf(checkpoint);
        const std::vector<float> whole = run(engine);
        engine.setMask(mask);
        const std::vector<float> masked = run(engine);
        QVERIFY(sameBits(masked, run(prune(checkpoint, mask, true))));
        QVERIFY(relativeError(masked, whole) > 1e-4);
        engine.setMask({});
        QVERIFY(sameBits(run(engine), whole));
    }

    void maskIsSmallerTensors_data() { addCases(); }
    void maskIsSmallerTensors() {
        QFETCH(QString, name);
        const CheckpointPtr checkpoint = openCase(name);
        const Config& config = checkpoint->config();
        Mask mask = unevenMask(config);
        Engine engine = engineOf(checkpoint);
        engine.setMask(mask);
        const CheckpointPtr ragged = prune(checkpoint, mask, false);
        QCOMPARE(ragged->config().states(1), 0);
        QVERIFY(ragged->parameters() < checkpoint->parameters());
        const double error = relativeError(run(ragged), run(engine));
        QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));

        // The same number everywhere: every fourth state goes.
        for (std::vector<std::uint8_t>& flags : mask) {
            for (std::size_t n = 0; n < flags.size(); ++n) flags[n] = n % 4 != 1;
        }
        engine.setMask(mask);
        const double even = relativeError(run(prune(checkpoint, mask, false)), run(engine));
        QVERIFY2(even < 1e-5, qPrintable(QString::number(even)));
    }

    void raggedStateIsSmaller() {
        const CheckpointPtr checkpoint = openCase("mamba2-groups2");
        const CheckpointPtr ragged = prune(checkpoint, unevenMask(checkpoint->config()), false);
        Engine engine = engineOf(ragged);
        const engine::State state = engine.newState(3);
        const Config& c = ragged->config();
        for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
            const auto i = static_cast<std::size_t>(layer);
            const std::int64_t states = c.states(layer, 0) + c.states(layer, 1);
            QCOMPARE(static_cast<std::int64_t>(state.ssm[i].elements()), 3 * c.d_inner / 2 * states);
            QCOMPARE(static_cast<std::int64_t>(state.conv[i].elements()),
                     3 * (c.d_conv - 1) * (c.d_inner + 2 * states));
        }
        QVERIFY(!c.evenGroups(0));
    }

    void refusesMasksOfAnotherShape() {
        Engine engine = engineOf(openCase("mamba2-recall"));
        const Config& config = engine.config();
        Mask mask = unevenMask(config);
        mask.pop_back();
        QVERIFY(complaint([&] { engine.setMask(mask); }).find("of 1 layers, but the model has 2") != std::string::npos);
        mask.push_back({1, 0, 1});
        QVERIFY(complaint([&] { engine.setMask(mask); }).find("3 flags for layer 1, which has 64") !=
                std::string::npos);
        QVERIFY(complaint([&] { engine.setMask(2, {}); }).find("names layer 2") != std::string::npos);
        QVERIFY(sameBits(run(engine), run(openCase("mamba2-recall"))));
    }

    void watchingChangesNothing_data() { addCases(); }
    void watchingChangesNothing() {
        QFETCH(QString, name);
        const CheckpointPtr checkpoint = openCase(name);
        Engine engine = engineOf(checkpoint);
        const std::vector<float> before = run(engine);
        StateObserver observer(engine.config(), engine.backend(), 3, 20);
        engine.observe(&observer);
        QVERIFY(sameBits(run(engine), before));
        for (std::int64_t layer = 0; layer < engine.config().n_layer; ++layer) {
            QCOMPARE(observer.tokens(layer), kBatch * (kLength + 1));
            QCOMPARE(observer.binCounts(layer), (std::vector<std::int64_t>{40, 40, 62}));
            const engine::LayerSums sums = observer.read(layer);
            QVERIFY(std::ranges::all_of(sums.sum, [](double value) { return value > 0; }));
            // Bins and rows add up to the same.
            const auto planes = static_cast<std::ptrdiff_t>(kernels::kStatisticCount);
            const double all = std::accumulate(sums.sum.begin(), sums.sum.end(), 0.0);
            const auto votes = sums.binned.begin() + 3 * sums.states * planes;
            QVERIFY(std::abs(std::accumulate(sums.binned.begin(), votes, 0.0) / all - 1) < 1e-9);
            QVERIFY(std::accumulate(votes, sums.binned.end(), 0.0) > 0);
            observer.clear(layer);
            QCOMPARE(observer.tokens(layer), 0);
            QVERIFY(std::ranges::all_of(observer.read(layer).most, [](double value) { return value == 0; }));
        }
        engine.observe(nullptr);
        QVERIFY(sameBits(run(engine), before));
    }

    /// The states that stay do in a smaller model what they do under the mask, each in its place.
    void watchesRaggedModels_data() { addCases(); }
    void watchesRaggedModels() {
        QFETCH(QString, name);
        const CheckpointPtr checkpoint = openCase(name);
        const Config& c = checkpoint->config();
        const Mask mask = unevenMask(c);
        Engine masked = engineOf(checkpoint);
        masked.setMask(mask);
        StateObserver all(c, masked.backend(), 2, 40);
        masked.observe(&all);
        run(masked);
        Engine small = engineOf(prune(checkpoint, mask, false));
        StateObserver few(small.config(), small.backend(), 2, 40);
        small.observe(&few);
        run(small);
        for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
            const engine::LayerSums a = all.read(layer);
            const engine::LayerSums b = few.read(layer);
            QCOMPARE(few.tokens(layer), all.tokens(layer));
            QCOMPARE(b.rows, a.rows);
            std::int64_t small_state = 0;
            for (std::int64_t group = 0; group < c.groups(); ++group) {
                std::int64_t small_n = 0;
                const std::int64_t rows = a.rows / c.groups();
                for (std::int64_t n = 0; n < c.states(layer, group); ++n) {
                    const std::int64_t state = group * c.states(layer, group) + n;
                    const bool kept = mask[static_cast<std::size_t>(layer)][static_cast<std::size_t>(state)] != 0;
                    for (std::int64_t row = group * rows; row < (group + 1) * rows; ++row) {
                        compareCell(at(a.sum, Statistic::Output, a.rows, row, a.row_states, n),
                                    kept ? at(b.sum, Statistic::Output, b.rows, row, b.row_states, small_n) : 0);
                        compareCell(at(a.most, Statistic::State, a.rows, row, a.row_states, n),
                                    kept ? at(b.most, Statistic::State, b.rows, row, b.row_states, small_n) : 0);
                    }
                    for (std::int64_t bin = 0; bin < 2; ++bin) {
                        compareCell(at(a.binned, Statistic::DeltaBx, 2, bin, a.states, state),
                                    kept ? at(b.binned, Statistic::DeltaBx, 2, bin, b.states, small_state) : 0);
                    }
                    small_n += kept ? 1 : 0;
                    small_state += kept ? 1 : 0;
                }
            }
        }
    }

    void layerByLayer_data() { addCases(); }
    void layerByLayer() {
        QFETCH(QString, name);
        Engine engine = engineOf(openCase(name));
        const Config& config = engine.config();
        const Tokens tokens = someTokens(config, kBatch * kLength);
        const Mask mask = unevenMask(config);
        StateObserver observer(config, engine.backend(), 1, 1);
        engine.observe(&observer);
        engine::State state = engine.newState(kBatch);
        std::vector<std::int64_t> layers;
        engine.forwardByLayer(tokens, state, [&](std::int64_t layer) {
            layers.push_back(layer);
            QCOMPARE(observer.tokens(layer), kBatch * kLength);
            engine.setMask(layer, mask[static_cast<std::size_t>(layer)]);
        });
        std::vector<std::int64_t> order(static_cast<std::size_t>(config.n_layer));
        std::iota(order.begin(), order.end(), 0);
        QCOMPARE(layers, order);
        engine.observe(nullptr);
        engine::State expected = engine.newState(kBatch);
        engine.forward(tokens, expected, LogitsFor::None);
        QCOMPARE(state.position, expected.position);
        for (std::size_t i = 0; i < state.ssm.size(); ++i) {
            QVERIFY(sameBits(valuesOf(engine, state.ssm[i]), valuesOf(engine, expected.ssm[i])));
            QVERIFY(sameBits(valuesOf(engine, state.conv[i]), valuesOf(engine, expected.conv[i])));
        }
        // What a layer shows is what it does before its own mask.
        QVERIFY(std::ranges::all_of(observer.read(1).sum, [](double value) { return value > 0; }));
    }

    void readsStateSizes() {
        const tests::CheckpointFolder single("mamba2-recall");
        const auto read = [&](const std::string& text) {
            single.editConfig("\"state_size\"", text + ", \"state_size\"");
            return model::readConfig(single.path() / "config.json");
        };
        const Config config = read("\"state_size_per_layer\": [64, 0]");
        QCOMPARE(config.states(0), 64);
        QCOMPARE(config.states(1), 0);
        QCOMPARE(config.convWidth(1), config.d_inner);
        QCOMPARE(model::stateSizeText(config), std::string("0 … 64"));
        const tests::CheckpointFolder even("mamba2-recall");
        even.editConfig("\"state_size\": 64", "\"state_size_per_layer\": [12, 12]");
        const Config same = model::readConfig(even.path() / "config.json");
        QCOMPARE(same.d_state, 12);
        QVERIFY(same.state_sizes.empty());
        QCOMPARE(model::stateSizeText(same), std::string("12"));
        const tests::CheckpointFolder groups("mamba2-recall");
        groups.editConfig("\"n_groups\": 1", "\"n_groups\": 2, \"state_size_per_layer\": [[64, 3], [0, 5]]");
        const Config grouped = model::readConfig(groups.path() / "config.json");
        QCOMPARE(grouped.states(0), 67);
        QCOMPARE(grouped.states(1, 1), 5);
        QCOMPARE(grouped.ssmState(1), grouped.d_inner / 2 * 5);
        QVERIFY(!grouped.evenGroups(1));
    }

    void refusesStateSizes_data() {
        QTest::addColumn<QString>("sizes");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* sizes, const char* says) {
            QTest::newRow(sizes) << QString::fromUtf8(sizes) << QString::fromUtf8(says);
        };
        row("64", "not a list of 2");
        row("[64]", "a list of 1 where 2 belong");
        row("[64, 1, 1]", "a list of 3 where 2 belong");
        row("[64, -1]", "out of range");
        row("[64, 1.5]", "not an integer");
        row("[64, [1]]", "not an integer");
        row("[64, 18446744073709551615]", "out of range");
        row("[64, null]", "not an integer");
        row("[0, 0]", "leaves no layer a state");
        row("[32, 16]", "\"state_size\" is 64, but the largest in \"state_size_per_layer\" is 32");
        row("[64, 16]", "backbone.layers.1.mixer.in_proj.weight has shape");  // the weights have 64
    }
    void refusesStateSizes() {
        QFETCH(QString, sizes);
        QFETCH(QString, says);
        const tests::CheckpointFolder folder("mamba2-recall");
        folder.editConfig("\"state_size\"",
                          fmt::format("\"state_size_per_layer\": {}, \"state_size\"", sizes.toStdString()));
        const std::string message = complaint([&] { (void)Checkpoint::open(folder.path()); });
        QVERIFY2(QString::fromStdString(message).contains(says), message.c_str());
        QVERIFY(message.find("config.json") != std::string::npos);
    }

    void raggedWorkAddsUp() {
        Config config = openCase("mamba2-recall")->config();
        config.state_sizes = {{64}, {16}};
        for (const Component component : {Component::InProj, Component::Conv1d, Component::Ssm}) {
            const profile::Cost full = profile::costOf(component, config, 0, {.length = 64});
            const profile::Cost less = profile::costOf(component, config, 1, {.length = 64});
            QVERIFY(less.flops < full.flops && less.bytes < full.bytes);
            profile::PassStatistics statistics(config, {}, profile::Mode::Prefill, 1, 64);
            kernels::PassRecord record;
            record.total_us = 3;
            record.spans = {{component, Stage::Whole, 0, 0, 1}, {component, Stage::Whole, 1, 1, 2}};
            statistics.add(std::move(record));
            const profile::Point point = statistics.point();
            QCOMPARE(point.components.at(0).flops, full.flops + less.flops);
            QCOMPARE(point.components.at(0).bytes, full.bytes + less.bytes);
            QCOMPARE(point.layers.at(1).flops, less.flops);
        }
    }

private:
    static void addCases() {
        QTest::addColumn<QString>("name");
        for (const char* name : {"mamba1-bytes", "mamba2-bytes", "mamba1-state5", "mamba1-use-bias", "mamba2-use-bias",
                                 "mamba2-groups2", "mamba2-groups4", "mamba2-no-conv-bias"}) {
            QTest::newRow(name) << QString::fromLatin1(name);
        }
    }

    static double at(const std::vector<double>& values, Statistic statistic, std::int64_t rows, std::int64_t row,
                     std::int64_t states, std::int64_t n) {
        return values[static_cast<std::size_t>((static_cast<std::int64_t>(statistic) * rows + row) * states + n)];
    }
    static void compareCell(double masked, double compact) {
        QVERIFY2(std::abs(masked - compact) <= 2e-4 * std::abs(compact) + 1e-7,
                 qPrintable(QStringLiteral("%1 and %2").arg(masked).arg(compact)));
    }
};

QTEST_GUILESS_MAIN(TestPrunedEngine)
#include "test_pruned_engine.moc"
