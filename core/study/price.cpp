#include "core/study/price.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "core/profile/cost_model.h"
#include "kernels/error.h"

namespace perfmamba::study {

std::vector<Workload> defaultWorkloads(std::int64_t prefill_length) {
    using profile::Mode;
    return {{Mode::Prefill, 1, prefill_length},
            {Mode::Prefill, 16, prefill_length},
            {Mode::Decode, 1, prefill_length},
            {Mode::Decode, 16, prefill_length}};
}

double estimate_us(const CostOfStates& cost, const Workload& workload, std::int64_t states) {
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    const auto curve = std::ranges::find(cost.curves, workload, &CostOfStates::Curve::workload);
    if (curve == cost.curves.end()) return kNaN;
    const auto above = std::ranges::lower_bound(curve->samples, states, {}, &CostOfStates::Sample::states);
    if (above == curve->samples.end()) return kNaN;
    if (above->states == states) return above->time.median;
    if (above == curve->samples.begin()) return kNaN;
    const auto below = std::prev(above);
    const double part =
        static_cast<double>(states - below->states) / static_cast<double>(above->states - below->states);
    return below->time.median + part * (above->time.median - below->time.median);
}

double leastBytes(const model::Config& config, const Workload& workload) {
    const std::int64_t length = workload.mode == profile::Mode::Decode ? 1 : workload.length;
    profile::PassShape pass;
    pass.batch = workload.batch;
    pass.length = length;
    return profile::costOfPass(config, pass).bytes;
}

void check(const Workload& workload) {
    if (workload.batch < 1) throw Error("batch", fmt::format("{} is below 1", workload.batch));
    const bool prefill = workload.mode == profile::Mode::Prefill;
    if (prefill && workload.length < 1) throw Error("length", fmt::format("{} is below 1", workload.length));
}

std::string inWords(const Workload& workload) {
    if (workload.mode == profile::Mode::Decode) return fmt::format("decode, batch {}", workload.batch);
    return fmt::format("prefill {}, batch {}", workload.length, workload.batch);
}

}  // namespace perfmamba::study
