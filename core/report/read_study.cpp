// A study, read.
#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "core/report/contents.h"
#include "core/report/study_layout.h"
#include "core/report/table_reader.h"

namespace perfmamba::report {
namespace {

constexpr std::size_t kMostCells = 10'000;

bool isSize(std::int64_t value) {
    return value >= 0 && value <= kLargestSize;
}

bool isShare(double value) {
    return value >= 0 && value <= 1;
}

bool isWorkload(const study::Workload& workload) {
    return isSize(workload.batch) && isSize(workload.length);
}

bool isAccuracy(const evaluate::Accuracy& accuracy) {
    return isSize(accuracy.sequences) && isSize(accuracy.predictions) && isSize(accuracy.not_finite) &&
           isSize(accuracy.positions);
}

bool isPart(std::int64_t part, std::int64_t whole) {
    return part >= 0 && part <= whole && isSize(whole);
}

bool isFacts(const prune::Facts& facts) {
    return isPart(facts.states_kept, facts.states) && isPart(facts.state_bytes_kept, facts.state_bytes) &&
           isPart(facts.weight_bytes_kept, facts.weight_bytes) && isShare(facts.score_lost);
}

bool isMultiple(std::int64_t multiple_of, const model::Config& config) {
    return multiple_of >= 1 && multiple_of <= std::max<std::int64_t>(config.d_state, 1);
}

study::Options readOptions(const hdf5::Group& group, const model::Config& config) {
    study::Options options;
    layout::visitStudyOptions(options, AttributeReader{group});
    if (group.hasAttribute("calibration_field")) layout::visitTextOptions(options, AttributeReader{group});
    require(options.kind != prune::PlanKind::Threshold, group, "kind", "is not that of a study");
    require(isMultiple(options.multiple_of, config), group, "multiple_of", "is out of range");
    require(options.pairs >= 1, group, "pairs", "is out of range");
    require(options.budget_s > 0, group, "budget_s", "is out of range");
    require(isShare(options.sensitivity_share), group, "sensitivity_share", "is out of range");
    options.criteria = group.readTexts("criteria");
    options.shares = group.read<double>("shares", 1).values;
    require(std::ranges::all_of(options.shares, isShare), group, "shares", "is out of range");
    options.workloads = readTable<study::Workload>(group, "workloads");
    require(std::ranges::all_of(options.workloads, isWorkload), group, "workloads", "has sizes out of range");
    for (const evaluate::TokenRequest* request : {&options.calibration, &options.evaluation}) {
        require(isSize(request->length) && isSize(request->sequences), group, "", "has a size out of range");
    }
    return options;
}

std::vector<study::Cell> readCells(const hdf5::Group& group) {
    std::vector<study::Cell> cells;
    std::vector<layout::CellRow> rows = readTable<layout::CellRow>(group, "cells");
    require(rows.size() <= kMostCells, group, "cells", "has too many rows");
    for (layout::CellRow& row : rows) {
        require(isShare(row.cell.share), group, "cells", "has a share out of range");
        require(isAccuracy(row.cell.measured.accuracy) && isFacts(row.cell.measured.facts), group, "cells",
                "has counts out of range");
        if (row.layer != kNoLayer) row.cell.layer = row.layer;
        cells.push_back(std::move(row.cell));
    }

    std::vector<layout::SpeedRow> speeds = readTable<layout::SpeedRow>(group, "speeds");
    std::vector<layout::SpeedPassRow> passes = readTable<layout::SpeedPassRow>(group, "passes");
    require(passes.size() == 2 * speeds.size(), group, "passes", "does not have two rows for each of the table speeds");
    for (std::size_t i = 0; i < speeds.size(); ++i) {
        auto& [cell, speed] = speeds[i];
        layout::SpeedPassRow& before = passes[2 * i];
        layout::SpeedPassRow& after = passes[2 * i + 1];
        require(cell >= 0 && std::cmp_less(cell, cells.size()), group, "speeds", "names a cell that is not there");
        require(isWorkload(speed.workload) && isSize(speed.peak_bytes_before) && isSize(speed.peak_bytes_after), group,
                "speeds", "has sizes out of range");
        require(std::cmp_equal(before.speed, i) && std::cmp_equal(after.speed, i) &&
                    before.model == layout::kUnpruned && after.model == layout::kPruned,
                group, "passes", "is not in the order of the table speeds");
        speed.before = std::move(before.time);
        speed.after = std::move(after.time);
        cells[static_cast<std::size_t>(cell)].measured.speeds.push_back(std::move(speed));
    }
    return cells;
}

void readStates(const hdf5::Group& group, prune::Plan& plan, const model::Config& config) {
    const hdf5::Array<std::int64_t> sizes = group.read<std::int64_t>("group_states", 2);
    require(std::cmp_equal(sizes.shape[0], config.n_layer) && std::cmp_equal(sizes.shape[1], config.groups()), group,
            "group_states", "does not have a number for each group of each layer");
    const hdf5::Array<std::uint8_t> flags = group.read<std::uint8_t>("kept", 2);
    require(flags.shape[0] == sizes.shape[0], group, "kept", "does not have a row for each layer");
    require(std::ranges::all_of(flags.values, [](auto flag) { return flag <= 1; }), group, "kept", "is out of range");

    for (std::size_t i = 0; i < sizes.shape[0]; ++i) {
        const auto first = sizes.values.begin() + static_cast<std::ptrdiff_t>(i * sizes.shape[1]);
        const std::vector<std::int64_t> states(first, first + static_cast<std::ptrdiff_t>(sizes.shape[1]));
        for (std::size_t g = 0; g < states.size(); ++g) {
            require(states[g] == config.states(static_cast<std::int64_t>(i), static_cast<std::int64_t>(g)), group,
                    "group_states", "is not that of the model");
        }
        const std::int64_t sum = std::accumulate(states.begin(), states.end(), std::int64_t{0});
        require(std::cmp_less_equal(sum, flags.shape[1]), group, "kept", "does not have a flag for each state");
        const auto flag = flags.values.begin() + static_cast<std::ptrdiff_t>(i * flags.shape[1]);
        require(
            std::all_of(flag + sum, flag + static_cast<std::ptrdiff_t>(flags.shape[1]), [](auto f) { return f == 0; }),
            group, "kept", "has a flag for a state that is not there");
        plan.layers.emplace_back(flag, flag + sum);
        plan.group_states.push_back(states);
    }
    require(plan.kept() > 0, group, "kept", "leaves no state of any layer");
}

prune::Plan readPlan(const hdf5::Group& group, const model::Config& config) {
    prune::Plan plan;
    layout::visitPlan(plan, AttributeReader{group});
    const prune::Choice& choice = plan.choice;
    const bool valid = choice.kind == prune::PlanKind::Threshold ? std::isfinite(choice.value) : isShare(choice.value);
    require(valid, group, "value", "is out of range");
    require(isMultiple(choice.multiple_of, config), group, "multiple_of", "is out of range");
    readStates(group, plan, config);
    for (const std::int64_t layer : group.read<std::int64_t>("protected_layers", 1).values) {
        require(layer >= 0 && layer < config.n_layer, group, "protected_layers", "is out of range");
        plan.choice.protected_layers.insert(layer);
    }
    for (const auto& [layer, states] : readTable<layout::OverrideRow>(group, "overrides")) {
        require(layer >= 0 && layer < config.n_layer && states >= 0 && states <= config.d_state, group, "overrides",
                "is out of range");
        plan.choice.overrides[layer] = states;
    }
    return plan;
}

}  // namespace

study::StudyPtr readStudy(const hdf5::Group& root) {
    auto study = std::make_shared<study::Study>();
    study->complete = readHeader(root, study->model, study->provenance);
    const model::Config& config = study->model.config;
    const hdf5::Group group = root.open("study");
    layout::visitStudy(*study, AttributeReader{group});
    study->options = readOptions(group.open("options"), config);
    std::vector<evaluate::Accuracy> unpruned = readTable<evaluate::Accuracy>(group, "unpruned");
    require(unpruned.size() == 1, group, "unpruned", "does not have one row");
    require(isAccuracy(unpruned.front()), group, "unpruned", "has counts out of range");
    study->unpruned = std::move(unpruned.front());

    if (group.hasAttribute("evaluation_made")) layout::visitStudyTexts(*study, AttributeReader{group});

    study->cells = readCells(group);
    const hdf5::Group plans = group.open("plans");
    for (std::size_t i = 0; i < study->cells.size(); ++i) {
        study::Cell& cell = study->cells[i];
        require(!cell.layer || (*cell.layer >= 0 && *cell.layer < config.n_layer), group, "cells",
                "has a layer that the model has not");
        const std::string member = fmt::format("{:04}", i);
        if (cell.state == study::CellState::Measured) {  // all are judged on the same tokens
            cell.measured.accuracy.made = study->unpruned.made;
            cell.measured.accuracy.last_word = study->unpruned.last_word;
        }
        if (plans.has(member)) cell.plan = readPlan(plans.open(member), config);
        require(cell.state != study::CellState::Measured || !cell.plan.layers.empty(), plans, member.c_str(),
                "is missing");
    }
    return study;
}

}  // namespace perfmamba::report
