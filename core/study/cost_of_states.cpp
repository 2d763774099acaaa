// Times the workloads at several numbers of states.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/profile/elapsed.h"
#include "core/prune/apply.h"
#include "core/prune/unmasked.h"
#include "core/study/run_study.h"
#include "core/study/timing.h"
#include "core/study/with_states.h"

namespace perfmamba::study {
namespace {

constexpr std::array kShares = {0.0, 0.25, 0.5, 0.75, 1.0};  // kept; of 0 one state of each group
// Of each of the two visits.
constexpr std::size_t kFewestPasses = kFewestPairs / 2;
constexpr std::size_t kMostPasses = 1000;

std::vector<prune::Plan> plansOf(const model::Checkpoint& checkpoint) {
    std::vector<prune::Plan> plans;
    for (const double share : kShares) {
        prune::Plan plan = keepFirst(
            checkpoint, [&](std::int64_t states) { return std::llround(share * static_cast<double>(states)); });
        if (plans.empty() || plan.kept() > plans.back().kept()) plans.push_back(std::move(plan));
    }
    return plans;
}

/// Appends the times of passes, µs.
void time(engine::Engine& engine, const Workload& workload, double budget_s, const std::stop_token& stop,
          std::vector<double>& times) {
    const auto start = std::chrono::steady_clock::now();
    profile::PassRunner passes = passesOf(engine, workload, stop);
    warmUp(passes);
    for (std::size_t i = 0; i < kFewestPasses || (i < kMostPasses && profile::secondsSince(start) < budget_s); ++i) {
        times.push_back(passes.pass(false).total_us);
    }
}

/// Up through the plans and down again.
std::vector<std::size_t> upAndDown(std::size_t count) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    order.insert(order.end(), order.rbegin(), order.rend());
    return order;
}

}  // namespace

CostPtr measureCostOfStates(engine::Engine& engine, const prune::MakeBackend& make_backend,
                            const std::vector<Workload>& workloads, double budget_s,
                            const std::function<void(const profile::Progress&)>& progress,
                            const std::stop_token& stop) {
    for (const Workload& workload : workloads) check(workload);
    const prune::Unmasked unmasked(engine);
    const std::vector<prune::Plan> plans = plansOf(engine.checkpoint());
    const std::vector<std::size_t> visits = upAndDown(plans.size());
    const auto steps = static_cast<double>(visits.size() * workloads.size());
    // By workload, then plan. A machine that grows faster or slower meets the second visits the other way round.
    std::vector times(workloads.size(), std::vector<std::vector<double>>(plans.size()));

    double done = 0;
    for (const std::size_t visit : visits) {
        const prune::Plan& plan = plans[visit];
        std::optional<engine::Engine> compact;
        if (plan.kept() < plan.states()) {
            compact.emplace(prune::apply(engine.sharedCheckpoint(), plan, prune::Form::Ragged), make_backend(),
                            engine::Loading{.stop = stop, .beside = &engine.backend()});
        }
        for (std::size_t i = 0; i < workloads.size(); ++i) {
            if (progress) {
                profile::Progress now;
                now.done = done / steps;
                now.seconds_left = budget_s * (1 - now.done);
                now.what = fmt::format("speed with {} of all {} states: {}", plan.kept(), plan.states(),
                                       inWords(workloads[i]));
                progress(now);
            }
            time(compact ? *compact : engine, workloads[i], budget_s / steps, stop, times[i][visit]);
            ++done;
        }
    }
    auto cost = std::make_shared<CostOfStates>();
    for (std::size_t i = 0; i < workloads.size(); ++i) {
        CostOfStates::Curve curve;
        curve.workload = workloads[i];
        for (std::size_t j = 0; j < plans.size(); ++j) {
            curve.samples.push_back({plans[j].kept(), profile::summarise(std::move(times[i][j]))});
        }
        cost->curves.push_back(std::move(curve));
    }
    return cost;
}

}  // namespace perfmamba::study
