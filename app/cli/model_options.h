// The options that the commands about states and pruning share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "app/cli/progress_line.h"
#include "core/engine/engine.h"
#include "core/evaluate/tokens.h"
#include "core/profile/profiler.h"
#include "core/prune/export.h"
#include "kernels/devices.h"

namespace perfmamba::cli {

/// Opens it. Throws Error, which tells what to do with a report.
std::shared_ptr<const model::Checkpoint> openModel(const std::filesystem::path& model);

/// How a device computes.
struct ComputeOptions {
    int threads = 0;
    std::string precision = "f32";
    std::int64_t chunk = 0;

    [[nodiscard]] kernels::BackendOptions backend() const;
};

/// Which model runs where.
struct ModelOptions {
    std::string model;
    std::string device = "cpu";
    ComputeOptions compute;

    [[nodiscard]] prune::MakeBackend backends() const;
    /// Opens the checkpoint and loads it, and shows how far it is. Throws Interrupted when a stop is requested.
    [[nodiscard]] std::unique_ptr<engine::Engine> load(ProgressLine& line, const std::stop_token& stop) const;
    /// The same of one that is open.
    [[nodiscard]] std::unique_ptr<engine::Engine> load(std::shared_ptr<const model::Checkpoint> checkpoint,
                                                       ProgressLine& line, const std::stop_token& stop) const;
};
void addModelOptions(CLI::App& app, ModelOptions& options);

void addPrecisionOption(CLI::App& app, std::string& precision);
/// Of an option that is the tokens of a window, 0 for its default: one token predicts nothing.
CLI::Validator windowLength();
/// `--threads N`.
void addThreadsOption(CLI::App& app, int& threads);
/// `--threads N`, `--precision f32|bf16|f16`, `--chunk N`.
void addComputeOptions(CLI::App& app, ComputeOptions& options);

/// `--NAME FILE|task|random`, with `--NAME-length`, `--NAME-sequences` and, as addTextOptions(), what a file needs.
void addTokenOptions(CLI::App& app, const std::string& name, const std::string& purpose,
                     evaluate::TokenRequest& request);

/// Throws UsageError for an option of calibration tokens that was given though none of the criteria looks at any.
void refuseUnusedCalibration(const CLI::App& command, const std::vector<std::string>& criteria);

/// `--seed N`; CLI11 would take -1 for a large number.
void addSeedOption(CLI::App& app, std::uint64_t& seed, const std::string& of);

/// `--PREFIXfield` and `--PREFIXjoin`.
void addTextOptions(CLI::App& app, const std::string& prefix, evaluate::TokenRequest& request);
/// `--PREFIXlast-word`.
void addLastWordOption(CLI::App& app, const std::string& prefix, evaluate::TokenRequest& request);

/// `--format huggingface|gguf` and `--type f32|f16|bf16`.
struct FormatOptions {
    std::string format_name = "huggingface";
    std::string type;

    /// Throws UsageError.
    [[nodiscard]] prune::Format format() const;
};
void addFormatOptions(CLI::App& app, FormatOptions& options);

/// The tokens whose logits must agree before an export is called done: 256 random ones.
std::vector<std::int32_t> checkedTokens(const model::Checkpoint& checkpoint);
/// What was written, in a line or two. `what`: the form or the format.
std::string exportedText(const prune::Exported& exported, std::string_view what);
nlohmann::json exportedJson(const prune::Exported& exported);

/// As profile::provenanceOf(), by the command line program.
profile::Provenance provenanceOf(const kernels::DeviceInfo& device, const std::string& command_line);

void show(ProgressLine& line, const profile::Progress& progress);

}  // namespace perfmamba::cli
