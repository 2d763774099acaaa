// A study, written.
#include <fmt/format.h>

#include "core/report/contents.h"
#include "core/report/files.h"
#include "core/report/report.h"
#include "core/report/study_layout.h"
#include "core/report/table_writer.h"

namespace perfmamba::report {
namespace {

void writeOptions(const hdf5::Group& group, const study::Options& options) {
    layout::visitStudyOptions(options, AttributeWriter{group});
    layout::visitTextOptions(options, AttributeWriter{group});
    group.writeScale("criterion", layout::kRowAbout, options.criteria.size());
    group.writeTexts("criteria", layout::kCriteriaAbout, options.criteria);
    group.attachScale("criteria", 0, "criterion");
    group.writeScale("share", layout::kRowAbout, options.shares.size());
    group.write<double>("shares", layout::kSharesAbout, {options.shares.size()}, options.shares);
    group.attachScale("shares", 0, "share");
    writeTable(group, "workloads", options.workloads);
}

void writeCells(const hdf5::Group& group, const std::vector<study::Cell>& cells) {
    std::vector<layout::CellRow> rows;
    rows.reserve(cells.size());
    std::vector<layout::SpeedRow> speeds;
    std::vector<layout::SpeedPassRow> passes;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        rows.push_back({cells[i], cells[i].layer.value_or(kNoLayer)});
        for (const study::Speed& speed : cells[i].measured.speeds) {
            const auto index = static_cast<std::int64_t>(speeds.size());
            passes.push_back({index, layout::kUnpruned, speed.before});
            passes.push_back({index, layout::kPruned, speed.after});
            speeds.push_back({static_cast<std::int64_t>(i), speed});
        }
    }
    writeTable(group, "cells", rows);
    writeTable(group, "speeds", speeds);
    writeTable(group, "passes", passes);
}

/// What a plan says of the states, each layer's flags filled up with 0 to the longest.
void writePlan(const hdf5::Group& group, const prune::Plan& plan) {
    layout::visitPlan(plan, AttributeWriter{group});
    const std::size_t layers = plan.layers.size();
    const std::size_t groups = plan.group_states.front().size();
    std::size_t states = 0;
    for (const prune::Kept& kept : plan.layers) states = std::max(states, kept.size());
    std::vector<std::int64_t> group_states;
    std::vector<std::uint8_t> flags(layers * states, 0);
    for (std::size_t i = 0; i < layers; ++i) {
        group_states.insert(group_states.end(), plan.group_states[i].begin(), plan.group_states[i].end());
        std::ranges::copy(plan.layers[i], flags.begin() + static_cast<std::ptrdiff_t>(i * states));
    }
    group.writeScale("layer", layout::kLayerAbout, layers);
    group.writeScale("group", layout::kGroupAbout, groups);
    group.writeScale("state", layout::kStateAbout, states);
    group.write<std::int64_t>("group_states", layout::kGroupStatesAbout, {layers, groups}, group_states);
    group.attachScale("group_states", 0, "layer");
    group.attachScale("group_states", 1, "group");
    group.write<std::uint8_t>("kept", layout::kKeptAbout, {layers, states}, flags);
    group.attachScale("kept", 0, "layer");
    group.attachScale("kept", 1, "state");

    const std::vector<std::int64_t> spared(plan.choice.protected_layers.begin(), plan.choice.protected_layers.end());
    group.writeScale("protected", layout::kRowAbout, spared.size());
    group.write<std::int64_t>("protected_layers", layout::kProtectedAbout, {spared.size()}, spared);
    group.attachScale("protected_layers", 0, "protected");
    std::vector<layout::OverrideRow> overrides;
    for (const auto& [layer, kept] : plan.choice.overrides) overrides.push_back({layer, kept});
    writeTable(group, "overrides", overrides);
}

}  // namespace

void writeStudy(const std::filesystem::path& path, const study::Study& study) {
    const std::filesystem::path target = fileToReplace(path);
    const hdf5::File file = hdf5::File::createInMemory(path.string());
    const hdf5::Group root = file.root();
    writeHeader(root, Content::Study, study.model, study.provenance);
    AttributeWriter{root}(kComplete, study.complete);

    const hdf5::Group group = root.create("study");
    layout::visitStudy(study, AttributeWriter{group});
    layout::visitStudyTexts(study, AttributeWriter{group});
    writeOptions(group.create("options"), study.options);
    writeTable(group, "unpruned", std::vector<evaluate::Accuracy>{study.unpruned});
    writeCells(group, study.cells);
    const hdf5::Group plans = group.create("plans");
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        const prune::Plan& plan = study.cells[i].plan;
        if (!plan.layers.empty()) writePlan(plans.create(fmt::format("{:04}", i)), plan);
    }
    save(file, target);
}

}  // namespace perfmamba::report
