// What makes two studies the same one, so that what the first has measured counts for the second.
#pragma once

#include <string>

#include "core/study/study.h"

namespace perfmamba::study {

/// @param calibration_hash empty where no criterion needs tokens
std::string identityOf(const std::string& model_hash, const Options& options, const std::string& calibration_hash,
                       const std::string& evaluation_hash);

/// Throws Error naming the first thing in which `earlier` differs from `study`.
void checkSame(const Study& earlier, const Study& study);

}  // namespace perfmamba::study
