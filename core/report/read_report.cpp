// Reading any report, and what a profile's holds.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/report/contents.h"
#include "core/report/files.h"
#include "core/report/report.h"
#include "core/report/seal.h"
#include "core/report/table_reader.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 31;
constexpr std::size_t kMostPoints = 10'000;

profile::Summary& passesOf(std::vector<layout::PassRow>& rows, const char* recording, const hdf5::Group& group) {
    const auto found =
        std::ranges::find_if(rows, [&](const layout::PassRow& row) { return row.recording == recording; });
    if (found == rows.end()) group.fail("passes", std::string("has no row '") + recording + "'");
    return found->time;
}

profile::MemoryProfile readMemory(const hdf5::Group& group) {
    profile::MemoryProfile memory;
    layout::visitMemory(memory, AttributeReader{group.open("memory")});
    for (const layout::MemoryRow& row : readTable<layout::MemoryRow>(group, "memory")) {
        require(std::abs(static_cast<double>(row.peak_bytes)) < 1e17 &&
                    std::abs(static_cast<double>(row.at_start_bytes)) < 1e17,
                group, "memory", "has sizes out of range");  // else their sum might overflow
        memory.peak[row.kind] = row.peak_bytes;
        memory.at_start[row.kind] = row.at_start_bytes;
    }
    memory.events = readTable<MemoryEvent>(group, "memory_events");
    for (const MemoryEvent& event : memory.events) {
        require(std::isfinite(event.time_us) && std::abs(static_cast<double>(event.delta_bytes)) < 1e17, group,
                "memory_events", "has values out of range");
    }
    return memory;
}

/// Since version 3.
void readTrace(const hdf5::Group& group, profile::Point& point) {
    if (group.has("kernels")) {
        layout::visitTrace(point, AttributeReader{group.open("kernels")});
        point.last_kernels = readTable<KernelRun>(group, "kernels");
        for (const KernelRun& run : point.last_kernels) {
            require(std::isfinite(run.begin_us) && std::isfinite(run.end_us) && run.begin_us <= run.end_us, group,
                    "kernels", "has a run that ends before it begins");
        }
    }
    if (group.has("device_use")) {
        layout::visitDeviceUse(point.device_use, AttributeReader{group.open("device_use")});
    }
    if (group.has("counters")) {
        layout::visitCounted(point.counted, AttributeReader{group.open("counters")});
        point.counted.kernels = readTable<KernelCounts>(group, "counters");
        for (const KernelCounts& counts : point.counted.kernels) {
            require(counts.kernels >= 0 && counts.kernels <= kLargestSize, group, "counters",
                    "has values out of range");
        }
    }
}

profile::Point readPoint(const hdf5::Group& group) {
    profile::Point point;
    layout::visitPoint(point, AttributeReader{group});
    if (group.hasAttribute("cut_short")) AttributeReader{group}("cut_short", point.cut_short);
    require(point.length >= 0 && point.length <= kLargestSize, group, "length", "is out of range");
    require(std::isfinite(point.last_pass_us), group, "last_pass_us", "is out of range");

    std::vector<layout::PassRow> passes = readTable<layout::PassRow>(group, "passes");
    point.total = std::move(passesOf(passes, layout::kRecorded, group));
    point.untraced = std::move(passesOf(passes, layout::kUnrecorded, group));
    point.components = readTable<profile::ComponentCost>(group, "components");
    point.layers = readTable<profile::ComponentCost>(group, "layers");
    point.stages = readTable<profile::StageCost>(group, "stages");
    point.last_pass = readTable<Span>(group, "last_pass");
    for (const Span& span : point.last_pass) {
        require(std::isfinite(span.begin_us) && std::isfinite(span.end_us) && span.begin_us <= span.end_us, group,
                "last_pass", "has a span that ends before it begins");
    }
    point.memory = readMemory(group);
    readTrace(group, point);
    return point;
}

void readOptions(const hdf5::Group& root, profile::Options& options) {
    AttributeReader{root}("seed", options.seed);
    const hdf5::Group group = root.open("options");
    layout::visitOptions(options, AttributeReader{group});
    if (group.hasAttribute("trace")) AttributeReader{group}("trace", options.trace);
    if (group.hasAttribute("counters")) AttributeReader{group}("counters", options.counters);
    require(options.batch >= 0 && options.batch <= kLargestSize, group, "batch", "is out of range");
    options.lengths = group.read<std::int64_t>("lengths", 1).values;
    for (const std::int64_t length : options.lengths) {
        require(length >= 0 && length <= kLargestSize, group, "lengths", "is out of range");
    }
}

std::shared_ptr<const profile::Profile> readProfile(const hdf5::Group& root) {
    auto profile = std::make_shared<profile::Profile>();
    profile->complete = readHeader(root, profile->model, profile->provenance);
    readOptions(root, profile->options);
    readCeilings(root, profile->provenance);
    const hdf5::Group points = root.open("points");
    const std::size_t count = points.size();
    require(count <= kMostPoints, points, "", "has too many members");
    for (std::size_t i = 0; i < count; ++i) {
        profile->points.push_back(readPoint(points.open(fmt::format("{:04}", i))));
    }
    return profile;
}

hdf5::File openReport(const std::filesystem::path& path) {
    const std::string shown = path.string();
    std::vector<std::byte> bytes = readWholeFile(path, kLargestFile);
    if (bytes.empty()) throw Error(shown, "is empty");
    if (!hdf5::isHdf5(bytes)) throw Error(shown, "is not an HDF5 file", "open a report that this program has written");
    return hdf5::File::openImage(unsealed(std::move(bytes), shown), shown);
}

}  // namespace

std::shared_ptr<const profile::Profile> read(const std::filesystem::path& path) {
    const hdf5::File file = openReport(path);
    const hdf5::Group root = file.root();
    const Content content = readFormat(root, path.string());
    if (content != Content::Profile) {
        throw Error(path.string(), fmt::format("holds {}, and no profile", inWords(content)));
    }
    return readProfile(root);
}

Contents readContents(const std::filesystem::path& path) {
    const hdf5::File file = openReport(path);
    const hdf5::Group root = file.root();
    switch (readFormat(root, path.string())) {
        case Content::Profile: return {.profile = readProfile(root)};
        case Content::Activity: return {.activity = readActivity(root)};
        case Content::Study: return {.study = readStudy(root)};
        case Content::Scaling: return {.scaling = readScaling(root)};
    }
    return {};
}

}  // namespace perfmamba::report
