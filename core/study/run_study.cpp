#include "core/study/run_study.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/activity/collect.h"
#include "core/evaluate/evaluate.h"
#include "core/profile/elapsed.h"
#include "core/profile/number_text.h"
#include "core/profile/system_info.h"
#include "core/prune/criterion.h"
#include "core/prune/ranking.h"
#include "core/prune/score.h"
#include "core/prune/unmasked.h"
#include "core/study/identity.h"
#include "core/study/progress.h"
#include "core/study/timing.h"
#include "kernels/error.h"

namespace perfmamba::study {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMostRemoved = 0.99;
constexpr double kObserverPeriod_s = 0.1;
constexpr const char* kNoCriterion = "none";

struct Tokens {
    std::optional<evaluate::TokenSet> calibration;  // where a criterion runs the model
    evaluate::TokenSet evaluation;
};

bool runsTheModel(const std::string& criterion) {
    return prune::criterion(criterion).needs() >= prune::Needs::Activity;
}

Tokens loadTokens(const Options& options, const model::Checkpoint& checkpoint) {
    Tokens tokens;
    tokens.evaluation = evaluate::load(options.evaluation, checkpoint);
    if (std::ranges::any_of(options.criteria, runsTheModel)) {
        tokens.calibration = evaluate::load(options.calibration, checkpoint);
        evaluate::checkApart(*tokens.calibration, tokens.evaluation);
    }
    return tokens;
}

/// A random choice says nothing about a layer: the first criterion that chooses, where there is one.
const std::string& sensitivityCriterion(const Options& options) {
    const auto chooses = std::ranges::find_if(
        options.criteria, [](const std::string& id) { return prune::criterion(id).needs() != prune::Needs::Nothing; });
    return chooses == options.criteria.end() ? options.criteria.front() : *chooses;
}

void checkShare(const char* option, double share) {
    if (share >= 0 && share <= kMostRemoved) return;
    throw Error(option, fmt::format("{} is not a share of 0 to {} to remove", profile::percentAsTyped(share),
                                    profile::percentAsTyped(kMostRemoved)));
}

/// Without the tail that 1 − 0.9 has in binary.
double shareKept(double share_removed) {
    return std::round((1 - share_removed) * 1e12) / 1e12;
}

/// Of a single layer everything may go: the others stay.
void checkLeavesSome(prune::PlanKind kind, double share, const model::Config& config) {
    std::int64_t all = 0;
    std::int64_t largest = 0;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        for (std::int64_t group = 0; group < config.groups(); ++group) {
            all += config.states(layer, group);
            largest = std::max(largest, config.states(layer, group));
        }
    }
    const std::int64_t shared = kind == prune::PlanKind::Budget ? all : largest;
    if (prune::countOf(shareKept(share), shared) > 0) return;
    throw Error("shares", fmt::format("{} would remove every state of every layer", profile::percentAsTyped(share)),
                "remove less");
}

void checkFor(const Options& options, const model::Config& config) {
    for (const std::string& criterion : options.criteria) prune::criterionFor(criterion, config.architecture);
    if (options.multiple_of < 1 || options.multiple_of > config.d_state) {
        throw Error("multiple of",
                    fmt::format("{} is not in 1 to {}, the model's d_state", options.multiple_of, config.d_state));
    }
    for (const double share : options.shares) checkLeavesSome(options.kind, share, config);
}

std::vector<Cell> cellsOf(const Options& options, const model::Config& config) {
    std::vector<Cell> cells;
    const auto add = [&](const std::string& criterion, double share) -> Cell& {
        Cell& cell = cells.emplace_back();
        cell.criterion = criterion;
        cell.share = share;
        return cell;
    };
    // Removing nothing is the same by every criterion.
    if (std::ranges::find(options.shares, 0.0) != options.shares.end()) add(kNoCriterion, 0);
    for (const std::string& criterion : options.criteria) {
        for (const double share : options.shares) {
            if (share > 0) add(criterion, share);
        }
    }
    for (std::int64_t layer = 0; options.sensitivity_share > 0 && layer < config.n_layer; ++layer) {
        add(sensitivityCriterion(options), options.sensitivity_share).layer = layer;
    }
    return cells;
}

/// Cells of the trade-off measure speeds, too; those of sensitivity do not.
Work workOf(const Cell& cell) {
    return {cell.layer ? std::size_t{1} : std::size_t{0}, 1};
}

std::string inWords(const Cell& cell) {
    if (cell.criterion == kNoCriterion) return "nothing removed";
    const std::string text = fmt::format("{} {:.3g} %", cell.criterion, cell.share * 100);
    return cell.layer ? fmt::format("{} of layer {}", text, *cell.layer) : text;
}

class Run {
public:
    Run(engine::Engine& engine, const prune::MakeBackend& make_backend, const Options& options,
        const profile::Provenance& provenance, const Observer& observer, const std::stop_token& stop)
        : m_engine(engine),
          m_make_backend(make_backend),
          m_observer(observer),
          m_stop(stop),
          m_tokens(loadTokens(options, engine.checkpoint())) {
        m_study.model = profile::summaryOf(engine);
        m_study.provenance = provenance;
        m_study.provenance.created = profile::now();
        const kernels::DeviceInfo& device = engine.backend().device();
        m_study.provenance.device = device.name;
        m_study.provenance.device_id = device.id;
        m_study.provenance.threads = device.threads;
        m_study.provenance.clock_begin_mhz = profile::clockMhz();
        m_study.options = options;
        m_study.evaluation = m_tokens.evaluation.description;
        if (m_tokens.calibration) {
            m_study.calibration = m_tokens.calibration->description;
            m_study.calibration_made = m_tokens.calibration->made;
        }
        m_study.identity = identityOf(m_study, m_tokens.calibration ? m_tokens.calibration->hash : std::string(),
                                      m_tokens.evaluation.hash);
        m_study.cells = cellsOf(options, engine.config());
    }

    /// What was measured stays as it is; what failed is tried again.
    void resume(const Study& earlier, const std::string& shown_name) {
        checkSame(earlier, m_study, shown_name);
        m_study.unpruned = earlier.unpruned;
        for (std::size_t i = 0; i < m_study.cells.size(); ++i) {
            if (earlier.cells[i].state == CellState::Measured) m_study.cells[i] = earlier.cells[i];
        }
    }

    StudyPtr measureAll() {
        try {
            if (m_study.unpruned.predictions == 0) measureUnpruned();
            for (Cell& cell : m_study.cells) {
                if (cell.state != CellState::Waiting) continue;
                if (m_stop.stop_requested()) throw Cancelled();
                measureCell(cell);
            }
            m_study.complete = true;
        } catch (const Cancelled&) {
            // What was measured until then stands.
        }
        m_study.provenance.clock_end_mhz = profile::clockMhz();
        return std::make_shared<const Study>(std::move(m_study));
    }

private:
    [[nodiscard]] const Options& options() const { return m_study.options; }
    [[nodiscard]] const model::Checkpoint& checkpoint() const { return m_engine.checkpoint(); }

    void measureUnpruned() {
        const auto progress = [&](const evaluate::Accuracy&, const profile::Progress& now) {
            report(0, "unpruned: " + now.what);
        };
        m_study.unpruned = evaluate::evaluate({&m_engine, nullptr}, m_tokens.evaluation, nullptr, {}, progress, m_stop);
    }

    void measureCell(Cell& cell) {
        m_snapshot.reset();
        m_forecast.begin(workOf(cell));
        try {
            const prune::Scores scores = scoresOf(cell);
            prune::Plan plan = planOf(cell, scores);
            const prune::Facts facts = prune::factsOf(m_engine.config(), plan, scores);
            Options asked = options();
            if (cell.layer) asked.workloads.clear();
            cell.measured =
                measure(m_engine, m_make_backend, plan, facts, m_tokens.evaluation, asked, progressOf(cell), m_stop);
            cell.plan = std::move(plan);
            cell.state = CellState::Measured;
            m_forecast.end();
        } catch (const Error& error) {
            m_engine.backend().trim();
            cell.state = CellState::Failed;
            cell.failure = error.what();
        }
        m_snapshot.reset();
        notify(forecast(0, inWords(cell)), true);
    }

    [[nodiscard]] prune::Plan planOf(const Cell& cell, const prune::Scores& scores) const {
        prune::Choice choice;
        choice.value = shareKept(cell.share);
        choice.multiple_of = options().multiple_of;
        choice.kind = options().kind;
        if (cell.layer) {
            choice.kind = prune::PlanKind::Keep;  // the share is the layer's, whatever it is of the model
            for (std::int64_t layer = 0; layer < m_engine.config().n_layer; ++layer) {
                if (layer != *cell.layer) choice.protected_layers.insert(layer);
            }
        }
        return prune::makePlan(m_engine.config(), checkpoint().name(), scores, choice);
    }

    /// The same for every cell of that criterion and share.
    const prune::Scores& scoresOf(const Cell& cell) {
        const auto key = std::pair(cell.criterion, cell.share);
        const auto found = m_scores.find(key);
        if (found != m_scores.end()) return found->second;
        return m_scores.emplace(key, score(cell)).first->second;
    }

    prune::Scores score(const Cell& cell) {
        if (cell.criterion == kNoCriterion) return noScores();
        const prune::Criterion& criterion = prune::criterion(cell.criterion);
        if (criterion.needs() == prune::Needs::LayerByLayer) {
            return prune::score(criterion, m_engine, &*m_tokens.calibration, cell.share, options().seed,
                                progressOf(cell), m_stop);
        }
        const bool runs = criterion.needs() == prune::Needs::Activity;
        return prune::score(criterion, checkpoint(), runs ? activity(cell) : nullptr, cell.share, options().seed);
    }

    /// For removing nothing.
    [[nodiscard]] prune::Scores noScores() const {
        prune::Scores scores;
        scores.criterion = kNoCriterion;
        scores.model_hash = checkpoint().hash();
        for (std::int64_t layer = 0; layer < m_engine.config().n_layer; ++layer) {
            scores.layers.emplace_back(static_cast<std::size_t>(m_engine.config().states(layer)), 0.0);
        }
        return scores;
    }

    /// Collected once for all criteria that look at it.
    const activity::Activity* activity(const Cell& cell) {
        if (m_activity) return m_activity.get();
        const prune::Unmasked unmasked(m_engine);  // a masked state would show none
        activity::Options asked;
        asked.measure_cost = false;
        const auto progress = progressOf(cell);
        const auto observe = [&](const activity::ActivityPtr&, const profile::Progress& now) { progress(now); };
        const auto collected =
            activity::collect(m_engine, *m_tokens.calibration, asked, m_study.provenance, observe, m_stop);
        if (!collected->complete) throw Cancelled();
        m_activity = collected;
        return m_activity.get();
    }

    [[nodiscard]] profile::Progress forecast(double part, const std::string& what) const {
        std::vector<Work> waiting;
        for (const Cell& cell : m_study.cells) {
            if (cell.state == CellState::Waiting) waiting.push_back(workOf(cell));
        }
        return m_forecast.progress(waiting, m_study.cells.size(), part, what);
    }

    std::function<void(const profile::Progress&)> progressOf(const Cell& cell) {
        return [this, &cell](const profile::Progress& now) { report(now.done, inWords(cell) + ": " + now.what); };
    }

    void report(double part, const std::string& what) {
        if (profile::secondsSince(m_reported) < kObserverPeriod_s) return;
        notify(forecast(part, what), false);
    }

    void notify(const profile::Progress& progress, bool cell_done) {
        if (!m_observer) return;
        if (!m_snapshot) m_snapshot = std::make_shared<const Study>(m_study);
        m_observer(m_snapshot, progress, cell_done);
        m_reported = Clock::now();
    }

    engine::Engine& m_engine;
    const prune::MakeBackend& m_make_backend;
    const Observer& m_observer;
    const std::stop_token& m_stop;
    Tokens m_tokens;
    Study m_study;
    StudyPtr m_snapshot;  // of the study as it is; none where it has changed since
    std::map<std::pair<std::string, double>, prune::Scores> m_scores;
    activity::ActivityPtr m_activity;
    Forecast m_forecast;
    Clock::time_point m_reported;
};

}  // namespace

void check(const Options& options) {
    if (options.criteria.empty()) throw Error("criteria", "there are none");
    if (hasEqual(options.criteria)) throw Error("criteria", "one is given twice");
    if (options.shares.empty() && options.sensitivity_share == 0) throw Error("shares", "there are none");
    for (const double share : options.shares) checkShare("shares", share);
    if (hasEqual(options.shares)) throw Error("shares", "one is given twice");
    checkShare("sensitivity", options.sensitivity_share);
    if (options.kind == prune::PlanKind::Threshold) {
        throw Error("kind", "a study removes shares, and a threshold is none", "choose keep or budget");
    }
    for (const Workload& workload : options.workloads) check(workload);
    if (hasEqual(options.workloads)) throw Error("workloads", "one is given twice");
    if (std::cmp_less(options.pairs, kFewestPairs)) {
        throw Error("pairs", fmt::format("{} are too few for an interval", options.pairs),
                    fmt::format("ask for at least {}", kFewestPairs));
    }
    if (!(options.budget_s > 0)) throw Error("budget", fmt::format("{} s is not positive", options.budget_s));
}

StudyPtr run(engine::Engine& engine, const prune::MakeBackend& make_backend, const Options& options,
             const profile::Provenance& provenance, const StudyPtr& resume, const Observer& observer,
             const std::stop_token& stop, const std::string& resume_name) {
    check(options);
    checkFor(options, engine.config());
    Run run(engine, make_backend, options, provenance, observer, stop);
    if (resume) run.resume(*resume, resume_name);
    return run.measureAll();
}

}  // namespace perfmamba::study
