#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "core/prune/export.h"
#include "core/report/files.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct ExportOptions {
    ModelOptions model;
    FormatOptions format;
    bool uniform = false;
    std::string out, json;
};

void exportModel(const ExportOptions& given) {
    const prune::Target target(given.out, given.format.format());
    checkTargets({{"--json", given.json}, {"--out", given.out}}, {{}, {given.model.model}});
    checkText(given.json);
    const Interruption interruption;
    ProgressLine line;
    const auto engine = given.model.load(line, interruption.token());
    const model::Checkpoint& checkpoint = engine->checkpoint();
    const prune::Plan all = prune::fullPlan(checkpoint.config(), checkpoint.name(), checkpoint.hash());
    const prune::Form form = given.uniform ? prune::Form::Uniform : prune::Form::Ragged;
    prune::Exported done;
    try {
        done = prune::exportModel(
            *engine, given.model.backends(), all, form, target, {}, checkedTokens(checkpoint),
            [&](const profile::Progress& now) { show(line, now); }, interruption.token());
    } catch (const Cancelled&) {
        throw Interrupted("interrupted: nothing was exported");
    }
    line.clear();
    print(onlyJson(given.json),
          {[&] { return exportedJson(done); }, {}, [&] { return exportedText(done, given.format.format_name); }});
}

}  // namespace

Command exportCommand(CLI::App& app) {
    auto given = std::make_shared<ExportOptions>();
    CLI::App* command = app.add_subcommand("export", "Write a model in another format, all its states kept");
    addModelOptions(*command, given->model);
    addFormatOptions(*command, given->format);
    command->add_flag("--uniform", given->uniform,
                      "Give every layer the same number of states, zeroed ones where a pruned model has fewer");
    command->add_option("--out", given->out, "The new folder; it must not exist")->type_name("DIR")->required();
    command->add_option("--json", given->json, "Write it as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command->footer(
        "Examples:\n"
        "  perfmamba-cli export ~/models/mamba-130m --format gguf --type f16 --out mamba-130m-gguf\n"
        "  perfmamba-cli export mamba-130m.Q8_0.gguf --out mamba-130m-hf");
    return {command, [given] { exportModel(*given); }};
}

}  // namespace perfmamba::cli
