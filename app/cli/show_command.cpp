#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "app/cli/common.h"
#include "core/report/report.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct ShowOptions {
    std::string file;
    std::int64_t length = 0;
    Outputs outputs;
};

void show(const ShowOptions& options) {
    check(options.outputs);
    profile::Profile profile = *report::read(options.file);
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
    command->add_option("--length", options->length, "Only this length")->check(CLI::PositiveNumber);
    addOutputs(*command, options->outputs);
    command->footer(
        "Examples:\n"
        "  perfmamba-cli show run.h5\n"
        "  perfmamba-cli show run.h5 --length 1024 --layers\n"
        "  perfmamba-cli show run.h5 --csv - | column -s, -t");
    return {command, [options] { show(*options); }};
}

}  // namespace perfmamba::cli
