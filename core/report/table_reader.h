// Reads what the layouts name: attributes, and tables of rows. Nothing in the file is believed: every value is of its
// type, every table's columns are equally long, every name is known, or the whole is refused with the place named.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/report/hdf5.h"
#include "core/report/layout.h"
#include "core/study/study.h"

namespace perfmamba::report {

// What views may count on when they make a row a layer or multiply sizes.
inline constexpr std::int64_t kMostLayers = 100'000;
inline constexpr std::int64_t kLargestSize = std::int64_t{1} << 40;

template <class Enum>
std::optional<Enum> namedSo(std::string_view text, std::initializer_list<Enum> values) {
    for (const Enum value : values) {
        if (text == name(value)) return value;
    }
    return std::nullopt;
}

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
    } else if constexpr (std::is_same_v<Enum, profile::Bound>) {
        return profile::boundFromName(text);
    } else if constexpr (std::is_same_v<Enum, model::Architecture>) {
        return namedSo(text, {model::Architecture::Mamba1, model::Architecture::Mamba2});
    } else if constexpr (std::is_same_v<Enum, prune::PlanKind>) {
        return namedSo(text, {prune::PlanKind::Threshold, prune::PlanKind::Keep, prune::PlanKind::Budget});
    } else if constexpr (std::is_same_v<Enum, RunKind>) {
        return runKindFromName(text);
    } else if constexpr (std::is_same_v<Enum, TraceDetail>) {
        return traceDetailFromName(text);
    } else if constexpr (std::is_same_v<Enum, TraceMode>) {
        return traceModeFromName(text);
    } else {
        static_assert(std::is_same_v<Enum, study::CellState>);
        return namedSo(text, {study::CellState::Waiting, study::CellState::Measured, study::CellState::Failed});
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

inline void require(bool condition, const hdf5::Group& group, const char* member, const char* reason) {
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
        } else if constexpr (std::is_same_v<T, bool>) {
            fill(column, field, group.read<std::int64_t>(column, 1).values, [](auto value) { return value != 0; });
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

/// What follows from their order, `first_sample`, is not read.
template <class Row>
void readFlatSamples(const hdf5::Group& table, std::vector<Row>& rows) {
    const std::vector<std::int64_t> counts = table.read<std::int64_t>("n", 1).values;
    const std::vector<double> samples = table.read<double>("samples_us", 1).values;
    require(counts.size() == rows.size(), table, "n", "is not as long as the table's other columns");
    auto next = samples.begin();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        require(counts[i] >= 0 && counts[i] <= samples.end() - next, table, "n", "contradicts samples_us");
        rows[i].time.samples.assign(next, next + counts[i]);
        next += counts[i];
    }
    require(next == samples.end(), table, "n", "contradicts samples_us");
}

template <class Row>
std::vector<Row> readTable(const hdf5::Group& parent, const char* name) {
    const hdf5::Group table = parent.open(name);
    std::vector<Row> rows;
    bool sized = false;
    layout::Columns<Row>::visit(ColumnReader<Row>{table, rows, sized});
    if constexpr (layout::HasFloor<Row>) {
        if (table.has("floor_us")) layout::Columns<Row>::visitFloor(ColumnReader<Row>{table, rows, sized});
    }
    if constexpr (layout::HasFlatSamples<Row>) {
        readFlatSamples(table, rows);
    } else if constexpr (layout::HasTime<Row>) {
        readSamples(table, rows);
    }
    if constexpr (requires(Row row) { row.layer; }) {
        const bool valid =
            std::ranges::all_of(rows, [](const Row& row) { return row.layer >= kNoLayer && row.layer < kMostLayers; });
        require(valid, table, "layer", "is out of range");
    }
    return rows;
}

}  // namespace perfmamba::report
