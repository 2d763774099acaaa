// What makes two studies the same one, so that what the first has measured counts for the second.
#pragma once

#include <string>

#include "core/study/study.h"

namespace perfmamba::study {

/// Over the study's model, options and tokens and, where something is timed, its device and threads.
/// @param calibration_hash empty where no criterion needs tokens
std::string identityOf(const Study& study, const std::string& calibration_hash, const std::string& evaluation_hash);

/// Throws Error naming the first thing in which `earlier` differs from `study`, whose cells are all there, measured or
/// not.
void checkSame(const Study& earlier, const Study& study);

}  // namespace perfmamba::study
