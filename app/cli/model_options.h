// The options that the commands about states and pruning share.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "app/cli/progress_line.h"
#include "core/engine/engine.h"
#include "core/evaluate/tokens.h"
#include "core/profile/profiler.h"
#include "core/prune/export.h"

namespace perfmamba::cli {

/// Which model runs where.
struct ModelOptions {
    std::string model;
    std::string device = "cpu";
    int threads = 0;
    std::string precision = "f32";

    [[nodiscard]] prune::MakeBackend backends() const;
    /// Opens the checkpoint and loads it.
    [[nodiscard]] std::unique_ptr<engine::Engine> load() const;
};
void addModelOptions(CLI::App& app, ModelOptions& options);

/// `--precision f32|bf16|f16`.
void addPrecisionOption(CLI::App& app, std::string& precision);

/// `--NAME FILE|task|random`, with `--NAME-length`, `--NAME-sequences` and, as addTextOptions(), what a file needs.
void addTokenOptions(CLI::App& app, const std::string& name, const std::string& purpose,
                     evaluate::TokenRequest& request);

/// `--PREFIXfield` and `--PREFIXjoin`.
void addTextOptions(CLI::App& app, const std::string& prefix, evaluate::TokenRequest& request);
/// `--PREFIXlast-word`.
void addLastWordOption(CLI::App& app, const std::string& prefix, evaluate::TokenRequest& request);

/// As profile::provenanceOf(), by the command line program.
profile::Provenance provenanceOf(const kernels::DeviceInfo& device, const std::string& command_line);

void show(ProgressLine& line, const profile::Progress& progress);

}  // namespace perfmamba::cli
