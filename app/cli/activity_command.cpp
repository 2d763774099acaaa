#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "core/activity/collect.h"
#include "core/report/pruning_text.h"
#include "core/report/report.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct ActivityOptions {
    ModelOptions model;
    evaluate::TokenRequest tokens{.seed = evaluate::kCalibrationSeed};
    std::string statistic{name(activity::Statistic::OutputEnergy)};
    std::string report;
    std::string json;
    activity::Options collecting;
    std::string command_line;
};

void activity(const ActivityOptions& given) {
    const auto statistic = kernels::statisticFromName(given.statistic);
    if (!statistic) throw UsageError("--statistic: '" + given.statistic + "' is not one of those listed");
    checkTargets({{"--json", given.json}, {"--report", given.report}}, {{given.tokens.source}, {given.model.model}});
    checkText(given.json);
    const report::OnlyWriter only(given.report);
    const activity::ActivityPtr earlier = checkReport(given.report, &report::Contents::activity, "activity");
    const Interruption interruption;
    ProgressLine line;
    const auto engine = given.model.load(line, interruption.token());
    const evaluate::TokenSet tokens = evaluate::load(given.tokens, engine->checkpoint());
    const activity::ActivityPtr result = activity::collect(
        *engine, tokens, given.collecting, provenanceOf(engine->backend().device(), given.command_line),
        [&](const activity::ActivityPtr&, const profile::Progress& progress) { show(line, progress); },
        interruption.token());
    line.clear();
    // What is incomplete replaces nothing that is complete.
    const bool beside = !result->complete && earlier && earlier->complete;
    const std::string kept = beside ? report::partOf(report::fileToReplace(given.report)).string() : given.report;
    const auto write = [&] {
        if (!kept.empty()) report::writeActivity(kept, *result);
    };
    const auto show = [&] {
        print(onlyJson(given.json), {[&] { return report::activityJson(*result); },
                                     {},
                                     [&] { return report::activityText(*result, *statistic); }});
    };
    runAll({write, show});
    if (result->complete) return;
    throw Interrupted("interrupted: not all sequences were run" +
                      (kept.empty() ? "" : "; what was is kept in " + kept) +
                      (beside ? ", for " + given.report + " is complete" : ""));
}

}  // namespace

Command activityCommand(CLI::App& app, const std::string& command_line) {
    auto given = std::make_shared<ActivityOptions>();
    given->command_line = command_line;
    CLI::App* command = app.add_subcommand("activity", "Show what each state of a model does on some tokens");
    addModelOptions(*command, given->model);
    addTokenOptions(*command, "calibrate", "What to run", given->tokens);
    addSeedOption(*command, given->tokens.seed, "Of generated tokens");
    command
        ->add_option("--statistic", given->statistic,
                     "What the table shows: delta_b, delta_bx, decay, state, output, output_energy")
        ->capture_default_str();
    command->add_option("--batch", given->collecting.batch, "Sequences at once")
        ->check(positive<std::int64_t>())
        ->capture_default_str();
    command->add_option("--report", given->report, "Write all statistics as an HDF5 report")->type_name("FILE.h5");
    command->add_option("--json", given->json, "Write each state's as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command->footer(
        "Examples:\n"
        "  perfmamba-cli activity resources/demo/mamba2-recall\n"
        "  perfmamba-cli activity resources/demo/mamba2-bytes --calibrate LICENSE --calibrate-length 256 --report "
        "a.h5\n"
        "  perfmamba-cli activity ~/models/mamba2-130m --calibrate tokens.ids --statistic state");
    return {command, [given] { activity(*given); }};
}

}  // namespace perfmamba::cli
