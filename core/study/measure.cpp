// Measures a plan: its accuracy, and its speed in turn with the unpruned model's.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/evaluate/evaluate.h"
#include "core/prune/apply.h"
#include "core/prune/score.h"
#include "core/prune/unmasked.h"
#include "core/study/run_study.h"
#include "core/study/timing.h"

namespace perfmamba::study {
namespace {

using Progress = std::function<void(const profile::Progress&)>;

void checkPlan(const engine::Engine& engine, const prune::Plan& plan) {
    const model::Checkpoint& checkpoint = engine.checkpoint();
    prune::checkFor(plan, checkpoint.config(), checkpoint.name(), checkpoint.hash());
}

evaluate::Observer observerOf(const Progress& progress) {
    if (!progress) return {};
    return [&progress](const evaluate::Accuracy&, const profile::Progress& now) { progress(now); };
}

/// The progress of one of several steps as that of the whole.
Progress partOf(const Progress& progress, std::size_t step, std::size_t steps) {
    if (!progress) return {};
    return [&progress, step, steps](profile::Progress now) {
        now.done = (static_cast<double>(step) + now.done) / static_cast<double>(steps);
        now.seconds_left.reset();
        progress(now);
    };
}

/// Passes of the unpruned and the pruned model in turn.
class Race {
public:
    Race(engine::Engine& before, engine::Engine& after, const Workload& workload, const Options& options,
         const std::stop_token& stop)
        : m_options(options), m_before(passesOf(before, workload, stop)), m_after(passesOf(after, workload, stop)) {
        m_speed.workload = workload;
        m_speed.bytes_ratio = leastBytes(before.config(), workload) / leastBytes(after.config(), workload);
    }

    Speed run(const Progress& progress) {
        warmUp(m_before);
        warmUp(m_after);
        const auto most = static_cast<std::size_t>(m_options.pairs);
        const auto each = [&](std::size_t pairs) {
            if (!progress) return;
            profile::Progress now;
            now.done = static_cast<double>(pairs) / static_cast<double>(most);
            now.what = fmt::format("{}, pair {} of {}", inWords(m_speed.workload), pairs, most);
            progress(now);
        };
        PairedTimes times =
            takeTurns([&] { return time(m_before, m_speed.peak_bytes_before); },
                      [&] { return time(m_after, m_speed.peak_bytes_after); }, most, m_options.budget_s, each);
        m_speed.speed_up = profile::ratioOf(times.before, times.after);
        m_speed.before = profile::summarise(std::move(times.before));
        m_speed.after = profile::summarise(std::move(times.after));
        return std::move(m_speed);
    }

private:
    static double time(profile::PassRunner& runner, std::int64_t& peak_bytes) {
        const kernels::PassRecord record = runner.pass(false);
        peak_bytes = std::max(peak_bytes, record.memory_peak.total());
        return record.total_us;
    }

    const Options& m_options;
    profile::PassRunner m_before;
    profile::PassRunner m_after;
    Speed m_speed;
};

}  // namespace

evaluate::Accuracy measureMasked(engine::Engine& engine, const prune::Plan& plan, const evaluate::TokenSet& tokens,
                                 const Progress& progress, const std::stop_token& stop) {
    checkPlan(engine, plan);
    const engine::Mask mask = prune::maskOf(plan);
    const evaluate::Subject unpruned{&engine, nullptr};
    return evaluate::evaluate({&engine, &mask}, tokens, &unpruned, {}, observerOf(progress), stop);
}

Measurement measure(engine::Engine& engine, const prune::MakeBackend& make_backend, const prune::Plan& plan,
                    const prune::Facts& facts, const evaluate::TokenSet& tokens, const Options& options,
                    const Progress& progress, const std::stop_token& stop) {
    checkPlan(engine, plan);
    const prune::Unmasked unmasked(engine);
    engine::Engine compact(prune::apply(engine.sharedCheckpoint(), plan, prune::Form::Ragged), make_backend(),
                           {.stop = stop, .beside = &engine.backend()});

    Measurement result;
    result.facts = facts;
    const std::size_t steps = 1 + options.workloads.size();
    const evaluate::Subject unpruned{&engine, nullptr};
    const Progress accuracy = partOf(progress, 0, steps);
    result.accuracy = evaluate::evaluate({&compact, nullptr}, tokens, &unpruned, {}, observerOf(accuracy), stop);
    for (const Workload& workload : options.workloads) {
        const Progress speed = partOf(progress, 1 + result.speeds.size(), steps);
        result.speeds.push_back(Race(engine, compact, workload, options, stop).run(speed));
    }
    return result;
}

}  // namespace perfmamba::study
