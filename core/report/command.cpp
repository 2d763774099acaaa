#include "core/report/command.h"

#include <fmt/format.h>

#include <vector>

#include "kernels/devices.h"

namespace perfmamba::report {

std::string shellQuoted(std::string_view argument) {
    constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./,:=@%+";
    if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string_view::npos) return std::string(argument);
    std::string result = "'";
    for (const char c : argument) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
}

std::string commandOf(const profile::ModelSummary& model, const profile::Options& options, std::string_view device) {
    const profile::Options defaults;
    std::string command =
        fmt::format("perfmamba-cli profile {} --device {} --mode {} --batch {} --lengths {}", shellQuoted(model.path),
                    shellQuoted(device), profile::name(options.mode), options.batch, fmt::join(options.lengths, ","));
    for (const DType type : {DType::F16, DType::BF16}) {
        if (model.compute_type == name(type)) command += fmt::format(" --precision {}", kernels::precisionName(type));
    }
    if (options.threads != defaults.threads) command += fmt::format(" --threads {}", options.threads);
    if (options.repeat != defaults.repeat) command += fmt::format(" --repeat {}", options.repeat);
    // In per cent, without the last digits that come of the multiplication.
    if (options.bound != defaults.bound) command += fmt::format(" --bound {:.12g}", options.bound * 100);
    if (options.budget_s != defaults.budget_s) command += fmt::format(" --budget {}", options.budget_s);
    if (options.trace != defaults.trace) command += fmt::format(" --trace {}", name(options.trace));
    if (options.counters) command += " --counters";
    if (options.seed != defaults.seed) command += fmt::format(" --seed {}", options.seed);
    return command;
}

std::string commandOf(const study::ScalingStudy& study) {
    const study::ScalingOptions defaults;
    const study::ScalingOptions& options = study.options;
    std::string command = "perfmamba-cli scaling";
    for (const profile::ModelSummary& model : study.models) command += " " + shellQuoted(model.path);
    std::vector<std::string_view> modes;
    for (const profile::Mode mode : options.modes) modes.push_back(profile::name(mode));
    command += fmt::format(" --devices {} --precisions {} --modes {} --batches {} --lengths {}",
                           fmt::join(options.devices, ","), fmt::join(options.precisions, ","), fmt::join(modes, ","),
                           fmt::join(options.batches, ","), fmt::join(options.lengths, ","));
    if (options.states != defaults.states) command += fmt::format(" --states {}", fmt::join(options.states, ","));
    if (options.threads != defaults.threads) command += fmt::format(" --threads {}", options.threads);
    if (options.repeat != defaults.repeat) command += fmt::format(" --repeat {}", options.repeat);
    if (options.bound != defaults.bound) command += fmt::format(" --bound {:.12g}", options.bound * 100);
    if (options.budget_s != defaults.budget_s) command += fmt::format(" --budget {}", options.budget_s);
    if (options.seed != defaults.seed) command += fmt::format(" --seed {}", options.seed);
    if (study.shards > 1) command += fmt::format(" --shard {}/{}", study.shard, study.shards);
    return command;
}

}  // namespace perfmamba::report
