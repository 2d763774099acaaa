// What a number of states costs: measured at some N, read off in between.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/profile/profile.h"
#include "core/prune/plan.h"

namespace perfmamba::study {

/// What is timed: a prefill pass of `length` tokens, or one decode step, of `batch` sequences.
struct Workload {
    profile::Mode mode = profile::Mode::Prefill;
    std::int64_t batch = 1;
    std::int64_t length = 256;  // prefill only

    bool operator==(const Workload&) const = default;
};

/// The workloads that pruning is judged by: prefill and decode at batch 1 and 16.
std::vector<Workload> defaultWorkloads(std::int64_t prefill_length);

/// The time of a pass of each workload with the same number of states everywhere.
struct CostOfStates {
    struct Sample {
        std::int64_t states = 0;  // in all layers and groups together
        profile::Summary time;    // µs a pass
    };
    struct Curve {
        Workload workload;
        std::vector<Sample> samples;  // ascending
    };
    std::vector<Curve> curves;
};
using CostPtr = std::shared_ptr<const CostOfStates>;

/// The time of that workload with `states` in all, linear between the samples; NaN where it was not measured.
double estimate_us(const CostOfStates& cost, const Workload& workload, std::int64_t states);

/// The least bytes such a pass moves: the cost model's, all components of all layers. A decode pass is one token.
double leastBytes(const model::Config& config, const Workload& workload);

/// Throws Error for a batch or length below 1.
void check(const Workload& workload);

/// "decode, batch 16", "prefill 256, batch 1".
std::string inWords(const Workload& workload);

}  // namespace perfmamba::study
