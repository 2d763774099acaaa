// Accuracy against what the demos were trained to, a plain recomputation from the logits, and models against each
// other.
#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "core/evaluate/evaluate.h"
#include "core/evaluate/scoring.h"
#include "kernels/devices.h"
#include "kernels/error.h"
#include "tests/support/checkpoint_folder.h"

using namespace perfmamba;
using namespace perfmamba::evaluate;

namespace {

const std::string kDemos = PERFMAMBA_SOURCE_DIR "/resources/demo/";
const std::string kText = PERFMAMBA_SOURCE_DIR "/LICENSE";

engine::Engine openDemo(const std::string& demo) {
    return {model::Checkpoint::open(kDemos + demo), kernels::makeBackend("cpu", {.threads = 2})};
}

TokenSet tokensFor(engine::Engine& engine, const std::string& source, std::int64_t length = 0,
                   std::int64_t sequences = 0) {
    return load({source, length, sequences, kEvaluationSeed}, engine.checkpoint());
}

bool near(double a, double b, double tolerance) {
    const bool result = std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b));
    if (!result) qWarning("%.17g is not near %.17g", a, b);
    return result;
}

bool same(const Estimate& a, const Estimate& b, double tolerance) {
    return near(a.value, b.value, tolerance) && near(a.standard_error, b.standard_error, tolerance);
}

/// Log probabilities of one row of logits, plainly.
std::vector<double> logSoftmax(const float* row, std::size_t vocab) {
    double sum = 0;
    for (std::size_t v = 0; v < vocab; ++v) sum += std::exp(static_cast<double>(row[v]));
    std::vector<double> result;
    for (std::size_t v = 0; v < vocab; ++v) result.push_back(static_cast<double>(row[v]) - std::log(sum));
    return result;
}

std::size_t likeliest(const std::vector<double>& row) {
    return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

/// The mean and s/√n.
Estimate meanOf(const std::vector<double>& values) {
    double mean = 0;
    for (const double value : values) mean += value / static_cast<double>(values.size());
    double variance = 0;
    for (const double value : values) variance += (value - mean) * (value - mean);
    const auto n = static_cast<double>(values.size());
    return {mean, std::sqrt(variance / (n - 1) / n)};
}

/// A copy of the model with every weight of one layer's out_proj scaled.
std::shared_ptr<const model::Checkpoint> changed(const std::shared_ptr<const model::Checkpoint>& source, float factor) {
    const std::string name = "backbone.layers.1.mixer.out_proj.weight";
    const HostTensor& tensor = source->tensor(name);
    std::vector<float> values = tensor.toFloat();
    for (float& value : values) value *= factor;
    return model::Checkpoint::derive(source, source->config(),
                                     {{name, HostTensor::fromFloat(name, tensor.shape, std::move(values))}});
}

}  // namespace

class TestEvaluate : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void recallAsTrained_data() {
        QTest::addColumn<QString>("demo");
        QTest::newRow("Mamba-1") << "mamba1-recall";
        QTest::newRow("Mamba-2") << "mamba2-recall";
    }
    void recallAsTrained() {
        QFETCH(QString, demo);
        engine::Engine engine = openDemo(demo.toStdString());
        const TokenSet tokens = tokensFor(engine, "task", 0, 512);
        const Accuracy accuracy = evaluate::evaluate({&engine}, tokens);
        const auto training = nlohmann::json::parse(tests::readFile(kDemos + demo.toStdString() + "/training.json"));
        const double wanted = training["held_out_accuracy"];
        // Theirs is measured on half as many sequences, so that its error is √2 of ours; 1e-3 where neither is wrong
        // ever.
        const double error = accuracy.correct.standard_error * std::sqrt(3.0);
        QVERIFY(near(accuracy.correct.value, wanted, 3 * error + 1e-3));
        QVERIFY(near(accuracy.nats.value, training["held_out_loss"],
                     3 * std::sqrt(3.0) * accuracy.nats.standard_error + 1e-3));
        QVERIFY(accuracy.recall);
        QVERIFY(!accuracy.compared());
        QVERIFY(std::isnan(accuracy.bits_per_byte.value));
        QCOMPARE(accuracy.sequences, 512);
        QCOMPARE(accuracy.predictions, 512 * recallTask(engine.checkpoint())->pairs);
        QCOMPARE(accuracy.tokens, tokens.description);
        QCOMPARE(accuracy.tokens_hash, tokens.hash);
    }

    /// Everything once more, from the whole windows' logits.
    void asRecomputed_data() {
        QTest::addColumn<QString>("demo");
        QTest::newRow("Mamba-1") << "mamba1-bytes";
        QTest::newRow("Mamba-2") << "mamba2-bytes";
    }
    void asRecomputed() {
        QFETCH(QString, demo);
        engine::Engine engine = openDemo(demo.toStdString());
        engine::Engine other(changed(model::Checkpoint::open(kDemos + demo.toStdString()), 0.5F),
                             kernels::makeBackend("cpu", {.threads = 2}));
        const TokenSet tokens = tokensFor(engine, kText, 256, 5);
        std::vector<double> nats, correct, divergence, agreement;
        for (const auto& sequence : tokens.sequences) {
            engine::State state = engine.newState(1);
            engine::State other_state = other.newState(1);
            const auto ours = other.logits(sequence, other_state, engine::LogitsFor::EveryToken);
            const auto theirs = engine.logits(sequence, state, engine::LogitsFor::EveryToken);
            double sums[4] = {};
            for (std::size_t t = 0; t < 256; ++t) {
                const std::vector<double> q = logSoftmax(&ours[t * 256], 256);
                const std::vector<double> p = logSoftmax(&theirs[t * 256], 256);
                for (std::size_t v = 0; v < 256; ++v) sums[2] += std::exp(p[v]) * (p[v] - q[v]);
                sums[3] += likeliest(p) == likeliest(q) ? 1 : 0;
                if (t == 255) break;
                const auto next = static_cast<std::size_t>(sequence[t + 1]);
                sums[0] -= q[next];
                sums[1] += likeliest(q) == next ? 1 : 0;
            }
            nats.push_back(sums[0] / 255);
            correct.push_back(sums[1] / 255);
            divergence.push_back(sums[2] / 256);
            agreement.push_back(sums[3] / 256);
        }
        const Subject unpruned{&engine};
        const Accuracy accuracy = evaluate::evaluate({&other}, tokens, &unpruned, {2, 100});
        QVERIFY(accuracy.compared());
        QCOMPARE(accuracy.predictions, 5 * 255);
        QVERIFY(same(accuracy.nats, meanOf(nats), 1e-5));
        QVERIFY(same(accuracy.correct, meanOf(correct), 1e-9));
        QVERIFY(same(accuracy.divergence, meanOf(divergence), 1e-5));
        QVERIFY(same(accuracy.agreement, meanOf(agreement), 1e-9));
        QVERIFY(accuracy.divergence.value > 0.01 && accuracy.agreement.value < 0.999);
        QVERIFY(near(accuracy.perplexity.value, std::exp(accuracy.nats.value), 1e-12));
        QVERIFY(
            near(accuracy.perplexity.standard_error, accuracy.perplexity.value * accuracy.nats.standard_error, 1e-12));
        QVERIFY(near(accuracy.bits_per_byte.value, accuracy.nats.value / std::numbers::ln2, 1e-12));
        // The unpruned demo predicts English, though it has not seen this text.
        const Accuracy plain = evaluate::evaluate(unpruned, tokens);
        QVERIFY(plain.bits_per_byte.value > 1.5 && plain.bits_per_byte.value < 3.5);
        QVERIFY(plain.nats.value < accuracy.nats.value);
    }

    /// Each passage alone, from its logits: passages of different lengths run together give the same.
    void lastWordsAsRecomputed() {
        engine::Engine engine = openDemo("mamba2-bytes");
        engine::Engine other(changed(model::Checkpoint::open(kDemos + "mamba2-bytes"), 0.5F),
                             kernels::makeBackend("cpu", {.threads = 2}));
        const std::vector<std::string> passages = {"to the extent permitted by", "a b c", "GNU General Public License",
                                                   "You may convey verbatim copies of the Program's source code",
                                                   "the same terms of the"};
        QTemporaryDir folder;
        const std::string path = (folder.path() + QStringLiteral("/passages.txt")).toStdString();
        std::string text;
        std::vector<double> nats, correct;
        double divergence = 0;
        std::int64_t compared = 0;
        for (const std::string& passage : passages) {
            text += passage + "\n";
            const std::vector<std::int32_t> tokens(passage.begin(), passage.end());
            engine::State state = engine.newState(1);
            engine::State other_state = other.newState(1);
            const auto theirs = engine.logits(tokens, state, engine::LogitsFor::EveryToken);
            const auto ours = other.logits(tokens, other_state, engine::LogitsFor::EveryToken);
            nats.push_back(0);
            correct.push_back(1);
            for (std::size_t t = passage.rfind(' '); t < tokens.size(); ++t) {
                const std::vector<double> q = logSoftmax(&ours[(t - 1) * 256], 256);
                const std::vector<double> p = logSoftmax(&theirs[(t - 1) * 256], 256);
                const auto wanted = static_cast<std::size_t>(tokens[t]);
                nats.back() -= q[wanted];
                if (likeliest(q) != wanted) correct.back() = 0;
                for (std::size_t v = 0; v < 256; ++v) divergence += std::exp(p[v]) * (p[v] - q[v]);
                ++compared;
            }
        }
        tests::writeFile(path, text);
        const TokenSet tokens = load({.source = path, .last_word = true}, engine.checkpoint());
        const Subject unpruned{&engine};
        const Accuracy accuracy = evaluate::evaluate({&other}, tokens, &unpruned, {2, 16});
        QVERIFY(accuracy.last_word && !accuracy.recall);
        QCOMPARE(accuracy.predictions, 5);
        QCOMPARE(accuracy.positions, compared);
        QVERIFY(same(accuracy.nats, meanOf(nats), 1e-5));
        QVERIFY(same(accuracy.correct, meanOf(correct), 1e-9));
        QVERIFY(near(accuracy.divergence.value, divergence / static_cast<double>(compared), 1e-5));
        QVERIFY(std::isnan(accuracy.bits_per_byte.value));
        QCOMPARE(accuracy.made, tokens.made);
    }

    void withItself() {
        engine::Engine engine = openDemo("mamba2-bytes");
        const TokenSet tokens = tokensFor(engine, kText, 128, 3);
        const Subject subject{&engine};
        const Accuracy accuracy = evaluate::evaluate(subject, tokens, &subject, {3, 64});
        QCOMPARE(accuracy.divergence.value, 0.0);
        QCOMPARE(accuracy.divergence.standard_error, 0.0);
        QCOMPARE(accuracy.agreement.value, 1.0);
        QVERIFY(same(accuracy.nats, evaluate::evaluate(subject, tokens).nats, 1e-6));
    }

    void batchAndPieceDoNotMatter() {
        for (const char* demo : {"mamba1-recall", "mamba2-recall"}) {
            engine::Engine engine = openDemo(demo);
            engine::Engine other(changed(model::Checkpoint::open(kDemos + demo), 0.9F),
                                 kernels::makeBackend("cpu", {.threads = 2}));
            const TokenSet tokens = tokensFor(engine, "task", 0, 21);
            const Subject unpruned{&engine};
            const Accuracy whole = evaluate::evaluate({&other}, tokens, &unpruned, {21, 64});
            for (const Options& options : {Options{1, 1}, Options{4, 7}, Options{8, 256}, Options{100, 1000}}) {
                const Accuracy accuracy = evaluate::evaluate({&other}, tokens, &unpruned, options);
                QCOMPARE(accuracy.predictions, whole.predictions);
                QVERIFY(same(accuracy.correct, whole.correct, 1e-12));
                QVERIFY(same(accuracy.nats, whole.nats, 1e-5));
                QVERIFY(same(accuracy.divergence, whole.divergence, 1e-5));
            }
        }
    }

    /// Two of the subjects one engine: what the masked one scores is what it scores alone, and no mask is left behind.
    void masked_data() {
        QTest::addColumn<QString>("demo");
        QTest::newRow("Mamba-1") << "mamba1-recall";
        QTest::newRow("Mamba-2") << "mamba2-recall";
    }
    void masked() {
        QFETCH(QString, demo);
        engine::Engine engine = openDemo(demo.toStdString());
        const TokenSet tokens = tokensFor(engine, "task", 0, 40);
        engine::Mask half;
        engine::Mask all;
        for (std::int64_t layer = 0; layer < engine.config().n_layer; ++layer) {
            std::vector<std::uint8_t>& flags =
                half.emplace_back(static_cast<std::size_t>(engine.config().states(layer)), std::uint8_t{1});
            all.push_back(flags);
            for (std::size_t i = 0; i < flags.size(); i += 2) flags[i] = 0;
        }
        const Subject unpruned{&engine};
        const Subject pruned{&engine, &half};
        const Accuracy plain = evaluate::evaluate(unpruned, tokens);
        const Accuracy alone = evaluate::evaluate(pruned, tokens, nullptr, {16, 20});
        const Accuracy both = evaluate::evaluate(pruned, tokens, &unpruned, {16, 20});
        QVERIFY(alone.nats.value > plain.nats.value + 0.1);
        QCOMPARE(both.nats.value, alone.nats.value);
        QVERIFY(both.divergence.value > 0.1 && both.agreement.value < 1);
        // The other way round the unpruned model is the one that is scored.
        QVERIFY(same(evaluate::evaluate(unpruned, tokens, &pruned, {16, 20}).nats, plain.nats, 1e-5));
        QCOMPARE(evaluate::evaluate(unpruned, tokens).nats.value, plain.nats.value);

        // A mask that takes nothing away changes nothing.
        const Subject whole{&engine, &all};
        QCOMPARE(evaluate::evaluate(whole, tokens, &unpruned).divergence.value, 0.0);

        std::stop_source stop;
        stop.request_stop();
        QVERIFY_EXCEPTION_THROWN(evaluate::evaluate(pruned, tokens, &unpruned, {}, {}, stop.get_token()), Cancelled);
        QCOMPARE(evaluate::evaluate(unpruned, tokens).nats.value, plain.nats.value);
        half.pop_back();
        QVERIFY_EXCEPTION_THROWN(evaluate::evaluate(pruned, tokens), Error);
        QCOMPARE(evaluate::evaluate(unpruned, tokens).nats.value, plain.nats.value);
    }

    void oneSequenceHasNoError() {
        engine::Engine engine = openDemo("mamba2-bytes");
        const Accuracy accuracy = evaluate::evaluate({&engine}, tokensFor(engine, kText, 64, 1));
        QCOMPARE(accuracy.sequences, 1);
        QVERIFY(std::isfinite(accuracy.nats.value));
        QVERIFY(std::isnan(accuracy.nats.standard_error) && std::isnan(accuracy.perplexity.standard_error));
    }

    /// By hand: 3 of 4, 1 of 2, and a sequence without a question.
    void unequalSequences() {
        Accuracy accuracy;
        const std::vector<Tally> tallies = {{4, 3, 2.0}, {2, 1, 1.0}, {}};
        summarise(tallies, 0, accuracy);
        QCOMPARE(accuracy.sequences, 2);
        QCOMPARE(accuracy.predictions, 6);
        QVERIFY(near(accuracy.correct.value, 4.0 / 6, 1e-15));
        // Residuals 3 − 4·⅔ and 1 − 2·⅔: √(2·(1/9 + 1/9))/6 = 1/9.
        QVERIFY(near(accuracy.correct.standard_error, 1.0 / 9, 1e-15));
        QCOMPARE(accuracy.nats.standard_error, 0.0);
        QVERIFY(!accuracy.compared());
    }

    void extremeLogits() {
        const std::vector<float> sure = {0, -1e30F, 1e30F, 0};
        const std::vector<float> even = {0, 0, 0, 0};
        QCOMPARE(NextToken(sure).likeliest(), 2);
        QCOMPARE(NextToken(sure).nats(2), 0.0);
        QVERIFY(near(NextToken(sure).divergence(NextToken(even)), std::log(4.0), 1e-15));
        QCOMPARE(NextToken(even).likeliest(), 0);
        QVERIFY(std::isfinite(NextToken(even).divergence(NextToken(sure))));
        const float nan = std::numeric_limits<float>::quiet_NaN();
        const std::vector<float> broken = {0, nan, 0, 0};
        QVERIFY(std::isnan(NextToken(even).divergence(NextToken(broken))));
        QVERIFY(std::isnan(NextToken(broken).divergence(NextToken(even))));
        QVERIFY(std::isnan(NextToken(broken).nats(0)));
        const std::vector<float> overflown = {0, std::numeric_limits<float>::infinity(), 0, 0};
        for (const std::vector<float>& logits : {broken, overflown}) {
            QVERIFY(!NextToken(logits).finite());
            QCOMPARE(NextToken(logits).likeliest(), -1);
        }
        QVERIFY(NextToken(sure).finite());
    }

    /// A model that overflows everywhere answers nothing right, not even where token 0 is asked for, agrees with
    /// nobody, itself included, and was compared all the same.
    void overflownModel() {
        engine::Engine engine = openDemo("mamba2-bytes");
        engine::Engine broken(changed(model::Checkpoint::open(kDemos + "mamba2-bytes"), HUGE_VALF),
                              kernels::makeBackend("cpu", {.threads = 2}));
        TokenSet tokens = tokensFor(engine, kText, 64, 3);
        for (auto& sequence : tokens.sequences) std::ranges::fill(sequence, 0);
        const Subject unpruned{&engine};
        const Subject overflown{&broken};
        for (const Subject& other : {unpruned, overflown}) {
            const Accuracy accuracy = evaluate::evaluate(overflown, tokens, &other);
            QVERIFY(accuracy.compared());
            QCOMPARE(accuracy.positions, 3 * 64);
            QCOMPARE(accuracy.not_finite, 3 * 64);
            QCOMPARE(accuracy.correct.value, 0.0);
            QCOMPARE(accuracy.agreement.value, 0.0);
            QVERIFY(std::isnan(accuracy.nats.value) && std::isnan(accuracy.divergence.value));
        }
        const Accuracy alone = evaluate::evaluate(overflown, tokens);
        QVERIFY(!alone.compared());
        QCOMPARE(alone.not_finite, 3 * 63);  // a window's first token is not predicted
        QCOMPARE(evaluate::evaluate(unpruned, tokens, &unpruned).not_finite, 0);
    }

    void observed() {
        engine::Engine engine = openDemo("mamba2-bytes");
        const TokenSet tokens = tokensFor(engine, kText, 512, 24);
        std::vector<double> done;
        Accuracy last;
        const Accuracy result = evaluate::evaluate({&engine}, tokens, nullptr, {4, 64},
                                                   [&](const Accuracy& so_far, const profile::Progress& progress) {
                                                       done.push_back(progress.done);
                                                       last = so_far;
                                                       QVERIFY(progress.seconds_left && *progress.seconds_left >= 0);
                                                   });
        QVERIFY(std::is_sorted(done.begin(), done.end()));
        QCOMPARE(done.back(), 1.0);
        QCOMPARE(last.nats.value, result.nats.value);
        QCOMPARE(last.tokens_hash, tokens.hash);
    }

    void cancelled() {
        engine::Engine engine = openDemo("mamba2-bytes");
        const TokenSet tokens = tokensFor(engine, kText, 1024, 32);
        std::stop_source stop;
        double done = 0;
        const auto stopAtOnce = [&](const Accuracy&, const profile::Progress& progress) {
            stop.request_stop();
            done = progress.done;
        };
        QVERIFY_EXCEPTION_THROWN(evaluate::evaluate({&engine}, tokens, nullptr, {1, 32}, stopAtOnce, stop.get_token()),
                                 Cancelled);
        QVERIFY(done < 1);
        QVERIFY(std::isfinite(evaluate::evaluate({&engine}, tokensFor(engine, kText, 64, 2)).nats.value));
    }

    void refused() {
        engine::Engine bytes = openDemo("mamba2-bytes");
        engine::Engine recall = openDemo("mamba2-recall");
        const Subject other{&recall};
        const TokenSet tokens = tokensFor(bytes, "random", 16, 2);
        QVERIFY_EXCEPTION_THROWN(evaluate::evaluate({&bytes}, tokens, &other), Error);
        QVERIFY_EXCEPTION_THROWN(evaluate::evaluate({&recall}, tokens), Error);  // ids beyond its vocabulary
        QVERIFY_EXCEPTION_THROWN(evaluate::evaluate({&bytes}, TokenSet()), Error);
        QVERIFY_EXCEPTION_THROWN(evaluate::evaluate({&bytes}, tokens, nullptr, {0, 16}), Error);
        QVERIFY_EXCEPTION_THROWN(evaluate::evaluate({&bytes}, tokens, nullptr, {1, 0}), Error);
    }
};

QTEST_GUILESS_MAIN(TestEvaluate)
#include "test_evaluate.moc"
