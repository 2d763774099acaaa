// Times the workloads at several numbers of states.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/prune/apply.h"
#include "core/prune/unmasked.h"
#include "core/study/run_study.h"
#include "core/study/timing.h"

namespace perfmamba::study {
namespace {

constexpr std::array kShares = {0.0, 0.25, 0.5, 0.75, 1.0};  // kept; of 0 one state of each group
constexpr std::size_t kFewestPasses = 5;
constexpr std::size_t kMostPasses = 200;

/// The first states of every group stay, at least one.
prune::Plan keepFirst(const model::Checkpoint& checkpoint, double share) {
    prune::Plan plan = prune::fullPlan(checkpoint.config(), checkpoint.name(), checkpoint.hash());
    for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
        auto group = plan.layers[layer].begin();
        for (const std::int64_t states : plan.group_states[layer]) {
            const std::int64_t kept = std::llround(share * static_cast<double>(states));
            std::fill(group + std::min(std::max<std::int64_t>(kept, 1), states), group + states, std::uint8_t{0});
            group += states;
        }
    }
    return plan;
}

std::vector<prune::Plan> plansOf(const model::Checkpoint& checkpoint) {
    std::vector<prune::Plan> plans;
    for (const double share : kShares) {
        prune::Plan plan = keepFirst(checkpoint, share);
        if (plans.empty() || plan.kept() > plans.back().kept()) plans.push_back(std::move(plan));
    }
    return plans;
}

profile::Summary time(engine::Engine& engine, const Workload& workload, double budget_s, const std::stop_token& stop) {
    const auto start = std::chrono::steady_clock::now();
    profile::PassRunner passes = passesOf(engine, workload, stop);
    warmUp(passes);
    std::vector<double> times;
    const auto spent = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start); };
    while (times.size() < kFewestPasses || (times.size() < kMostPasses && spent().count() < budget_s)) {
        times.push_back(passes.pass(false).total_us);
    }
    return profile::summarise(std::move(times));
}

}  // namespace

CostPtr measureCostOfStates(engine::Engine& engine, const prune::MakeBackend& make_backend,
                            const std::vector<Workload>& workloads, double budget_s,
                            const std::function<void(const profile::Progress&)>& progress,
                            const std::stop_token& stop) {
    for (const Workload& workload : workloads) check(workload);
    const prune::Unmasked unmasked(engine);
    const std::vector<prune::Plan> plans = plansOf(engine.checkpoint());
    const auto steps = static_cast<double>(plans.size() * workloads.size());
    auto cost = std::make_shared<CostOfStates>();
    for (const Workload& workload : workloads) cost->curves.push_back({workload, {}});

    double done = 0;
    for (const prune::Plan& plan : plans) {
        std::optional<engine::Engine> compact;
        if (plan.kept() < plan.states()) {
            compact.emplace(prune::apply(engine.sharedCheckpoint(), plan, prune::Form::Ragged), make_backend());
        }
        for (CostOfStates::Curve& curve : cost->curves) {
            if (progress) {
                profile::Progress now;
                now.done = done / steps;
                now.seconds_left = budget_s * (1 - now.done);
                now.what = fmt::format("{} states: {}", plan.kept(), inWords(curve.workload));
                progress(now);
            }
            curve.samples.push_back(
                {plan.kept(), time(compact ? *compact : engine, curve.workload, budget_s / steps, stop)});
            ++done;
        }
    }
    return cost;
}

}  // namespace perfmamba::study
