// How fast a model's passes are beside what the device could do at best, and whether that meets what we promise.
#pragma once

#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/profile/cost_model.h"
#include "core/profile/profile.h"

namespace perfmamba::tests {

/// What this device reaches, measured on it but for the exponentials.
struct Ceilings {
    double bytes_per_s = 0;  // copying memory, read and written
    double flops_per_s = 0;  // a large product in the precision
    double exps_per_s = 0;   // multiprocessors · 16 · clock; 0 where the device does not tell
};
Ceilings measureCeilings(kernels::Backend& backend);

/// Seconds that a pass, or one of its components over all layers, takes at least.
double floorOf(Component component, const model::Config& config, profile::Mode mode, std::int64_t length,
               profile::Precision precision, const Ceilings& ceilings);

/// Prints a table, and returns the promises that were not kept, a line each.
std::vector<std::string> benchmark(engine::Engine& engine, const Ceilings& ceilings, double budget_s);

}  // namespace perfmamba::tests
