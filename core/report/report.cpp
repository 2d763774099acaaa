// Writing. The file is built in memory and after every point put beside the target as a whole: a report is a few
// megabytes, and so a kill at any moment leaves a complete .part, and a full disk is an ordinary failed write rather
// than a library that cannot close its file.
#include "core/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <system_error>
#include <type_traits>
#include <utility>

#include "core/report/files.h"
#include "core/report/hdf5.h"
#include "core/report/layout.h"
#include "core/report/seal.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Writes what a visit… function names as attributes of a group.
struct AttributeWriter {
    const hdf5::Group& group;

    template <class T>
    void operator()(const char* attribute, const T& value) const {
        if constexpr (std::is_same_v<T, std::string>) {
            group.setText(attribute, value);
        } else if constexpr (std::is_enum_v<T>) {
            group.setText(attribute, std::string(name(value)));
        } else if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, std::uint64_t>) {
            group.setNumber(attribute, value);
        } else {
            group.setNumber<std::int64_t>(attribute, value);
        }
    }
};

/// Writes the columns of a table, each a dataset whose axis is the table's `row`.
template <class Row>
struct ColumnWriter {
    const hdf5::Group& group;
    const std::vector<Row>& rows;

    template <class Field>
    void operator()(const char* column, const About& about, Field field) const {
        using T = std::remove_cvref_t<decltype(field(rows.front()))>;
        if constexpr (std::is_same_v<T, double>) {
            group.write<double>(column, about, {rows.size()}, gather<double>(field));
        } else if constexpr (std::is_enum_v<T> || std::is_same_v<T, std::string>) {
            group.writeTexts(column, about, gather<std::string>(field));
        } else {
            group.write<std::int64_t>(column, about, {rows.size()}, gather<std::int64_t>(field));
        }
        group.attachScale(column, 0, "row");
    }

private:
    template <class Stored, class Field>
    std::vector<Stored> gather(Field field) const {
        std::vector<Stored> values;
        values.reserve(rows.size());
        for (const Row& row : rows) {
            const auto& value = field(row);
            if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(value)>>) {
                values.emplace_back(name(value));
            } else {
                values.push_back(static_cast<Stored>(value));
            }
        }
        return values;
    }
};

/// All samples as (rows, passes).
template <class Row>
void writeSamples(const hdf5::Group& table, const std::vector<Row>& rows) {
    std::size_t passes = 0;
    std::vector<std::int64_t> counts;
    counts.reserve(rows.size());
    for (const Row& row : rows) {
        passes = std::max(passes, row.time.n());
        counts.push_back(static_cast<std::int64_t>(row.time.n()));
    }
    std::vector<double> samples(rows.size() * passes, kNaN);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        std::ranges::copy(rows[i].time.samples, samples.begin() + static_cast<std::ptrdiff_t>(i * passes));
    }
    table.write<std::int64_t>("n", layout::kCountAbout, {rows.size()}, counts);
    table.attachScale("n", 0, "row");
    table.writeScale("pass", layout::kPassAbout, passes);
    table.write<double>("samples_us", layout::kSamplesAbout, {rows.size(), passes}, samples);
    table.attachScale("samples_us", 0, "row");
    table.attachScale("samples_us", 1, "pass");
}

template <class Row>
hdf5::Group writeTable(const hdf5::Group& parent, const char* name, const std::vector<Row>& rows) {
    hdf5::Group table = parent.create(name);
    table.writeScale("row", layout::kRowAbout, rows.size());
    layout::Columns<Row>::visit(ColumnWriter<Row>{table, rows});
    if constexpr (layout::HasTime<Row>) writeSamples(table, rows);
    return table;
}

void writePoint(const hdf5::Group& group, const profile::Point& point) {
    layout::visitPoint(point, AttributeWriter{group});
    const std::vector<layout::PassRow> passes = {{layout::kRecorded, point.total},
                                                 {layout::kUnrecorded, point.untraced}};
    writeTable(group, "passes", passes);
    writeTable(group, "components", point.components);
    writeTable(group, "layers", point.layers);
    writeTable(group, "stages", point.stages);
    writeTable(group, "last_pass", point.last_pass);
    writeTable(group, "memory_events", point.memory.events);

    std::vector<layout::MemoryRow> kinds;
    kinds.reserve(kMemoryKindCount);
    for (const MemoryKind kind : kMemoryKinds) {
        kinds.push_back({kind, point.memory.peak[kind], point.memory.at_start[kind]});
    }
    layout::visitMemory(point.memory, AttributeWriter{writeTable(group, "memory", kinds)});
}

void writeHeader(const hdf5::Group& root, profile::Profile header) {
    for (double* clock : {&header.provenance.clock_begin_mhz, &header.provenance.clock_end_mhz}) {
        if (*clock == 0) *clock = kNaN;  // in a report, not known is NaN
    }
    root.setText("format_name", std::string(kFormatName));
    root.setNumber<std::int64_t>("format_version", kFormatVersion);
    root.setNumber<std::int64_t>("complete", 0);
    layout::visitRoot(header, AttributeWriter{root});
    layout::visitModel(header.model, AttributeWriter{root.create("model")});

    const hdf5::Group options = root.create("options");
    layout::visitOptions(header.options, AttributeWriter{options});
    const std::vector<std::int64_t>& lengths = header.options.lengths;
    options.writeScale("row", layout::kRowAbout, lengths.size());
    options.write<std::int64_t>("lengths", layout::kLengthsAbout, {lengths.size()}, lengths);
    options.attachScale("lengths", 0, "row");
}

/// A report that grows in memory.
class Draft {
public:
    Draft(const std::string& shown_name, const profile::Profile& header)
        : m_file(hdf5::File::createInMemory(shown_name)), m_root(m_file.root()), m_points(m_root.create("points")) {
        writeHeader(m_root, header);
    }
    void add(const profile::Point& point) { writePoint(m_points.create(fmt::format("{:04}", m_count++)), point); }
    void setComplete(bool complete) const { m_root.setNumber<std::int64_t>("complete", complete ? 1 : 0); }
    void save(const std::filesystem::path& path) const { replaceFile(path, sealed(m_file.image())); }

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
