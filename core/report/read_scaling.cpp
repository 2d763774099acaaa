// A scaling study, read.
#include <fmt/format.h>

#include <cmath>

#include "core/report/contents.h"
#include "core/report/scaling_layout.h"
#include "core/report/table_reader.h"
#include "kernels/devices.h"

namespace perfmamba::report {
namespace {

constexpr std::size_t kMostCells = 100'000;
constexpr std::size_t kMostGroups = 10'000;

bool isSize(std::int64_t value) {
    return value >= 0 && value <= kLargestSize;
}

bool isBytes(std::int64_t value) {
    return std::abs(static_cast<double>(value)) < 1e17;  // else their sum might overflow
}

std::vector<std::int64_t> readSizes(const hdf5::Group& group, const char* name) {
    std::vector<std::int64_t> sizes = group.read<std::int64_t>(name, 1).values;
    require(std::ranges::all_of(sizes, isSize), group, name, "is out of range");
    return sizes;
}

study::ScalingOptions readOptions(const hdf5::Group& group) {
    study::ScalingOptions options;
    layout::visitScalingOptions(options, AttributeReader{group});
    options.lengths = readSizes(group, "lengths");
    options.batches = readSizes(group, "batches");
    options.states = readSizes(group, "states");
    options.precisions = group.readTexts("precisions");
    options.devices = group.readTexts("devices");
    options.modes.clear();
    for (const std::string& mode : group.readTexts("modes")) {
        options.modes.push_back(known<profile::Mode>(group, "modes", mode));
    }
    for (const std::string& precision : options.precisions) {
        const bool is_known =
            std::ranges::any_of(kDTypes, [&](DType dtype) { return kernels::precisionName(dtype) == precision; });
        require(is_known, group, "precisions", "has an unknown value");
    }
    return options;
}

/// The members 0000, 0001, … of a group.
template <class Value, class Read>
std::vector<Value> readMembers(const hdf5::Group& group, Read read) {
    const std::size_t count = group.size();
    require(count <= kMostGroups, group, "", "has too many members");
    std::vector<Value> values(count);
    for (std::size_t i = 0; i < count; ++i) read(group.open(fmt::format("{:04}", i)), values[i]);
    return values;
}

/// The cells, without what stands in the other tables.
void readCells(const hdf5::Group& group, study::ScalingStudy& study) {
    std::vector<layout::ScalingRow> rows = readTable<layout::ScalingRow>(group, "cells");
    require(rows.size() <= kMostCells, group, "cells", "has too many rows");
    const study::ScalingOptions& options = study.options;
    double asked = static_cast<double>(study.models.size());
    for (const std::size_t count : {options.lengths.size(), options.modes.size(), options.batches.size(),
                                    options.precisions.size(), options.devices.size(), options.states.size()}) {
        asked *= static_cast<double>(count);
    }
    require(asked == static_cast<double>(rows.size()), group, "cells", "does not have a row for each cell asked for");
    study.cells = study::cellsOf(study.models.size(), options);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const study::ScalingCell& row = rows[i].cell;
        study::ScalingCell& cell = study.cells[i];
        require(row.series == cell.series && row.length == cell.length, group, "cells",
                "has another cell than the options ask for");
        cell.state = row.state;
        cell.failure = row.failure;
        if (row.state != study::CellState::Measured) continue;
        require(row.provenance < study.provenances.size(), group, "cells", "names a provenance that is not there");
        require(isBytes(row.point.memory.reserved_bytes) && isBytes(row.point.memory.process_peak_bytes), group,
                "cells", "has sizes out of range");
        require(std::isfinite(row.point.last_pass_us), group, "cells", "has a last_pass_us out of range");
        cell.provenance = row.provenance;
        cell.point = row.point;
        cell.point.length = cell.length;
        cell.point.total = std::move(rows[i].time);
    }
}

/// Gives each row of a table to the point of its cell, which must be measured.
template <class Row, class Give>
void readRows(const hdf5::Group& group, const char* table, study::ScalingStudy& study, Give give) {
    for (Row& row : readTable<Row>(group, table)) {
        const bool measured = row.cell >= 0 && std::cmp_less(row.cell, study.cells.size()) &&
                              study.cells[static_cast<std::size_t>(row.cell)].state == study::CellState::Measured;
        require(measured, group, table, "names a cell that is not measured");
        give(study.cells[static_cast<std::size_t>(row.cell)].point, row);
    }
}

void readPoints(const hdf5::Group& group, study::ScalingStudy& study) {
    readRows<layout::UnrecordedRow>(group, "unrecorded", study,
                                    [](auto& point, auto& row) { point.untraced = std::move(row.time); });
    readRows<layout::CellComponent>(group, "components", study,
                                    [](auto& point, auto& row) { point.components.push_back(std::move(row)); });
    readRows<layout::CellStage>(group, "stages", study,
                                [](auto& point, auto& row) { point.stages.push_back(std::move(row)); });
    readRows<layout::CellMemory>(group, "memory", study, [&](auto& point, auto& row) {
        require(isBytes(row.peak_bytes) && isBytes(row.at_start_bytes), group, "memory", "has sizes out of range");
        point.memory.peak[row.kind] = row.peak_bytes;
        point.memory.at_start[row.kind] = row.at_start_bytes;
    });
    readRows<layout::CellTrace>(group, "traces", study, [](auto& point, auto& row) {
        point.trace = std::move(row.trace);
        point.counts = row.counts;
    });
    readRows<layout::CellDeviceUse>(group, "device_use", study,
                                    [](auto& point, auto& row) { point.device_use = std::move(row); });
}

}  // namespace

study::ScalingPtr readScaling(const hdf5::Group& root) {
    auto study = std::make_shared<study::ScalingStudy>();
    profile::ModelSummary first_model;
    profile::Provenance first_provenance;
    study->complete = readHeader(root, first_model, first_provenance);
    const hdf5::Group group = root.open("scaling");
    layout::visitScaling(*study, AttributeReader{group});
    require(study->shards >= 1 && study->shard >= 1 && study->shard <= study->shards, group, "shard",
            "is out of range");
    study->options = readOptions(group.open("options"));
    study->models = readMembers<profile::ModelSummary>(group.open("models"), [](const auto& member, auto& model) {
        layout::visitModelName(model, AttributeReader{member});
        readModel(member, model);
    });
    require(!study->models.empty(), group, "models", "is empty");
    study->provenances =
        readMembers<profile::Provenance>(group.open("provenances"), [](const auto& member, auto& provenance) {
            readProvenance(member, provenance);
            readCeilings(member, provenance);
        });
    readCells(group, *study);
    readPoints(group, *study);
    return study;
}

}  // namespace perfmamba::report
