#include "app/cli/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <type_traits>
#include <utility>

#include "app/cli/standard_error.h"
#include "core/report/chrome_trace.h"
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

/// What CLI11 converts with, at the end of whose range it stops.
template <class T>
bool fits(const std::string& text) {
    errno = 0;
    if constexpr (std::is_floating_point_v<T>) {
        return true;
    } else if constexpr (std::is_unsigned_v<T>) {
        (void)std::strtoull(text.c_str(), nullptr, 0);
        return errno != ERANGE;
    } else {
        const long long value = std::strtoll(text.c_str(), nullptr, 0);
        return errno != ERANGE && std::in_range<T>(value);
    }
}

/// Text that is no number is left to those who convert it.
template <class T, class Right>
CLI::Validator numbers(const std::string& wrong, const Right& right) {
    return {[=](std::string& text) {
                double value = 0;
                if (!CLI::detail::lexical_cast(text, value)) return std::string();
                if (!std::isfinite(value)) return text + " is not finite";
                if (!right(value)) return text + wrong;
                return fits<T>(text) ? std::string() : text + " is too large";
            },
            ""};
}

}  // namespace

template <class T>
CLI::Validator positive() {
    return numbers<T>(" is not positive", [](double value) { return value > 0; });
}

template <class T>
CLI::Validator notNegative() {
    return numbers<T>(" is negative", [](double value) { return value >= 0; });
}

template CLI::Validator positive<int>();
template CLI::Validator positive<std::int64_t>();
template CLI::Validator positive<double>();
template CLI::Validator notNegative<int>();
template CLI::Validator notNegative<std::int64_t>();
template CLI::Validator notNegative<std::uint64_t>();

CLI::Validator finite() {
    return numbers<double>("", [](double) { return true; });
}

CLI::Validator atMost(std::int64_t most) {
    return numbers<std::int64_t>(fmt::format(" is more than {}", most),
                                 [=](double value) { return value <= static_cast<double>(most); });
}

int repeatIn(const std::string& text) {
    if (text == "auto") return 0;
    const auto repeat = numberIn<int>(text);
    if (!repeat || *repeat < 1) {
        throw UsageError(fmt::format("--repeat: '{}' is neither auto nor a number from 1 to {}", text,
                                     std::numeric_limits<int>::max()));
    }
    return *repeat;
}

Outputs onlyJson(std::string file) {
    Outputs outputs;
    outputs.json = std::move(file);
    return outputs;
}

std::string cellsText(std::size_t some, std::size_t all) {
    return fmt::format("{} of {} cell{}", some, all, all == 1 ? "" : "s");
}

std::string cellsText(std::size_t some, std::size_t all, std::string_view of_one, std::string_view of_many) {
    return fmt::format("{} {}", cellsText(some, all), all == 1 ? of_one : of_many);
}

Outputs onScreen(Outputs outputs) {
    for (std::string* target : {&outputs.json, &outputs.csv, &outputs.chrome_trace}) {
        if (*target != "-") target->clear();
    }
    return outputs;
}

void addOutputs(CLI::App& app, Outputs& outputs) {
    app.add_option("--json", outputs.json, "Write everything as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    app.add_option("--csv", outputs.csv, "Write the components as CSV to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    app.add_flag("--layers", outputs.layers, "Show each layer's components, too");
}

void addChromeTrace(CLI::App& app, Outputs& outputs) {
    app.add_option("--chrome-trace", outputs.chrome_trace,
                   "Write the last pass of each length as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing "
                   "open, to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
}

void checkText(const std::string& target) {
    if (target.empty() || target == "-") return;
    report::checkWritable(target);
    std::error_code code;
    if (!std::filesystem::is_regular_file(target, code)) return;
    std::array<char, 64> begin{};
    std::ifstream file(target, std::ios::binary);
    file.read(begin.data(), begin.size());
    // Reports and weights have zeros in their first bytes, texts nowhere.
    if (std::find(begin.begin(), begin.begin() + file.gcount(), '\0') != begin.begin() + file.gcount()) {
        throw Error(target, "exists and is no text: a wrong name must not cost a report or weights",
                    "give another name, or remove it");
    }
}

void check(const Outputs& outputs, const std::string& report, const Inputs& inputs) {
    checkTargets({{"--json", outputs.json},
                  {"--csv", outputs.csv},
                  {"--chrome-trace", outputs.chrome_trace},
                  {"--report", report}},
                 inputs);
    for (const std::string& target : {outputs.json, outputs.csv, outputs.chrome_trace}) checkText(target);
}

void runAll(std::initializer_list<std::function<void()>> steps) {
    std::exception_ptr first;
    for (const std::function<void()>& step : steps) {
        try {
            step();
        } catch (const Error&) {
            if (!first) first = std::current_exception();
        }
    }
    if (first) std::rethrow_exception(first);
}

void print(const profile::Profile& profile, const Outputs& outputs) {
    const auto json = [&] {
        if (!outputs.json.empty()) writeText(outputs.json, toText(report::json(profile)));
    };
    const auto csv = [&] {
        if (!outputs.csv.empty()) writeText(outputs.csv, report::csv(profile));
    };
    const auto trace = [&] {
        if (outputs.chrome_trace.empty()) return;
        writeText(outputs.chrome_trace, [&](const report::Sink& sink) { report::chromeTrace(profile, sink); });
    };
    const auto tables = [&] {
        if (outputs.quiet()) return;
        std::string text = report::summary(profile);
        if (outputs.layers) {
            for (const profile::Point& point : profile.points) {
                text += fmt::format("\nlayers, length {}\n\n{}", point.length, report::layerTable(profile, point));
            }
        }
        writeText("-", text);
    };
    runAll({json, csv, trace, tables});
}

void print(const Outputs& outputs, const Texts& texts) {
    const auto json = [&] {
        if (!outputs.json.empty()) writeText(outputs.json, toText(texts.json()));
    };
    const auto csv = [&] {
        if (!outputs.csv.empty()) writeText(outputs.csv, texts.csv());
    };
    const auto tables = [&] {
        if (!outputs.quiet()) writeText("-", texts.tables());
    };
    runAll({json, csv, tables});
}

void print(const study::Study& study, const Outputs& outputs) {
    print(outputs, {[&] { return report::studyJson(study); }, [&] { return report::studyCsv(study); },
                    [&] { return report::studyText(study); }});
}

void print(const study::ScalingStudy& study, const Outputs& outputs) {
    print(outputs, {[&] { return report::scalingJson(study); }, [&] { return report::scalingCsv(study); },
                    [&] { return report::scalingText(study); }});
}

report::Contents earlierReport(const std::string& report) {
    if (report.empty()) return {};
    checkIsFile({"--report", report});
    (void)report::fileToReplace(report);
    if (!std::filesystem::exists(report)) return {};
    try {
        return report::readContents(report);
    } catch (const Error& error) {
        const std::string_view why(error.what());
        throw Error(report, fmt::format("exists and cannot be read as a report: {}", withoutSubject(why, report)),
                    "give another name");
    }
}

void writeText(const std::string& target, const std::function<void(const report::Sink&)>& produce) {
    if (target != "-") {
        report::writeThrough(target, produce);
        return;
    }
    const auto check = [](bool written) {
        if (written) return;
        if (errno == EPIPE) endByBrokenPipe();
        throw Error("standard output", std::string("cannot be written: ") + std::strerror(errno));
    };
    produce([&](std::string_view piece) { check(std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size()); });
    check(std::fflush(stdout) == 0);
}

void writeText(const std::string& target, const std::string& text) {
    writeText(target, [&](const report::Sink& sink) { sink(text); });
}

std::string toText(const nlohmann::json& json) {
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::shared_ptr<const profile::Profile> profileIn(const std::string& file) {
    const report::Contents contents = report::readContents(file);
    if (contents.profile) return contents.profile;
    if (contents.study) {
        throw Error(file, "is a pruning study, of which each cell is compared with the unpruned model already",
                    "see 'perfmamba-cli show'; profiles are what is compared");
    }
    if (contents.scaling) {
        throw Error(file, "is a scaling study, which is not compared",
                    "see 'perfmamba-cli show'; profiles are what is compared");
    }
    throw Error(file, "is of what a model's states did, which is not compared",
                "profiles are, as 'perfmamba-cli profile' and the window write them");
}

std::string commandLine(int argc, char** argv) {
    std::string line = "perfmamba-cli";
    for (const char* argument : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
        line += " " + report::shellQuoted(argument);
    }
    return line;
}

}  // namespace perfmamba::cli
