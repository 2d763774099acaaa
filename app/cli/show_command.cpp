#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/common.h"
#include "core/report/pruning_text.h"
#include "core/report/report.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct ShowOptions {
    std::string file;
    std::int64_t length = 0;
    std::string statistic;
    Outputs outputs;
};

void print(const activity::Activity& activity, const ShowOptions& options) {
    if (!options.outputs.csv.empty())
        throw Error(options.file, "is of activity, of which there is no CSV", "use --json");
    const auto statistic =
        options.statistic.empty() ? activity::Statistic::OutputEnergy : kernels::statisticFromName(options.statistic);
    if (!statistic) throw UsageError("--statistic: '" + options.statistic + "' is not one of those listed");
    print(options.outputs, {[&] { return report::activityJson(activity); },
                            {},
                            [&] { return report::activityText(activity, *statistic); }});
}

void show(const ShowOptions& options) {
    check(options.outputs, {}, {{options.file}, {}});
    const report::Contents contents = report::readContents(options.file);
    if (!contents.profile && !options.outputs.chrome_trace.empty()) {
        throw Error(options.file, "has no timeline of a pass, and so no trace", "profiles have");
    }
    if (!contents.profile && options.length > 0) throw UsageError("--length is of profiles, and this is none");
    if (!contents.profile && options.outputs.layers) throw UsageError("--layers is of profiles, and this is none");
    if (!contents.activity && !options.statistic.empty()) {
        throw UsageError("--statistic is of activity, and this is none");
    }
    if (contents.study) return print(*contents.study, options.outputs);
    if (contents.scaling) return print(*contents.scaling, options.outputs);
    if (contents.activity) return print(*contents.activity, options);
    profile::Profile profile = *contents.profile;
    if (options.length > 0) {
        std::erase_if(profile.points, [&](const profile::Point& point) { return point.length != options.length; });
        if (profile.points.empty()) throw Error(options.file, fmt::format("has no length {}", options.length));
    }
    print(profile, options.outputs);
}

}  // namespace

Command showCommand(CLI::App& app) {
    auto options = std::make_shared<ShowOptions>();
    CLI::App* command = app.add_subcommand("show", "Show a report that was written before");
    command->add_option("FILE", options->file, "The report")->required();
    command
        ->add_option("--statistic", options->statistic,
                     "Of activity: delta_b, delta_bx, decay, state, output, output_energy; the last where not given")
        ->type_name("NAME");
    command->add_option("--length", options->length, "Only this length")->check(positive<std::int64_t>());
    addOutputs(*command, options->outputs);
    addChromeTrace(*command, options->outputs);
    command->footer(
        "Examples:\n"
        "  perfmamba-cli show run.h5\n"
        "  perfmamba-cli show run.h5 --length 1024 --layers\n"
        "  perfmamba-cli show run.h5 --csv - | column -s, -t\n"
        "  perfmamba-cli show run.h5 --chrome-trace run.json   (open it in ui.perfetto.dev)");
    return {command, [options] { show(*options); }};
}

}  // namespace perfmamba::cli
