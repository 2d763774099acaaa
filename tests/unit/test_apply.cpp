// Removing states: masked, compacted raggedly or uniformly, it is the same model.
#include <QTest>
#include <cstring>
#include <numeric>

#include "core/prune/apply.h"
#include "core/prune/score.h"
#include "kernels/error.h"
#include "tests/support/pruning.h"

using namespace perfmamba;
using namespace perfmamba::prune;
using tests::CheckpointPtr;

namespace {

constexpr Form kForms[] = {Form::Uniform, Form::Ragged, Form::Masked};

/// One state of each group stays, another in each.
Plan oneOfEach(const CheckpointPtr& checkpoint) {
    Plan plan = tests::fullPlan(checkpoint);
    std::size_t pick = 2;
    for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
        std::ranges::fill(plan.layers[layer], std::uint8_t{0});
        std::size_t first = 0;
        for (const std::int64_t states : plan.group_states[layer]) {
            plan.layers[layer][first + pick++ % static_cast<std::size_t>(states)] = 1;
            first += static_cast<std::size_t>(states);
        }
    }
    return plan;
}

Plan withoutLayer(Plan plan, std::size_t layer) {
    std::ranges::fill(plan.layers[layer], std::uint8_t{0});
    return plan;
}

/// Of what the engine really carries for a sequence.
std::int64_t stateBytes(const CheckpointPtr& checkpoint) {
    engine::Engine engine = tests::engineOf(checkpoint);
    const engine::State state = engine.newState(1);
    std::size_t bytes = 0;
    for (const auto* buffers : {&state.conv, &state.ssm}) {
        for (const kernels::Buffer& buffer : *buffers) bytes += buffer.bytes();
    }
    return static_cast<std::int64_t>(bytes);
}

std::string bytesOf(const HostTensor& tensor) {
    return {reinterpret_cast<const char*>(tensor.data), tensor.bytes()};
}

/// A row of a matrix, as stored.
std::string row(const HostTensor& tensor, std::int64_t index) {
    const std::size_t bytes = tensor.bytes() / static_cast<std::size_t>(tensor.shape[0]);
    return bytesOf(tensor).substr(static_cast<std::size_t>(index) * bytes, bytes);
}

}  // namespace

class TestApply : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyFormIsTheSameModel_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("plan");
        for (const char* model :
             {"mamba1-recall", "mamba2-recall", "mamba2-bytes", "mamba1-bytes", "cases/mamba2-groups2",
              "cases/mamba2-groups4", "cases/mamba2-use-bias", "cases/mamba1-use-bias", "cases/mamba2-bf16",
              "cases/mamba2-no-conv-bias", "cases/mamba1-sharded", "cases/mamba1-f16"}) {
            for (const char* plan : {"ragged", "one state", "no state in a layer", "all"}) {
                QTest::addRow("%s, %s", model, plan) << model << plan;
            }
        }
    }
    void everyFormIsTheSameModel() {
        QFETCH(QString, model);
        QFETCH(QString, plan);
        const CheckpointPtr checkpoint = tests::openModel(model.toStdString());
        Plan chosen = tests::fullPlan(checkpoint);
        if (plan == "ragged") chosen = tests::randomPlan(checkpoint, 0.4);
        if (plan == "one state") chosen = oneOfEach(checkpoint);
        if (plan == "no state in a layer") chosen = withoutLayer(tests::randomPlan(checkpoint, 0.6), 1);

        const std::vector<std::int32_t> tokens = tests::someTokens(checkpoint->config(), 48);
        engine::Engine live = tests::engineOf(checkpoint);
        const std::vector<float> whole = tests::logitsOf(live, tokens);
        live.setMask(maskOf(chosen));
        const std::vector<float> masked = tests::logitsOf(live, tokens);
        if (plan != "all") QVERIFY(tests::relativeDifference(masked, whole) > 1e-3);
        for (const Form form : kForms) {
            const CheckpointPtr result = apply(checkpoint, chosen, form);
            engine::Engine engine = tests::engineOf(result);
            const double difference = tests::relativeDifference(tests::logitsOf(engine, tokens), masked);
            QVERIFY2(difference <= 1e-5, qPrintable(QString("%1: %2").arg(name(form).data()).arg(difference)));
        }
    }

    void aDryRunSaysWhatHappens_data() { everyFormIsTheSameModel_data(); }
    void aDryRunSaysWhatHappens() {
        QFETCH(QString, model);
        QFETCH(QString, plan);
        const CheckpointPtr checkpoint = tests::openModel(model.toStdString());
        Plan chosen = tests::randomPlan(checkpoint, 0.5, 3);
        if (plan == "all") chosen = tests::fullPlan(checkpoint);
        if (plan == "no state in a layer") chosen = withoutLayer(chosen, 0);
        for (const Form form : kForms) {
            const CheckpointPtr result = apply(checkpoint, chosen, form);
            const std::vector<TensorChange> changes = dryRun(*checkpoint, chosen, form);
            QCOMPARE(changes.size(), checkpoint->tensors().size());
            auto expected = checkpoint->tensors().begin();
            for (const TensorChange& change : changes) {
                const HostTensor& before = (expected++)->second;
                const HostTensor& after = result->tensor(change.name);
                QCOMPARE(change.name, before.name);
                QCOMPARE(change.before, before.shape);
                QCOMPARE(change.after, after.shape);
                QCOMPARE(change.bytes_before, static_cast<std::int64_t>(before.bytes()));
                QCOMPARE(change.bytes_after, static_cast<std::int64_t>(after.bytes()));
                QCOMPARE(after.dtype, before.dtype);
                QCOMPARE(bytesOf(prunedTensor(*checkpoint, chosen, form, change.name)), bytesOf(after));
                const bool same = change.before == change.after && change.zeroed == 0;
                if (same && plan == "all") QVERIFY(after.data == before.data);  // still mapped
                if (form == Form::Ragged) QCOMPARE(change.zeroed, 0);
                if (form == Form::Masked) QCOMPARE(change.after, change.before);
            }
        }
    }

    void factsAgreeWithTheModel_data() {
        QTest::addColumn<QString>("model");
        for (const char* model : {"mamba1-recall", "mamba2-bytes", "cases/mamba2-groups2", "cases/mamba2-use-bias",
                                  "cases/mamba1-use-bias", "cases/mamba2-no-conv-bias", "cases/mamba1-f16"}) {
            QTest::newRow(model) << model;
        }
    }
    void factsAgreeWithTheModel() {
        QFETCH(QString, model);
        const CheckpointPtr checkpoint = tests::openModel(model.toStdString());
        const Plan plan = tests::randomPlan(checkpoint, 0.5);
        const CheckpointPtr compact = apply(checkpoint, plan, Form::Ragged);
        const Facts facts = factsOf(checkpoint->config(), plan, {});
        QCOMPARE(facts.weight_bytes, 4 * checkpoint->parameters());
        QCOMPARE(facts.weight_bytes_kept, 4 * compact->parameters());
        QCOMPARE(facts.state_bytes, stateBytes(checkpoint));
        QCOMPARE(facts.state_bytes_kept, stateBytes(compact));
    }

    void mamba1LosesItsCoupledTensors() {
        const CheckpointPtr checkpoint = tests::openModel("cases/mamba1-bf16");
        const model::Config& config = checkpoint->config();
        Plan plan = tests::fullPlan(checkpoint);
        plan.layers[1] = Kept(static_cast<std::size_t>(config.d_state), 0);
        plan.layers[1][3] = plan.layers[1][7] = 1;
        const CheckpointPtr result = apply(checkpoint, plan, Form::Ragged);
        QCOMPARE(result->config().states(0), config.d_state);
        QCOMPARE(result->config().states(1), 2);

        const std::string mixer = "backbone.layers.1.mixer.";
        const HostTensor& before = checkpoint->tensor(mixer + "x_proj.weight");
        const HostTensor& after = result->tensor(mixer + "x_proj.weight");
        const std::int64_t rank = config.dt_rank;
        QCOMPARE(after.shape[0], rank + 4);
        for (std::int64_t i = 0; i < rank; ++i) QCOMPARE(row(after, i), row(before, i));
        QCOMPARE(row(after, rank), row(before, rank + 3));
        QCOMPARE(row(after, rank + 1), row(before, rank + 7));
        QCOMPARE(row(after, rank + 2), row(before, rank + config.d_state + 3));
        QCOMPARE(row(after, rank + 3), row(before, rank + config.d_state + 7));
        const HostTensor& a_before = checkpoint->tensor(mixer + "A_log");
        const HostTensor& a_after = result->tensor(mixer + "A_log");
        const std::size_t item = sizeOf(a_before.dtype);
        for (std::int64_t d = 0; d < config.d_inner; ++d) {
            QCOMPARE(row(a_after, d).substr(0, item), row(a_before, d).substr(3 * item, item));
            QCOMPARE(row(a_after, d).substr(item), row(a_before, d).substr(7 * item, item));
        }
        QCOMPARE(result->tensor("backbone.layers.0.mixer.A_log").data,
                 checkpoint->tensor("backbone.layers.0.mixer.A_log").data);
    }

    void mamba2LosesItsCoupledTensors() {
        // Two groups of 16; state 5 of group 1 goes: B row 16 + 5 and C row 32 + 16 + 5 after z and x.
        const CheckpointPtr checkpoint = tests::openModel("cases/mamba2-groups2");
        const model::Config& config = checkpoint->config();
        Plan plan = tests::fullPlan(checkpoint);
        plan.layers[0][16 + 5] = 0;
        const CheckpointPtr result = apply(checkpoint, plan, Form::Ragged);
        QCOMPARE(result->config().state_sizes, (std::vector<std::vector<std::int64_t>>{{16, 15}, {16, 16}}));
        const std::string mixer = "backbone.layers.0.mixer.";
        for (const auto& [part, first] : {std::pair{"in_proj.weight", 2 * config.d_inner},
                                          {"conv1d.weight", config.d_inner},
                                          {"conv1d.bias", config.d_inner}}) {
            const HostTensor& before = checkpoint->tensor(mixer + part);
            const HostTensor& after = result->tensor(mixer + part);
            std::int64_t to = 0;
            for (std::int64_t from = 0; from < before.shape[0]; ++from) {
                if (from == first + 16 + 5 || from == first + 32 + 16 + 5) continue;
                QCOMPARE(row(after, to++), row(before, from));
            }
            QCOMPARE(after.shape[0], to);
        }
    }

    void aMaskedStateIsZero() {
        const CheckpointPtr checkpoint = tests::openModel("cases/mamba2-use-bias");
        Plan plan = tests::fullPlan(checkpoint);
        plan.layers[0][2] = 0;
        const CheckpointPtr result = apply(checkpoint, plan, Form::Masked);
        const model::Config& config = checkpoint->config();
        for (const std::int64_t n : {std::int64_t{2}, config.states(0) + 2}) {
            for (const char* part : {"in_proj.weight", "in_proj.bias"}) {
                const std::string zero =
                    row(result->tensor(std::string("backbone.layers.0.mixer.") + part), 2 * config.d_inner + n);
                QCOMPARE(zero, std::string(zero.size(), '\0'));
            }
            const std::string bias = row(result->tensor("backbone.layers.0.mixer.conv1d.bias"), config.d_inner + n);
            QCOMPARE(bias, std::string(bias.size(), '\0'));
        }
        const auto changes = dryRun(*checkpoint, plan, Form::Masked);
        const auto zeroed = std::accumulate(changes.begin(), changes.end(), std::int64_t{0},
                                            [](std::int64_t sum, const TensorChange& c) { return sum + c.zeroed; });
        QCOMPARE(zeroed, 8);  // B and C, of in_proj and conv1d, weights and biases
    }

    void aRaggedModelIsPrunedFurther_data() {
        QTest::addColumn<QString>("model");
        for (const char* model : {"mamba1-recall", "cases/mamba2-groups2"}) QTest::newRow(model) << model;
    }
    void aRaggedModelIsPrunedFurther() {
        QFETCH(QString, model);
        const CheckpointPtr checkpoint = tests::openModel(model.toStdString());
        const CheckpointPtr ragged = apply(checkpoint, tests::randomPlan(checkpoint, 0.7), Form::Ragged);
        QVERIFY(!ragged->config().state_sizes.empty());
        const Plan plan = tests::randomPlan(ragged, 0.6, 9);
        const std::vector<std::int32_t> tokens = tests::someTokens(checkpoint->config(), 40);
        engine::Engine live = tests::engineOf(ragged);
        live.setMask(maskOf(plan));
        const std::vector<float> masked = tests::logitsOf(live, tokens);
        for (const Form form : kForms) {
            const CheckpointPtr result = apply(ragged, plan, form);
            if (form == Form::Uniform) QVERIFY(result->config().state_sizes.empty());
            engine::Engine engine = tests::engineOf(result);
            QVERIFY(tests::relativeDifference(tests::logitsOf(engine, tokens), masked) <= 1e-5);
        }
    }

    void refusesThePlanOfAnotherModel() {
        const CheckpointPtr checkpoint = tests::openModel("mamba1-recall");
        const Plan other = tests::fullPlan(tests::openModel("mamba2-bytes"));
        for (const Form form : kForms) {
            QVERIFY_EXCEPTION_THROWN(apply(checkpoint, other, form), Error);
            QVERIFY_EXCEPTION_THROWN(dryRun(*checkpoint, other, form), Error);
        }
    }
};

QTEST_GUILESS_MAIN(TestApply)
#include "test_apply.moc"
