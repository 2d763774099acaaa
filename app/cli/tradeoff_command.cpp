#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "core/prune/criterion.h"
#include "core/report/pruning_text.h"
#include "core/report/report.h"
#include "core/study/run_study.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct TradeoffOptions {
    ModelOptions model;
    study::Options study;
    std::vector<double> removed_percent = {0, 25, 50, 75, 90};
    std::string kind{name(prune::PlanKind::Keep)};
    std::vector<std::int64_t> batches = {1, 16};
    std::int64_t prefill = 256;
    bool accuracy_only = false;
    double sensitivity_percent = 0;
    std::string report;
    Outputs outputs;
    std::string command_line;
};

study::Options checkedOptions(const TradeoffOptions& given) {
    study::Options options = given.study;
    checkNoneTwice("--batches", given.batches);
    options.shares.clear();
    for (const double percent : given.removed_percent) options.shares.push_back(percent / 100);
    if (given.kind == name(prune::PlanKind::Budget)) options.kind = prune::PlanKind::Budget;
    options.sensitivity_share = given.sensitivity_percent / 100;
    options.evaluation.seed = evaluate::kEvaluationSeed;
    options.calibration.seed = evaluate::kCalibrationSeed;
    if (!given.accuracy_only) {
        for (const profile::Mode mode : {profile::Mode::Prefill, profile::Mode::Decode}) {
            for (const std::int64_t batch : given.batches) {
                options.workloads.push_back({mode, batch, mode == profile::Mode::Prefill ? given.prefill : 0});
            }
        }
    }
    refuseWrongUse([&] { study::check(options); });
    return options;
}

void tradeoff(const TradeoffOptions& given) {
    const study::Options options = checkedOptions(given);
    check(given.outputs, given.report,
          {{given.study.calibration.source, given.study.evaluation.source}, {given.model.model}});
    const report::OnlyWriter only(given.report);
    const study::StudyPtr resumed = checkReport(given.report, &report::Contents::study, "a pruning study");
    const Interruption interruption;
    ProgressLine line;
    const auto engine = given.model.load(line, interruption.token());

    bool told = resumed == nullptr;
    study::StudyPtr study;
    const auto observer = [&](const study::StudyPtr& now, const profile::Progress& progress, bool cell_done) {
        study = now;
        if (!std::exchange(told, true)) {
            line.say(cellsText(resumed->done(), resumed->cells.size(), "is", "are") + " there from before");
        }
        if (cell_done && !given.report.empty()) report::writeStudy(given.report, *study);
        if (cell_done) line.say(cellsText(study->done(), study->cells.size()) + ": " + progress.what);
        show(line, progress);
    };
    try {
        study = study::run(*engine, given.model.backends(), options,
                           provenanceOf(engine->backend().device(), given.command_line), resumed, observer,
                           interruption.token(), given.report);
        line.clear();
        if (!given.report.empty()) report::writeStudy(given.report, *study);
    } catch (const Error&) {
        // The report cannot be written any more, likely: what was measured is shown.
        line.clear();
        if (study && study->done() > 0) print(*study, onScreen(given.outputs));
        throw;
    }
    print(*study, given.outputs);
    if (!study->complete) {
        throw Interrupted(fmt::format("interrupted: {} measured{}",
                                      cellsText(study->done(), study->cells.size(), "was", "were"),
                                      given.report.empty() ? "" : "; the same command goes on"));
    }
    const auto failed =
        static_cast<std::size_t>(std::ranges::count(study->cells, study::CellState::Failed, &study::Cell::state));
    if (failed == 0) return;
    throw Error("study", cellsText(failed, study->cells.size()) + " could not be measured",
                "the table says why; the same command tries them again");
}

}  // namespace

Command tradeoffCommand(CLI::App& app, const std::string& command_line) {
    auto given = std::make_shared<TradeoffOptions>();
    given->command_line = command_line;
    CLI::App* command =
        app.add_subcommand("tradeoff", "Measure what pruning costs in accuracy and wins in time and memory");
    addModelOptions(*command, given->model);
    command->add_option("--criteria", given->study.criteria, "What says which states go")
        ->check(CLI::IsMember(prune::criterionIds()))
        ->delimiter(',')
        ->type_name("C,C,...")
        ->capture_default_str();
    command->add_option("--shares", given->removed_percent, "Per cent of the states removed, 0 … 99")
        ->delimiter(',')
        ->type_name("P,P,...")
        ->capture_default_str();
    command->add_option("--kind", given->kind, "keep: the same share of each layer; budget: of the whole model")
        ->check(CLI::IsMember({"keep", "budget"}))
        ->capture_default_str();
    command->add_option("--multiple-of", given->study.multiple_of, "Round each count up to a multiple")
        ->check(positive<std::int64_t>())
        ->capture_default_str();
    command
        ->add_option("--sensitivity", given->sensitivity_percent,
                     "Also prune each layer alone, by this per cent of its states, with the first criterion that is "
                     "not random, where there is one; 0: no")
        ->type_name("P")
        ->capture_default_str();
    addTokenOptions(*command, "calibrate", "What the criteria look at", given->study.calibration);
    addTokenOptions(*command, "evaluate", "What accuracy is measured on", given->study.evaluation);
    addLastWordOption(*command, "evaluate-", given->study.evaluation);
    command->add_option("--batches", given->batches, "Batch sizes that are timed")
        ->delimiter(',')
        ->check(positive<std::int64_t>())
        ->capture_default_str();
    command->add_option("--prefill", given->prefill, "Tokens of the prefill that is timed")
        ->check(positive<std::int64_t>())
        ->capture_default_str();
    command->add_flag("--accuracy-only", given->accuracy_only, "Time nothing");
    command->add_option("--pairs", given->study.pairs, "Pairs of passes, unpruned and pruned in turn")
        ->check(positive<int>())
        ->capture_default_str();
    command->add_option("--budget", given->study.budget_s, "Longest time for each speed-up")
        ->check(positive<double>())
        ->type_name("SECONDS")
        ->capture_default_str();
    addSeedOption(*command, given->study.seed, "Of the random criterion");
    command
        ->add_option("--report", given->report, "The HDF5 report; written after each cell, gone on with if it is there")
        ->type_name("FILE.h5");
    command
        ->add_option("--json", given->outputs.json, "Write everything as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command->add_option("--csv", given->outputs.csv, "Write the cells as CSV to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command->footer(
        "Examples:\n"
        "  perfmamba-cli tradeoff resources/demo/mamba2-recall --report study.h5\n"
        "  perfmamba-cli tradeoff MODEL --criteria random,magnitude,ghost --shares 0,25,50,75 --calibrate a.txt \\\n"
        "      --evaluate b.txt --report study.h5\n"
        "\n"
        "Ctrl-C ends it; with --report the same command goes on where it ended.");
    return {command, [given, command] {
                refuseUnusedCalibration(*command, given->study.criteria);
                tradeoff(*given);
            }};
}

}  // namespace perfmamba::cli
