#include "app/cli/model_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <thread>

#include "app/cli/common.h"
#include "core/prune/criterion.h"
#include "kernels/devices.h"
#include "kernels/error.h"

namespace perfmamba::cli {

std::shared_ptr<const model::Checkpoint> openModel(const std::filesystem::path& model) {
    std::error_code code;
    if (model.extension() == ".h5" && std::filesystem::is_regular_file(model, code)) {
        throw Error(model.string(), "is an HDF5 file, and no model", "a report is opened by 'perfmamba-cli show'");
    }
    return model::Checkpoint::open(model);
}

kernels::BackendOptions ComputeOptions::backend() const {
    return {.threads = threads, .precision = kernels::precisionFromName(precision), .chunk = chunk};
}

prune::MakeBackend ModelOptions::backends() const {
    return [device = device, options = compute.backend()] { return kernels::makeBackend(device, options); };
}

std::unique_ptr<engine::Engine> ModelOptions::load(ProgressLine& line, const std::stop_token& stop) const {
    return load(openModel(model), line, stop);
}

std::unique_ptr<engine::Engine> ModelOptions::load(std::shared_ptr<const model::Checkpoint> checkpoint,
                                                   ProgressLine& line, const std::stop_token& stop) const {
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    if (device == "cpu" && cores > 0 && compute.threads > cores) {
        line.say(fmt::format("note: {} threads are more than the {} core{} of this machine", compute.threads, cores,
                             cores == 1 ? "" : "s"));
    }
    if (compute.chunk > 0 && checkpoint->config().architecture == model::Architecture::Mamba1)
        line.say("note: --chunk is of Mamba-2's SSD; this is a Mamba-1, which has none");
    engine::Loading loading;
    loading.observer = [&](double done) { show(line, profile::loadingProgress(done)); };
    loading.stop = stop;
    try {
        return std::make_unique<engine::Engine>(std::move(checkpoint), backends()(), loading);
    } catch (const Cancelled&) {
        throw Interrupted("interrupted while the weights were loaded: nothing was measured or written");
    }
}

void addModelOptions(CLI::App& app, ModelOptions& options) {
    app.add_option("MODEL", options.model,
                   "A Mamba-1 or Mamba-2 model: a folder of Hugging Face or state-spaces, or a GGUF file")
        ->required();
    app.add_option("--device", options.device, "Where it runs; see 'perfmamba-cli devices'")->capture_default_str();
    addComputeOptions(app, options.compute);
}

void addPrecisionOption(CLI::App& app, std::string& precision) {
    app.add_option("--precision", precision, "What is computed in, where the device offers it; see 'devices'")
        ->check(CLI::IsMember({"f32", "bf16", "f16"}))
        ->type_name("f32|bf16|f16")
        ->capture_default_str();
}

void addThreadsOption(CLI::App& app, int& threads) {
    app.add_option("--threads", threads, "Threads; 0: as many as there are cores")
        ->check(notNegative<int>())
        ->check(atMost(kernels::kMostThreads))
        ->capture_default_str();
}

void addComputeOptions(CLI::App& app, ComputeOptions& options) {
    addThreadsOption(app, options.threads);
    app.add_option("--chunk", options.chunk, "Tokens of a chunk of Mamba-2's SSD on the CPU; 0: what measured best")
        ->check(notNegative<std::int64_t>())
        ->capture_default_str();
    addPrecisionOption(app, options.precision);
}

CLI::Validator windowLength() {
    return {[](std::string& text) { return std::string(text == "1" ? "a window has at least 2 tokens" : ""); }, ""};
}

void addTokenOptions(CLI::App& app, const std::string& name, const std::string& purpose,
                     evaluate::TokenRequest& request) {
    app.add_option(
           "--" + name, request.source,
           purpose +
               ": a file of text or token ids; 'task': what the model's task.json describes; 'random': random ids")
        ->type_name("FILE|task|random")
        ->capture_default_str();
    app.add_option(
           "--" + name + "-length", request.length,
           fmt::format("Tokens of a sequence, or of a text's window; 0: the task's length, or {}", evaluate::kWindow))
        ->check(notNegative<std::int64_t>())
        ->check(windowLength())
        ->capture_default_str();
    app.add_option("--" + name + "-sequences", request.sequences,
                   fmt::format("Sequences at most; 0: {} of a task, of a text all", evaluate::kRecallSequences))
        ->check(notNegative<std::int64_t>())
        ->capture_default_str();
    addTextOptions(app, name + "-", request);
}

void refuseUnusedCalibration(const CLI::App& command, const std::vector<std::string>& criteria) {
    const auto runs = [](const std::string& id) { return prune::criterion(id).needs() >= prune::Needs::Activity; };
    if (std::ranges::any_of(criteria, runs)) return;
    for (const CLI::Option* option : command.get_options()) {
        if (option->count() == 0 || !option->get_name().starts_with("--calibrate")) continue;
        throw UsageError(fmt::format("{}: {} {} no calibration tokens", option->get_name(),
                                     fmt::join(criteria, " and "), criteria.size() == 1 ? "needs" : "need"));
    }
}

void addSeedOption(CLI::App& app, std::uint64_t& seed, const std::string& of) {
    app.add_option("--seed", seed, of)->check(notNegative<std::uint64_t>())->capture_default_str();
}

void addTextOptions(CLI::App& app, const std::string& prefix, evaluate::TokenRequest& request) {
    app.add_option("--" + prefix + "field", request.field,
                   "Of JSON lines, the text's field ('text' in *.jsonl where not given); of an HDF5 file, the dataset")
        ->type_name("NAME");
    app.add_option("--" + prefix + "join", request.join,
                   "Between documents: 'eos', the token that ends one; 'nothing'; or a text, with \\n for a new line")
        ->type_name("eos|nothing|TEXT");
}

void addLastWordOption(CLI::App& app, const std::string& prefix, evaluate::TokenRequest& request) {
    app.add_flag("--" + prefix + "last-word", request.last_word,
                 "Score only the last word of each line (or record), right where all of its tokens are: LAMBADA");
}

prune::Format FormatOptions::format() const {
    prune::Format format;
    format.gguf = format_name == "gguf";
    if (type.empty()) return format;
    if (!format.gguf) throw UsageError("--type goes with --format gguf: a Hugging Face folder keeps the stored types");
    format.matrices = kernels::precisionFromName(type);
    return format;
}

void addFormatOptions(CLI::App& app, FormatOptions& options) {
    app.add_option("--format", options.format_name,
                   "huggingface: config.json and model.safetensors; gguf: model.gguf, for llama.cpp")
        ->check(CLI::IsMember({"huggingface", "gguf"}))
        ->type_name("huggingface|gguf")
        ->capture_default_str();
    app.add_option("--type", options.type, "Of the matrices in a GGUF file; as they are stored, where it is not given")
        ->check(CLI::IsMember({"f32", "bf16", "f16"}))
        ->type_name("f32|bf16|f16");
}

std::vector<std::int32_t> checkedTokens(const model::Checkpoint& checkpoint) {
    constexpr std::int64_t kCheckedTokens = 256;
    evaluate::TokenRequest request;
    request.source = "random";
    request.length = kCheckedTokens;
    request.sequences = 1;
    return evaluate::load(request, checkpoint).sequences.front();
}

std::string exportedText(const prune::Exported& exported, std::string_view what) {
    const std::string text =
        fmt::format("{}: written ({}), {} bytes; its logits agree with the live model's to {:.1e} at {} positions\n",
                    exported.folder.string(), what, exported.bytes, exported.largest_difference, exported.positions);
    return exported.note.empty() ? text : text + "note: " + exported.note + "\n";
}

nlohmann::json exportedJson(const prune::Exported& exported) {
    return {{"folder", exported.folder.string()},
            {"bytes", exported.bytes},
            {"largest_difference", exported.largest_difference},
            {"positions", exported.positions},
            {"note", exported.note}};
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
