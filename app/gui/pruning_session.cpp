#include "app/gui/pruning_session.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <span>
#include <utility>

#include "app/gui/path.h"
#include "core/activity/collect.h"
#include "core/evaluate/evaluate.h"
#include "core/prune/score.h"
#include "core/report/command.h"
#include "core/report/files.h"
#include "core/report/report.h"
#include "core/study/run_study.h"
#include "kernels/devices.h"
#include "kernels/error.h"

namespace perfmamba::app {
namespace {

// A masked measurement that follows the slider looks at about this many tokens, so many at once; the record looks at
// all.
constexpr std::int64_t kQuickTokens = 16384;
constexpr std::int64_t kQuickBatchTokens = 4096;
// The tokens that an export's logits are compared on.
constexpr std::int64_t kCheckedTokens = 256;
// Tokens of the prefill that plans are judged by, as the command line's default.
constexpr std::int64_t kPrefill = 256;
// Between two progress texts on the GUI thread.
constexpr std::chrono::milliseconds kTellPeriod(100);

/// The first sequences, about kQuickTokens tokens in all.
evaluate::TokenSet someOf(const evaluate::TokenSet& tokens) {
    evaluate::TokenSet some = tokens;
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, kQuickTokens / tokens.length));
    if (some.sequences.size() <= count) return some;
    some.sequences.resize(count);
    if (!some.targets.empty()) some.targets.resize(count);
    some.description += ", the first " + std::to_string(count);
    some.hash += "-" + std::to_string(count);
    return some;
}

/// When the file was written, and its size; empty where there is none ("task").
std::string writtenAt(const std::filesystem::path& file) {
    std::error_code none;
    const auto time = std::filesystem::last_write_time(file, none);
    const auto size = none ? 0 : std::filesystem::file_size(file, none);
    return none ? std::string() : std::to_string(time.time_since_epoch().count()) + "/" + std::to_string(size) + " ";
}

prune::MakeBackend backendsOf(const Target& target) {
    return [device = target.device, options = target.options] { return kernels::makeBackend(device, options); };
}

}  // namespace

PruningSession::PruningSession(Workers& workers, QObject* parent) : QObject(parent), m_workers(workers) {}

PruningSession::~PruningSession() {
    stop();
    m_workers.shutDown();
}

void PruningSession::stop() {
    m_stop.request_stop();
    m_stop_measure.request_stop();
    m_stop_score.request_stop();
}

void PruningSession::setTarget(const Target& target) {
    if (target == m_target) return;
    if (target.checkpoint != m_target.checkpoint) {
        stop();
        ++m_generation;
    }
    m_target = target;
}

void PruningSession::setSources(const evaluate::TokenRequest& calibration, const evaluate::TokenRequest& evaluation) {
    m_calibration = calibration;
    m_evaluation = evaluation;
    m_stop_measure.request_stop();
    m_stop_score.request_stop();
    ++m_sources;
}

PruningSession::Request PruningSession::request(std::stop_source& stop) const {
    if (stop.stop_requested()) stop = std::stop_source();
    return {m_target, m_generation, m_sources, m_calibration, m_evaluation, stop.get_token()};
}

/// `ended` runs on the GUI thread after the job, however it ended, unless a newer job took its place.
void PruningSession::post(const std::string& tag, std::function<void()> job, std::function<void()> ended) {
    const bool replaced = m_workers.measure(tag, [this, job = std::move(job), ended = std::move(ended)] {
        m_workers.guarded(job);
        m_workers.answer([this, ended] {
            if (ended) ended();
            if (--m_jobs == 0) Q_EMIT busyChanged(false);
        });
    });
    if (replaced) return;
    if (m_jobs++ == 0) Q_EMIT busyChanged(true);
}

void PruningSession::answer(const Request& request, std::function<void()> on_gui_thread) {
    m_workers.answer([this, generation = request.generation, does = std::move(on_gui_thread)] {
        if (generation == m_generation) does();
    });
}

std::function<void(const profile::Progress&)> PruningSession::teller(const Request& request) {
    return [this, request, last = std::chrono::steady_clock::time_point()](const profile::Progress& now) mutable {
        const auto time = std::chrono::steady_clock::now();
        if (time - last < kTellPeriod) return;
        last = time;
        answer(request, [this, now] { Q_EMIT progress(now); });
    };
}

/// On the engine's thread.
engine::Engine& PruningSession::engineFor(const Request& request) {
    engine::Loading loading;
    loading.observer = [tell = teller(request)](double done) { tell(profile::loadingProgress(done)); };
    loading.stop = request.stop;
    return m_workers.engine(request.target, loading);
}

const evaluate::TokenSet& PruningSession::tokens(const Target& target, const evaluate::TokenRequest& request) {
    // Two sets are in use at a time: what calibrates, and what is evaluated.
    constexpr std::size_t kKept = 2;
    const auto found = std::ranges::find_if(m_loaded, [&](const Loaded& loaded) {
        return loaded.checkpoint == target.checkpoint && loaded.request == request;
    });
    // A file may have been edited meanwhile: only what is generated is the same for ever.
    const std::string written = writtenAt(request.source) + writtenAt(target.checkpoint->folder() / "tokenizer.json");
    if (found != m_loaded.end() && found->written == written) return found->tokens;
    if (found != m_loaded.end()) m_loaded.erase(found);
    if (m_loaded.size() >= kKept) m_loaded.erase(m_loaded.begin());
    m_loaded.push_back({target.checkpoint, request, written, evaluate::load(request, *target.checkpoint)});
    return m_loaded.back().tokens;
}

void PruningSession::collect() {
    if (!m_target.checkpoint) return;
    const Request r = request(m_stop);
    post("activity", [this, r] {
        engine::Engine& engine = engineFor(r);
        const auto tell = teller(r);
        const activity::ActivityPtr result = activity::collect(
            engine, tokens(r.target, r.calibration), {}, profile::provenanceOf(engine.backend().device()),
            [&](const activity::ActivityPtr& so_far, const profile::Progress& now) {
                tell(now);
                answer(r, [this, so_far] { Q_EMIT activityChanged(so_far, false); });
            },
            r.stop);
        if (result->complete) m_activity = result;
        answer(r, [this, result] { Q_EMIT activityChanged(result, true); });
    });
}

void PruningSession::score(const std::string& criterion, double share, std::uint64_t seed) {
    if (!m_target.checkpoint) return;
    m_stop_score.request_stop();
    const Request r = request(m_stop_score);
    post("score", [this, r, number = ++m_score_requests, criterion, share, seed] {
        try {
            const auto scores = std::make_shared<const prune::Scores>(scoresOf(r, criterion, share, seed));
            answer(r, [this, scores] { Q_EMIT scored(scores); });
        } catch (const Error& error) {
            answer(r, [this, id = QString::fromStdString(criterion), why = QString::fromUtf8(error.what())] {
                Q_EMIT scoringFailed(id, why);
            });
        } catch (const Cancelled&) {
            answer(r, [this, number, id = QString::fromStdString(criterion)] {
                if (number == m_score_requests) Q_EMIT scoringFailed(id, tr("it was stopped"));
            });
        }
    });
}

prune::Scores PruningSession::scoresOf(const Request& r, const std::string& criterion, double share,
                                       std::uint64_t seed) {
    const model::Checkpoint& checkpoint = *r.target.checkpoint;
    const prune::Criterion& chosen = prune::criterionFor(criterion, checkpoint.config().architecture);
    if (chosen.needs() <= prune::Needs::Weights) return prune::score(chosen, checkpoint, nullptr, share, seed);
    const evaluate::TokenSet& calibration = tokens(r.target, r.calibration);
    const bool collected =
        m_activity && m_activity->tokens_hash == calibration.hash && m_activity->model.hash == checkpoint.hash();
    if (chosen.needs() == prune::Needs::Activity && collected) {
        return prune::score(chosen, checkpoint, m_activity.get(), share, seed);
    }
    return prune::score(chosen, engineFor(r), &calibration, share, seed, teller(r), r.stop);
}

void PruningSession::measure(const prune::PlanPtr& plan, const ScoresPtr& scores, bool full) {
    if (!m_target.checkpoint || !plan) return;
    m_stop_measure.request_stop();
    const Request r = request(m_stop_measure);
    post(
        "measure",
        [this, r, plan, scores, full] {
            answer(r, [this, plan, full] { Q_EMIT measuring(plan, full); });
            const model::Checkpoint& checkpoint = *r.target.checkpoint;
            prune::checkFor(*plan, checkpoint.config(), checkpoint.name(), checkpoint.hash());
            engine::Engine& engine = engineFor(r);
            const evaluate::TokenSet evaluation = tokens(r.target, r.evaluation);
            if (!plan->calibration_hash.empty() && plan->calibration_hash == evaluation.hash) {
                throw Error(evaluation.description, "is what this plan was calibrated on",
                            "judge it on other tokens, for nobody should calibrate on what is evaluated");
            }
            if (!full) {
                measureQuickly(r, plan, scores, someOf(evaluation));
                return;
            }
            measureUnpruned(r, evaluation, {});
            const prune::Facts facts = factsOf(r, *plan, scores);
            study::Options options;
            options.workloads = study::defaultWorkloads(kPrefill);
            const study::Measurement result =
                study::measure(engine, backendsOf(r.target), *plan, facts, evaluation, options, teller(r), r.stop);
            answer(r, [this, plan, result] { Q_EMIT measured(plan, result, false); });
        },
        [this] { Q_EMIT measuringEnded(); });
}

/// Accuracy under a mask.
void PruningSession::measureQuickly(const Request& r, const prune::PlanPtr& plan, const ScoresPtr& scores,
                                    const evaluate::TokenSet& some) {
    evaluate::Options options;
    options.batch = std::max<std::int64_t>(1, kQuickBatchTokens / some.length);
    measureUnpruned(r, some, options);
    const evaluate::Subject unpruned{&engineFor(r), nullptr};
    measureMasked(r, plan, scores, some, options, &unpruned);
}

/// What every plan is judged against, once for each set of tokens.
void PruningSession::measureUnpruned(const Request& r, const evaluate::TokenSet& tokens,
                                     const evaluate::Options& options) {
    const std::pair of(r.generation, r.sources);
    if (std::exchange(m_unpruned_of, of) != of) m_unpruned_on.clear();
    if (m_unpruned_on.contains(tokens.hash)) return;
    const model::Checkpoint& checkpoint = *r.target.checkpoint;
    measureMasked(
        r,
        std::make_shared<const prune::Plan>(prune::fullPlan(checkpoint.config(), checkpoint.name(), checkpoint.hash())),
        nullptr, tokens, options, nullptr);
    m_unpruned_on.insert(tokens.hash);
}

void PruningSession::measureMasked(const Request& r, const prune::PlanPtr& plan, const ScoresPtr& scores,
                                   const evaluate::TokenSet& tokens, const evaluate::Options& options,
                                   const evaluate::Subject* against) {
    const engine::Mask mask = prune::maskOf(*plan);
    const auto tell = teller(r);
    const evaluate::Accuracy accuracy = evaluate::evaluate(
        {&engineFor(r), &mask}, tokens, against, options,
        [&](const evaluate::Accuracy&, const profile::Progress& now) { tell(now); }, r.stop);
    answer(r, [this, plan, result = study::Measurement{accuracy, {}, factsOf(r, *plan, scores)}] {
        Q_EMIT measured(plan, result, true);
    });
}

prune::Facts PruningSession::factsOf(const Request& r, const prune::Plan& plan, const ScoresPtr& scores) {
    return prune::factsOf(r.target.checkpoint->config(), plan, scores ? *scores : prune::Scores());
}

void PruningSession::price() {
    if (!m_target.checkpoint) return;
    const Request r = request(m_stop);
    post("price", [this, r, budget_s = m_price_budget_s] {
        const study::CostPtr cost = study::measureCostOfStates(
            engineFor(r), backendsOf(r.target), study::defaultWorkloads(kPrefill), budget_s, teller(r), r.stop);
        answer(r, [this, cost, target = r.target] { Q_EMIT priced(cost, target); });
    });
}

void PruningSession::runStudy(const study::Options& options, const study::StudyPtr& resume, const QString& keep_as) {
    if (!m_target.checkpoint) return;
    const Request r = request(m_stop);
    post("study", [this, r, options, resume, keep_as] {
        engine::Engine& engine = engineFor(r);
        const auto tell = teller(r);
        const auto keep = [&](const study::StudyPtr& study, bool finished) {
            m_workers.file("keep " + keep_as.toStdString(), [this, r, study, keep_as, finished] {
                report::writeStudy(pathOf(keep_as), *study);
                if (finished) answer(r, [this, study, keep_as] { Q_EMIT studyKept(study, keep_as); });
            });
        };
        const study::StudyPtr result = study::run(
            engine, backendsOf(r.target), options, profile::provenanceOf(engine.backend().device()), resume,
            [&](const study::StudyPtr& study, const profile::Progress& now, bool cell_done) {
                tell(now);
                if (!cell_done) return;
                keep(study, false);
                answer(r, [this, study] { Q_EMIT studyChanged(study, false); });
            },
            r.stop, keep_as.toStdString());
        answer(r, [this, result] { Q_EMIT studyChanged(result, true); });
        keep(result, true);
    });
}

void PruningSession::findStudy(const QStringList& paths) {
    if (!m_target.checkpoint) return;
    const Request r = request(m_stop);
    m_workers.file("find study", [this, r, paths] {
        for (const QString& path : paths) {
            const study::StudyPtr study = report::readContents(pathOf(path)).study;
            if (!study || study->model.hash != r.target.checkpoint->hash()) continue;
            answer(r, [this, study, path] { Q_EMIT studyFound(study, path); });
            return;
        }
    });
}

void PruningSession::dryRun(const prune::PlanPtr& plan, prune::Form form) {
    if (!m_target.checkpoint || !plan) return;
    const Request r = request(m_stop);
    m_workers.file("dry run", [this, r, plan, form] {
        const model::Checkpoint& checkpoint = *r.target.checkpoint;
        prune::checkFor(*plan, checkpoint.config(), checkpoint.name(), checkpoint.hash());
        answer(r, [this, plan, form, changes = prune::dryRun(checkpoint, *plan, form)] {
            Q_EMIT dryRunReady(plan, form, changes);
        });
    });
}

void PruningSession::exportPlan(const prune::PlanPtr& plan, prune::Form form, const prune::Target& target,
                                const std::string& results) {
    if (!m_target.checkpoint || !plan) return;
    const Request r = request(m_stop);
    post({}, [this, r, plan, form, target, results] {
        const evaluate::TokenSet checked =
            evaluate::load({.source = "random", .length = kCheckedTokens, .sequences = 1}, *r.target.checkpoint);
        const prune::Exported done = prune::exportModel(engineFor(r), backendsOf(r.target), *plan, form, target,
                                                        results, checked.sequences.front(), teller(r), r.stop);
        answer(r, [this, done] { Q_EMIT exported(done); });
    });
}

void PruningSession::savePlan(const prune::PlanPtr& plan, const QString& path) {
    if (!plan) return;
    m_workers.file({}, [this, plan, path] {
        const std::string text = prune::toJson(*plan) + "\n";
        report::writeThrough(pathOf(path), std::as_bytes(std::span(text)));
        m_workers.answer([this, path] { Q_EMIT planSaved(path); });
    });
}

void PruningSession::loadPlan(const QString& path) {
    if (!m_target.checkpoint) return;
    const Request r = request(m_stop);
    m_workers.file("load plan", [this, r, path] {
        const auto plan = std::make_shared<const prune::Plan>(prune::readPlan(pathOf(path)));
        const model::Checkpoint& checkpoint = *r.target.checkpoint;
        prune::checkFor(*plan, checkpoint.config(), checkpoint.name(), checkpoint.hash());
        answer(r, [this, plan] { Q_EMIT planLoaded(plan); });
    });
}

}  // namespace perfmamba::app
