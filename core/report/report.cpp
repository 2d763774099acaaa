// Writing. The file is built in memory and after every point put beside the target as a whole: a report is a few
// megabytes, and so a kill at any moment leaves a complete .part, and a full disk is an ordinary failed write rather
// than a library that cannot close its file.
#include "core/report/report.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "core/report/contents.h"
#include "core/report/files.h"
#include "core/report/table_writer.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

void writePoint(const hdf5::Group& group, const profile::Point& point) {
    layout::visitPoint(point, AttributeWriter{group});
    AttributeWriter{group}("cut_short", point.cut_short);
    const std::vector<layout::PassRow> passes = {{layout::kRecorded, point.total},
                                                 {layout::kUnrecorded, point.untraced}};
    writeTable(group, "passes", passes);
    writeTable(group, "components", point.components);
    writeTable(group, "layers", point.layers);
    writeTable(group, "stages", point.stages);
    writeTable(group, "last_pass", point.last_pass);
    writeTable(group, "memory_events", point.memory.events);
    layout::visitTrace(point, AttributeWriter{writeTable(group, "kernels", point.last_kernels)});
    layout::visitDeviceUse(point.device_use, AttributeWriter{group.create("device_use")});
    layout::visitCounted(point.counted, AttributeWriter{writeTable(group, "counters", point.counted.kernels)});

    std::vector<layout::MemoryRow> kinds;
    kinds.reserve(kMemoryKindCount);
    for (const MemoryKind kind : kMemoryKinds) {
        kinds.push_back({kind, point.memory.peak[kind], point.memory.at_start[kind]});
    }
    layout::visitMemory(point.memory, AttributeWriter{writeTable(group, "memory", kinds)});
}

void writeOptions(const hdf5::Group& root, const profile::Options& options) {
    AttributeWriter{root}("seed", options.seed);
    const hdf5::Group group = root.create("options");
    layout::visitOptions(options, AttributeWriter{group});
    AttributeWriter{group}("trace", options.trace);
    AttributeWriter{group}("counters", options.counters);
    group.writeScale("row", layout::kRowAbout, options.lengths.size());
    group.write<std::int64_t>("lengths", layout::kLengthsAbout, {options.lengths.size()}, options.lengths);
    group.attachScale("lengths", 0, "row");
}

/// A report that grows in memory.
class Draft {
public:
    Draft(const std::string& shown_name, const profile::Profile& header)
        : m_file(hdf5::File::createInMemory(shown_name)), m_root(m_file.root()), m_points(m_root.create("points")) {
        writeHeader(m_root, Content::Profile, header.model, header.provenance);
        writeOptions(m_root, header.options);
        writeCeilings(m_root, header.provenance);
        setComplete(false);
    }
    void add(const profile::Point& point) { writePoint(m_points.create(fmt::format("{:04}", m_count++)), point); }
    void setComplete(bool complete) const { m_root.setNumber<std::int64_t>(kComplete, complete ? 1 : 0); }
    void save(const std::filesystem::path& path) const { report::save(m_file, path); }

private:
    hdf5::File m_file;
    hdf5::Group m_root;
    hdf5::Group m_points;
    std::size_t m_count = 0;
};

}  // namespace

struct Writer::Impl {
    std::filesystem::path path;
    std::filesystem::path part;
    Draft draft;
    bool saved = false;  // the .part is of this run

    Impl(const std::filesystem::path& shown, const profile::Profile& header)
        : path(fileToReplace(shown)), part(partOf(path)), draft(shown.string(), header) {
        std::error_code code;
        const auto kind = std::filesystem::symlink_status(part, code).type();
        using Kind = std::filesystem::file_type;
        if (kind != Kind::regular && kind != Kind::not_found) {
            throw Error(shown.string(), "cannot be written: " + part.string() + " is in the way",
                        "move it, or give another name");
        }
    }
    void save() {
        draft.save(part);
        saved = true;
    }
};

Writer::Writer(const std::filesystem::path& path, const profile::Profile& header)
    : m_impl(std::make_unique<Impl>(path, header)) {}

Writer::~Writer() = default;

void Writer::add(const profile::Point& point) {
    m_impl->draft.add(point);
    m_impl->save();
}

void Writer::finish(bool complete) {
    m_impl->draft.setComplete(complete);
    m_impl->save();
    syncAndRename(m_impl->part, m_impl->path);
    m_impl->saved = false;
}

void Writer::discard() {
    if (!std::exchange(m_impl->saved, false)) return;
    std::error_code ignored;
    std::filesystem::remove(m_impl->part, ignored);
}

void write(const std::filesystem::path& path, const profile::Profile& profile) {
    const std::filesystem::path target = fileToReplace(path);
    Draft draft(path.string(), profile);
    for (const profile::Point& point : profile.points) draft.add(point);
    draft.setComplete(profile.complete);
    draft.save(target);
}

}  // namespace perfmamba::report
