// Reading. Nothing in the file is believed: every value is of its type, every table's columns are equally long, every
// name is known, or the whole is refused with the place named.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/report/files.h"
#include "core/report/hdf5.h"
#include "core/report/layout.h"
#include "core/report/report.h"
#include "core/report/seal.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 31;
constexpr std::size_t kMostPoints = 10'000;
// What views may count on when they make a row a layer or multiply sizes.
constexpr std::int64_t kMostLayers = 100'000;
constexpr std::int64_t kLargestSize = std::int64_t{1} << 40;

template <class Enum>
std::optional<Enum> fromName(std::string_view text) {
    if constexpr (std::is_same_v<Enum, Component>) {
        return componentFromName(text);
    } else if constexpr (std::is_same_v<Enum, Stage>) {
        return stageFromName(text);
    } else if constexpr (std::is_same_v<Enum, MemoryKind>) {
        return memoryKindFromName(text);
    } else if constexpr (std::is_same_v<Enum, profile::Mode>) {
        return profile::modeFromName(text);
    } else {
        static_assert(std::is_same_v<Enum, model::Architecture>);
        for (const auto architecture : {model::Architecture::Mamba1, model::Architecture::Mamba2}) {
            if (text == name(architecture)) return architecture;
        }
        return std::nullopt;
    }
}

template <class Enum>
Enum known(const hdf5::Group& group, const char* member, const std::string& text) {
    const std::optional<Enum> value = fromName<Enum>(text);
    if (!value) group.fail(member, "has an unknown value, '" + text + "'");
    return *value;
}

template <class T>
T narrow(const hdf5::Group& group, const char* member, std::int64_t value) {
    if (!std::in_range<T>(value)) group.fail(member, "is out of range");
    return static_cast<T>(value);
}

void require(bool condition, const hdf5::Group& group, const char* member, const char* reason) {
    if (!condition) group.fail(member, reason);
}

/// Reads what a visit… function names from attributes of a group.
struct AttributeReader {
    const hdf5::Group& group;

    template <class T>
    void operator()(const char* attribute, T& value) const {
        if constexpr (std::is_same_v<T, std::string>) {
            value = group.text(attribute);
        } else if constexpr (std::is_enum_v<T>) {
            value = known<T>(group, attribute, group.text(attribute));
        } else if constexpr (std::is_same_v<T, bool>) {
            value = group.number<std::int64_t>(attribute) != 0;
        } else if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, std::uint64_t>) {
            value = group.number<T>(attribute);
        } else {
            value = narrow<T>(group, attribute, group.number<std::int64_t>(attribute));
        }
    }
};

/// Reads the columns of a table. The first says how many rows there are; the others must agree.
template <class Row>
struct ColumnReader {
    const hdf5::Group& group;
    std::vector<Row>& rows;
    bool& sized;

    template <class Field>
    void operator()(const char* column, const About& /*about*/, Field field) const {
        using T = std::remove_cvref_t<decltype(field(std::declval<Row&>()))>;
        if constexpr (std::is_same_v<T, double>) {
            fill(column, field, group.read<double>(column, 1).values, [](double value) { return value; });
        } else if constexpr (std::is_same_v<T, std::string>) {
            fill(column, field, group.readTexts(column), [](const std::string& value) { return value; });
        } else if constexpr (std::is_enum_v<T>) {
            fill(column, field, group.readTexts(column),
                 [&](const std::string& value) { return known<T>(group, column, value); });
        } else {
            fill(column, field, group.read<std::int64_t>(column, 1).values,
                 [&](std::int64_t value) { return narrow<T>(group, column, value); });
        }
    }

private:
    template <class Field, class Stored, class Convert>
    void fill(const char* column, Field field, const std::vector<Stored>& values, Convert convert) const {
        if (!std::exchange(sized, true)) rows.resize(values.size());
        require(values.size() == rows.size(), group, column, "is not as long as the table's other columns");
        for (std::size_t i = 0; i < rows.size(); ++i) field(rows[i]) = convert(values[i]);
    }
};

template <class Row>
void readSamples(const hdf5::Group& table, std::vector<Row>& rows) {
    const std::vector<std::int64_t> counts = table.read<std::int64_t>("n", 1).values;
    const hdf5::Array<double> samples = table.read<double>("samples_us", 2);
    require(counts.size() == rows.size(), table, "n", "is not as long as the table's other columns");
    require(samples.shape[0] == rows.size(), table, "samples_us", "does not have a row for each of the table's");
    const std::size_t passes = samples.shape[1];
    for (std::size_t i = 0; i < rows.size(); ++i) {
        require(counts[i] >= 0 && std::cmp_less_equal(counts[i], passes), table, "n", "contradicts samples_us");
        const auto begin = samples.values.begin() + static_cast<std::ptrdiff_t>(i * passes);
        rows[i].time.samples.assign(begin, begin + static_cast<std::ptrdiff_t>(counts[i]));
    }
}

template <class Row>
std::vector<Row> readTable(const hdf5::Group& parent, const char* name) {
    const hdf5::Group table = parent.open(name);
    std::vector<Row> rows;
    bool sized = false;
    layout::Columns<Row>::visit(ColumnReader<Row>{table, rows, sized});
    if constexpr (layout::HasTime<Row>) readSamples(table, rows);
    if constexpr (requires(Row row) { row.layer; }) {
        const bool valid =
            std::ranges::all_of(rows, [](const Row& row) { return row.layer >= kNoLayer && row.layer < kMostLayers; });
        require(valid, table, "layer", "is out of range");
    }
    return rows;
}

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

profile::Point readPoint(const hdf5::Group& group) {
    profile::Point point;
    layout::visitPoint(point, AttributeReader{group});
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
    return point;
}

void readFormat(const hdf5::Group& root, const std::string& file) {
    if (!root.hasAttribute("format_name") || root.text("format_name") != kFormatName) {
        throw Error(file, "is an HDF5 file, but not a report of PerfMamba Explorer");
    }
    const auto version = root.number<std::int64_t>("format_version");
    if (version > kFormatVersion) {
        throw Error(
            file,
            fmt::format("is of format version {}, and this program reads versions up to {}", version, kFormatVersion),
            "use a newer PerfMamba Explorer");
    }
    require(version >= 1, root, "format_version", "is out of range");
}

void readConfigLimits(const hdf5::Group& group, const model::Config& config) {
    require(config.n_layer >= 0 && config.n_layer <= kMostLayers, group, "n_layer", "is out of range");
    for (const std::int64_t size :
         {config.vocab_size, config.vocab_padded, config.d_model, config.d_inner, config.d_state, config.d_conv,
          config.dt_rank, config.n_heads, config.head_dim, config.n_groups, config.chunk_size}) {
        require(size >= 0 && size <= std::numeric_limits<std::int32_t>::max(), group, "", "has a size out of range");
    }
}

void readHeader(const hdf5::Group& root, profile::Profile& profile) {
    layout::visitRoot(profile, AttributeReader{root});
    for (double* clock : {&profile.provenance.clock_begin_mhz, &profile.provenance.clock_end_mhz}) {
        if (std::isnan(*clock)) *clock = 0;  // in the profile, not known is 0
    }
    profile.complete = root.number<std::int64_t>("complete") != 0;

    const hdf5::Group model = root.open("model");
    layout::visitModel(profile.model, AttributeReader{model});
    readConfigLimits(model, profile.model.config);

    const hdf5::Group options = root.open("options");
    layout::visitOptions(profile.options, AttributeReader{options});
    require(profile.options.batch >= 0 && profile.options.batch <= kLargestSize, options, "batch", "is out of range");
    profile.options.lengths = options.read<std::int64_t>("lengths", 1).values;
    for (const std::int64_t length : profile.options.lengths) {
        require(length >= 0 && length <= kLargestSize, options, "lengths", "is out of range");
    }
}

}  // namespace

std::shared_ptr<const profile::Profile> read(const std::filesystem::path& path) {
    const std::string shown = path.string();
    std::vector<std::byte> bytes = readWholeFile(path, kLargestFile);
    if (bytes.empty()) throw Error(shown, "is empty");
    if (!hdf5::isHdf5(bytes)) throw Error(shown, "is not an HDF5 file");
    const hdf5::File file = hdf5::File::openImage(unsealed(std::move(bytes), shown), shown);
    const hdf5::Group root = file.root();
    readFormat(root, shown);

    auto profile = std::make_shared<profile::Profile>();
    readHeader(root, *profile);
    const hdf5::Group points = root.open("points");
    const std::size_t count = points.size();
    require(count <= kMostPoints, points, "", "has too many members");
    for (std::size_t i = 0; i < count; ++i) {
        profile->points.push_back(readPoint(points.open(fmt::format("{:04}", i))));
    }
    return profile;
}

}  // namespace perfmamba::report
