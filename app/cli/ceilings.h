// Measuring a device's ceilings from the command line.
#pragma once

#include <stop_token>

#include "app/cli/progress_line.h"
#include "core/profile/ceilings.h"
#include "kernels/backend.h"

namespace perfmamba::cli {

/// Measures them, shows how far it is, and keeps them; that they cannot be kept is said and no failure. Throws
/// Cancelled, and Error where there is too little memory.
profile::Ceilings measureAndKeep(kernels::Backend& backend, ProgressLine& line, const std::stop_token& stop);

}  // namespace perfmamba::cli
