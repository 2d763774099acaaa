// Joins the parts of a scaling study.
#pragma once

#include <string>
#include <vector>

#include "core/study/scaling.h"

namespace perfmamba::study {

struct ScalingPart {
    std::string name;  // the file's: for messages
    ScalingPtr study;
};

/// All that the parts have measured, as one study; it can be resumed, and merged again. Where a cell failed in one part
/// and was measured in another, it is measured; the same measurement in several parts counts once. Throws Error when
/// there are no parts, when they are of different studies (naming the first difference), and when a cell was measured
/// twice, in other passes.
ScalingPtr mergeScaling(const std::vector<ScalingPart>& parts);

/// Of an incomplete study: how many cells wait, and, where all parts are shards of the same number, of which shards:
/// "12 of 36 cells are missing, of shards 3, 4 of 4". Empty where none waits.
std::string missingText(const ScalingStudy& merged, const std::vector<ScalingPart>& parts);

}  // namespace perfmamba::study
