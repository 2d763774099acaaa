#include "app/cli/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "core/report/command.h"
#include "core/report/files.h"
#include "core/report/pruning_text.h"
#include "core/report/report.h"
#include "core/report/scaling_text.h"
#include "core/report/text.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

/// What an Error says of `subject`, without naming it again.
std::string_view withoutSubject(std::string_view why, const std::string& subject) {
    if (why.starts_with(subject + ": ")) why.remove_prefix(subject.size() + 2);
    return why;
}

}  // namespace

void addOutputs(CLI::App& app, Outputs& outputs) {
    app.add_option("--json", outputs.json, "Write everything as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    app.add_option("--csv", outputs.csv, "Write the components as CSV to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    app.add_flag("--layers", outputs.layers, "Show each layer's components, too");
}

void check(const Outputs& outputs) {
    if (outputs.json == "-" && outputs.csv == "-") {
        throw UsageError("--json and --csv cannot both go to standard output");
    }
    for (const std::string& target : {outputs.json, outputs.csv}) {
        if (!target.empty() && target != "-") report::checkWritable(target);
    }
}

void print(const profile::Profile& profile, const Outputs& outputs) {
    if (!outputs.json.empty()) writeText(outputs.json, toText(report::json(profile)));
    if (!outputs.csv.empty()) writeText(outputs.csv, report::csv(profile));
    if (outputs.quiet()) return;
    std::string text = report::summary(profile);
    if (outputs.layers) {
        for (const profile::Point& point : profile.points) {
            text += fmt::format("\nlayers, length {}\n\n{}", point.length, report::layerTable(profile, point));
        }
    }
    writeText("-", text);
}

void print(const study::Study& study, const Outputs& outputs) {
    if (!outputs.json.empty()) writeText(outputs.json, toText(report::studyJson(study)));
    if (!outputs.csv.empty()) writeText(outputs.csv, report::studyCsv(study));
    if (!outputs.quiet()) writeText("-", report::studyText(study));
}

void print(const study::ScalingStudy& study, const Outputs& outputs) {
    if (!outputs.json.empty()) writeText(outputs.json, toText(report::scalingJson(study)));
    if (!outputs.csv.empty()) writeText(outputs.csv, report::scalingCsv(study));
    if (!outputs.quiet()) writeText("-", report::scalingText(study));
}

void checkReport(const std::string& report) {
    if (report.empty()) return;
    (void)report::fileToReplace(report);
    if (!std::filesystem::exists(report)) return;
    try {
        (void)report::readContents(report);
    } catch (const Error& error) {
        const std::string_view why(error.what());
        throw Error(report, fmt::format("exists and is not a report of this program: {}", withoutSubject(why, report)),
                    "remove it, or give another name");
    }
}

void writeText(const std::string& target, const std::string& text) {
    if (target != "-") {
        report::writeThrough(target, std::as_bytes(std::span(text)));
        return;
    }
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (!written) throw Error("standard output", std::string("cannot be written: ") + std::strerror(errno));
}

std::string toText(const nlohmann::json& json) {
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string commandLine(int argc, char** argv) {
    std::string line = "perfmamba-cli";
    for (const char* argument : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
        line += " " + report::shellQuoted(argument);
    }
    return line;
}

}  // namespace perfmamba::cli
