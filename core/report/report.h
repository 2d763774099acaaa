// The HDF5 report: one file is one session's evidence. The layout is documented in resources/docs/report-format.md.
#pragma once

#include <filesystem>
#include <memory>

#include "core/activity/activity.h"
#include "core/profile/profile.h"
#include "core/study/scaling.h"
#include "core/study/study.h"

namespace perfmamba::report {

inline constexpr std::string_view kFormatName = "PerfMamba Explorer report";
inline constexpr int kFormatVersion = 6;

/// Writes a report while it is measured. The data go to `NAME.part` in the same folder, anew with every point, and
/// finish() renames it. Without finish() the .part file stays, readable: what was measured is kept. An existing report
/// of that name is replaced only by finish(), the .part of an earlier run only by the first point. All calls on one
/// thread, as all HDF5 here.
class Writer {
public:
    /// Throws Error when the folder cannot be written, or there is something of that name that is no file.
    Writer(const std::filesystem::path& path, const profile::Profile& header);
    ~Writer();
    /// Appends a measured point. Throws Error, for example on a full disk.
    void add(const profile::Point& point);
    void finish(bool complete);
    /// Removes the .part, if this wrote one.
    void discard();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// Writes a whole profile at once. Throws Error, after which `path` is as it was and nothing lies beside it.
void write(const std::filesystem::path& path, const profile::Profile& profile);

/// Reads a profile's report of this or any earlier format version. Throws Error for a file that is not HDF5, not a
/// report, of a later version, damaged, or a report of something else, and says of what.
std::shared_ptr<const profile::Profile> read(const std::filesystem::path& path);

/// Writes an activity, or a study of pruning or scaling as far as it has come, as a report of its own, whole at once.
/// Throws Error, after which `path` is as it was.
void writeActivity(const std::filesystem::path& path, const activity::Activity& activity);
void writeStudy(const std::filesystem::path& path, const study::Study& study);
void writeScaling(const std::filesystem::path& path, const study::ScalingStudy& study);

/// What a report holds; null where it holds none of that.
struct Contents {
    std::shared_ptr<const profile::Profile> profile = nullptr;
    activity::ActivityPtr activity = nullptr;
    study::StudyPtr study = nullptr;
    study::ScalingPtr scaling = nullptr;
};
/// Reads any report, as read().
Contents readContents(const std::filesystem::path& path);

}  // namespace perfmamba::report
