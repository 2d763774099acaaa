// A scaling study as text: tables for people, JSON and CSV for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/study/scaling.h"

namespace perfmamba::report {

/// Models, machines and what was asked for; a table for each curve with the power laws fitted to it; and, where several
/// numbers of states were asked for, what they cost.
std::string scalingText(const study::ScalingStudy& study);
/// A row for each cell, with the share of each component.
std::string scalingCsv(const study::ScalingStudy& study);
/// Everything, and the fits.
nlohmann::json scalingJson(const study::ScalingStudy& study);

}  // namespace perfmamba::report
