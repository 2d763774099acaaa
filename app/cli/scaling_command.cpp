#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "app/cli/ceilings.h"
#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "core/report/ceilings_file.h"
#include "core/report/report.h"
#include "core/study/merge_scaling.h"
#include "core/study/run_scaling.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct ScalingCommand {
    std::vector<std::string> models;
    study::ScalingOptions study;
    std::vector<std::string> modes = {"prefill", "decode"};
    std::string repeat = "auto";
    double bound_percent = 1;
    std::string shard = "1/1";
    bool no_ceilings = false;
    std::string report;
    Outputs outputs;
    std::string command_line;
};

struct Shard {
    std::size_t index = 1;
    std::size_t count = 1;
};

/// "2/4".
Shard shardOf(const std::string& text) {
    const std::size_t slash = text.find('/');
    const auto index = numberIn<std::size_t>(std::string_view(text).substr(0, slash));
    const auto count =
        slash == std::string::npos ? std::nullopt : numberIn<std::size_t>(std::string_view(text).substr(slash + 1));
    if (!index || !count || *index < 1 || *index > *count) {
        throw UsageError(fmt::format("--shard: '{}' is not a part of a number of parts, such as 2/4", text));
    }
    return {*index, *count};
}

study::ScalingOptions checkedOptions(const ScalingCommand& given) {
    study::ScalingOptions options = given.study;
    options.modes.clear();
    for (const std::string& mode : given.modes) {
        const auto known = profile::modeFromName(mode);
        if (!known) throw UsageError(fmt::format("--modes: '{}' is neither prefill nor decode", mode));
        options.modes.push_back(*known);
    }
    options.repeat = repeatIn(given.repeat);
    options.bound = given.bound_percent / 100;
    refuseWrongUse([&] { study::check(options, given.models.size()); });
    return options;
}

/// The study in a report.
study::ScalingPtr scalingIn(const std::string& file) {
    const report::Contents contents = report::readContents(file);
    if (!contents.scaling) throw Error(file, "is a report, but not of a scaling study", "give another name");
    return contents.scaling;
}

/// The study that is asked for, with what its report, which may be null, has measured of it already.
study::ScalingPtr planned(const ScalingCommand& given, const study::Models& models,
                          const study::ScalingOptions& options, const Shard& shard, const study::ScalingPtr& earlier) {
    study::ScalingPtr plan = study::planScaling(models, options, shard.index, shard.count);
    if (!earlier) return plan;
    if (earlier->shard != shard.index || earlier->shards != shard.count) {
        // Its other cells are in other parts, which would hold other measurements of what is measured here.
        throw Error(given.report,
                    fmt::format("is of shard {}/{}, and {}/{} is asked for", earlier->shard, earlier->shards,
                                shard.index, shard.count),
                    "ask for that shard, merge the parts, or give another name");
    }
    return study::resumeScaling(*plan, *earlier, given.report);
}

/// Keeps the report in step with what is measured, and tells of it on the screen.
class StudyFollower {
public:
    StudyFollower(std::string report, study::ScalingPtr plan) : m_report(std::move(report)), m_study(std::move(plan)) {
        const std::size_t there = measuredOfMine();
        if (there > 0) m_line.say(cellsText(there, mine(), "is", "are") + " there from before");
    }

    void operator()(const study::ScalingPtr& study, const profile::Progress& progress, bool cell_done) {
        m_study = study;
        if (cell_done) {
            const study::ScalingCell& cell = study->cells[progress.point];
            m_line.say(fmt::format("{}: {}{}", cellsText(measuredOfMine(), mine()), progress.what,
                                   cell.state == study::CellState::Failed ? ": failed: " + cell.failure : ""));
            if (!m_report.empty()) report::writeScaling(m_report, *study);
        }
        show(m_line, progress);
    }

    [[nodiscard]] ProgressLine& line() { return m_line; }
    /// As it was last.
    [[nodiscard]] const study::ScalingPtr& study() const { return m_study; }
    /// Cells of this shard, and those of them that are done.
    [[nodiscard]] std::size_t mine() const {
        return count([](const study::ScalingCell&) { return true; });
    }
    [[nodiscard]] std::size_t measuredOfMine() const {
        return count([](const study::ScalingCell& cell) { return cell.state != study::CellState::Waiting; });
    }

private:
    template <class Counts>
    [[nodiscard]] std::size_t count(Counts counts) const {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < m_study->cells.size(); ++i) {
            if (m_study->mine(i) && counts(m_study->cells[i])) ++sum;
        }
        return sum;
    }

    std::string m_report;
    study::ScalingPtr m_study;
    ProgressLine m_line;
};

study::ScalingMachine machineOf(const ScalingCommand& given, ProgressLine& line, const std::stop_token& stop) {
    study::ScalingMachine machine;
    machine.make_backend = kernels::makeBackend;
    machine.creator = "perfmamba-cli " PERFMAMBA_VERSION;
    machine.command = given.command_line;
    if (given.no_ceilings || report::ceilingsAreOff()) return machine;
    machine.ceilings = [&line, stop](kernels::Backend& backend) -> std::optional<profile::Ceilings> {
        try {
            const auto kept = report::findCeilings(report::ceilingsFile(), backend);
            return kept ? kept : measureAndKeep(backend, line, stop);
        } catch (const Error& error) {
            line.say(fmt::format("The floors are not known: {}", error.what()));
            return std::nullopt;
        }
    };
    return machine;
}

void scaling(const ScalingCommand& given) {
    const study::ScalingOptions options = checkedOptions(given);
    const Shard shard = shardOf(given.shard);
    check(given.outputs, given.report, {{}, given.models});
    const report::OnlyWriter only(given.report);
    const study::ScalingPtr earlier = checkReport(given.report, &report::Contents::scaling, "a scaling study");
    const Interruption interruption;
    study::Models models;
    for (const std::string& model : given.models) models.push_back(openModel(model));
    const study::ScalingPtr plan = planned(given, models, options, shard, earlier);

    StudyFollower follower(given.report, plan);
    study::ScalingPtr study;
    try {
        study = study::runScaling(models, plan, machineOf(given, follower.line(), interruption.token()),
                                  std::ref(follower), interruption.token());
        follower.line().clear();
        if (!given.report.empty()) report::writeScaling(given.report, *study);
    } catch (const Error&) {
        // The report cannot be written any more, likely: what was measured is shown.
        follower.line().clear();
        print(*follower.study(), onScreen(given.outputs));
        throw;
    }
    print(*study, given.outputs);
    if (!study->complete) {
        throw Interrupted(fmt::format("interrupted: {} measured{}",
                                      cellsText(follower.measuredOfMine(), follower.mine(), "was", "were"),
                                      given.report.empty() ? "" : "; the same command goes on"));
    }
    const auto failed = static_cast<std::size_t>(
        std::ranges::count(study->cells, study::CellState::Failed, &study::ScalingCell::state));
    if (failed == 0) return;
    throw Error("study", cellsText(failed, follower.mine()) + " could not be measured",
                "the table says why; the same command tries them again");
}

struct MergeCommand {
    std::vector<std::string> parts;
    std::string report;
    Outputs outputs;
};

void merge(const MergeCommand& given) {
    // The report may be one of the parts, for it holds what that held.
    check(given.outputs, {}, {given.parts, {}});
    check(given.outputs, given.report, {});
    const report::OnlyWriter only(given.report);
    (void)checkReport(given.report, &report::Contents::scaling, "a scaling study");
    std::vector<study::ScalingPart> parts;
    for (const std::string& part : given.parts) parts.push_back({part, scalingIn(part)});
    const study::ScalingPtr merged = study::mergeScaling(parts);
    report::writeScaling(given.report, *merged);
    print(*merged, given.outputs);
    const std::string missing = study::missingText(*merged, parts);
    if (missing.empty()) return;
    ProgressLine().say(fmt::format("{}: {}; merge it with what is still to come, or let 'scaling' go on with it",
                                   given.report, missing));
}

template <class T>
CLI::Option* addList(CLI::App& command, const char* option, std::vector<T>& values, const char* what,
                     const char* type) {
    return command.add_option(option, values, what)->delimiter(',')->type_name(type)->capture_default_str();
}

void addReport(CLI::App& command, std::string& report, const char* what) {
    command.add_option("--report", report, what)->type_name("FILE.h5");
}

void addTextOutputs(CLI::App& command, Outputs& outputs) {
    command.add_option("--json", outputs.json, "Write everything as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command.add_option("--csv", outputs.csv, "Write the cells as CSV to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
}

void addMeasuringOptions(CLI::App& command, ScalingCommand& given) {
    addThreadsOption(command, given.study.threads);
    command.add_option("--repeat", given.repeat, "Recorded passes of each cell; auto: until --bound or --budget")
        ->type_name("auto|N")
        ->capture_default_str();
    command.add_option("--bound", given.bound_percent, "Width of the median's 95 % interval to stop at, ± in per cent")
        ->check(positive<double>())
        ->type_name("PERCENT")
        ->capture_default_str();
    command.add_option("--budget", given.study.budget_s, "Longest time for each cell")
        ->check(positive<double>())
        ->type_name("SECONDS")
        ->capture_default_str();
    addSeedOption(command, given.study.seed, "Of the random token ids");
    command.add_flag("--no-ceilings", given.no_ceilings,
                     "Leave the floors out; else a device's ceilings are measured first where none are kept");
}

}  // namespace

Command scalingCommand(CLI::App& app, const std::string& command_line) {
    auto given = std::make_shared<ScalingCommand>();
    given->command_line = command_line;
    CLI::App* command = app.add_subcommand(
        "scaling", "Measure time and memory over lengths, batches, precisions, devices and numbers of states");
    command
        ->add_option("MODEL", given->models,
                     "Mamba-1 or Mamba-2 models: folders of Hugging Face or state-spaces, or GGUF files")
        ->required();
    addList(*command, "--lengths", given->study.lengths, "Tokens of the prompt", "N,N,...")
        ->check(positive<std::int64_t>());
    addList(*command, "--modes", given->modes, "prefill: the whole prompt in a pass; decode: one token after it",
            "M,M");
    addList(*command, "--batches", given->study.batches, "Sequences at once", "B,B,...")
        ->check(positive<std::int64_t>());
    addList(*command, "--precisions", given->study.precisions, "What is computed in: f32, bf16, f16", "P,P,...")
        ->check(CLI::IsMember({"f32", "bf16", "f16"}));
    addList(*command, "--devices", given->study.devices, "Where it runs; see 'perfmamba-cli devices'", "D,D,...");
    addList(*command, "--states", given->study.states,
            "States N of every group, to learn what d_state costs; 0: as the model has them", "N,N,...")
        ->check(notNegative<std::int64_t>());
    addMeasuringOptions(*command, *given);
    command->add_option("--shard", given->shard, "Measure this part of so many; 'merge' joins them")
        ->type_name("I/N")
        ->capture_default_str();
    addReport(*command, given->report, "The HDF5 report; written after each cell, gone on with if it is there");
    addTextOutputs(*command, given->outputs);
    command->footer(
        "Examples:\n"
        "  perfmamba-cli scaling ~/models/mamba-130m ~/models/mamba2-130m --report scaling.h5\n"
        "  perfmamba-cli scaling MODEL --lengths 1024 --batches 1,16 --states 0,16,32,64,128,256 --report states.h5\n"
        "  perfmamba-cli scaling MODEL --shard 2/4 --report part-2-of-4.h5\n"
        "\n"
        "Ctrl-C ends it; with --report the same command goes on where it ended. The parts of a study may run on\n"
        "several machines at once: resources/slurm/scaling.sbatch is a Slurm job array of them.");
    return {command, [given] { scaling(*given); }};
}

Command mergeCommand(CLI::App& app) {
    auto given = std::make_shared<MergeCommand>();
    CLI::App* command = app.add_subcommand("merge", "Join the parts of a scaling study");
    command->add_option("PART", given->parts, "Reports of 'scaling', of the same study")->required();
    addReport(*command, given->report, "The report of what all have measured");
    command->get_option("--report")->required();
    addTextOutputs(*command, given->outputs);
    command->footer(
        "Examples:\n"
        "  perfmamba-cli merge part-*-of-4.h5 --report scaling.h5\n"
        "\n"
        "Parts that are missing may be merged in later, and 'scaling --report' goes on with what is there.");
    return {command, [given] { merge(*given); }};
}

}  // namespace perfmamba::cli
