#include "app/cli/model_options.h"

#include <fmt/format.h>

#include "kernels/devices.h"

namespace perfmamba::cli {

kernels::BackendOptions ComputeOptions::backend() const {
    return {.threads = threads, .precision = kernels::precisionFromName(precision), .chunk = chunk};
}

prune::MakeBackend ModelOptions::backends() const {
    return [device = device, options = compute.backend()] { return kernels::makeBackend(device, options); };
}

std::unique_ptr<engine::Engine> ModelOptions::load() const {
    return std::make_unique<engine::Engine>(model::Checkpoint::open(model), backends()());
}

void addModelOptions(CLI::App& app, ModelOptions& options) {
    app.add_option("MODEL", options.model, "A Hugging Face folder of a Mamba-1 or Mamba-2 model")->required();
    app.add_option("--device", options.device, "Where it runs; see 'perfmamba-cli devices'")->capture_default_str();
    addComputeOptions(app, options.compute);
}

void addComputeOptions(CLI::App& app, ComputeOptions& options) {
    app.add_option("--threads", options.threads, "Threads; 0: as many as there are cores")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--chunk", options.chunk, "Tokens of a chunk of Mamba-2's SSD on the CPU; 0: what measured best")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--precision", options.precision, "What is computed in, where the device offers it; see 'devices'")
        ->check(CLI::IsMember({"f32", "bf16", "f16"}))
        ->type_name("f32|bf16|f16")
        ->capture_default_str();
}

void addTokenOptions(CLI::App& app, const std::string& name, const std::string& purpose,
                     evaluate::TokenRequest& request) {
    app.add_option("--" + name, request.source,
                   purpose + ": a file; 'task': what the model's task.json describes; 'random': random ids")
        ->type_name("FILE|task|random")
        ->capture_default_str();
    app.add_option(
           "--" + name + "-length", request.length,
           fmt::format("Tokens of a sequence, or of a text's window; 0: the task's length, or {}", evaluate::kWindow))
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--" + name + "-sequences", request.sequences,
                   fmt::format("Sequences at most; 0: {} of a task, of a text all", evaluate::kRecallSequences))
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
}

profile::Provenance provenanceOf(const kernels::DeviceInfo& device, const std::string& command_line) {
    profile::Provenance provenance = profile::provenanceOf(device);
    provenance.creator = "perfmamba-cli " PERFMAMBA_VERSION;
    provenance.command = command_line;
    return provenance;
}

void show(ProgressLine& line, const profile::Progress& progress) {
    std::string text = progress.what;
    if (progress.seconds_left) text += fmt::format(", {:.0f} s left", *progress.seconds_left);
    line.show(progress.done, text);
}

}  // namespace perfmamba::cli
