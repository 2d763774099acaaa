// A profile or a study of either kind on one page, for a person who was not there.
#pragma once

#include <string>

#include "core/profile/profile.h"
#include "core/study/advice.h"
#include "core/study/scaling.h"
#include "core/study/study.h"

namespace perfmamba::report {

/// One HTML file, whole in itself: no scripts, nothing from elsewhere. Light and dark as the reader has it; printed it
/// takes one A4 page: of more than 10 lengths (beside a comparison 6) so many are shown, and it says so; of the changes
/// and the advice what weighs most.
/// @param known         what the advice may use; its comparison, where there is one, gets a section
/// @param baseline_name what to call the run that it compares with: its file
std::string summaryHtml(const profile::Profile& profile, const study::Known& known = {},
                        const std::string& baseline_name = {});

/// The same of a trade-off study: its frontier by the workload that pruning wins most in, and every frontier's cells.
std::string summaryHtml(const study::Study& study);

/// The same of a scaling study: its curves (of more than 16, so many), the components of each model's first, and what
/// states cost there.
std::string summaryHtml(const study::ScalingStudy& study);

}  // namespace perfmamba::report
