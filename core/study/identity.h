// What makes two studies the same one, so that what the first has measured counts for the second.
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "core/study/scaling.h"
#include "core/study/study.h"

namespace perfmamba::study {

/// Something that was asked for, in words.
struct Field {
    const char* name;
    std::string value;
    std::string shown = {};  // where people ask for it in other words than its value, which identities stand on
};
/// 16 hex digits over texts, which stay apart.
std::string hashOf(const std::vector<std::string>& texts);
/// "budget: '5 s' there, '2 s' here", of the first that differ; empty where none do.
std::string difference(const std::vector<Field>& there, const std::vector<Field>& here);
/// Whether two of them are equal.
template <class T>
bool hasEqual(const std::vector<T>& values) {
    for (auto value = values.begin(); value != values.end(); ++value) {
        if (std::find(std::next(value), values.end(), *value) != values.end()) return true;
    }
    return false;
}

/// Over the study's model, options and tokens and, where something is timed, its device and threads.
/// @param calibration_hash empty where no criterion needs tokens
std::string identityOf(const Study& study, const std::string& calibration_hash, const std::string& evaluation_hash);

/// What is to be resumed, in messages, where its report is not known.
inline constexpr const char* kResumed = "what is to be resumed";

/// Throws Error naming the report and the first thing in which `earlier` differs from `study`, whose cells are all
/// there, measured or not.
void checkSame(const Study& earlier, const Study& study, const std::string& shown_name);

/// Over the models and the options.
std::string identityOf(const ScalingStudy& study);
/// The first thing in which two studies differ, in words; empty where they are the same one.
std::string difference(const ScalingStudy& there, const ScalingStudy& here);

}  // namespace perfmamba::study
