// The ceilings that were measured on this machine, kept between runs: a JSON file in the user's data folder.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/profile/ceilings.h"
#include "kernels/backend.h"

namespace perfmamba::report {

/// ceilings.json in the window's data folder, $XDG_DATA_HOME/PerfMamba/PerfMamba Explorer. The environment's
/// PERFMAMBA_CEILINGS names another file; "off" or "OFF", or a user without a home: empty, and then nothing is kept.
std::filesystem::path ceilingsFile();
/// PERFMAMBA_CEILINGS is "off": nothing is to be measured either.
bool ceilingsAreOff();

/// All that the file holds; what cannot be read is as if it were not there: it can be measured again.
std::vector<profile::Ceilings> readCeilings(const std::filesystem::path& file);
/// Those of the backend's device, precision and threads, by this version of the program.
std::optional<profile::Ceilings> findCeilings(const std::filesystem::path& file, const kernels::Backend& backend);

/// Adds them to the file, in place of others of the same; makes the folder. Does nothing for an empty path. Throws
/// Error when it cannot be written, or holds anything but ceilings of this format version, which stays.
void keepCeilings(const std::filesystem::path& file, const profile::Ceilings& ceilings);

}  // namespace perfmamba::report
