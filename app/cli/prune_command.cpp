#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "core/prune/export.h"
#include "core/prune/score.h"
#include "core/report/files.h"
#include "core/report/pruning_text.h"
#include "core/study/run_study.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct PruneOptions {
    ModelOptions model;
    std::string criterion;
    std::optional<double> threshold, keep, budget;
    std::string plan;
    std::string form{name(prune::Form::Ragged)};
    evaluate::TokenRequest evaluation{.source = "", .seed = evaluate::kEvaluationSeed};  // no source: not asked for
    FormatOptions format;
    std::string out, save_plan, json;
    bool dry_run = false;
    std::int64_t multiple_of = 1;
    std::vector<std::int64_t> protect;
    std::vector<std::string> overrides;
    evaluate::TokenRequest calibration{.seed = evaluate::kCalibrationSeed};
    std::uint64_t seed = 1;
};

/// "3=16": layer 3 keeps 16 states of each group.
std::pair<std::int64_t, std::int64_t> parseOverride(const std::string& text) {
    const std::size_t equals = text.find('=');
    const auto layer = numberIn<std::int64_t>(std::string_view(text).substr(0, equals));
    const auto states =
        equals == std::string::npos ? std::nullopt : numberIn<std::int64_t>(std::string_view(text).substr(equals + 1));
    if (!layer || !states || *layer < 0 || *states < 0) {
        throw UsageError("--layer: '" + text + "' is not LAYER=STATES, two numbers from 0");
    }
    return {*layer, *states};
}

prune::Choice choiceOf(const PruneOptions& given) {
    const int kinds = int(given.threshold.has_value()) + int(given.keep.has_value()) + int(given.budget.has_value());
    if (kinds != 1) throw UsageError("one of --threshold, --keep and --budget says how much to prune");
    prune::Choice choice;
    if (given.threshold) {
        choice.kind = prune::PlanKind::Threshold;
        choice.value = *given.threshold;
    } else if (given.keep) {
        choice.kind = prune::PlanKind::Keep;
        choice.value = *given.keep;
    } else {
        choice.kind = prune::PlanKind::Budget;
        choice.value = *given.budget;
    }
    choice.multiple_of = given.multiple_of;
    choice.protected_layers.insert(given.protect.begin(), given.protect.end());
    for (const std::string& text : given.overrides) {
        const auto [layer, states] = parseOverride(text);
        if (!choice.overrides.emplace(layer, states).second) {
            throw UsageError(fmt::format("--layer: layer {} is given twice", layer));
        }
    }
    refuseWrongUse([&] { prune::check(choice); });
    return choice;
}

/// Wrong use is told before anything is loaded.
prune::Form check(const PruneOptions& given) {
    const auto form = prune::formFromName(given.form);
    if (!form) throw UsageError("--form: '" + given.form + "' is none of uniform, ragged and masked");
    if (given.plan.empty() == given.criterion.empty()) throw UsageError("either --criterion or --plan says what goes");
    if (!given.plan.empty() && (given.threshold || given.keep || given.budget)) {
        throw UsageError("--plan already says how much to prune");
    }
    if (given.out.empty() && !given.dry_run && given.save_plan.empty()) {
        throw UsageError("--out is missing; --dry-run shows what would be written");
    }
    if (!given.criterion.empty()) {
        (void)choiceOf(given);
    }
    checkTargets({{"--json", given.json}, {"--save-plan", given.save_plan}, {"--out", given.out}},
                 {{given.plan, given.calibration.source, given.evaluation.source}, {given.model.model}});
    checkText(given.json);
    checkText(given.save_plan);
    return *form;
}

struct Planned {
    prune::Plan plan;
    prune::Scores scores;  // empty where the plan came from a file
};

Planned planFor(const PruneOptions& given, engine::Engine& engine, const evaluate::TokenSet* tokens, ProgressLine& line,
                const std::stop_token& stop) {
    const model::Checkpoint& checkpoint = engine.checkpoint();
    if (!given.plan.empty()) {
        prune::Plan plan = prune::readPlan(given.plan);
        prune::checkFor(plan, checkpoint.config(), checkpoint.name(), checkpoint.hash());
        return {std::move(plan), {}};
    }
    const prune::Choice choice = choiceOf(given);
    const prune::Criterion& criterion = prune::criterionFor(given.criterion, checkpoint.config().architecture);
    // A threshold says nothing about a share: such criteria rank as if half were to go.
    const double share = choice.kind == prune::PlanKind::Threshold ? 0.5 : 1 - choice.value;
    prune::Scores scores = prune::score(
        criterion, engine, tokens, share, given.seed, [&](const profile::Progress& progress) { show(line, progress); },
        stop);
    prune::Plan plan = prune::makePlan(checkpoint.config(), checkpoint.name(), scores, choice);
    return {std::move(plan), std::move(scores)};
}

void pruneModel(const PruneOptions& given) {
    const prune::Form form = check(given);
    (void)given.format.format();
    const Interruption interruption;
    ProgressLine line;
    const auto engine = given.model.load(line, interruption.token());
    const auto& checkpoint = engine->checkpoint();
    const auto progress = [&](const profile::Progress& now) { show(line, now); };

    std::optional<evaluate::TokenSet> calibration;
    std::optional<evaluate::TokenSet> evaluation;
    if (!given.criterion.empty() && prune::criterion(given.criterion).needs() >= prune::Needs::Activity) {
        calibration = evaluate::load(given.calibration, checkpoint);
    }
    if (!given.evaluation.source.empty()) {
        evaluation = evaluate::load(given.evaluation, checkpoint);
        if (calibration) evaluate::checkApart(*calibration, *evaluation);
    }
    const Planned planned = planFor(given, *engine, calibration ? &*calibration : nullptr, line, interruption.token());
    const prune::Plan& plan = planned.plan;
    const prune::Facts facts = prune::factsOf(checkpoint.config(), plan, planned.scores, form);
    const prune::Target target(given.out, given.format.format());
    prune::checkFormat(checkpoint, plan, form, target.format);
    if (!given.out.empty()) prune::checkTarget(checkpoint, plan, form, target);
    const std::vector<prune::TensorChange> changes = prune::dryRun(checkpoint, plan, form);
    if (!given.save_plan.empty()) writeText(given.save_plan, prune::toJson(plan) + "\n");

    const bool quiet = given.json == "-" || given.save_plan == "-";
    nlohmann::json results = {{"plan", nlohmann::json::parse(prune::toJson(plan))},
                              {"form", name(form)},
                              {"tensors", report::changesJson(changes)}};
    line.clear();
    if (!quiet) writeText("-", report::planText(plan, facts, form) + "\n" + report::changesText(changes));

    std::string measured = "{}";
    if (evaluation) {
        const evaluate::Accuracy accuracy =
            study::measureMasked(*engine, plan, *evaluation, progress, interruption.token());
        results["accuracy"] = report::accuracyJson(accuracy);
        measured = nlohmann::json({{"accuracy", report::accuracyJson(accuracy)}}).dump();
        line.clear();
        if (!quiet) writeText("-", "\n" + report::accuracyText(accuracy));
    }
    if (!given.dry_run && !given.out.empty()) {
        const prune::Exported done = prune::exportModel(*engine, given.model.backends(), plan, form, target, measured,
                                                        checkedTokens(checkpoint), progress, interruption.token());
        results["exported"] = exportedJson(done);
        line.clear();
        if (!quiet) writeText("-", "\n" + exportedText(done, name(form)));
    }
    if (!given.json.empty()) writeText(given.json, toText(results));
}

void pruneOrStop(const PruneOptions& given) {
    try {
        pruneModel(given);
    } catch (const Cancelled&) {
        throw Interrupted("interrupted: nothing was exported");
    }
}

/// Options that would say nothing: of a plan that is made already, and of an evaluation that is not asked for.
void refuseWithoutEffect(CLI::App& command) {
    CLI::Option* plan = command.get_option("--plan");
    for (const char* option : {"--multiple-of", "--protect", "--layer", "--calibrate", "--calibrate-length",
                               "--calibrate-sequences", "--calibrate-field", "--calibrate-join", "--seed"}) {
        plan->excludes(command.get_option(option));
    }
    CLI::Option* evaluate = command.get_option("--evaluate");
    for (const char* option :
         {"--evaluate-length", "--evaluate-sequences", "--evaluate-field", "--evaluate-join", "--evaluate-last-word"}) {
        command.get_option(option)->needs(evaluate);
    }
}

}  // namespace

Command pruneCommand(CLI::App& app) {
    auto given = std::make_shared<PruneOptions>();
    CLI::App* command = app.add_subcommand("prune", "Remove states by a criterion and write the pruned model");
    addModelOptions(*command, given->model);
    command->add_option("--criterion", given->criterion, "What says which states go")
        ->check(CLI::IsMember(prune::criterionIds()))
        ->type_name("C");
    command->add_option("--threshold", given->threshold, "States with a score of at least this stay")
        ->check(finite())
        ->type_name("X");
    command->add_option("--keep", given->keep, "Share of each layer's states that stays, 0 … 1")->type_name("SHARE");
    command->add_option("--budget", given->budget, "Share of all states that stays, 0 … 1")->type_name("SHARE");
    command->add_option("--plan", given->plan, "Use a plan that was saved")->type_name("FILE.json");
    command->add_option("--multiple-of", given->multiple_of, "Round each count up to a multiple, for example of 8")
        ->check(positive<std::int64_t>())
        ->capture_default_str();
    command->add_option("--protect", given->protect, "Layers that keep all their states")
        ->delimiter(',')
        ->check(notNegative<std::int64_t>())
        ->type_name("N,N,...");
    command->add_option("--layer", given->overrides, "States of each group that this layer keeps; may be repeated")
        ->type_name("LAYER=STATES");
    addTokenOptions(*command, "calibrate", "What criteria that need a run look at", given->calibration);
    addSeedOption(*command, given->seed, "Of the random criterion");
    command
        ->add_option(
            "--form", given->form,
            "ragged: smallest, read by this program; uniform: one N, and masked: shapes kept, for stock loaders")
        ->type_name("uniform|ragged|masked")
        ->capture_default_str();
    addFormatOptions(*command, given->format);
    addTokenOptions(*command, "evaluate", "Also measure the accuracy, and note it in pruning.json", given->evaluation);
    addLastWordOption(*command, "evaluate-", given->evaluation);
    command->add_option("--out", given->out, "The new folder; it must not exist")->type_name("DIR");
    command
        ->add_option("--save-plan", given->save_plan, "Write the plan as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command->add_flag("--dry-run", given->dry_run, "Show what would be written, tensor by tensor, and write no model");
    command->add_option("--json", given->json, "Write it as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    refuseWithoutEffect(*command);
    command->footer(
        "Examples:\n"
        "  perfmamba-cli prune resources/demo/mamba2-recall --criterion ghost --keep 0.5 --out pruned\n"
        "  perfmamba-cli prune MODEL --criterion output-energy --calibrate text.txt --budget 0.6 --dry-run\n"
        "  perfmamba-cli prune MODEL --criterion magnitude --keep 0.5 --multiple-of 16 --form uniform --out pruned\n"
        "  perfmamba-cli prune MODEL --criterion ghost --keep 0.5 --form uniform --format gguf --type f16 --out "
        "pruned");
    return {command, [given, command] {
                if (!given->criterion.empty()) refuseUnusedCalibration(*command, {given->criterion});
                pruneOrStop(*given);
            }};
}

}  // namespace perfmamba::cli
