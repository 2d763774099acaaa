// What is known of one state, as rows of names and numbers.
#pragma once

#include <QString>
#include <cstdint>
#include <vector>

#include "core/activity/activity.h"
#include "core/prune/plan.h"
#include "core/prune/scores.h"

namespace perfmamba::widgets {

/// A number with its name; the tip says how it was taken.
struct DetailRow {
    QString name;
    QString value;
    QString tip;
};

/// Each may be null, or of another model: then it has nothing to say.
struct StateEvidence {
    activity::ActivityPtr activity;
    prune::PlanPtr plan;
    std::shared_ptr<const prune::Scores> scores;
};

/// Every statistic (mean, max, rank in the layer), the score and whether the plan keeps it. Empty where the activity
/// has no such state.
std::vector<DetailRow> rowsOfState(const StateEvidence& evidence, std::int64_t layer, std::int64_t state);

}  // namespace perfmamba::widgets
