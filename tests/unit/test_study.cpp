// Studies on a real model: what is measured is right, and a study can be stopped and resumed at any cell.
#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <limits>

#include "core/evaluate/evaluate.h"
#include "core/profile/cost_model.h"
#include "core/prune/criterion.h"
#include "core/prune/score.h"
#include "core/report/report.h"
#include "core/study/run_study.h"
#include "core/study/timing.h"
#include "kernels/devices.h"
#include "kernels/error.h"

using namespace perfmamba;
using namespace perfmamba::study;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::shared_ptr<const model::Checkpoint> openDemo(const char* demo = "mamba2-recall") {
    return model::Checkpoint::open(std::string(PERFMAMBA_SOURCE_DIR "/resources/demo/") + demo);
}

std::unique_ptr<kernels::Backend> makeBackend() {
    return kernels::makeBackend("cpu", {.threads = 2});
}

Options tinyOptions() {
    Options options;
    options.criteria = {"output-energy", "ghost"};
    options.shares = {0, 0.5, 0.9};
    options.calibration.sequences = 8;
    options.evaluation.sequences = 12;
    options.workloads = {{profile::Mode::Prefill, 1, 64}, {profile::Mode::Decode, 2, 64}};
    options.pairs = 6;
    options.budget_s = 0.05;
    options.sensitivity_share = 0.75;
    return options;
}

/// So that what is not refused ends at once.
std::stop_token stopped() {
    std::stop_source stop;
    stop.request_stop();
    return stop.get_token();
}

StudyPtr runTiny(const Options& options, const StudyPtr& resume = nullptr, const Observer& observer = {},
                 const std::stop_token& stop = {}) {
    engine::Engine engine(openDemo(), makeBackend());
    return run(engine, makeBackend, options, {}, resume, observer, stop);
}

QString refusalOf(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return QString::fromUtf8(error.what());
    }
    return {};
}

QString refusalOf(const Options& options, const StudyPtr& resume = nullptr) {
    return refusalOf([&] { (void)runTiny(options, resume, {}, stopped()); });
}

Cell measuredCell(double correct) {
    Cell cell;
    cell.state = CellState::Measured;
    cell.measured.accuracy.recall = true;
    cell.measured.accuracy.correct = {correct, 0.01};
    return cell;
}

}  // namespace

class TestStudy : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { m_whole = runTiny(tinyOptions()); }

    void cells() {
        QVERIFY(m_whole->complete);
        QCOMPARE(m_whole->done(), m_whole->cells.size());
        QStringList cells;
        for (const Cell& cell : m_whole->cells) {
            QCOMPARE(cell.state, CellState::Measured);
            cells << QString("%1 %2 %3").arg(cell.criterion.c_str()).arg(cell.share).arg(cell.layer.value_or(-1));
        }
        QCOMPARE(cells, (QStringList{"none 0 -1", "output-energy 0.5 -1", "output-energy 0.9 -1", "ghost 0.5 -1",
                                     "ghost 0.9 -1", "output-energy 0.75 0", "output-energy 0.75 1"}));
        QVERIFY(m_whole->calibration.find("8 sequences") != std::string::npos);
        QVERIFY(m_whole->evaluation.find("12 sequences") != std::string::npos);
        QCOMPARE(m_whole->identity.size(), std::size_t{16});
    }

    void plans() {
        QCOMPARE(m_whole->cells[0].plan.kept(), 128);  // two layers of 64 states
        QCOMPARE(m_whole->cells[1].plan.kept(), 64);
        QCOMPARE(m_whole->cells[2].plan.kept(), 12);  // 0.1 × 64, rounded, of each
        QCOMPARE(m_whole->cells[2].plan.choice.value, 0.1);
        QCOMPARE(m_whole->cells[6].plan.kept(0), 64);
        QCOMPARE(m_whole->cells[6].plan.kept(1), 16);
        QCOMPARE(m_whole->cells[1].measured.facts.states_kept, 64);
        QCOMPARE(m_whole->cells[0].measured.facts.score_lost, 0.0);
        QVERIFY(m_whole->cells[2].measured.facts.score_lost > m_whole->cells[1].measured.facts.score_lost);
    }

    // The compact model against a masked one and an evaluation by hand.
    void accuracies() {
        const evaluate::Accuracy& unpruned = m_whole->unpruned;
        QVERIFY(unpruned.recall && unpruned.correct.value > 0.9);
        const evaluate::Accuracy& nothing = m_whole->cells[0].measured.accuracy;
        QCOMPARE(nothing.correct.value, unpruned.correct.value);
        QCOMPARE(nothing.nats.value, unpruned.nats.value);
        QCOMPARE(nothing.divergence.value, 0.0);
        QCOMPARE(nothing.agreement.value, 1.0);
        QVERIFY(m_whole->cells[2].measured.accuracy.divergence.value >
                m_whole->cells[1].measured.accuracy.divergence.value);

        engine::Engine engine(openDemo(), makeBackend());
        const evaluate::TokenSet tokens = evaluate::load(tinyOptions().evaluation, engine.checkpoint());
        for (const std::size_t cell : {1U, 4U, 5U}) {
            const evaluate::Accuracy compact = m_whole->cells[cell].measured.accuracy;
            const evaluate::Accuracy masked = measureMasked(engine, m_whole->cells[cell].plan, tokens);
            QCOMPARE(masked.predictions, compact.predictions);
            QVERIFY(std::abs(masked.nats.value - compact.nats.value) < 1e-4);
            QVERIFY(std::abs(masked.divergence.value - compact.divergence.value) < 1e-4);
        }
    }

    void speeds() {
        for (const Cell& cell : m_whole->cells) {
            QCOMPARE(cell.measured.speeds.size(), cell.layer ? 0U : 2U);
            for (const Speed& speed : cell.measured.speeds) {
                QCOMPARE(speed.speed_up.pairs, 6U);
                QCOMPARE(speed.before.n(), 6U);
                QCOMPARE(speed.after.n(), 6U);
                const profile::Ratio ratio = profile::ratioOf(speed.before.samples, speed.after.samples);
                QCOMPARE(speed.speed_up.median, ratio.median);
                QVERIFY(speed.before.median > 0 && speed.peak_bytes_before > 0);
                const bool all = cell.share == 0;
                QCOMPARE(speed.bytes_ratio == 1, all);
                QVERIFY(all ? speed.peak_bytes_after == speed.peak_bytes_before
                            : speed.peak_bytes_after < speed.peak_bytes_before);
            }
        }
        QVERIFY(m_whole->cells[2].measured.speeds[1].bytes_ratio > m_whole->cells[1].measured.speeds[1].bytes_ratio);
    }

    void leastBytesByHand() {
        const model::Config config = openDemo()->config();
        const auto cost = [&](Component component, std::int32_t layer) {
            return profile::costOf(component, config, layer, {.batch = 3}).bytes;
        };
        double sum =
            cost(Component::Embedding, kNoLayer) + cost(Component::NormF, kNoLayer) + cost(Component::LmHead, kNoLayer);
        for (const Component component : {Component::Norm, Component::InProj, Component::Conv1d, Component::Ssm,
                                          Component::Gate, Component::OutProj}) {
            sum += cost(component, 0) + cost(component, 1);
        }
        QCOMPARE(leastBytes(config, {profile::Mode::Decode, 3, 500}), sum);
    }

    // Stopped after each cell in turn: the resumed study has the cells of the whole one.
    void resumed() {
        StudyPtr study;
        std::size_t rounds = 0;
        while (!study || !study->complete) {
            std::stop_source stop;
            const std::size_t before = study ? study->done() : 0;
            study = runTiny(
                tinyOptions(), study,
                [&](const StudyPtr& snapshot, const profile::Progress& progress, bool cell_done) {
                    QVERIFY(progress.done >= 0 && progress.done <= 1);
                    if (!cell_done) return;
                    QCOMPARE(snapshot->done(), before + 1);
                    stop.request_stop();
                },
                stop.get_token());
            QVERIFY(++rounds <= m_whole->cells.size());
            QCOMPARE(study->done(), rounds);
            const std::filesystem::path file = std::filesystem::path(m_folder.path().toStdString()) / "study.h5";
            report::writeStudy(file, *study);  // as the programs do
            study = report::readContents(file).study;
        }
        QCOMPARE(rounds, m_whole->cells.size());
        QCOMPARE(study->identity, m_whole->identity);
        QCOMPARE(study->unpruned.nats.value, m_whole->unpruned.nats.value);
        for (std::size_t i = 0; i < study->cells.size(); ++i) {
            const Cell& cell = study->cells[i];
            const Cell& same = m_whole->cells[i];
            QCOMPARE(cell.criterion, same.criterion);
            QCOMPARE(cell.plan.layers, same.plan.layers);
            QCOMPARE(cell.measured.accuracy.correct.value, same.measured.accuracy.correct.value);
            QCOMPARE(cell.measured.accuracy.nats.value, same.measured.accuracy.nats.value);
            QCOMPARE(cell.measured.accuracy.divergence.value, same.measured.accuracy.divergence.value);
            QCOMPARE(cell.measured.facts.score_lost, same.measured.facts.score_lost);
        }
    }

    // What is measured is taken over as it is, what failed is tried again.
    void resumesFailures() {
        auto earlier = std::make_shared<Study>(*m_whole);
        earlier->cells[1].state = CellState::Failed;
        earlier->cells[1].failure = "memory: there was none";
        earlier->cells[2].measured.accuracy.correct.value = 0.123;
        int measured = 0;
        const StudyPtr study = runTiny(tinyOptions(), earlier,
                                       [&](const StudyPtr&, const profile::Progress&, bool done) { measured += done; });
        QCOMPARE(measured, 1);
        QCOMPARE(study->cells[1].state, CellState::Measured);
        QVERIFY(study->cells[1].failure.empty());
        QCOMPARE(study->cells[2].measured.accuracy.correct.value, 0.123);
        QVERIFY(study->complete);
    }

    void anotherStudy() {
        const auto refusal = [&](const std::function<void(Options&)>& change) {
            Options options = tinyOptions();
            change(options);
            return refusalOf([&] { (void)runTiny(options, m_whole); });
        };
        QVERIFY(refusal([](Options& options) {
                    options.shares.pop_back();
                }).contains("is another study (shares: '0 %, 50 %, 90 %' there, '0 %, 50 %' here)"));
        QVERIFY(refusal([](Options& options) { options.evaluation.seed = 99; }).contains("evaluation tokens"));
        QVERIFY(refusal([](Options& options) { options.pairs = 7; }).contains("number of pairs: '6' there, '7' here"));
        const auto resumed = [&](const std::function<void(Study&)>& change) {
            Study earlier = *m_whole;
            change(earlier);
            return refusalOf(tinyOptions(), std::make_shared<const Study>(earlier));
        };
        QVERIFY(resumed([](Study& earlier) {
                    earlier.model.compute_type = "bfloat16";
                }).contains("precision: 'bfloat16' there, 'float32' here"));
        QVERIFY(m_whole->model.compute_chunk > 8);
        QVERIFY(resumed([](Study& earlier) { earlier.model.compute_chunk = 8; }).contains("chunk: '8' there, '"));
        QCOMPARE(resumed([](Study& earlier) { earlier.model.compute_chunk = 0; }), QString());  // not known
        Study changed = *m_whole;
        changed.identity = "0000000000000000";
        const auto earlier = std::make_shared<const Study>(changed);
        QVERIFY(refusalOf([&] { (void)runTiny(tinyOptions(), earlier); }).contains("tokens: they have changed since"));
        engine::Engine engine(openDemo(), makeBackend());
        QVERIFY(refusalOf([&] {
                    (void)run(engine, makeBackend, tinyOptions(), {}, earlier, {}, stopped(), "study.h5");
                }).startsWith("study.h5: is another study"));
        changed.model.hash = "another";
        QVERIFY(refusalOf([&] {
                    (void)runTiny(tinyOptions(), std::make_shared<const Study>(changed));
                }).contains("model: mamba2-recall (another) there"));
    }

    // Different numbers of states in each layer, and activity shared by two criteria.
    void budget() {
        engine::Engine engine(openDemo("mamba1-recall"), makeBackend());
        Options options = tinyOptions();
        options.criteria = {"sparsessm", "decay", "last"};
        options.shares = {0.5};
        options.kind = prune::PlanKind::Budget;
        options.sensitivity_share = 0;
        options.workloads.resize(1);
        const StudyPtr study = run(engine, makeBackend, options, {});
        QVERIFY(study->complete);
        bool ragged = false;
        for (const Cell& cell : study->cells) {
            QVERIFY2(cell.state == CellState::Measured, cell.failure.c_str());
            QCOMPARE(cell.plan.kept(), cell.plan.states() / 2);
            QCOMPARE(cell.plan.calibration_hash, study->cells[0].plan.calibration_hash);
            QVERIFY(cell.measured.speeds[0].bytes_ratio > 1);
            ragged = ragged || !cell.plan.uniform();
        }
        QVERIFY(ragged);
    }

    // A cell that fails says why, and the others are measured.
    void failures() {
        Options options = tinyOptions();
        options.criteria = {"random"};
        options.shares = {0.5, 0.99};
        options.workloads.clear();
        options.sensitivity_share = 0;
        engine::Engine engine(openDemo(), makeBackend());
        int calls = 0;
        const prune::MakeBackend once = [&]() -> std::unique_ptr<kernels::Backend> {
            if (++calls == 1) throw Error("memory", "there is none left");
            return makeBackend();
        };
        const StudyPtr study = run(engine, once, options, {});
        QVERIFY(study->complete);
        QCOMPARE(study->cells[0].state, CellState::Failed);
        QCOMPARE(study->cells[0].failure, std::string("memory: there is none left"));
        QVERIFY(study->cells[0].plan.layers.empty());
        QCOMPARE(study->cells[1].state, CellState::Measured);
        QVERIFY(study->calibration.empty());  // random needs none
    }

    void stoppedAtOnce() {
        const StudyPtr study = runTiny(tinyOptions(), nullptr, {}, stopped());
        QVERIFY(!study->complete);
        QCOMPARE(study->done(), 0U);
    }

    void refusals() {
        const auto refusal = [](const std::function<void(Options&)>& change) {
            Options options = tinyOptions();
            change(options);
            return refusalOf(options);
        };
        QCOMPARE(refusalOf(tinyOptions()), QString());
        QVERIFY(
            refusal([](Options& o) { o.criteria = {"decay"}; }).contains("all states of a head get the same score"));
        QVERIFY(refusal([](Options& o) { o.criteria = {"nonsense"}; }).contains("nonsense"));
        QVERIFY(refusal([](Options& o) { o.criteria = {"ghost", "ghost"}; }).contains("criteria: one is given twice"));
        QVERIFY(refusal([](Options& o) { o.criteria.clear(); }).contains("criteria: there are none"));
        QVERIFY(refusal([](Options& o) { o.shares = {1}; }).contains("shares: 100 % is not a share of 0 to 99 %"));
        QVERIFY(refusal([](Options& o) { o.sensitivity_share = 2; }).contains("sensitivity: 200 % is not a share"));
        QVERIFY(refusal([](Options& o) { o.shares = {kNaN}; }).contains("is not a share"));
        QVERIFY(refusal([](Options& o) { o.shares = {0.5, 0.5}; }).contains("shares: one is given twice"));
        QVERIFY(refusal([](Options& o) { o.multiple_of = 65; }).contains("multiple of: 65 is not in 1 to 64"));
        QVERIFY(refusal([](Options& o) { o.kind = prune::PlanKind::Threshold; }).contains("kind"));
        QVERIFY(refusal([](Options& o) { o.workloads[0].batch = 0; }).contains("batch: 0 is below 1"));
        QVERIFY(refusal([](Options& o) { o.pairs = 5; }).contains("pairs: 5 are too few for an interval"));
        QVERIFY(refusal([](Options& o) { o.budget_s = kNaN; }).contains("budget"));
        QVERIFY(refusal([](Options& o) { o.calibration = o.evaluation; }).contains("calibration: has the seed"));
        QVERIFY(refusal([](Options& o) { o.evaluation.source = "/none"; }).contains("/none"));
    }

    // A share that leaves nothing is refused before anything is measured, whatever the other shares.
    void nothingLeft() {
        engine::Engine engine(openDemo("mamba1-recall"), makeBackend());  // of 16 states each layer
        Options options = tinyOptions();
        options.shares = {0.5, 0.98};
        const auto refusal = [&] {
            return refusalOf([&] { (void)run(engine, makeBackend, options, {}, nullptr, {}, stopped()); });
        };
        QVERIFY(refusal().contains("shares: 98 % would remove every state of every layer"));
        options.kind = prune::PlanKind::Budget;  // of all 32 one stays
        QCOMPARE(refusal(), QString());
        options.shares = {0.5};
        options.kind = prune::PlanKind::Keep;
        options.sensitivity_share = 0.98;  // the other layers stay
        QCOMPARE(refusal(), QString());
    }

    // Times of two machines, or of other numbers of threads, do not belong into one study; accuracies do.
    void anotherMachine() {
        const auto refusalOn = [&](int threads, const Options& options, const StudyPtr& earlier) {
            engine::Engine engine(openDemo(), kernels::makeBackend("cpu", {.threads = threads}));
            return refusalOf([&] { (void)run(engine, makeBackend, options, {}, earlier, {}, stopped()); });
        };
        QVERIFY(refusalOn(1, tinyOptions(), m_whole).contains("is another study (threads: '2' there, '1' here)"));
        QCOMPARE(refusalOn(2, tinyOptions(), m_whole), QString());
        auto moved = std::make_shared<Study>(*m_whole);
        moved->provenance.device = "Another CPU";
        QVERIFY(refusalOf(tinyOptions(), moved).contains("device: 'Another CPU (cpu)' there"));

        Options untimed = tinyOptions();
        untimed.workloads.clear();
        const StudyPtr begun = runTiny(untimed, nullptr, {}, stopped());
        QCOMPARE(refusalOn(1, untimed, begun), QString());
    }

    // The cells of what is resumed are those that its options ask for, and their plans this model's.
    void othersCells() {
        const auto refusal = [&](const std::function<void(Study&)>& change) {
            auto earlier = std::make_shared<Study>(*m_whole);
            change(*earlier);
            return refusalOf(tinyOptions(), earlier);
        };
        QCOMPARE(refusal([](Study&) {}), QString());
        QVERIFY(refusal([](Study& s) { std::swap(s.cells[1], s.cells[3]); }).contains("has another cell 1"));
        QVERIFY(refusal([](Study& s) { s.cells[2].share = 0.8; }).contains("has another cell 2"));
        QVERIFY(refusal([](Study& s) { s.cells[5].layer = 1; }).contains("has another cell 5"));
        QVERIFY(refusal([](Study& s) { s.cells.pop_back(); }).contains("has 6 cells where its options ask for 7"));
        QVERIFY(refusal([](Study& s) { s.cells[4].plan.model_hash = "another"; }).contains("plan: was made for"));
        QVERIFY(refusal([](Study& s) { s.cells[4].plan.group_states[0] = {63}; }).contains("plan: was made for"));
    }

    // Stopped within a cell, nothing of it stays.
    void stoppedWithinACell() {
        std::stop_source stop;
        const StudyPtr study = runTiny(
            tinyOptions(), nullptr,
            [&](const StudyPtr& snapshot, const profile::Progress& progress, bool) {
                QVERIFY(snapshot->cells[0].plan.layers.empty() || snapshot->cells[0].state == CellState::Measured);
                if (progress.what.find("nothing removed") != std::string::npos) stop.request_stop();
            },
            stop.get_token());
        QVERIFY(!study->complete);
        for (const Cell& cell : study->cells) {
            QCOMPARE(cell.plan.layers.empty(), cell.state == CellState::Waiting);
        }
    }

    // What somebody has masked before is not missing from the scores.
    void maskLeftBehind() {
        Options options = tinyOptions();
        options.criteria = {"output-energy"};
        options.shares = {0.5};
        options.workloads.clear();
        options.sensitivity_share = 0;
        engine::Engine engine(openDemo(), makeBackend());
        StudyPtr first = run(engine, makeBackend, options, {});
        auto unpruned_only = std::make_shared<Study>(*first);  // so that nothing but the activity runs before the plan
        unpruned_only->cells[0] = {};
        unpruned_only->cells[0].criterion = "output-energy";
        unpruned_only->cells[0].share = 0.5;
        engine::Mask mask(2, std::vector<std::uint8_t>(64, 1));
        std::fill_n(mask[0].begin(), 40, std::uint8_t{0});
        engine.setMask(mask);
        const StudyPtr again = run(engine, makeBackend, options, {}, unpruned_only);
        QCOMPARE(again->cells[0].plan.layers, first->cells[0].plan.layers);
    }

    // Few passes of one model, then of the other, each after one that does not count; who begins alternates.
    void turns() {
        std::string order;
        const auto pass = [&](char who) {
            return [&order, who] {
                order += who;
                return 1e4 * static_cast<double>(order.size());
            };
        };
        const auto orderOf = [&](std::size_t most, double budget_s) {
            order.clear();
            const PairedTimes times = takeTurns(pass('b'), pass('a'), most, budget_s);
            if (times.before.size() != times.after.size()) return std::string("not paired");
            return order;
        };
        QCOMPARE(orderOf(8, 60), std::string("bbbbaaaa"
                                             "aaaabbbb"
                                             "bbbaaa"));
        QCOMPARE(orderOf(15, 1e-9), std::string("bbbbaaaa"
                                                "aaaabbbb"));  // an interval needs six pairs
        QCOMPARE(orderOf(2, 1e-9), std::string("bbbaaa"));

        order.clear();
        std::vector<std::size_t> told;
        const PairedTimes times =
            takeTurns(pass('b'), pass('a'), 6, 60, [&](std::size_t pairs) { told.push_back(pairs); });
        QCOMPARE(times.before, (std::vector<double>{2e4, 3e4, 4e4, 14e4, 15e4, 16e4}));
        QCOMPARE(times.after, (std::vector<double>{6e4, 7e4, 8e4, 10e4, 11e4, 12e4}));
        QCOMPARE(told, (std::vector<std::size_t>{3, 6}));
    }

    // Passes shorter than 10 ms are repeated for that long: what is kept is their mean.
    void shortPasses() {
        std::size_t befores = 0;
        const auto before = [&] {
            return befores++ % 3 == 1 ? 7000.0 : 4000.0;
        };  // one that does not count, then by three
        std::size_t afters = 0;
        const auto after = [&] {
            ++afters;
            return 0.0;
        };
        const PairedTimes times = takeTurns(before, after, 2, 60);
        QCOMPARE(befores, 7U);
        QCOMPARE(times.before, (std::vector<double>{5000, 5000}));
        QCOMPARE(afters, 2001U);  // not without end
        QCOMPARE(times.after, (std::vector<double>{0, 0}));
    }

    void frontier() {
        Study study;
        for (const double correct : {0.9, 0.8, 0.7, 0.85, 0.6, 0.9}) study.cells.push_back(measuredCell(correct));
        study.cells.push_back(measuredCell(1.0));
        study.cells[6].layer = 0;  // no point of the trade-off
        study.cells.push_back(measuredCell(1.0));
        study.cells[7].state = CellState::Failed;
        const std::vector<double> speed_up = {1.0, 1.5, 2.0, 1.4, kNaN, 1.0, 9, 9};
        QCOMPARE(paretoFrontier(study, speed_up), (std::vector<std::size_t>{0, 5, 3, 1, 2}));
        for (Cell& cell : study.cells) {  // of a text, less is better
            cell.measured.accuracy.recall = false;
            cell.measured.accuracy.nats.value = cell.measured.accuracy.correct.value;
        }
        QCOMPARE(paretoFrontier(study, speed_up), (std::vector<std::size_t>{2}));
        QCOMPARE(qualityName(study.cells[0].measured.accuracy), std::string_view("nats per token"));
        study.cells[0].measured.accuracy.bits_per_byte = {1.5, 0.1};
        QCOMPARE(qualityName(study.cells[0].measured.accuracy), std::string_view("bits per byte"));
        QCOMPARE(qualityOf(study.cells[0].measured.accuracy).value, 1.5);
        QVERIFY(!qualityOf(study.cells[0].measured.accuracy).higher_is_better);
    }

    void estimates() {
        const Workload decode{profile::Mode::Decode, 16, 64};
        CostOfStates cost;
        const auto sample = [](std::int64_t states, double us) {
            return CostOfStates::Sample{states, profile::summarise({us, us, us})};
        };
        cost.curves = {{decode, {sample(10, 100), sample(20, 140), sample(40, 150)}}};
        QCOMPARE(estimate_us(cost, decode, 10), 100.0);
        QCOMPARE(estimate_us(cost, decode, 15), 120.0);
        QCOMPARE(estimate_us(cost, decode, 30), 145.0);
        QCOMPARE(estimate_us(cost, decode, 40), 150.0);
        QVERIFY(std::isnan(estimate_us(cost, decode, 9)));
        QVERIFY(std::isnan(estimate_us(cost, decode, 41)));
        QVERIFY(std::isnan(estimate_us(cost, {profile::Mode::Decode, 1, 64}, 20)));
    }

    void costOfStates() {
        engine::Engine engine(openDemo(), makeBackend());
        const std::vector<Workload> workloads = {{profile::Mode::Prefill, 1, 64}, {profile::Mode::Decode, 2, 1}};
        double done = -1;
        std::vector<int> visits;  // states, in the order they were timed with
        const CostPtr cost = measureCostOfStates(engine, makeBackend, workloads, 0.1, [&](const auto& progress) {
            QVERIFY(progress.done > done && progress.done < 1);
            done = progress.done;
            visits.push_back(0);
            QCOMPARE(std::sscanf(progress.what.c_str(), "speed with %d of", &visits.back()), 1);
        });
        // Up and down again: a machine that grows slower meets the small and the large alike.
        QCOMPARE(visits, (std::vector<int>{2,   2,   32, 32, 64, 64, 96, 96, 128, 128,  //
                                           128, 128, 96, 96, 64, 64, 32, 32, 2,   2}));
        QCOMPARE(cost->curves.size(), 2U);
        for (const auto& curve : cost->curves) {
            std::vector<std::int64_t> states;
            for (const auto& sample : curve.samples) {
                states.push_back(sample.states);
                QVERIFY(sample.time.n() >= 6 && sample.time.median > 0);
            }
            QCOMPARE(states, (std::vector<std::int64_t>{2, 32, 64, 96, 128}));
            QVERIFY(std::isfinite(estimate_us(*cost, curve.workload, 77)));
        }
        std::stop_source stop;
        stop.request_stop();
        QVERIFY_THROWS_EXCEPTION(Cancelled,
                                 (void)measureCostOfStates(engine, makeBackend, workloads, 0.1, {}, stop.get_token()));
    }

private:
    QTemporaryDir m_folder;
    StudyPtr m_whole;
};

QTEST_GUILESS_MAIN(TestStudy)
#include "test_study.moc"
