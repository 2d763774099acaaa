#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/common.h"
#include "app/cli/standard_error.h"
#include "core/profile/compare.h"
#include "core/report/compare_text.h"
#include "core/report/report.h"
#include "core/report/text.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct CompareOptions {
    std::string before;
    std::string after;
    std::string limit;
    Outputs outputs;
};

/// "5%" or "5": 0.05. Empty: no limit.
std::optional<double> limitOf(std::string text) {
    if (text.empty()) return std::nullopt;
    if (text.ends_with('%')) text.pop_back();
    double percent = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, percent);
    if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(percent) || percent < 0) {
        throw UsageError("--fail-if-slower: '" + text + "' is not a number of per cent from 0");
    }
    return percent / 100;
}

/// Throws TooSlow where a whole pass is slower by more than the limit, with the whole interval.
void judge(const profile::Comparison& comparison, double limit) {
    std::string slower;
    for (const profile::PointComparison& point : comparison.points) {
        const profile::Change& pass = *point.find(profile::Subject::Pass);
        const profile::Ratio& ratio = pass.ratio;
        const std::string workload = fmt::format("{} {}", name(comparison.after->options.mode), point.length);
        if (!ratio.known()) {
            writeError(fmt::format("perfmamba-cli: {}: too few passes to tell whether it is slower\n", workload));
        } else if (ratio.ci_low > 1 + limit) {
            slower += fmt::format("{}{} takes {}", slower.empty() ? "" : "; ", workload,
                                  report::formatRatio(ratio, " times as long"));
        }
    }
    if (!slower.empty()) throw TooSlow(fmt::format("slower by more than {:g} %: {}", limit * 100, slower));
}

void compare(const CompareOptions& options) {
    const std::optional<double> limit = limitOf(options.limit);
    check(options.outputs, {}, {{options.before, options.after}, {}});
    const profile::ProfilePtr before = profileIn(options.before);
    const profile::ProfilePtr after = profileIn(options.after);
    const profile::Comparison comparison = profile::compare(before, after, options.before + " and " + options.after);
    print(options.outputs,
          {[&] { return report::comparisonJson(comparison); }, [&] { return report::comparisonCsv(comparison); },
           [&] { return report::comparisonText(comparison, options.before, options.after, options.outputs.layers); }});
    if (limit) judge(comparison, *limit);
}

}  // namespace

Command compareCommand(CLI::App& app) {
    auto options = std::make_shared<CompareOptions>();
    CLI::App* command = app.add_subcommand("compare", "Compare two profiles: what became faster, slower, larger");
    command->add_option("BEFORE", options->before, "The report of the run to compare with")->required();
    command->add_option("AFTER", options->after, "The report of the other run")->required();
    command
        ->add_option("--fail-if-slower", options->limit,
                     "Exit code 3 where a whole pass is slower by more than that, with all of its 95 % interval")
        ->type_name("PERCENT");
    addOutputs(*command, options->outputs);
    command->footer(
        "Examples:\n"
        "  perfmamba-cli compare before.h5 after.h5\n"
        "  perfmamba-cli compare unpruned.h5 pruned.h5 --layers\n"
        "  perfmamba-cli compare main.h5 branch.h5 --fail-if-slower 5% --json changes.json\n"
        "\n"
        "Exit codes: 0 compared, 1 failed, 2 wrong use, 3 slower than --fail-if-slower allows.");
    return {command, [options] { compare(*options); }};
}

}  // namespace perfmamba::cli
