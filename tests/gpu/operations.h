// Every operation of a Backend against the reference in double, through the interface alone: on a GPU, and on the host
// where there is none. No Qt: it also runs where only the built program is.
#pragma once

#include <string>
#include <vector>

#include "kernels/backend.h"

namespace perfmamba::tests {

/// One comparison: ‖Δ‖/‖reference‖, and what it may be at most.
struct Check {
    std::string what;
    double error = 0;
    double bound = 0;

    [[nodiscard]] bool passed() const { return error <= bound; }
};

/// In the backend's precision. `large` adds the shapes of real models, which take a host some minutes.
std::vector<Check> checkOperations(kernels::Backend& backend, bool large);

}  // namespace perfmamba::tests
