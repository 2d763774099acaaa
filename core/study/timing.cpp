#include "core/study/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/profile/elapsed.h"

namespace perfmamba::study {
namespace {

// Some context, so that decode begins with a state that is not all zeros; its length does not matter to time.
constexpr std::int64_t kDecodeContext = 16;
constexpr std::uint64_t kTimedTokensSeed = 1;
constexpr int kWarmUps = 2;
// Short, so that a drift of the machine meets both models alike.
constexpr std::size_t kTurn = 3;
// Short passes are timed several at once, so that all pairs together last longer than what else the machine does for a
// moment.
constexpr double kLeastTimed_us = 10'000;
constexpr double kMostRepeats = 1000;

}  // namespace

profile::PassRunner passesOf(engine::Engine& engine, const Workload& workload, const std::stop_token& stop) {
    const std::int64_t length = workload.mode == profile::Mode::Decode ? kDecodeContext : workload.length;
    return {engine, workload.mode, workload.batch, length, kTimedTokensSeed, stop};
}

void warmUp(profile::PassRunner& passes) {
    for (int i = 0; i < kWarmUps; ++i) passes.pass(false);
}

PairedTimes takeTurns(const TimedPass& before, const TimedPass& after, std::size_t most, double budget_s,
                      const std::function<void(std::size_t)>& each) {
    PairedTimes times;
    const auto turn = [](const TimedPass& pass, std::size_t count, std::vector<double>& kept) {
        const auto repeats = static_cast<int>(std::clamp(std::ceil(kLeastTimed_us / pass()), 1.0, kMostRepeats));
        for (std::size_t i = 0; i < count; ++i) {
            double sum = 0;
            for (int done = 0; done < repeats; ++done) sum += pass();
            kept.push_back(sum / repeats);
        }
    };
    const auto start = std::chrono::steady_clock::now();
    const std::size_t fewest = std::min(kFewestPairs, most);
    bool before_first = true;
    while (times.before.size() < fewest || (times.before.size() < most && profile::secondsSince(start) < budget_s)) {
        const std::size_t count = std::min(kTurn, most - times.before.size());
        if (before_first) turn(before, count, times.before);
        turn(after, count, times.after);
        if (!before_first) turn(before, count, times.before);
        before_first = !before_first;
        if (each) each(times.before.size());
    }
    return times;
}

}  // namespace perfmamba::study
