// Writes what the layouts name: attributes, and tables of rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "core/report/hdf5.h"
#include "core/report/layout.h"

namespace perfmamba::report {

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
    std::vector<double> samples(rows.size() * passes, std::numeric_limits<double>::quiet_NaN());
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

/// All samples, row after row.
template <class Row>
void writeFlatSamples(const hdf5::Group& table, const std::vector<Row>& rows) {
    std::vector<std::int64_t> counts;
    std::vector<std::int64_t> firsts;
    std::vector<double> samples;
    for (const Row& row : rows) {
        firsts.push_back(std::ssize(samples));
        counts.push_back(std::ssize(row.time.samples));
        samples.insert(samples.end(), row.time.samples.begin(), row.time.samples.end());
    }
    table.write<std::int64_t>("n", layout::kCountAbout, {rows.size()}, counts);
    table.attachScale("n", 0, "row");
    table.write<std::int64_t>("first_sample", layout::kFirstSampleAbout, {rows.size()}, firsts);
    table.attachScale("first_sample", 0, "row");
    table.writeScale("sample", layout::kSampleAbout, samples.size());
    table.write<double>("samples_us", layout::kFlatSamplesAbout, {samples.size()}, samples);
    table.attachScale("samples_us", 0, "sample");
}

template <class Row>
hdf5::Group writeTable(const hdf5::Group& parent, const char* name, const std::vector<Row>& rows) {
    hdf5::Group table = parent.create(name);
    table.writeScale("row", layout::kRowAbout, rows.size());
    layout::Columns<Row>::visit(ColumnWriter<Row>{table, rows});
    if constexpr (layout::HasFloor<Row>) layout::Columns<Row>::visitFloor(ColumnWriter<Row>{table, rows});
    if constexpr (layout::HasFlatSamples<Row>) {
        writeFlatSamples(table, rows);
    } else if constexpr (layout::HasTime<Row>) {
        writeSamples(table, rows);
    }
    return table;
}

}  // namespace perfmamba::report
