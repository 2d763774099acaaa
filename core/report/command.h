// Command lines, as one would type them.
#pragma once

#include <string>
#include <string_view>

#include "core/profile/profile.h"
#include "core/study/scaling.h"

namespace perfmamba::report {

/// One argument as a POSIX shell reads it back: as it is, or in single quotes where it must be.
std::string shellQuoted(std::string_view argument);

/// The command that measures the same: `perfmamba-cli profile …`. What has a default is given where it differs.
/// @param device as `perfmamba-cli devices` lists it
std::string commandOf(const profile::ModelSummary& model, const profile::Options& options, std::string_view device);
/// The same for a scaling study, or this part of it: `perfmamba-cli scaling …`.
std::string commandOf(const study::ScalingStudy& study);

}  // namespace perfmamba::report
