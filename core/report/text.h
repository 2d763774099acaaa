// A profile as text: tables for people, CSV and JSON for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/profile/number_text.h"
#include "core/profile/profile.h"
#include "core/study/advice.h"

namespace perfmamba::report {

using profile::formatBytes;
using profile::formatCount;
using profile::formatNumber;
using profile::formatPercent;
using profile::formatTime;

/// 10⁹ a second; NaN where no time was measured.
double gigaPerSecond(double amount, double time_us);

/// The component table of one point, aligned columns, as the command line prints it.
std::string componentTable(const profile::Profile& profile, const profile::Point& point);

/// The same for each layer's components, a layer after the other.
std::string layerTable(const profile::Profile& profile, const profile::Point& point);

/// "25.8 GB/s of memory, 92.5 GFLOP/s in float32, 2.32 G exp/s, taken 2026-11-26T13:00:31Z".
std::string ceilingsText(const profile::Ceilings& ceilings);

/// What a pass's time is the time of: "a token" in decode, "a pass" in prefill.
std::string_view timedName(profile::Mode mode);

/// What a pruning criterion is called: "GHOST, layer by layer" of "ghost". Of one that is not known, `id`.
std::string criterionTitle(const std::string& id);

/// "1 of 2 lengths were measured, the next was cut short after 3 passes".
std::string lengthsText(const profile::Profile& profile);

/// "What this says:" and a line a sentence; empty where there is none.
std::string adviceText(const std::vector<study::Advice>& advice);

/// The header (model, device, workload, how it was taken) and the tables of all points, and what they say.
std::string summary(const profile::Profile& profile);

/// Every component of every length and layer, every stage, and the whole pass, one row each, with a header line;
/// RFC 4180.
std::string csv(const profile::Profile& profile);

nlohmann::json json(const profile::Profile& profile);
/// The parts of it.
nlohmann::json modelJson(const profile::ModelSummary& model);
nlohmann::json provenanceJson(const profile::Provenance& provenance);
nlohmann::json pointJson(const profile::Profile& profile, const profile::Point& point);

}  // namespace perfmamba::report
