// Scaling studies: what is planned, what is measured on real models, what stopping, resuming and merging keep, and what
// is read off the curves.
#include <QTest>

#include <cmath>
#include <functional>
#include <set>

#include "core/prune/apply.h"
#include "core/study/merge_scaling.h"
#include "core/study/progress.h"
#include "core/study/run_scaling.h"
#include "core/study/with_states.h"
#include "kernels/error.h"
#include "tests/unit/fabricated_scaling.h"

using namespace perfmamba;
using namespace perfmamba::study;

namespace {

std::shared_ptr<const model::Checkpoint> openDemo(const char* demo) {
    return model::Checkpoint::open(std::string(PERFMAMBA_SOURCE_DIR "/resources/demo/") + demo);
}

Models demos() {
    return {openDemo("mamba1-recall"), openDemo("mamba2-recall")};
}

ScalingOptions tinyOptions() {
    ScalingOptions options;
    options.lengths = {8, 16, 32};
    options.threads = 2;
    options.repeat = 3;
    options.budget_s = 1;
    return options;
}

/// The machine that this is, with a device that is not there.
ScalingMachine machine() {
    ScalingMachine made;
    made.make_backend = [](const std::string& device, const kernels::BackendOptions& options) {
        if (device == "absent") throw Error("absent", "is not there");
        return kernels::makeBackend(device, options);
    };
    made.creator = "test_scaling";
    made.command = "test_scaling";
    return made;
}

QString refusalOf(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return QString::fromUtf8(error.what());
    }
    return {};
}

QString refusalOf(const std::function<void(ScalingOptions&)>& change) {
    return refusalOf([&] {
        ScalingOptions options = tinyOptions();
        change(options);
        (void)planScaling(demos(), options);
    });
}

/// The part of a study that a shard would have measured.
ScalingPtr shardOf(const ScalingStudy& whole, std::size_t shard, std::size_t shards) {
    auto part = std::make_shared<ScalingStudy>(whole);
    part->shard = shard;
    part->shards = shards;
    for (std::size_t i = 0; i < part->cells.size(); ++i) {
        if (part->mine(i)) continue;
        part->cells[i].state = CellState::Waiting;
        part->cells[i].point = {};
    }
    return part;
}

/// A fabricated study with all its cells measured.
std::shared_ptr<ScalingStudy> wholeStudy() {
    auto study = test::fabricatedScaling();
    for (ScalingCell& cell : study->cells) {
        if (cell.state != CellState::Measured) cell.point = study->cells.front().point;
        cell.state = CellState::Measured;
        cell.failure.clear();
    }
    study->complete = true;
    return study;
}

void compareSamples(const ScalingStudy& a, const ScalingStudy& b) {
    QCOMPARE(a.cells.size(), b.cells.size());
    for (std::size_t i = 0; i < a.cells.size(); ++i) {
        QCOMPARE(a.cells[i].state, b.cells[i].state);
        QCOMPARE(a.cells[i].point.total.samples, b.cells[i].point.total.samples);
    }
}

}  // namespace

class TestScaling : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void planned() {
        ScalingOptions options = tinyOptions();
        options.states = {0, 4};
        options.batches = {1, 2};
        const ScalingPtr plan = planScaling(demos(), options);
        QCOMPARE(plan->cells.size(), std::size_t{2 * 2 * 2 * 2 * 3});
        QCOMPARE(plan->done(), std::size_t{0});
        QVERIFY(!plan->complete);
        QCOMPARE(plan->models[1].name, std::string("mamba2-recall"));
        QCOMPARE(plan->identity.size(), std::size_t{16});
        QCOMPARE(QString::fromStdString(inWords(*plan, plan->cells.back())),
                 QString("mamba2-recall, N = 4, cpu, f32, decode, batch 2, 32"));
        // An engine serves all its cells before the next one is made.
        for (std::size_t i = 0; i < 12; ++i) QCOMPARE(plan->cells[i].series.states, 0);
        for (std::size_t i = 12; i < 24; ++i) QCOMPARE(plan->cells[i].series.states, 4);

        const ScalingPtr again = planScaling(demos(), options, 2, 3);
        QCOMPARE(again->identity, plan->identity);  // a shard is of the same study
        options.seed = 2;
        QVERIFY(planScaling(demos(), options)->identity != plan->identity);
    }

    void shardsPartitionTheCells() {
        const ScalingStudy study = *planScaling(demos(), [] {
            ScalingOptions options = tinyOptions();
            options.batches = {1, 2, 4};
            return options;
        }());
        for (const std::size_t shards : {1, 2, 3, 5, 36, 50}) {
            std::size_t most = 0;
            std::size_t sum = 0;
            for (std::size_t shard = 1; shard <= shards; ++shard) {
                ScalingStudy part = study;
                part.shard = shard;
                part.shards = shards;
                std::size_t mine = 0;
                std::set<std::int64_t> lengths;
                for (std::size_t i = 0; i < part.cells.size(); ++i) {
                    if (!part.mine(i)) continue;
                    ++mine;
                    lengths.insert(part.cells[i].length);
                }
                sum += mine;
                most = std::max(most, mine);
                // With as many shards as lengths, each still gets long and short ones.
                if (shards == 3) QCOMPARE(lengths.size(), std::size_t{3});
            }
            QCOMPARE(sum, study.cells.size());
            QVERIFY(most <= study.cells.size() / shards + 3);
        }
    }

    void badOptions() {
        const auto is = [](const QString& refusal, const QString& expected) { QCOMPARE(refusal, expected); };
        is(refusalOf([](auto& o) { o.lengths.clear(); }), "lengths: there are none");
        is(refusalOf([](auto& o) { o.lengths = {8, 8}; }), "lengths: one is given twice");
        is(refusalOf([](auto& o) { o.lengths = {0}; }), "lengths: 0 is below 1");
        is(refusalOf([](auto& o) { o.modes.clear(); }), "modes: there are none");
        is(refusalOf([](auto& o) { o.batches = {-1}; }), "batch: -1 is below 1");
        is(refusalOf([](auto& o) { o.devices.clear(); }), "devices: there are none");
        is(refusalOf([](auto& o) { o.precisions = {"f32", "f32"}; }), "precisions: one is given twice");
        is(refusalOf([](auto& o) { o.states = {-1}; }),
           "states: -1 is not in 1 to 4096, nor 0, which is as the model has them");
        is(refusalOf([](auto& o) { o.bound = 0; }), "bound: 0 is not positive");
        QVERIFY(refusalOf([](auto& o) { o.precisions = {"f64"}; }).contains("f64"));
        QVERIFY(refusalOf([](auto& o) { o.lengths = {std::int64_t{1} << 40}; }).contains("too many for one pass"));
        is(refusalOf([] { (void)planScaling({}, tinyOptions()); }), "models: there are none");
        const auto model = openDemo("mamba1-recall");
        is(refusalOf([&] { (void)planScaling({model, model}, tinyOptions()); }), "models: one is given twice");
        is(refusalOf([&] { (void)planScaling({model}, tinyOptions(), 4, 3); }), "shard: 4 of 3 is none of 1 to 3");
        is(refusalOf([&] { (void)planScaling({model}, tinyOptions(), 0, 3); }), "shard: 0 of 3 is none of 1 to 3");
    }

    // Fewer states are the model's own, more are of random weights: both run, and their shapes are what was asked for.
    void otherNumbersOfStates() {
        for (const char* demo : {"mamba1-recall", "mamba2-recall"}) {
            const auto checkpoint = openDemo(demo);
            const std::int64_t own = checkpoint->config().d_state;
            QCOMPARE(withStates(checkpoint, 0), checkpoint);
            QCOMPARE(withStates(checkpoint, own), checkpoint);
            for (const std::int64_t states : {std::int64_t{3}, own + 5}) {
                const auto other = withStates(checkpoint, states);
                QCOMPARE(other->config().d_state, states);
                QVERIFY(other->config().state_sizes.empty());
                engine::Engine engine(other, kernels::makeBackend("cpu", {.threads = 1}));
                engine::State state = engine.newState(1);
                for (const float logit : engine.logits(std::vector{1, 2, 3}, state, engine::LogitsFor::LastToken)) {
                    QVERIFY(std::isfinite(logit));
                }
            }
        }
        // Of a model whose layers differ every group gets that N.
        const auto checkpoint = openDemo("mamba1-recall");
        prune::Plan plan = prune::fullPlan(checkpoint->config(), checkpoint->name(), checkpoint->hash());
        plan.layers[0][0] = plan.layers[0][1] = 0;
        const auto ragged = prune::apply(checkpoint, plan, prune::Form::Ragged);
        QVERIFY(!ragged->config().state_sizes.empty());
        for (const std::int64_t states : {2, 200}) {
            const auto other = withStates(ragged, states);
            QCOMPARE(other->config().states(0), states);
            QCOMPARE(other->config().states(1), states);
        }
    }

    void measured() {
        ScalingOptions options = tinyOptions();
        options.states = {0, 4};
        std::vector<double> done;
        QStringList said;
        const ScalingPtr study =
            runScaling(demos(), planScaling(demos(), options), machine(),
                       [&](const ScalingPtr& snapshot, const profile::Progress& progress, bool cell_done) {
                           if (!cell_done) return;
                           QCOMPARE(snapshot->cells[progress.point].state, CellState::Measured);
                           QVERIFY(progress.seconds_left.has_value());
                           done.push_back(progress.done);
                           said << QString::fromStdString(progress.what);
                       });
        QVERIFY(study->complete);
        QCOMPARE(study->done(), std::size_t{24});
        QCOMPARE(done.size(), std::size_t{24});
        QVERIFY(std::ranges::is_sorted(done));
        QCOMPARE(done.back(), 1.0);
        QCOMPARE(said.front(), QString("mamba1-recall, cpu, f32, prefill, batch 1, 8"));
        QCOMPARE(study->provenances.size(), std::size_t{1});
        QCOMPARE(study->provenances[0].threads, 2);
        QCOMPARE(study->provenances[0].creator, std::string("test_scaling"));
        for (const ScalingCell& cell : study->cells) {
            QCOMPARE(cell.point.length, cell.length);
            QCOMPARE(cell.point.total.n(), std::size_t{3});
            QVERIFY(cell.point.components.size() > 5);
            QVERIFY(cell.point.layers.empty() && cell.point.last_pass.empty() && cell.point.memory.events.empty());
        }
        // The state that a sequence carries follows N.
        const auto state_bytes = [&](std::int64_t states) {
            Series series{.model = 1, .mode = profile::Mode::Decode, .states = states};
            return study->cells[study->measured(series).front()].point.memory.peak[MemoryKind::State];
        };
        QVERIFY(state_bytes(4) < state_bytes(0) / 4);

        const profile::Profile cell = profileOf(*study, 23);
        QCOMPARE(cell.model.config.d_state, 4);
        QCOMPARE(cell.options.lengths, std::vector<std::int64_t>{32});
        QCOMPARE(cell.model.compute_type, std::string("float32"));
    }

    void stoppedAndResumed() {
        const ScalingPtr plan = planScaling(demos(), tinyOptions());
        std::stop_source stop;
        int cells = 0;
        const ScalingPtr part = runScaling(
            demos(), plan, machine(),
            [&](const ScalingPtr&, const profile::Progress&, bool cell_done) {
                if (cell_done && ++cells == 4) stop.request_stop();
            },
            stop.get_token());
        QCOMPARE(part->done(), std::size_t{4});
        QVERIFY(!part->complete);

        const ScalingPtr resumed = resumeScaling(*plan, *part);
        QCOMPARE(resumed->done(), std::size_t{4});
        const ScalingPtr whole = runScaling(demos(), resumed, machine());
        QVERIFY(whole->complete);
        for (std::size_t i = 0; i < 4; ++i) {
            QCOMPARE(whole->cells[i].point.total.samples, part->cells[i].point.total.samples);
        }
        // The same machine and command are one provenance; another command is another.
        QCOMPARE(whole->provenances.size(), std::size_t{1});
        ScalingMachine other = machine();
        other.command = "another";
        const ScalingPtr elsewhere = runScaling(demos(), resumed, other);
        QCOMPARE(elsewhere->provenances.size(), std::size_t{2});
        QCOMPARE(elsewhere->cells[3].provenance, std::size_t{0});
        QCOMPARE(elsewhere->cells[4].provenance, std::size_t{1});

        ScalingOptions options = tinyOptions();
        options.budget_s = 2;
        QCOMPARE(refusalOf([&] { (void)resumeScaling(*planScaling(demos(), options), *part); }),
                 QString("what is to be resumed: is another study (budget: '1 s' there, '2 s' here) (ask for what it "
                         "asked for, or begin another file)"));
        const Models one = {openDemo("mamba1-bytes"), openDemo("mamba2-recall")};
        QVERIFY(refusalOf([&] {
                    (void)resumeScaling(*planScaling(one, tinyOptions()), *part);
                }).contains("model: 'mamba1-recall"));
    }

    // A device that is not there costs its own cells alone, and they are tried again.
    void failures() {
        ScalingOptions options = tinyOptions();
        options.lengths = {8};
        options.devices = {"absent", "cpu"};
        const Models models = {openDemo("mamba1-recall")};
        const ScalingPtr plan = planScaling(models, options);
        const ScalingPtr study = runScaling(models, plan, machine());
        QVERIFY(study->complete);
        QCOMPARE(study->cells[0].state, CellState::Failed);
        QCOMPARE(study->cells[1].state, CellState::Failed);
        QCOMPARE(study->cells[1].failure, std::string("absent: is not there"));
        QCOMPARE(study->cells[2].state, CellState::Measured);
        QCOMPARE(study->cells[3].state, CellState::Measured);
        const ScalingPtr again = resumeScaling(*plan, *study);
        QCOMPARE(again->cells[0].state, CellState::Waiting);
        QCOMPARE(again->done(), std::size_t{2});
    }

    void withoutCeilings() {
        ScalingOptions options = tinyOptions();
        options.lengths = {8};
        const Models models = {openDemo("mamba1-recall")};
        ScalingMachine made = machine();
        made.ceilings = [](kernels::Backend&) -> std::optional<profile::Ceilings> {
            throw Error("ceilings", "cannot be measured");
        };
        const ScalingPtr study = runScaling(models, planScaling(models, options), made);
        for (const ScalingCell& cell : study->cells) QCOMPARE(cell.state, CellState::Measured);
        QVERIFY(!study->provenances.front().ceilings);
    }

    void merged() {
        const auto whole = wholeStudy();
        std::vector<ScalingPart> parts;
        for (const std::size_t shard : {1, 2, 3}) {
            parts.push_back({"part-" + std::to_string(shard) + ".h5", shardOf(*whole, shard, 3)});
        }
        const ScalingPtr merged = mergeScaling(parts);
        QVERIFY(merged->complete);
        compareSamples(*merged, *whole);
        QCOMPARE(missingText(*merged, parts), std::string());
        QCOMPARE(merged->shards, std::size_t{1});

        const std::vector<ScalingPart> two = {parts[2], parts[0]};
        const ScalingPtr partial = mergeScaling(two);
        QVERIFY(!partial->complete);
        QCOMPARE(missingText(*partial, two), std::string("11 of 32 cells are missing, of shard 2 of 3"));
        // Merged again, with what it has itself.
        const ScalingPtr later = mergeScaling({{"partial.h5", partial}, parts[0], parts[1]});
        QVERIFY(later->complete);
        compareSamples(*later, *whole);
        QCOMPARE(mergeScaling({{"a.h5", later}, {"b.h5", later}})->provenances.size(), std::size_t{1});
        // And gone on with.
        ScalingStudy plan = *whole;
        plan.cells = cellsOf(plan.models.size(), plan.options);
        QCOMPARE(resumeScaling(plan, *partial)->done(), std::size_t{21});

        // What failed in one part and was measured in another is measured.
        auto failed = std::make_shared<ScalingStudy>(*parts[0].study);
        failed->cells[0].state = CellState::Failed;
        for (const auto& both : {std::vector<ScalingPart>{{"f.h5", failed}, parts[0]},
                                 std::vector<ScalingPart>{parts[0], {"f.h5", failed}}}) {
            QCOMPARE(mergeScaling(both)->cells[0].state, CellState::Measured);
        }
    }

    void mergeRefusals() {
        const auto whole = wholeStudy();
        const ScalingPart first{"a.h5", shardOf(*whole, 1, 2)};
        auto twice = std::make_shared<ScalingStudy>(*first.study);
        twice->cells[0].point.total.samples.front() += 1;
        QCOMPARE(refusalOf([&] {
                     (void)mergeScaling({first, {"b.h5", twice}});
                 }),
                 QString("b.h5: holds another measurement of 'mamba2-fabricated, cpu, f32, prefill, batch 1, 64' than "
                         "a.h5 (leave one of them out)"));
        auto other = std::make_shared<ScalingStudy>(*first.study);
        other->options.bound = 0.05;
        QCOMPARE(refusalOf([&] {
                     (void)mergeScaling({first, {"b.h5", other}});
                 }),
                 QString("b.h5: is of another study than a.h5 (bound: '1 %' there, '5 %' here) (merge parts of the "
                         "same study)"));
        *other = *first.study;
        other->models[1].hash = "0000000000000000";
        QVERIFY(refusalOf([&] { (void)mergeScaling({first, {"b.h5", other}}); }).contains("model: 'another-model"));
        QCOMPARE(refusalOf([] { (void)mergeScaling({}); }), QString("parts: there are none"));
    }

    // Cells of several machines keep their own. Hosts of one kind make a curve; one over several kinds is told of.
    void machines() {
        const auto whole = wholeStudy();
        const ScalingPart first{"a.h5", shardOf(*whole, 1, 2)};
        auto elsewhere = std::make_shared<ScalingStudy>(*shardOf(*whole, 2, 2));
        elsewhere->provenances[0].host = "another host";
        const ScalingPtr merged = mergeScaling({first, {"b.h5", elsewhere}});
        QCOMPARE(merged->provenances.size(), std::size_t{2});
        QCOMPARE(machinesOf(*merged).first.size(), std::size_t{1});
        QCOMPARE(merged->provenances[merged->cells[0].provenance].host, std::string("example"));
        QCOMPARE(merged->provenances[merged->cells[1].provenance].host, std::string("another host"));
        QVERIFY(!mixesMachines(*merged, merged->cells[0].series));
        for (const auto member :
             {&profile::Provenance::device, &profile::Provenance::device_id, &profile::Provenance::instructions,
              &profile::Provenance::operating_system, &profile::Provenance::creator, &profile::Provenance::tracer,
              &profile::Provenance::sensors}) {
            auto other = std::make_shared<ScalingStudy>(*elsewhere);
            other->provenances[0].*member = "another";
            const ScalingPtr mixed = mergeScaling({first, {"b.h5", other}});
            QCOMPARE(machinesOf(*mixed).first.size(), std::size_t{2});
            QVERIFY(mixesMachines(*mixed, mixed->cells[0].series));
        }
        QVERIFY(!mixesMachines(*whole, whole->cells[0].series));
    }

    // What is left is learnt from the sizes that were measured.
    void forecast() {
        Forecast forecast;
        QVERIFY(!forecast.progress({{0, 1}}, 1, 0, "").seconds_left);
        for (const int size : {1, 2}) {
            forecast.begin({0, static_cast<double>(size)});
            QTest::qSleep(20 * size);
            forecast.end();
        }
        const auto left = [&](const std::vector<Work>& waiting) {
            return *forecast.progress(waiting, 4, 0, "").seconds_left;
        };
        const double one = left({{0, 1}});
        const double two = left({{0, 2}});
        QVERIFY(one >= 0.02 && two >= 0.04);
        QVERIFY(std::abs(left({{0, 1.5}}) - (one + two) / 2) < 1e-9);        // between them
        QVERIFY(std::abs(left({{0, 4}}) - (two + 2 * (two - one))) < 1e-9);  // beyond: as it grew
        QVERIFY(std::abs(left({{0, 0.5}}) - one) < 1e-9);                    // below: as the least
        QVERIFY(std::abs(left({{0, 1}, {1, 1}}) - 2 * one) < 1e-9);          // of another kind: for want of better
        QCOMPARE(forecast.progress({{0, 1}, {0, 1}}, 4, 0.5, "").done, 0.625);
    }

    void powerLaws() {
        const PowerLaw exact = fitPowerLaw({64, 256, 1024}, {3 * 64. * 64, 3 * 256. * 256, 3 * 1024. * 1024});
        QVERIFY(std::abs(exact.exponent - 2) < 1e-12 && std::abs(exact.factor - 3) < 1e-9);
        QVERIFY(std::abs(exact.r_squared - 1) < 1e-12 && exact.exponent_ci_high - exact.exponent_ci_low < 1e-5);
        QVERIFY(std::abs(exact.at(10) - 300) < 1e-6);

        // By hand: slope ln 4 / (2 ln 2) = 1; residuals −0.13516, 0.27031, −0.13516; their squares add up to 0.109601;
        // the squares of ln length about their mean to 0.960906; 12.706 · √(0.109601 / 1 / 0.960906) = 4.29117.
        const PowerLaw by_hand = fitPowerLaw({1, 2, 4}, {1, 3, 4});
        QVERIFY(std::abs(by_hand.exponent - 1) < 1e-12);
        QVERIFY(std::abs(by_hand.exponent_ci_high - 5.29117) < 1e-4);
        QVERIFY(std::abs(by_hand.exponent_ci_low + 3.29117) < 1e-4);
        QVERIFY(std::abs(by_hand.r_squared - 0.897617) < 1e-5);
        QCOMPARE(by_hand.points, std::size_t{3});

        const PowerLaw two = fitPowerLaw({64, 128}, {10, 20});
        QVERIFY(std::abs(two.exponent - 1) < 1e-12 && std::isnan(two.exponent_ci_low));
        QVERIFY(std::isnan(fitPowerLaw({}, {}).exponent));
        QVERIFY(std::isnan(fitPowerLaw({64, 64, 64}, {1, 2, 3}).exponent));
        QVERIFY(std::isnan(fitPowerLaw({64, 128, 256}, {1, 0, 3}).exponent));
        QVERIFY(std::isnan(fitPowerLaw({64, 128, 256}, {1, std::nan(""), 3}).exponent));
        const PowerLaw constant = fitPowerLaw({1, 2, 4, 8}, {5e6 + 1, 5e6 + 1, 5e6 + 1, 5e6 + 1});
        QVERIFY(std::abs(constant.exponent) < 1e-12 && constant.r_squared == 1);
    }
};

QTEST_GUILESS_MAIN(TestScaling)
#include "test_scaling.moc"
