// How a study's passes are taken.
#pragma once

#include <stop_token>

#include "core/profile/pass_runner.h"
#include "core/study/price.h"

namespace perfmamba::study {

// Some context, so that decode begins with a state that is not all zeros; its length does not matter to time.
inline constexpr std::int64_t kDecodeContext = 16;
inline constexpr std::uint64_t kTimedTokensSeed = 1;
inline constexpr int kWarmUps = 2;

inline profile::PassRunner passesOf(engine::Engine& engine, const Workload& workload, const std::stop_token& stop) {
    const std::int64_t length = workload.mode == profile::Mode::Decode ? kDecodeContext : workload.length;
    return {engine, workload.mode, workload.batch, length, kTimedTokensSeed, stop};
}

inline void warmUp(profile::PassRunner& passes) {
    for (int i = 0; i < kWarmUps; ++i) passes.pass(false);
}

}  // namespace perfmamba::study
