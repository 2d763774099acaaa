#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "app/cli/ceilings.h"
#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "app/cli/progress_line.h"
#include "core/engine/engine.h"
#include "core/profile/floors.h"
#include "core/profile/profiler.h"
#include "core/report/ceilings_file.h"
#include "core/report/files.h"
#include "core/report/report.h"
#include "core/report/text.h"
#include "kernels/devices.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

namespace fs = std::filesystem;

struct ProfileOptions {
    ModelOptions model;
    std::string mode = "prefill";
    std::string repeat = "auto";
    std::string trace = "auto";
    double bound_percent = 1;
    std::string report;
    bool no_ceilings = false;
    Outputs outputs;
    profile::Options options;
    std::string command_line;
};

/// The options as the profiler wants them; what it refuses is wrong use.
profile::Options checkedOptions(const ProfileOptions& given) {
    profile::Options options = given.options;
    const auto mode = profile::modeFromName(given.mode);
    if (!mode) throw UsageError(fmt::format("--mode: '{}' is neither prefill nor decode", given.mode));
    options.mode = *mode;
    const auto trace = traceModeFromName(given.trace);
    if (!trace) throw UsageError(fmt::format("--trace: '{}' is none of auto, cupti, events, off", given.trace));
    options.trace = *trace;
    options.bound = given.bound_percent / 100;
    options.repeat = repeatIn(given.repeat);
    if (options.trace == TraceMode::Off && !given.outputs.chrome_trace.empty()) {
        throw UsageError("--chrome-trace is of recorded passes, and --trace off records none");
    }
    checkNoneTwice("--lengths", options.lengths);
    options.threads = given.model.compute.threads;
    refuseWrongUse([&] { profile::check(options); });
    return options;
}

/// Keeps the report's .part in step with what is measured, and tells of it on the screen.
class ReportFollower {
public:
    /// `keep_older`: the report is there and complete, and no incomplete one replaces it.
    ReportFollower(fs::path report, bool keep_older, ProgressLine& line)
        : m_report(std::move(report)), m_keep_older(keep_older), m_line(line) {}

    void operator()(const std::shared_ptr<const profile::Profile>& profile, const profile::Progress& progress) {
        m_profile = profile;
        if (!m_report.empty() && !m_writer) m_writer.emplace(m_report, *profile);
        // The points before the one that is being measured are complete.
        keep(*profile, progress.point);
        show(m_line, progress);
    }

    /// Says and writes the points up to `count` that were not yet.
    void keep(const profile::Profile& profile, std::size_t count) {
        for (; m_kept < std::min(count, profile.points.size()); ++m_kept) {
            const profile::Point& point = profile.points[m_kept];
            if (m_writer) m_writer->add(point);
            m_line.say(fmt::format("{} {}, batch {}: {} {}, n = {}", name(profile.options.mode), point.length,
                                   profile.options.batch, report::formatTime(point.total.median),
                                   report::timedName(profile.options.mode), point.total.n()));
        }
    }

    /// After a failure: all that was measured until then, shown and made an incomplete report. Null where there is
    /// none.
    std::shared_ptr<const profile::Profile> finishIncomplete() {
        if (!m_profile || m_profile->points.empty()) return nullptr;
        try {
            keep(*m_profile, m_profile->points.size());
            if (m_writer && !m_keep_older) m_writer->finish(false);
            if (m_writer) m_line.say(fmt::format("What was measured before is kept in {}", incomplete()));
        } catch (const std::exception&) {
            // A full disk, likely: the failure that brought us here says so, and a .part that was written stays.
        }
        return m_profile;
    }

    [[nodiscard]] bool writes() const { return !m_report.empty(); }
    [[nodiscard]] bool keepsOlder() const { return m_keep_older; }
    /// Where an incomplete run is kept, in words.
    [[nodiscard]] std::string incomplete() const {
        if (!m_keep_older) return m_report.string();
        return fmt::format("{}, for {} is complete", report::partOf(report::fileToReplace(m_report)).string(),
                           m_report.string());
    }
    /// Once more as a whole: only now the clock at the end is known.
    void replace(const profile::Profile& profile) {
        try {
            if (!profile.points.empty()) report::write(m_report, profile);
        } catch (const Error&) {
            m_line.say(fmt::format("What was measured is kept in {}",
                                   report::partOf(report::fileToReplace(m_report)).string()));
            throw;
        }
        if (m_writer) m_writer->discard();
    }

private:
    fs::path m_report;
    bool m_keep_older;
    ProgressLine& m_line;
    std::optional<report::Writer> m_writer;
    std::shared_ptr<const profile::Profile> m_profile;
    std::size_t m_kept = 0;  // lengths said and written
};

void showBeforeFailure(const profile::Profile& measured, const Outputs& outputs) {
    try {
        print(measured, outputs);
    } catch (const std::exception&) {
        // The failure that ended the run is the one to tell of.
    }
}

/// The ceilings of a device that has none yet, after the run, so that its first number does not wait for them.
std::shared_ptr<const profile::Profile> withNewCeilings(std::shared_ptr<const profile::Profile> profile,
                                                        kernels::Backend& backend, ProgressLine& line,
                                                        const std::stop_token& stop) {
    try {
        return std::make_shared<const profile::Profile>(
            profile::withCeilings(*profile, measureAndKeep(backend, line, stop)));
    } catch (const Cancelled&) {
        // Told of behind the tables.
    } catch (const Error& error) {
        line.say(fmt::format("The floors are not known: {}", error.what()));
    }
    return profile;
}

bool wantsCeilings(const ProfileOptions& given) {
    return !given.no_ceilings && !report::ceilingsAreOff();
}

std::shared_ptr<const profile::Profile> measure(const ProfileOptions& given, const profile::Options& options,
                                                ReportFollower& follower, ProgressLine& line,
                                                const std::stop_token& stop) {
    const auto engine = given.model.load(line, stop);
    kernels::Backend& backend = engine->backend();
    profile::Provenance provenance = provenanceOf(backend.device(), given.command_line);
    const bool wants_ceilings = wantsCeilings(given);
    if (wants_ceilings) provenance.ceilings = report::findCeilings(report::ceilingsFile(), backend);
    const auto observer = [&](const auto& profile, const auto& progress) { follower(profile, progress); };
    try {
        auto profile = profile::run(*engine, options, provenance, observer, stop);
        follower.keep(*profile, profile->points.size());
        if (!wants_ceilings || provenance.ceilings || !profile->complete) return profile;
        return withNewCeilings(std::move(profile), backend, line, stop);
    } catch (const std::exception&) {
        if (const auto measured = follower.finishIncomplete()) showBeforeFailure(*measured, given.outputs);
        throw;
    }
}

void profile(const ProfileOptions& given) {
    const profile::Options options = checkedOptions(given);
    check(given.outputs, given.report, {{}, {given.model.model}});
    const report::OnlyWriter only(given.report);
    const profile::ProfilePtr earlier = checkReport(given.report, &report::Contents::profile, "a profile");

    const Interruption interruption;
    ProgressLine line;
    ReportFollower follower(given.report, earlier && earlier->complete, line);
    const auto profile = measure(given, options, follower, line, interruption.token());
    line.clear();

    const std::size_t points = profile->points.size();
    const auto keep = [&] {
        if (follower.writes() && (profile->complete || points == 0 || !follower.keepsOlder()))
            follower.replace(*profile);
    };
    const auto show = [&] {
        if (points > 0) print(*profile, given.outputs);
    };
    runAll({keep, show});
    const bool without_floors = wantsCeilings(given) && !profile->provenance.ceilings;
    if (profile->complete && without_floors && interruption.token().stop_requested()) {
        throw Interrupted("interrupted: all lengths were measured; the floors are not known");
    }
    if (profile->complete) return;
    throw Interrupted(fmt::format("interrupted: {}{}", report::lengthsText(*profile),
                                  follower.writes() && points > 0 ? "; kept in " + follower.incomplete() : ""));
}

}  // namespace

Command profileCommand(CLI::App& app, const std::string& command_line) {
    auto given = std::make_shared<ProfileOptions>();
    given->command_line = command_line;
    CLI::App* command = app.add_subcommand("profile", "Measure where time and memory go, component by component");
    addModelOptions(*command, given->model);
    command->add_option("--mode", given->mode, "prefill: the whole prompt in a pass; decode: one token after it")
        ->type_name("prefill|decode")
        ->capture_default_str();
    command->add_option("--batch", given->options.batch, "Sequences at once")
        ->check(positive<std::int64_t>())
        ->capture_default_str();
    command->add_option("--lengths", given->options.lengths, "Tokens of the prompt, separated by commas")
        ->delimiter(',')
        ->check(positive<std::int64_t>())
        ->type_name("N,N,...")
        ->capture_default_str();
    command->add_option("--repeat", given->repeat, "Recorded passes at each length; auto: until --bound or --budget")
        ->type_name("auto|N")
        ->capture_default_str();
    command
        ->add_option("--bound", given->bound_percent, "Width of the median's 95 % interval to stop at, ± in per cent")
        ->check(positive<double>())
        ->type_name("PERCENT")
        ->capture_default_str();
    command->add_option("--budget", given->options.budget_s, "Longest time at each length")
        ->check(positive<double>())
        ->type_name("SECONDS")
        ->capture_default_str();
    command
        ->add_option("--trace", given->trace,
                     "How passes are recorded: cupti, a kernel at a time; events, a component at a time; off; "
                     "auto: the finest there is")
        ->type_name("auto|cupti|events|off")
        ->capture_default_str();
    command->add_flag("--counters", given->options.counters,
                      "One more pass at each length, in which the GPU itself counts what each kernel moves and does");
    command->add_flag("--no-ceilings", given->no_ceilings,
                      "Leave the floors out; else the device's ceilings are measured where none are kept");
    addSeedOption(*command, given->options.seed, "Of the random token ids");
    command->add_option("--report", given->report, "Write the HDF5 report")->type_name("FILE.h5");
    addOutputs(*command, given->outputs);
    addChromeTrace(*command, given->outputs);
    command->footer(
        "Examples:\n"
        "  perfmamba-cli profile ~/models/mamba2-130m\n"
        "  perfmamba-cli profile ~/models/mamba2-130m --lengths 64,512,4096 --report run.h5\n"
        "  perfmamba-cli profile ~/models/mamba2-130m --mode decode --batch 16 --threads 4\n"
        "  perfmamba-cli profile ~/models/mamba2-130m --lengths 256 --repeat 50 --json - > run.json\n"
        "  perfmamba-cli profile ~/models/mamba2-130m --device cuda --precision bf16 --counters\n"
        "\n"
        "Ctrl-C ends the run; what was measured until then is shown and kept.");
    return {command, [given] { profile(*given); }};
}

}  // namespace perfmamba::cli
