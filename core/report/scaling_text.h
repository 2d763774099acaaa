// A scaling study as text: tables for people, JSON and CSV for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/study/scaling.h"

namespace perfmamba::report {

/// Models, machines and what was asked for; a table for each curve with the power laws fitted to it; and, where several
/// numbers of states were asked for, what they cost.
std::string scalingText(const study::ScalingStudy& study);

// Its parts, for other tables.

struct HeaderLine {
    std::string title;  // "model", "device 2", "measured", "taken", "cells"
    std::string value;
};
std::vector<HeaderLine> headerLines(const study::ScalingStudy& study);
/// "0.97", without the sign that a negative number keeps when it is rounded to nothing.
std::string exponentText(double exponent);
/// The measured cells that differ from this one in the number of states at most, by ascending N.
std::vector<const study::ScalingCell*> otherStates(const study::ScalingStudy& study, const study::ScalingCell& cell);
/// "own 64", "own 12 … 64", "16".
std::string statesName(const study::ScalingStudy& study, const study::Series& series);

/// A row for each cell, with the share of each component.
std::string scalingCsv(const study::ScalingStudy& study);
/// Everything, and the fits.
nlohmann::json scalingJson(const study::ScalingStudy& study);

}  // namespace perfmamba::report
