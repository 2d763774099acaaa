// Collecting activity: what is seen does not depend on how it is run. And the criteria that run a model themselves.
#include <QTest>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/prune/apply.h"
#include "core/prune/score.h"
#include "kernels/error.h"
#include "tests/support/pruning.h"

using namespace perfmamba;
using namespace perfmamba::activity;
using tests::CheckpointPtr;

namespace {

evaluate::TokenSet tokensFor(const model::Config& config, std::int64_t sequences, std::int64_t length) {
    evaluate::TokenSet tokens;
    tokens.description = "random";
    tokens.hash = "abcd";
    tokens.length = length;
    for (std::int64_t i = 0; i < sequences; ++i) {
        tokens.sequences.push_back(tests::someTokens(config, length, static_cast<std::uint64_t>(i)));
    }
    return tokens;
}

Options optionsOf(std::int64_t batch, std::int64_t piece, std::int64_t bins = 8) {
    Options options;
    options.batch = batch;
    options.piece = piece;
    options.bins = bins;
    options.measure_cost = false;
    return options;
}

ActivityPtr collected(const std::string& name, const Options& options, int threads = 2) {
    engine::Engine engine = tests::engineOf(tests::openModel(name), threads);
    return collect(engine, tokensFor(engine.config(), 5, 45), options, {});
}

/// Largest difference in units of the largest value; infinite where one is a number and the other is not.
template <typename T>
double apart(const std::vector<T>& a, const std::vector<T>& b) {
    if (a.size() != b.size()) return HUGE_VAL;
    double difference = 0;
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (std::isnan(a[i]) != std::isnan(b[i])) return HUGE_VAL;
        if (std::isnan(a[i])) continue;
        difference = std::max(difference, std::abs(double{a[i]} - double{b[i]}));
        largest = std::max(largest, std::abs(double{a[i]}));
    }
    return difference / largest;
}

template <typename T>
bool sameBits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

void addModels() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"mamba1-recall", "mamba2-recall", "cases/mamba2-groups2"}) QTest::newRow(model) << model;
}

}  // namespace

class TestCollect : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void doesNotDependOnBatchAndPiece_data() { addModels(); }
    void doesNotDependOnBatchAndPiece() {
        QFETCH(QString, model);
        const ActivityPtr whole = collected(model.toStdString(), optionsOf(5, 512));
        QVERIFY(whole->complete);
        for (const auto& [batch, piece] : {std::pair{1, 512}, {2, 7}, {5, 1}}) {
            const ActivityPtr parts = collected(model.toStdString(), optionsOf(batch, piece));
            for (std::size_t layer = 0; layer < whole->layers.size(); ++layer) {
                const LayerActivity& a = whole->layers[layer];
                const LayerActivity& b = parts->layers[layer];
                for (const Statistic statistic : kernels::kStatistics) {
                    const auto plane = a.rows * a.row_states;
                    const auto of = [&](const float* values, std::int64_t count) {
                        return std::vector<float>(values, values + count);
                    };
                    QVERIFY(apart(of(a.meanOf(statistic), plane), of(b.meanOf(statistic), plane)) < 1e-5);
                    QVERIFY(apart(of(a.mostOf(statistic), plane), of(b.mostOf(statistic), plane)) < 1e-5);
                    const auto bins = whole->bins * a.states();
                    QVERIFY(apart(of(a.binnedOf(statistic, whole->bins), bins),
                                  of(b.binnedOf(statistic, whole->bins), bins)) < 1e-5);
                }
                QVERIFY(apart(a.votes, b.votes) < 1e-5);
            }
        }
    }

    void doesNotDependOnThreads_data() { addModels(); }
    void doesNotDependOnThreads() {
        QFETCH(QString, model);
        const ActivityPtr one = collected(model.toStdString(), optionsOf(2, 16), 1);
        const ActivityPtr three = collected(model.toStdString(), optionsOf(2, 16), 3);
        for (std::size_t layer = 0; layer < one->layers.size(); ++layer) {
            QVERIFY(sameBits(one->layers[layer].mean, three->layers[layer].mean));
            QVERIFY(sameBits(one->layers[layer].most, three->layers[layer].most));
            QVERIFY(sameBits(one->layers[layer].binned, three->layers[layer].binned));
            QVERIFY(sameBits(one->layers[layer].votes, three->layers[layer].votes));
        }
    }

    void binsAddUpToTheMean_data() { addModels(); }
    void binsAddUpToTheMean() {
        QFETCH(QString, model);
        // 45 tokens in bins of 6: the last has 3.
        const ActivityPtr activity = collected(model.toStdString(), optionsOf(2, 10));
        QCOMPARE(activity->bins, 8);
        QCOMPARE(activity->bin_tokens, 6);
        for (const LayerActivity& layer : activity->layers) {
            for (const Statistic statistic : kernels::kStatistics) {
                const std::vector<double> means = layer.stateMeans(statistic);
                const std::vector<double> most = layer.stateMost(statistic);
                for (std::size_t n = 0; n < means.size(); ++n) {
                    double sum = 0;
                    for (std::size_t bin = 0; bin < 8; ++bin) {
                        sum += (bin < 7 ? 6 : 3) * double{layer.binnedOf(statistic, 8)[bin * means.size() + n]};
                    }
                    QVERIFY(std::abs(sum / 45 - means[n]) <= 1e-5 * means[n]);
                    QVERIFY(means[n] > 0 && most[n] >= means[n]);
                }
            }
        }
    }

    void describesItself() {
        engine::Engine engine = tests::engineOf(tests::openModel("mamba1-recall"));
        Options options = optionsOf(2, 512, 64);
        options.measure_cost = true;
        const ActivityPtr activity = collect(engine, tokensFor(engine.config(), 13, 30), options, {});
        QCOMPARE(activity->model.name, std::string("mamba1-recall"));
        QCOMPARE(activity->tokens, std::string("random"));
        QCOMPARE(activity->tokens_hash, std::string("abcd"));
        QCOMPARE(activity->sequences, 13);
        QCOMPARE(activity->tokens_seen, 13 * 30);
        QCOMPARE(activity->length, 30);
        QCOMPARE(activity->bins, 30);  // no more than tokens
        QCOMPARE(activity->bin_tokens, 1);
        QCOMPARE(activity->cost.pairs, 7U);
        QVERIFY(activity->cost.median > 0.3);
        QCOMPARE(activity->layers[0].groupOfRow(5), 0);
        QCOMPARE(activity->layers[0].states(), 16);
    }

    void stopsWithWhatWasSeen() {
        engine::Engine engine = tests::engineOf(tests::openModel("mamba2-bytes"));
        const evaluate::TokenSet tokens = tokensFor(engine.config(), 2000, 256);
        std::stop_source stop;
        int snapshots = 0;
        double last = 0;
        const auto observer = [&](const ActivityPtr& snapshot, const profile::Progress& progress) {
            ++snapshots;
            QVERIFY(!snapshot->complete);
            QVERIFY(std::isfinite(snapshot->layers[5].stateMeans(Statistic::State)[0]));
            QVERIFY(progress.done >= last && progress.done < 1);
            last = progress.done;
            if (snapshots == 2) stop.request_stop();
        };
        const ActivityPtr activity = collect(engine, tokens, optionsOf(2, 128), {}, observer, stop.get_token());
        QVERIFY(!activity->complete);
        QVERIFY(activity->sequences > 0 && activity->sequences < 2000);
        // The batch that it was stopped in is counted as far as it was run.
        QVERIFY(activity->tokens_seen > 0 && activity->tokens_seen % (2 * 128) == 0);
        QCOMPARE(activity->sequences, (activity->tokens_seen + 511) / 512 * 2);
        QCOMPARE(snapshots, 3);  // the last one is the result
        const ActivityPtr nothing = collect(engine, tokens, optionsOf(2, 128), {}, {}, stop.get_token());
        QVERIFY(!nothing->complete);
        QCOMPARE(nothing->sequences, 0);
        QVERIFY_EXCEPTION_THROWN(
            prune::score(prune::criterion("output-energy"), engine, &tokens, 0.5, 1, {}, stop.get_token()), Cancelled);
        QVERIFY_EXCEPTION_THROWN(prune::score(prune::criterion("ghost"), engine, &tokens, 0.5, 1, {}, stop.get_token()),
                                 Cancelled);
        // Neither leaves anything behind.
        const ActivityPtr after = collect(engine, tokensFor(engine.config(), 1, 9), optionsOf(1, 9), {});
        QVERIFY(after->complete);
    }

    void refusesWhatCannotRun() {
        engine::Engine engine = tests::engineOf(tests::openModel("mamba1-recall"));
        const evaluate::TokenSet tokens = tokensFor(engine.config(), 1, 4);
        QVERIFY_EXCEPTION_THROWN(collect(engine, {}, {}, {}), Error);
        QVERIFY_EXCEPTION_THROWN(collect(engine, tokens, optionsOf(0, 1), {}), Error);
        QVERIFY_EXCEPTION_THROWN(collect(engine, tokens, optionsOf(1, 0), {}), Error);
        QVERIFY_EXCEPTION_THROWN(collect(engine, tokens, optionsOf(1, 1, 0), {}), Error);
        QVERIFY_EXCEPTION_THROWN(collect(engine, tokens, optionsOf(1, 1, kMostBins + 1), {}), Error);
        QVERIFY_EXCEPTION_THROWN(prune::score(prune::criterion("ghost"), engine, nullptr, 0.5, 1), Error);
    }

    void aMaskedStateShowsNoActivity() {
        const CheckpointPtr checkpoint = tests::openModel("cases/mamba2-groups2");
        engine::Engine engine = tests::engineOf(checkpoint);
        prune::Plan plan = tests::fullPlan(checkpoint);
        plan.layers[1][20] = 0;
        engine.setMask(prune::maskOf(plan));
        const ActivityPtr activity = collect(engine, tokensFor(engine.config(), 2, 20), optionsOf(2, 20), {});
        for (const Statistic statistic :
             {Statistic::DeltaB, Statistic::DeltaBx, Statistic::State, Statistic::Output, Statistic::OutputEnergy}) {
            QCOMPARE(activity->layers[1].stateMost(statistic)[20], 0.0);
            QVERIFY(activity->layers[1].stateMost(statistic)[4] > 0);
            QVERIFY(activity->layers[0].stateMost(statistic)[20] > 0);
        }
    }

    void ghostSeesTheLayersBeforePruned_data() { addModels(); }
    void ghostSeesTheLayersBeforePruned() {
        QFETCH(QString, model);
        const CheckpointPtr checkpoint = tests::openModel(model.toStdString());
        engine::Engine engine = tests::engineOf(checkpoint);
        const evaluate::TokenSet tokens = tokensFor(engine.config(), 4, 33);
        const std::vector<float> before = tests::logitsOf(engine, tokens.sequences[0]);
        int calls = 0;
        const prune::Scores ghost = prune::score(prune::criterion("ghost"), engine, &tokens, 0.75, 1,
                                                 [&](const profile::Progress&) { ++calls; });
        QCOMPARE(calls, static_cast<int>(engine.config().n_layer));
        QCOMPARE(ghost.interim_share, 0.75);
        QCOMPARE(ghost.calibration, std::string("random"));
        QVERIFY(sameBits(tests::logitsOf(engine, tokens.sequences[0]), before));  // no mask is left

        const prune::Scores unpruned = prune::score(prune::criterion("output-energy"), engine, &tokens, 0.75, 1);
        QVERIFY(apart(ghost.layers[0], unpruned.layers[0]) < 1e-5);
        QVERIFY(apart(ghost.layers[1], unpruned.layers[1]) > 1e-3);

        // Layer 1 once more, of a model whose layer 0 has really lost its states.
        prune::Choice choice;
        choice.value = 0.25;
        prune::Plan plan = prune::makePlan(engine.config(), checkpoint->name(), ghost, choice);
        for (std::size_t layer = 1; layer < plan.layers.size(); ++layer) {
            std::ranges::fill(plan.layers[layer], std::uint8_t{1});
        }
        engine::Engine pruned = tests::engineOf(prune::apply(checkpoint, plan, prune::Form::Ragged));
        const prune::Scores after = prune::score(prune::criterion("output-energy"), pruned, &tokens, 0.75, 1);
        QVERIFY(apart(ghost.layers[1], after.layers[1]) < 1e-5);
    }

    void everyCriterionRuns_data() { addModels(); }
    void everyCriterionRuns() {
        QFETCH(QString, model);
        engine::Engine engine = tests::engineOf(tests::openModel(model.toStdString()));
        const evaluate::TokenSet tokens = tokensFor(engine.config(), 3, 24);
        for (const prune::Criterion* criterion : prune::criteria()) {
            if (!criterion->refusal(engine.config().architecture).empty()) continue;
            const prune::Scores scores = prune::score(*criterion, engine, &tokens, 0.5, 1);
            for (const auto& layer : scores.layers) {
                QCOMPARE(layer.size(), scores.layers[0].size());
                for (const double value : layer) QVERIFY(std::isfinite(value) && value >= 0);
            }
            const bool weights_only = criterion->needs() < prune::Needs::Activity;
            QCOMPARE(scores.calibration.empty(), weights_only);
        }
    }
};

QTEST_GUILESS_MAIN(TestCollect)
#include "test_collect.moc"
