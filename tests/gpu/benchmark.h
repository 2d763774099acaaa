// How fast a model's passes are beside what the device could do at best, and whether that meets what we promise.
#pragma once

#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/profile/profile.h"

namespace perfmamba::tests {

/// Prints a table, and returns the promises that were not kept, a line each.
std::vector<std::string> benchmark(engine::Engine& engine, const profile::Ceilings& ceilings, double budget_s);

}  // namespace perfmamba::tests
