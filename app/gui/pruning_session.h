// Between the window and the core, for everything about states: activity, scores, plans measured, studies, export.
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "app/gui/workers.h"
#include "core/activity/activity.h"
#include "core/evaluate/evaluate.h"
#include "core/evaluate/tokens.h"
#include "core/prune/apply.h"
#include "core/prune/export.h"
#include "core/prune/plan.h"
#include "core/study/study.h"

namespace perfmamba::app {

using ScoresPtr = std::shared_ptr<const prune::Scores>;

/// GUI thread only. A newer request of a kind replaces one that waits; what was asked for another model is not heard
/// of.
class PruningSession : public QObject {
    Q_OBJECT
public:
    explicit PruningSession(Workers& workers, QObject* parent = nullptr);
    /// Asks everything to stop, and waits for the workers.
    ~PruningSession() override;

    /// What the following requests are about. Another checkpoint: what runs is stopped.
    void setTarget(const Target& target);
    void setSources(const evaluate::TokenRequest& calibration, const evaluate::TokenRequest& evaluation);
    [[nodiscard]] const evaluate::TokenRequest& calibration() const { return m_calibration; }
    [[nodiscard]] const evaluate::TokenRequest& evaluation() const { return m_evaluation; }

    /// Runs the calibration tokens and collects what the states do.
    void collect();
    void score(const std::string& criterion, double share, std::uint64_t seed);
    /// @param full compacted, all evaluation tokens, speeds too; otherwise masked, on some of them
    void measure(const prune::PlanPtr& plan, const ScoresPtr& scores, bool full);
    /// What a number of states costs on this device.
    void price();
    /// How long that takes, about.
    void setPriceBudget(double seconds) { m_price_budget_s = seconds; }
    /// @param resume  the study to go on with, or null
    /// @param keep_as  the report that is written after each cell
    void runStudy(const study::Options& options, const study::StudyPtr& resume, const QString& keep_as);
    /// Looks for the first of these reports of the target's model; if its study is unfinished it arrives as
    /// studyFound().
    void findStudy(const QStringList& paths);
    void dryRun(const prune::PlanPtr& plan, prune::Form form);
    /// @param results  JSON to note in pruning.json
    void exportPlan(const prune::PlanPtr& plan, prune::Form form, const prune::Target& target,
                    const std::string& results);
    void savePlan(const prune::PlanPtr& plan, const QString& path);
    void loadPlan(const QString& path);
    void stop();

    [[nodiscard]] bool busy() const { return m_jobs > 0; }

Q_SIGNALS:
    void busyChanged(bool busy);
    void progress(const perfmamba::profile::Progress& progress);
    /// `finished`: the last of this collection; also with what there was when it was stopped.
    void activityChanged(const perfmamba::activity::ActivityPtr& activity, bool finished);
    void scored(const perfmamba::app::ScoresPtr& scores);
    /// They cannot be had; the reason is to be shown as it stands.
    void scoringFailed(const QString& criterion, const QString& why);
    void measuring(const perfmamba::prune::PlanPtr& plan, bool full);
    void measured(const perfmamba::prune::PlanPtr& plan, const perfmamba::study::Measurement& measured, bool masked);
    void measuringEnded();
    /// `target`: what it was measured on.
    void priced(const perfmamba::study::CostPtr& cost, const perfmamba::app::Target& target);
    void studyChanged(const perfmamba::study::StudyPtr& study, bool finished);
    /// What studyChanged() told as finished is written.
    void studyKept(const perfmamba::study::StudyPtr& study, const QString& path);
    void studyFound(const perfmamba::study::StudyPtr& study, const QString& path);
    void dryRunReady(const perfmamba::prune::PlanPtr& plan, perfmamba::prune::Form form,
                     const std::vector<perfmamba::prune::TensorChange>& changes);
    void exported(const perfmamba::prune::Exported& exported);
    void planSaved(const QString& path);
    void planLoaded(const perfmamba::prune::PlanPtr& plan);

private:
    /// What a job takes with it.
    struct Request {
        Target target;
        std::uint64_t generation = 0;
        std::uint64_t sources = 0;
        evaluate::TokenRequest calibration, evaluation;
        std::stop_token stop;
    };
    /// Tokens that were loaded once; the engine's thread only.
    const evaluate::TokenSet& tokens(const Target& target, const evaluate::TokenRequest& request);
    [[nodiscard]] Request request(std::stop_source& stop) const;
    /// On the engine's thread.
    prune::Scores scoresOf(const Request& r, const std::string& criterion, double share, std::uint64_t seed);
    void measureQuickly(const Request& r, const prune::PlanPtr& plan, const ScoresPtr& scores,
                        const evaluate::TokenSet& some);
    void measureUnpruned(const Request& r, const evaluate::TokenSet& tokens, const evaluate::Options& options);
    void measureMasked(const Request& r, const prune::PlanPtr& plan, const ScoresPtr& scores,
                       const evaluate::TokenSet& tokens, const evaluate::Options& options,
                       const evaluate::Subject* against);
    static prune::Facts factsOf(const Request& r, const prune::Plan& plan, const ScoresPtr& scores);
    void post(const std::string& tag, std::function<void()> job, std::function<void()> ended = {});
    void answer(const Request& request, std::function<void()> on_gui_thread);
    std::function<void(const profile::Progress&)> teller(const Request& request);
    engine::Engine& engineFor(const Request& request);

    Workers& m_workers;
    Target m_target;
    evaluate::TokenRequest m_calibration{.seed = evaluate::kCalibrationSeed};
    evaluate::TokenRequest m_evaluation{.seed = evaluate::kEvaluationSeed};
    std::uint64_t m_generation = 1;  // of the model
    std::uint64_t m_sources = 0;     // of the tokens
    std::uint64_t m_score_requests = 0;
    double m_price_budget_s = 4;
    int m_jobs = 0;
    std::stop_source m_stop;          // of everything but
    std::stop_source m_stop_measure;  // masked measurements, which a newer one ends
    std::stop_source m_stop_score;

    // The engine's thread only.
    struct Loaded {
        std::shared_ptr<const model::Checkpoint> checkpoint;
        evaluate::TokenRequest request;
        std::string written;  // when the files were, that they are from
        evaluate::TokenSet tokens;
    };
    std::vector<Loaded> m_loaded;
    std::set<std::string> m_unpruned_on;                    // hashes of the tokens whose unpruned accuracy was told
    std::pair<std::uint64_t, std::uint64_t> m_unpruned_of;  // of that generation and these sources
    activity::ActivityPtr m_activity;                       // of the last collection that was complete
};

}  // namespace perfmamba::app
