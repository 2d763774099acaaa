// What the parts of the report's code share: the header that every report begins with, and a reader for each content.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/activity/activity.h"
#include "core/report/hdf5.h"
#include "core/study/scaling.h"
#include "core/study/study.h"

namespace perfmamba::report {

enum class Content : std::uint8_t { Profile, Activity, Study, Scaling };
/// "profile", "activity", "study", "scaling": the root's attribute `content`.
std::string_view name(Content content);
/// "a profile", "what a model's states did", "a pruning study", "a scaling study": for messages.
std::string_view inWords(Content content);

inline constexpr const char* kComplete = "complete";

/// Everything at the root but `complete`, and the group `model`.
void writeHeader(const hdf5::Group& root, Content content, const profile::ModelSummary& model,
                 const profile::Provenance& provenance);
/// Attributes of a provenance.
void writeProvenance(const hdf5::Group& group, profile::Provenance provenance);
/// The group `ceilings`, where they are known.
void writeCeilings(const hdf5::Group& group, const profile::Provenance& provenance);
void writeModel(const hdf5::Group& group, const profile::ModelSummary& model);
/// The file in memory, sealed, over `target`.
void save(const hdf5::File& file, const std::filesystem::path& target);

/// What a report holds. Throws Error where it is none, or of a version that is not known.
Content readFormat(const hdf5::Group& root, const std::string& shown_name);
/// Whether the report is complete.
bool readHeader(const hdf5::Group& root, profile::ModelSummary& model, profile::Provenance& provenance);

void readProvenance(const hdf5::Group& group, profile::Provenance& provenance);
void readCeilings(const hdf5::Group& group, profile::Provenance& provenance);
void readModel(const hdf5::Group& group, profile::ModelSummary& model);

activity::ActivityPtr readActivity(const hdf5::Group& root);
study::StudyPtr readStudy(const hdf5::Group& root);
study::ScalingPtr readScaling(const hdf5::Group& root);

}  // namespace perfmamba::report
