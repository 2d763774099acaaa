// Two runs beside each other as text: tables for people, CSV and JSON for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/profile/compare.h"
#include "core/profile/number_text.h"

namespace perfmamba::report {

/// "slower", "faster", "no difference measured", "too few passes to tell", "only before"; of memory "more", "less",
/// "the same".
std::string_view verdictText(const profile::Change& change);
/// "pass", "ssm", "ssm: cumsum", "3 ssm" for a layer, "memory: state".
std::string subjectText(const profile::Change& change);
using profile::formatRatio;
/// What no interval between two runs can say.
inline constexpr const char* kNotInTurn =
    "the runs were not taken in turn: what the machine did otherwise between them (clock, temperature, other work) is "
    "in "
    "the ratios and not in their intervals";

/// What differs between the runs, and a table for each length, what changed beyond the noise first.
/// @param before_name what to call the runs: their files
/// @param layers      the single layers, too
std::string comparisonText(const profile::Comparison& comparison, const std::string& before_name,
                           const std::string& after_name, bool layers);
/// Every change, a row each, with a header line; RFC 4180.
std::string comparisonCsv(const profile::Comparison& comparison);
nlohmann::json comparisonJson(const profile::Comparison& comparison);

}  // namespace perfmamba::report
