// What was found out about states and pruning as text: tables for people, JSON for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/activity/activity.h"
#include "core/evaluate/accuracy.h"
#include "core/prune/apply.h"
#include "core/prune/plan.h"
#include "core/study/study.h"

namespace perfmamba::report {

/// "62.0 ± 0.8" of percents, "1.42 ± 0.01"; "n/a" where not known, without ± where the error is not.
std::string formatEstimate(const evaluate::Estimate& estimate, double factor = 1);

/// Where the activity came from, and for each layer how its states share one statistic.
std::string activityText(const activity::Activity& activity, activity::Statistic statistic);
/// Every statistic of every state: means and largest over heads or channels.
nlohmann::json activityJson(const activity::Activity& activity);

std::string accuracyText(const evaluate::Accuracy& accuracy);
nlohmann::json accuracyJson(const evaluate::Accuracy& accuracy);

/// States kept in each layer, and what a plan saves in the form that the facts are of.
std::string planText(const prune::Plan& plan, const prune::Facts& facts, prune::Form form);
/// Tensor by tensor: before, after, bytes. Tensors that stay are summed up in a line.
std::string changesText(std::vector<prune::TensorChange> changes);
nlohmann::json changesJson(const std::vector<prune::TensorChange>& changes);

nlohmann::json measurementJson(const study::Measurement& measured);

/// The cells that were measured, a line each, and the unpruned model.
std::string studyText(const study::Study& study);
std::string studyCsv(const study::Study& study);
nlohmann::json studyJson(const study::Study& study);

}  // namespace perfmamba::report
