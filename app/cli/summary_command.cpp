#include <fmt/format.h>

#include <memory>
#include <optional>

#include "app/cli/common.h"
#include "core/profile/compare.h"
#include "core/report/report.h"
#include "core/report/summary_html.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct SummaryOptions {
    std::string report;
    std::string baseline;
    std::string study;
    std::string html;
};

study::StudyPtr studyIn(const std::string& file) {
    const report::Contents contents = report::readContents(file);
    if (!contents.study) throw Error(file, "is no pruning study", "'perfmamba-cli tradeoff' writes one");
    return contents.study;
}

std::string htmlOf(const SummaryOptions& options, const report::Contents& contents) {
    if (contents.activity)
        throw Error(options.report, "is of what a model's states did, of which there is no summary",
                    "profiles and studies have one");
    if (contents.scaling && !(options.baseline.empty() && options.study.empty()))
        throw Error(options.report, "is a scaling study, which is not compared", "leave --baseline and --study out");
    if (contents.scaling) return report::summaryHtml(*contents.scaling);
    if (contents.study && !(options.baseline.empty() && options.study.empty())) {
        throw Error(options.report,
                    "is a pruning study, of which each cell is compared with the unpruned model already",
                    "leave --baseline and --study out");
    }
    if (contents.study) return report::summaryHtml(*contents.study);
    study::Known known;
    const study::StudyPtr study = options.study.empty() ? nullptr : studyIn(options.study);
    known.study = study.get();
    if (study) {
        if (const std::string differs = study::misfit(*study, *contents.profile); !differs.empty()) {
            throw Error(options.study, fmt::format("does not fit {} ({})", options.report, differs),
                        "name a study of the same model on the same device");
        }
    }
    std::optional<profile::Comparison> comparison;
    if (!options.baseline.empty()) {
        known.comparison = &comparison.emplace(profile::compare(profileIn(options.baseline), contents.profile,
                                                                options.baseline + " and " + options.report));
    }
    return report::summaryHtml(*contents.profile, known, options.baseline);
}

void summarise(const SummaryOptions& options) {
    checkTargets({{"--html", options.html}}, {{options.report, options.baseline, options.study}, {}});
    checkText(options.html);
    writeText(options.html, htmlOf(options, report::readContents(options.report)));
}

}  // namespace

Command summaryCommand(CLI::App& app) {
    auto options = std::make_shared<SummaryOptions>();
    CLI::App* command = app.add_subcommand("summary", "Write a report's summary on one page, to send to somebody");
    command->add_option("REPORT", options->report, "The report of a profile or of a study")->required();
    command->add_option("--baseline", options->baseline, "Compare the profile with that of another report")
        ->type_name("REPORT");
    command
        ->add_option("--study", options->study,
                     "A pruning study of the same model on the same device: what it measured stands beside estimates")
        ->type_name("REPORT");
    command
        ->add_option("--html", options->html,
                     "Write it as HTML, which a browser prints on one page, to FILE, or to standard output for '-'")
        ->type_name("FILE|-")
        ->required();
    command->footer(
        "Examples:\n"
        "  perfmamba-cli summary run.h5 --html run.html\n"
        "  perfmamba-cli summary pruned.h5 --baseline unpruned.h5 --html pruned.html\n"
        "  perfmamba-cli summary study.h5 --html - | mail -s results -a 'Content-Type: text/html' you@example.org");
    return {command, [options] { summarise(*options); }};
}

}  // namespace perfmamba::cli
