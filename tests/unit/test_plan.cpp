// Plans: which states stay for a choice, what that saves, and the JSON a plan travels as.
#include <QElapsedTimer>
#include <QTest>
#include <nlohmann/json.hpp>

#include "core/prune/plan.h"
#include "kernels/error.h"

using namespace perfmamba;
using namespace perfmamba::prune;

namespace {

model::Config mamba1(std::int64_t layers, std::int64_t states) {
    model::Config config;
    config.vocab_size = config.vocab_padded = 10;
    config.d_model = 4;
    config.n_layer = layers;
    config.d_inner = 8;
    config.d_state = states;
    config.d_conv = 4;
    config.dt_rank = 1;
    return config;
}

model::Config mamba2(std::int64_t layers, std::int64_t states, std::int64_t groups) {
    model::Config config = mamba1(layers, states);
    config.architecture = model::Architecture::Mamba2;
    config.dt_rank = 0;
    config.n_heads = 4;
    config.head_dim = 2;
    config.n_groups = groups;
    return config;
}

Scores scoresOf(std::vector<std::vector<double>> layers) {
    Scores scores;
    scores.criterion = "magnitude";
    scores.calibration = "some text";
    scores.calibration_hash = "feed";
    scores.model_hash = "0123456789abcdef";
    scores.seed = 3;
    scores.layers = std::move(layers);
    return scores;
}

Choice choiceOf(PlanKind kind, double value) {
    Choice choice;
    choice.kind = kind;
    choice.value = value;
    return choice;
}

/// A layer a word: "1010 0011".
QString flagsOf(const Plan& plan) {
    QStringList layers;
    for (const Kept& flags : plan.layers) {
        QString text;
        for (const std::uint8_t flag : flags) text += flag != 0 ? '1' : '0';
        layers << text;
    }
    return layers.join(' ');
}

const std::vector<std::vector<double>> kFour = {{4, 1, 3, 2}, {0.5, 6, 0.25, 5}};

QString planned(const Choice& choice) {
    return flagsOf(makePlan(mamba1(2, 4), "tiny", scoresOf(kFour), choice));
}

}  // namespace

class TestPlan : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void keepsTheBest() {
        QCOMPARE(planned(choiceOf(PlanKind::Threshold, 2)), QString("1011 0101"));
        QCOMPARE(planned(choiceOf(PlanKind::Threshold, 4.5)), QString("0000 0101"));
        QCOMPARE(planned(choiceOf(PlanKind::Keep, 0.5)), QString("1010 0101"));
        QCOMPARE(planned(choiceOf(PlanKind::Keep, 0.3)), QString("1000 0100"));  // round(1.2)
        QCOMPARE(planned(choiceOf(PlanKind::Keep, 1)), QString("1111 1111"));
        QCOMPARE(planned(choiceOf(PlanKind::Budget, 0.5)), QString("1010 0101"));
        QCOMPARE(planned(choiceOf(PlanKind::Budget, 0.25)), QString("0000 0101"));
    }

    void ofEqualScoresTheFirstStays() {
        const Scores scores = scoresOf({{1, 1, 1, 1}, {1, 1, 1, 1}});
        const auto flags = [&](PlanKind kind) {
            return flagsOf(makePlan(mamba1(2, 4), "tiny", scores, choiceOf(kind, 0.5)));
        };
        QCOMPARE(flags(PlanKind::Keep), QString("1100 1100"));
        QCOMPARE(flags(PlanKind::Budget), QString("1111 0000"));
    }

    void roundsCountsUpWithTheBestOfThoseThatWouldGo() {
        Choice choice = choiceOf(PlanKind::Threshold, 3.5);
        choice.multiple_of = 2;
        QCOMPARE(planned(choice), QString("1010 0101"));
        choice.multiple_of = 3;  // never beyond N, and none stays none
        choice.value = 4.5;
        QCOMPARE(planned(choice), QString("0000 1101"));
        choice.value = 0.4;
        QCOMPARE(planned(choice), QString("1111 1101"));
    }

    void protectsAndOverridesLayers() {
        Choice choice = choiceOf(PlanKind::Keep, 0.25);
        choice.protected_layers = {0};
        QCOMPARE(planned(choice), QString("1111 0100"));
        choice.protected_layers.clear();
        choice.overrides = {{1, 3}};
        QCOMPARE(planned(choice), QString("1000 1101"));
        choice.overrides = {{1, 0}};
        QCOMPARE(planned(choice), QString("1000 0000"));
    }

    void protectedLayersComeOutOfTheBudgetFirst() {
        Choice choice = choiceOf(PlanKind::Budget, 0.75);
        choice.protected_layers = {0};
        QCOMPARE(planned(choice), QString("1111 0101"));
        choice.value = 0.25;  // spent already
        QCOMPARE(planned(choice), QString("1111 0000"));
        choice.protected_layers.clear();
        choice.overrides = {{1, 1}};
        choice.value = 0.5;
        QCOMPARE(planned(choice), QString("1011 0100"));
    }

    void ranksEachGroupByItself() {
        const Scores scores = scoresOf({{1, 2, 30, 40}});
        const model::Config config = mamba2(1, 2, 2);
        QCOMPARE(flagsOf(makePlan(config, "", scores, choiceOf(PlanKind::Keep, 0.5))), QString("0101"));
        const Plan plan = makePlan(config, "", scores, choiceOf(PlanKind::Budget, 0.75));
        QCOMPARE(flagsOf(plan), QString("0111"));
        QCOMPARE(plan.kept(0, 0), 1);
        QCOMPARE(plan.kept(0, 1), 2);
        QCOMPARE(plan.kept(0), 3);
        QCOMPARE(plan.states(), 4);
        QVERIFY(!plan.uniform());
    }

    void prunesAPrunedModel() {
        model::Config config = mamba2(2, 3, 2);
        config.state_sizes = {{3, 1}, {0, 2}};
        const Scores scores = scoresOf({{1, 2, 3, 9}, {5, 4}});
        const Plan plan = makePlan(config, "", scores, choiceOf(PlanKind::Keep, 0.5));
        QCOMPARE(flagsOf(plan), QString("0111 10"));
        const model::Config compact = compactConfig(config, plan);
        QCOMPARE(compact.d_state, 2);
        QCOMPARE(compact.state_sizes, (std::vector<std::vector<std::int64_t>>{{2, 1}, {0, 1}}));
    }

    void refuses_data() {
        QTest::addColumn<PlanKind>("kind");
        QTest::addColumn<double>("value");
        QTest::addColumn<int>("multiple");
        QTest::addColumn<int>("layer");
        QTest::addColumn<int>("count");
        QTest::addColumn<QString>("says");
        QTest::newRow("share above 1") << PlanKind::Keep << 1.5 << 1 << 0 << 1 << "share of 0 to 1";
        QTest::newRow("negative share") << PlanKind::Budget << -0.1 << 1 << 0 << 1 << "share of 0 to 1";
        QTest::newRow("no number") << PlanKind::Threshold << std::nan("") << 1 << 0 << 1
                                   << "threshold: nan is not finite";
        QTest::newRow("multiple of 0") << PlanKind::Keep << 0.5 << 0 << 0 << 1 << "multiple of";
        QTest::newRow("multiple beyond N") << PlanKind::Keep << 0.5 << 5 << 0 << 1 << "multiple of";
        QTest::newRow("no such layer") << PlanKind::Keep << 0.5 << 1 << 2 << 1 << "layers 0 to 1";
        QTest::newRow("override beyond N") << PlanKind::Keep << 0.5 << 1 << 0 << 5 << "5 of 4";
        QTest::newRow("override below 0") << PlanKind::Keep << 0.5 << 1 << 0 << -1 << "-1 of 4";
        QTest::newRow("nothing stays") << PlanKind::Threshold << 7.0 << 1 << 0 << 0 << "every state of every layer";
        QTest::newRow("no share") << PlanKind::Keep << 0.0 << 1 << 0 << 0 << "every state of every layer";
    }
    void refuses() {
        QFETCH(PlanKind, kind);
        QFETCH(double, value);
        QFETCH(int, multiple);
        QFETCH(int, layer);
        QFETCH(int, count);
        QFETCH(QString, says);
        Choice choice = choiceOf(kind, value);
        choice.multiple_of = multiple;
        choice.overrides = {{layer, count}};
        try {
            planned(choice);
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains(says), error.what());
        }
    }
    void refusesScoresOfAnotherModelAndContradictions() {
        QVERIFY_EXCEPTION_THROWN(makePlan(mamba1(3, 4), "", scoresOf(kFour), {}), Error);
        QVERIFY_EXCEPTION_THROWN(makePlan(mamba1(2, 5), "", scoresOf(kFour), {}), Error);
        QVERIFY_EXCEPTION_THROWN(makePlan(mamba1(1, 2), "", scoresOf({{1, std::nan("")}}), {}), Error);
        Choice choice;
        choice.protected_layers = {1};
        choice.overrides = {{1, 2}};
        QVERIFY_EXCEPTION_THROWN(planned(choice), Error);
        choice.overrides.clear();
        choice.protected_layers = {-1};
        QVERIFY_EXCEPTION_THROWN(planned(choice), Error);
    }

    void knowsWhatIsSaved() {
        // Mamba-1, one of four states of both layers stays: 3 × (8 + 8 + 8) weights (two rows of x_proj, a column of
        // A_log) and 3 × 8 of h go from each.
        const model::Config config = mamba1(2, 4);
        const Scores scores = scoresOf(kFour);
        const Plan plan = makePlan(config, "", scores, choiceOf(PlanKind::Keep, 0.25));
        const Facts facts = factsOf(config, plan, scores);
        QCOMPARE(facts.states, 8);
        QCOMPARE(facts.states_kept, 2);
        QCOMPARE(facts.state_bytes, 4 * 2 * (8 * 4 + 3 * 8));
        QCOMPARE(facts.state_bytes - facts.state_bytes_kept, 4 * 2 * 3 * 8);
        // Embedding, norm_f; a layer: norm, in_proj, conv1d, x_proj, dt_proj, A_log, D, out_proj.
        QCOMPARE(facts.weight_bytes, 4 * (10 * 4 + 4 + 2 * (4 + 64 + 32 + 8 + 72 + 16 + 32 + 8 + 32)));
        QCOMPARE(facts.weight_bytes - facts.weight_bytes_kept, 4 * 2 * 3 * 3 * 8);
        QCOMPARE(facts.score_lost, (6.0 / 10 + 5.75 / 11.75) / 2);
        QCOMPARE(factsOf(config, fullPlan(config, "", ""), {}).weight_bytes_kept, facts.weight_bytes);
    }
    void knowsWhatIsSavedInMamba2() {
        const model::Config config = mamba2(1, 4, 2);
        const Scores scores = scoresOf({{1, 2, 3, 4, 5, 6, 7, 8}});
        const Plan plan = makePlan(config, "", scores, choiceOf(PlanKind::Keep, 0.5));
        const Facts facts = factsOf(config, plan, scores);
        // Two states of each group go: 2 × 4 channels of h each, and of both B and C a conv channel and a row.
        QCOMPARE(facts.state_bytes - facts.state_bytes_kept, 4 * (2 * 2 * 4 + 3 * 2 * 4));
        QCOMPARE(facts.weight_bytes - facts.weight_bytes_kept, 4 * 2 * 4 * (4 + 4 + 1));
    }

    void isFastEnoughForASlider() {
        const model::Config config = mamba2(64, 128, 1);
        std::vector<std::vector<double>> layers(64);
        for (std::size_t i = 0; i < layers.size(); ++i) {
            for (std::size_t n = 0; n < 128; ++n) layers[i].push_back(static_cast<double>(n * 37 % 128 + i));
        }
        const Scores scores = scoresOf(std::move(layers));
        double best_ms = 1e9;
        for (int attempt = 0; attempt < 5; ++attempt) {
            QElapsedTimer timer;
            timer.start();
            const Plan plan = makePlan(config, "", scores, choiceOf(PlanKind::Budget, 0.5));
            QCOMPARE(factsOf(config, plan, scores).states_kept, 64 * 64);
            best_ms = std::min(best_ms, static_cast<double>(timer.nsecsElapsed()) * 1e-6);
        }
        qInfo("%.2f ms", best_ms);
        QVERIFY2(best_ms < 50, qPrintable(QString::number(best_ms)));
    }

    void travelsAsJson() {
        Choice choice = choiceOf(PlanKind::Threshold, 0.1 + 0.2);
        choice.multiple_of = 2;
        choice.protected_layers = {0};
        choice.overrides = {{1, 3}};
        const Plan plan = makePlan(mamba1(2, 4), "tiny \"one\"", scoresOf(kFour), choice);
        const Plan back = planFromJson(toJson(plan), "plan.json");
        QCOMPARE(back.model_name, plan.model_name);
        QCOMPARE(back.model_hash, plan.model_hash);
        QCOMPARE(back.criterion, plan.criterion);
        QCOMPARE(back.calibration, plan.calibration);
        QCOMPARE(back.calibration_hash, plan.calibration_hash);
        QCOMPARE(back.seed, plan.seed);
        QVERIFY(back.choice == plan.choice);
        QCOMPARE(back.group_states, plan.group_states);
        QCOMPARE(back.layers, plan.layers);
    }

    void refusesHostileJson_data() {
        QTest::addColumn<QString>("pointer");
        QTest::addColumn<QString>("value");
        const auto add = [](const char* pointer, const char* value) {
            QTest::addRow("%s %s", pointer, value) << pointer << value;
        };
        for (const char* key :
             {"/format_name", "/format_version", "/model", "/model/name", "/model/hash", "/criterion", "/calibration",
              "/seed", "/choice", "/choice/kind", "/choice/value", "/choice/multiple_of", "/choice/protected_layers",
              "/choice/overrides", "/group_states", "/kept", "/kept/0", "/kept/0/0", "/group_states/0"}) {
            for (const char* value : {"null", "-1", "{\"a\": 1}", "[[[[]]]]", "1e300", "[\"x\"]"}) {
                // A threshold may be any number.
                if (QByteArray(key) == "/choice/value" && (value[0] == '-' || value[0] == '1')) continue;
                add(key, value);
            }
            QTest::addRow("%s removed", key) << key << QString();
        }
        add("/format_version", "2");
        add("/choice/kind", "\"taylor\"");
        add("/choice/protected_layers", "[2]");
        add("/choice/overrides", "[{\"layer\": 7, \"states\": 1}]");
        add("/choice/overrides", "[{\"layer\": 0, \"states\": 99999999999999999999}]");
        add("/group_states", "[[268435456], [268435456]]");
        add("/group_states", "[[4], [4, 4]]");
        add("/group_states", "[[4], []]");
        add("/group_states", "[[4]]");
        add("/kept", "[[[0, 1]]]");
        add("/kept/0", "[[0], [1]]");
        add("/kept/0/0", "[4]");
        add("/kept/0/0", "[1, 1]");
        add("/kept/0/0", "[2, 1]");
        add("/kept/0/0", "[1.5]");
        add("/kept/0/0", "[18446744073709551615]");
        add("/kept", "[[[]], [[]]]");
    }
    void refusesHostileJson() {
        QFETCH(QString, pointer);
        QFETCH(QString, value);
        const Plan plan = makePlan(mamba1(2, 4), "tiny", scoresOf(kFour), choiceOf(PlanKind::Threshold, 2));
        nlohmann::json json = nlohmann::json::parse(toJson(plan));
        const nlohmann::json::json_pointer at(pointer.toStdString());
        if (value.isNull()) {
            nlohmann::json& parent = json[at.parent_pointer()];
            if (parent.is_array())
                parent.erase(0);
            else
                parent.erase(at.back());
        } else {
            json[at] = nlohmann::json::parse(value.toStdString());
        }
        try {
            planFromJson(json.dump(), "some/plan.json");
            QFAIL(qPrintable("accepted " + QString::fromStdString(json.dump())));
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).startsWith("some/plan.json: "), error.what());
        }
    }
    void refusesIndicesOfAnEmptyGroup() {
        model::Config config = mamba1(2, 4);
        config.state_sizes = {{4}, {0}};
        const Plan plan = makePlan(config, "", scoresOf({{1, 2, 3, 4}, {}}), {});
        nlohmann::json json = nlohmann::json::parse(toJson(plan));
        QCOMPARE(planFromJson(json.dump(), "plan").layers, plan.layers);
        json["kept"][1][0] = {0};
        QVERIFY_EXCEPTION_THROWN(planFromJson(json.dump(), "plan"), Error);
    }
    void refusesWhatIsNoJson() {
        for (const char* text : {"", "[]", "{", "{}", "nonsense", "{\"format_name\": NaN}"}) {
            QVERIFY_EXCEPTION_THROWN(planFromJson(text, "plan"), Error);
        }
    }

    void belongsToItsModel() {
        const Plan plan = makePlan(mamba1(2, 4), "tiny", scoresOf(kFour), {});
        checkFor(plan, mamba1(2, 4), "renamed", plan.model_hash);
        QVERIFY_EXCEPTION_THROWN(checkFor(plan, mamba1(2, 4), "tiny", "other"), Error);
        QVERIFY_EXCEPTION_THROWN(checkFor(plan, mamba1(2, 5), "tiny", plan.model_hash), Error);
        QVERIFY_EXCEPTION_THROWN(checkFor(plan, mamba1(3, 4), "tiny", plan.model_hash), Error);
    }
};

QTEST_GUILESS_MAIN(TestPlan)
#include "test_plan.moc"
