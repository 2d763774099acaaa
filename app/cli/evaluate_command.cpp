#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "core/evaluate/evaluate.h"
#include "core/prune/export.h"
#include "core/prune/plan.h"
#include "core/report/pruning_text.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct EvaluateOptions {
    ModelOptions model;
    std::string task;
    std::string text;
    std::string against;
    std::string json;
    evaluate::TokenRequest tokens{.seed = evaluate::kEvaluationSeed};
    evaluate::Options evaluating;
};

evaluate::TokenRequest requestOf(const EvaluateOptions& given) {
    if (!given.task.empty() && !given.text.empty()) throw UsageError("--task and --text exclude each other");
    evaluate::TokenRequest request = given.tokens;
    request.source = given.text.empty() ? "task" : given.text;
    if (given.text.empty() && (request.last_word || !request.field.empty() || !request.join.empty())) {
        throw UsageError("--field, --join and --last-word are about a --text");
    }
    return request;
}

/// Whether the model was pruned by what these very tokens showed; where its pruning.json cannot be read, not.
bool calibratedOn(const evaluate::TokenSet& tokens, const model::Checkpoint& checkpoint) {
    const auto file = prune::pruningFileOf(checkpoint);
    if (!file) return false;
    try {
        return prune::readPlan(*file).calibration_hash == tokens.hash;
    } catch (const Error&) {
        return false;
    }
}

/// As evaluate::load(), whose advice is of random ids, too: there is nothing in them to predict.
void checkHasTask(const evaluate::TokenRequest& request, const model::Checkpoint& checkpoint) {
    if (request.source != "task" || evaluate::recallTask(checkpoint)) return;
    throw Error(checkpoint.folder().string(), evaluate::kNoTask, "give a --text");
}

nlohmann::json nameOf(const model::Checkpoint& checkpoint) {
    return {{"name", checkpoint.name()}, {"hash", checkpoint.hash()}, {"folder", checkpoint.folder().string()}};
}

void evaluateModel(const EvaluateOptions& given) {
    const evaluate::TokenRequest request = requestOf(given);
    checkTargets({{"--json", given.json}}, {{given.text}, {given.model.model, given.against}});
    checkText(given.json);
    const Interruption interruption;
    ProgressLine line;
    const auto engine = given.model.load(line, interruption.token());
    checkHasTask(request, engine->checkpoint());
    const evaluate::TokenSet tokens = evaluate::load(request, engine->checkpoint());
    if (calibratedOn(tokens, engine->checkpoint())) {
        line.say("note: these are the tokens that the model was pruned by; it may do better on them than on others");
    }
    std::unique_ptr<engine::Engine> other;
    if (!given.against.empty()) {
        ModelOptions options = given.model;
        options.model = given.against;
        other = options.load(line, interruption.token());
    }
    const evaluate::Subject against{other.get(), nullptr};
    evaluate::Accuracy accuracy;
    try {
        accuracy = evaluate::evaluate(
            {engine.get(), nullptr}, tokens, other ? &against : nullptr, given.evaluating,
            [&](const evaluate::Accuracy&, const profile::Progress& progress) { show(line, progress); },
            interruption.token());
    } catch (const Cancelled&) {
        throw Interrupted("interrupted: nothing was written");
    }
    line.clear();
    const auto json = [&] {
        nlohmann::json object = report::accuracyJson(accuracy);
        object["model"] = nameOf(engine->checkpoint());
        if (other) object["against"] = nameOf(other->checkpoint());
        object["device"] = engine->backend().device().name;
        object["precision"] = given.model.compute.precision;
        return object;
    };
    print(onlyJson(given.json), {json, {}, [&] { return report::accuracyText(accuracy); }});
}

}  // namespace

Command evaluateCommand(CLI::App& app) {
    auto given = std::make_shared<EvaluateOptions>();
    CLI::App* command = app.add_subcommand("evaluate", "Measure how well a model predicts");
    addModelOptions(*command, given->model);
    command->add_option("--task", given->task, "recall: what the model's task.json describes, generated")
        ->check(CLI::IsMember({"recall"}))
        ->type_name("recall");
    command->add_option("--text", given->text, "A text, JSON lines (.jsonl), or token ids (.ids, .npy, .bin, .h5)")
        ->type_name("FILE");
    addTextOptions(*command, "", given->tokens);
    addLastWordOption(*command, "", given->tokens);
    command->add_option("--against", given->against, "Another model, to compare each prediction with")
        ->type_name("MODEL2");
    command
        ->add_option("--window", given->tokens.length,
                     "Tokens of a text's window; windows do not overlap. 0: the task's length, or 2048")
        ->check(notNegative<std::int64_t>())
        ->check(windowLength())
        ->capture_default_str();
    command->add_option("--sequences", given->tokens.sequences, "At most; 0: 256 of a task, of a text all")
        ->check(notNegative<std::int64_t>())
        ->capture_default_str();
    addSeedOption(*command, given->tokens.seed, "Of a generated task");
    command->add_option("--batch", given->evaluating.batch, "Sequences at once")
        ->check(positive<std::int64_t>())
        ->capture_default_str();
    command->add_option("--json", given->json, "Write it as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command->footer(
        "Examples:\n"
        "  perfmamba-cli evaluate resources/demo/mamba2-recall --task recall\n"
        "  perfmamba-cli evaluate resources/demo/mamba2-bytes --text LICENSE --window 256\n"
        "  perfmamba-cli evaluate ~/models/mamba2-130m --text lambada.jsonl --last-word\n"
        "  perfmamba-cli evaluate pruned --against ~/models/mamba2-130m --text tokens.npy --json -");
    return {command, [given] { evaluateModel(*given); }};
}

}  // namespace perfmamba::cli
