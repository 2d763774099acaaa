// Every criterion against the plain reading of its formula.
#include <QTest>
#include <cmath>
#include <numeric>
#include <set>

#include "core/prune/score.h"
#include "kernels/error.h"
#include "tests/support/sample_activity.h"

using namespace perfmamba;
using namespace perfmamba::prune;
using activity::Statistic;
using model::Architecture;
using model::Checkpoint;

namespace {

using CheckpointPtr = std::shared_ptr<const Checkpoint>;
constexpr std::int64_t kBins = 5;

CheckpointPtr openDemo(const char* name) {
    return Checkpoint::open(std::string(PERFMAMBA_SOURCE_DIR "/resources/demo/") + name);
}
CheckpointPtr openCase(const char* name) {
    return Checkpoint::open(std::string(PERFMAMBA_SOURCE_DIR "/tests/golden/cases/") + name);
}

/// What the tests compare with: a layer's numbers, state by state, from loops as plain as can be.
struct Plain {
    const Checkpoint& checkpoint;
    const activity::Activity& activity;
    std::int64_t layer;

    const model::Config& config() const { return checkpoint.config(); }
    const activity::LayerActivity& sample() const { return activity.layers[std::size_t(layer)]; }
    std::int64_t rowsOfGroup() const { return sample().rows / config().groups(); }

    /// Of state n of a group: the mean over the group's rows of f(mean of the statistic).
    template <typename F>
    double overRows(Statistic statistic, std::int64_t group, std::int64_t n, F f) const {
        double sum = 0;
        for (std::int64_t row = group * rowsOfGroup(); row < (group + 1) * rowsOfGroup(); ++row) {
            sum += f(static_cast<double>(static_cast<float>(tests::sampleValue(int(statistic), layer, row, n))));
        }
        return sum / static_cast<double>(rowsOfGroup());
    }

    /// ‖W_B,n‖ ‖W_C,n‖ of the layer's state at `n`.
    double norms(std::int64_t n) const {
        const bool mamba1 = config().architecture == Architecture::Mamba1;
        const std::string name =
            "backbone.layers." + std::to_string(layer) + ".mixer." + (mamba1 ? "x_proj.weight" : "in_proj.weight");
        const std::vector<float> weight = checkpoint.tensor(name).toFloat();
        const std::int64_t width = checkpoint.tensor(name).shape[1];
        const std::int64_t b = (mamba1 ? config().dt_rank : 2 * config().d_inner) + n;
        const std::int64_t c = b + config().groups() * config().d_state;
        double product = 1;
        for (const std::int64_t row : {b, c}) {
            double sum = 0;
            for (std::int64_t i = 0; i < width; ++i) sum += std::pow(double{weight[std::size_t(row * width + i)]}, 2);
            product *= std::sqrt(sum);
        }
        return product;
    }

    template <typename F>
    std::vector<double> eachState(F f) const {
        std::vector<double> result;
        for (std::int64_t group = 0; group < config().groups(); ++group) {
            for (std::int64_t n = 0; n < config().d_state; ++n) result.push_back(f(group, n));
        }
        return result;
    }
};

std::vector<double> overMean(std::vector<double> values) {
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    for (double& value : values) value /= mean;
    return values;
}

bool close(const std::vector<double>& got, const std::vector<double>& expected) {
    if (got.size() != expected.size()) return false;
    for (std::size_t i = 0; i < got.size(); ++i) {
        if (!(std::abs(got[i] - expected[i]) <= 1e-9 * std::abs(expected[i]))) return false;
    }
    return true;
}

/// The scores of each model's layers by `id` against what `plain` makes of them.
template <typename F>
void compare(const char* id, bool mamba2, F plain) {
    std::vector<CheckpointPtr> checkpoints = {openDemo("mamba1-recall"), openCase("mamba1-bf16")};
    if (mamba2) checkpoints = {openDemo("mamba2-recall"), openCase("mamba2-groups2"), openCase("mamba2-f16")};
    for (const CheckpointPtr& checkpoint : checkpoints) {
        const activity::Activity activity = tests::sampleActivity(checkpoint->hash(), checkpoint->config(), kBins);
        const Scores scores = score(criterion(id), *checkpoint, &activity, 0.5, 1);
        QCOMPARE(scores.criterion, std::string(id));
        QCOMPARE(std::ssize(scores.layers), checkpoint->config().n_layer);
        for (std::int64_t layer = 0; layer < checkpoint->config().n_layer; ++layer) {
            QVERIFY2(close(scores.layers[std::size_t(layer)], plain(Plain{*checkpoint, activity, layer})),
                     qPrintable(QString("%1 layer %2").arg(QString::fromStdString(checkpoint->name())).arg(layer)));
        }
    }
}

}  // namespace

class TestCriteria : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void describeThemselves() {
        std::set<std::string_view> ids;
        for (const Criterion* each : criteria()) {
            QVERIFY(ids.insert(each->id()).second);
            QVERIFY(!each->title().empty() && each->description().size() > 40);
            QCOMPARE(&criterion(each->id()), each);
        }
        QCOMPARE(ids.size(), 9U);
        try {
            criterion("taylor");
            QFAIL("found");
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains("output-energy, ghost"), error.what());
        }
    }

    void decayCannotRankAHeadsStates() {
        criterionFor("decay", Architecture::Mamba1);
        QVERIFY_EXCEPTION_THROWN(criterionFor("decay", Architecture::Mamba2), Error);
        const CheckpointPtr checkpoint = openDemo("mamba2-recall");
        const activity::Activity activity = tests::sampleActivity(checkpoint->hash(), checkpoint->config(), kBins);
        QVERIFY_EXCEPTION_THROWN(score(criterion("decay"), *checkpoint, &activity, 0.5, 1), Error);
    }

    void randomIsTheSameForTheSameSeed() {
        const CheckpointPtr checkpoint = openDemo("mamba1-bytes");
        const Scores one = score(criterion("random"), *checkpoint, nullptr, 0.5, 1);
        QCOMPARE(score(criterion("random"), *checkpoint, nullptr, 0.2, 1).layers, one.layers);
        QVERIFY(score(criterion("random"), *checkpoint, nullptr, 0.5, 2).layers != one.layers);
        QVERIFY(one.layers[0] != one.layers[1]);
        double sum = 0;
        for (const auto& layer : one.layers) {
            for (const double value : layer) {
                QVERIFY(value >= 0 && value < 1);
                sum += value / static_cast<double>(layer.size() * one.layers.size());
            }
        }
        QVERIFY(std::abs(sum - 0.5) < 0.1);
        // Fixed for ever, whatever the standard library: a plan names its seed.
        QVERIFY(std::abs(one.layers[0][0] - 0.758437633825) < 1e-11);
    }

    void magnitudePairsBAndC() {
        for (const bool mamba2 : {false, true}) {
            compare("magnitude", mamba2, [](const Plain& plain) {
                const std::int64_t states = plain.config().d_state;
                return overMean(plain.eachState([&](auto group, auto n) { return plain.norms(group * states + n); }));
            });
        }
    }

    void activityIsAveragedOverRows() {
        const auto meanOf = [](Statistic statistic) {
            return [statistic](const Plain& plain) {
                return overMean(plain.eachState([&](std::int64_t group, std::int64_t n) {
                    return plain.overRows(statistic, group, n, [](double value) { return value; });
                }));
            };
        };
        compare("decay", false, meanOf(Statistic::Decay));
        compare("delta-input", false, meanOf(Statistic::DeltaBx));
        compare("delta-input", true, meanOf(Statistic::DeltaBx));
    }

    void outputEnergyIsTheRootOfTheMean() {
        for (const bool mamba2 : {false, true}) {
            compare("output-energy", mamba2, [](const Plain& plain) {
                return overMean(plain.eachState([&](std::int64_t group, std::int64_t n) {
                    return std::sqrt(plain.overRows(Statistic::OutputEnergy, group, n, [](double e) { return e; }));
                }));
            });
        }
    }

    void lastAndAireDivideByTheLarger() {
        const auto scored = [](const Plain& plain, auto gain) {
            const std::int64_t states = plain.config().d_state;
            const std::vector<double> s = plain.eachState([&](std::int64_t group, std::int64_t n) {
                return std::pow(plain.norms(group * states + n), 2) *
                       plain.overRows(Statistic::Decay, group, n, [&](double decay) { return gain(1 - decay); });
            });
            std::vector<double> result;
            for (const double own : s) {
                double larger = 0;
                for (const double other : s) larger += other >= own ? other : 0;
                result.push_back(own / larger);
            }
            return result;
        };
        for (const bool mamba2 : {false, true}) {
            compare("last", mamba2, [&](const Plain& plain) {
                return scored(plain, [](double lambda) { return 1 / ((1 - lambda) * (1 - lambda)); });
            });
            compare("aire", mamba2, [&](const Plain& plain) {
                return scored(plain, [](double lambda) { return 1 / (1 - lambda * lambda); });
            });
        }
    }

    void everyBinOfSparseSsmVotes() {
        // Three bins, four states, two are to go. Votes against: 0, 2, 1, 3; the bin without tokens has none.
        const CheckpointPtr checkpoint = openDemo("mamba1-recall");
        activity::Activity activity = tests::sampleActivity(checkpoint->hash(), checkpoint->config(), 4);
        activity::LayerActivity layer;
        layer.group_states = {4};
        layer.votes = {9, 1, 8, 2, 0, 0, 0, 0, 7, 6, 5, 1, 9, 3, 8, 2};
        const std::vector<double> scores = criterion("sparsessm").score({*checkpoint, 0, &layer, 4, 0.5, 1});
        QCOMPARE(scores[0], 3 + 0.5);
        QCOMPARE(scores[1], 1 + 0.5 * 10 / 25);
        QCOMPARE(scores[2], 2 + 0.5 * 21 / 25);
        QCOMPARE(scores[3], 0 + 0.5 * 5 / 25);
        // Each group has its own K: of two groups of two, one of each goes.
        layer.group_states = {2, 2};
        layer.votes = {9, 8, 1, 2};
        const std::vector<double> grouped = criterion("sparsessm").score({*checkpoint, 0, &layer, 1, 0.5, 1});
        QVERIFY(grouped[0] > 1 && grouped[1] < 1 && grouped[2] < 1 && grouped[3] > 1);
    }

    void scoresOfOtherActivityAreRefused() {
        const CheckpointPtr checkpoint = openDemo("mamba1-recall");
        activity::Activity activity = tests::sampleActivity(checkpoint->hash(), checkpoint->config(), kBins);
        const auto refused = [&](const char* id, const activity::Activity* given) {
            try {
                score(criterion(id), *checkpoint, given, 0.5, 1);
                return false;
            } catch (const Error&) {
                return true;
            }
        };
        QVERIFY(!refused("output-energy", &activity));
        QVERIFY(refused("output-energy", nullptr));
        QVERIFY(refused("ghost", &activity));
        activity.layers[1].group_states = {15};
        QVERIFY(refused("output-energy", &activity));
        activity.layers.pop_back();
        QVERIFY(refused("output-energy", &activity));
        activity = tests::sampleActivity("another", checkpoint->config(), kBins);
        QVERIFY(refused("output-energy", &activity));
        activity = tests::sampleActivity(checkpoint->hash(), checkpoint->config(), kBins);
        activity.layers[0].mean.assign(activity.layers[0].mean.size(), std::nanf(""));
        QVERIFY(refused("output-energy", &activity));
        QVERIFY_EXCEPTION_THROWN(score(criterion("random"), *checkpoint, nullptr, 1.5, 1), Error);
    }

    void aDeadLayerHasFiniteScores() {
        const CheckpointPtr checkpoint = openDemo("mamba1-recall");
        activity::Activity activity = tests::sampleActivity(checkpoint->hash(), checkpoint->config(), kBins);
        activity.layers[0].mean.assign(activity.layers[0].mean.size(), 0.0F);
        activity.layers[0].votes.assign(activity.layers[0].votes.size(), 0.0);
        for (const Criterion* each : criteria()) {
            if (each->needs() == Needs::LayerByLayer) continue;
            const Scores scores = score(*each, *checkpoint, &activity, 0.5, 1);
            for (const double value : scores.layers[0]) {
                QVERIFY2(std::isfinite(value) && value >= 0, each->id().data());
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestCriteria)
#include "test_criteria.moc"
