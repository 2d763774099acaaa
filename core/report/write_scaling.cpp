// A scaling study, written.
#include <fmt/format.h>

#include <limits>

#include "core/report/contents.h"
#include "core/report/files.h"
#include "core/report/report.h"
#include "core/report/scaling_layout.h"
#include "core/report/table_writer.h"

namespace perfmamba::report {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void writeList(const hdf5::Group& group, const char* name, const About& about, const std::vector<std::int64_t>& list) {
    group.writeScale(std::string(name) + "_row", layout::kRowAbout, list.size());
    group.write<std::int64_t>(name, about, {list.size()}, list);
    group.attachScale(name, 0, std::string(name) + "_row");
}

void writeList(const hdf5::Group& group, const char* name, const About& about, const std::vector<std::string>& list) {
    group.writeScale(std::string(name) + "_row", layout::kRowAbout, list.size());
    group.writeTexts(name, about, list);
    group.attachScale(name, 0, std::string(name) + "_row");
}

void writeOptions(const hdf5::Group& group, const study::ScalingOptions& options) {
    layout::visitScalingOptions(options, AttributeWriter{group});
    writeList(group, "lengths", layout::kLengthsAbout, options.lengths);
    std::vector<std::string> modes;
    for (const profile::Mode mode : options.modes) modes.emplace_back(name(mode));
    writeList(group, "modes", layout::kModesAbout, modes);
    writeList(group, "batches", layout::kBatchesAbout, options.batches);
    writeList(group, "precisions", layout::kPrecisionsAbout, options.precisions);
    writeList(group, "devices", layout::kDevicesAbout, options.devices);
    writeList(group, "states", layout::kStatesAskedAbout, options.states);
}

/// Of a cell that was not measured no number is known.
study::ScalingCell withoutNumbers(study::ScalingCell cell) {
    cell.point = {};
    cell.point.total = profile::summarise({});
    cell.point.overhead = {kNaN, kNaN, kNaN, 0};
    cell.point.tokens_per_second = kNaN;
    cell.point.last_pass_us = kNaN;
    return cell;
}

/// A row of a base and the cell that it belongs to.
template <class Row, class Base>
Row rowOf(const Base& base, std::int64_t cell) {
    Row row;
    static_cast<Base&>(row) = base;
    row.cell = cell;
    return row;
}

void writeCells(const hdf5::Group& group, const std::vector<study::ScalingCell>& cells) {
    std::vector<layout::ScalingRow> rows;
    std::vector<layout::UnrecordedRow> unrecorded;
    std::vector<layout::CellComponent> components;
    std::vector<layout::CellStage> stages;
    std::vector<layout::CellMemory> memory;
    std::vector<layout::CellTrace> traces;
    std::vector<layout::CellDeviceUse> uses;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const bool measured = cells[i].state == study::CellState::Measured;
        rows.emplace_back(measured ? cells[i] : withoutNumbers(cells[i]));
        if (!measured) continue;
        const auto cell = static_cast<std::int64_t>(i);
        const profile::Point& point = cells[i].point;
        unrecorded.push_back({cell, point.untraced});
        for (const auto& cost : point.components) components.push_back(rowOf<layout::CellComponent>(cost, cell));
        for (const auto& cost : point.stages) stages.push_back(rowOf<layout::CellStage>(cost, cell));
        for (const MemoryKind kind : kMemoryKinds) {
            const layout::MemoryRow row{kind, point.memory.peak[kind], point.memory.at_start[kind]};
            memory.push_back(rowOf<layout::CellMemory>(row, cell));
        }
        traces.push_back({cell, point.trace, point.counts});
        uses.push_back(rowOf<layout::CellDeviceUse>(point.device_use, cell));
    }
    writeTable(group, "cells", rows);
    writeTable(group, "unrecorded", unrecorded);
    writeTable(group, "components", components);
    writeTable(group, "stages", stages);
    writeTable(group, "memory", memory);
    writeTable(group, "traces", traces);
    writeTable(group, "device_use", uses);
}

}  // namespace

void writeScaling(const std::filesystem::path& path, const study::ScalingStudy& study) {
    const std::filesystem::path target = fileToReplace(path);
    const hdf5::File file = hdf5::File::createInMemory(path.string());
    const hdf5::Group root = file.root();
    // Of several models and machines, the first.
    writeHeader(root, Content::Scaling, study.models.front(),
                study.provenances.empty() ? profile::Provenance{} : study.provenances.front());
    AttributeWriter{root}(kComplete, study.complete);

    const hdf5::Group group = root.create("scaling");
    layout::visitScaling(study, AttributeWriter{group});
    writeOptions(group.create("options"), study.options);
    const hdf5::Group models = group.create("models");
    for (std::size_t i = 0; i < study.models.size(); ++i) {
        const hdf5::Group model = models.create(fmt::format("{:04}", i));
        layout::visitModelName(study.models[i], AttributeWriter{model});
        writeModel(model, study.models[i]);
    }
    const hdf5::Group provenances = group.create("provenances");
    for (std::size_t i = 0; i < study.provenances.size(); ++i) {
        const hdf5::Group provenance = provenances.create(fmt::format("{:04}", i));
        writeProvenance(provenance, study.provenances[i]);
        writeCeilings(provenance, study.provenances[i]);
    }
    writeCells(group, study.cells);
    save(file, target);
}

}  // namespace perfmamba::report
