// What the commands share.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "app/cli/targets.h"
#include "core/profile/profile.h"
#include "core/report/files.h"
#include "core/report/report.h"
#include "core/study/scaling.h"
#include "core/study/study.h"
#include "kernels/error.h"

namespace perfmamba::cli {

/// The command line asks for what cannot be: exit code 2. Anything else that fails is an Error: exit code 1.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The core's check of options that needs no model: what it refuses is wrong use. Its Errors begin with the option.
template <class Check>
void refuseWrongUse(const Check& check) {
    try {
        check();
    } catch (const Error& error) {
        throw UsageError(std::string("--") + error.what());
    }
}

/// Ended with Ctrl-C; the text says what was kept. Exit code 1.
class Interrupted : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// `compare` was asked to fail where it is slower, and it is. Exit code 3.
class TooSlow : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The whole text as a number; nothing where it is none.
template <class T>
std::optional<T> numberIn(std::string_view text) {
    T value{};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Checks of numbers that say what is wrong with one, as it was typed: CLI11's own name the range of a double, in 300
/// digits, and its conversion takes the end of a range for all that lies beyond it. T: what the option sets, one of
/// int, std::int64_t, std::uint64_t and double.
template <class T>
CLI::Validator positive();
template <class T>
CLI::Validator notNegative();
CLI::Validator finite();
/// Of a whole number.
CLI::Validator atMost(std::int64_t most);
/// What --repeat says: recorded passes, 0 for "auto". Throws UsageError.
int repeatIn(const std::string& text);

/// Throws UsageError for what a list has twice.
template <class T>
void checkNoneTwice(std::string_view option, const std::vector<T>& values) {
    for (auto value = values.begin(); value != values.end(); ++value) {
        if (std::find(values.begin(), value, *value) == value) continue;
        throw UsageError(fmt::format("{}: {} is given twice", option, *value));
    }
}

/// "2 of 12 cells", "0 of 1 cell"; with a verb "2 of 12 cells are", "0 of 1 cell is".
std::string cellsText(std::size_t some, std::size_t all);
std::string cellsText(std::size_t some, std::size_t all, std::string_view of_one, std::string_view of_many);

/// A command adds itself to `app` and returns its function, which is called when it was chosen.
struct Command {
    CLI::App* app = nullptr;
    std::function<void()> run;
};
Command profileCommand(CLI::App& app, const std::string& command_line);
Command showCommand(CLI::App& app);
Command compareCommand(CLI::App& app);
Command summaryCommand(CLI::App& app);
Command infoCommand(CLI::App& app);
Command logitsCommand(CLI::App& app);
Command devicesCommand(CLI::App& app);
Command ceilingsCommand(CLI::App& app);
Command activityCommand(CLI::App& app, const std::string& command_line);
Command evaluateCommand(CLI::App& app);
Command pruneCommand(CLI::App& app);
Command exportCommand(CLI::App& app);
Command tradeoffCommand(CLI::App& app, const std::string& command_line);
Command scalingCommand(CLI::App& app, const std::string& command_line);
Command mergeCommand(CLI::App& app);

/// Where a profile goes besides the screen. "-" is standard output, and then nothing else goes there.
struct Outputs {
    std::string json;
    std::string csv;
    std::string chrome_trace;
    bool layers = false;  // the table of each layer, too

    [[nodiscard]] bool quiet() const { return json == "-" || csv == "-" || chrome_trace == "-"; }
};
/// Of results that nothing else is made of.
Outputs onlyJson(std::string file);
/// Only what goes to standard output.
Outputs onScreen(Outputs outputs);
void addOutputs(CLI::App& app, Outputs& outputs);
/// Of profiles only.
void addChromeTrace(CLI::App& app, Outputs& outputs);
/// Before anything is measured: throws UsageError or Error for outputs that cannot be, or that are the report, which
/// may be empty, or among the inputs.
void check(const Outputs& outputs, const std::string& report, const Inputs& inputs);
/// The same of one file, or "-", or none: that it can be written, and replaces nothing but a text.
void checkText(const std::string& target);
/// Does all of them, also behind one that throws an Error; the first Error is thrown at the end. What can be shown of a
/// result is shown, whatever became of its files.
void runAll(std::initializer_list<std::function<void()>> steps);
/// A result in the forms that outputs have, each made only where it is wanted. csv may be empty where none is.
struct Texts {
    std::function<nlohmann::json()> json;
    std::function<std::string()> csv;
    std::function<std::string()> tables;
};
/// Writes the files, and standard output.
void print(const Outputs& outputs, const Texts& texts);
void print(const profile::Profile& profile, const Outputs& outputs);
void print(const study::Study& study, const Outputs& outputs);
void print(const study::ScalingStudy& study, const Outputs& outputs);

/// The profile in a report, to be compared. Throws Error where it holds something else.
std::shared_ptr<const profile::Profile> profileIn(const std::string& file);

/// What the report of that name holds, where there is one: all null where there is none, or no name. Throws UsageError
/// for "-", Error where no report can be written there: an existing file is replaced only when it is a report, for a
/// wrong name must not cost somebody their weights.
report::Contents earlierReport(const std::string& report);
/// The same for a report that replaces none of another kind: `kind` is a member of Contents, `what` it is in words.
/// Null where there is none.
template <class T>
std::shared_ptr<const T> checkReport(const std::string& report, std::shared_ptr<const T> report::Contents::*kind,
                                     std::string_view what) {
    const report::Contents earlier = earlierReport(report);
    const bool any = earlier.profile || earlier.activity || earlier.study || earlier.scaling;
    if (any && !(earlier.*kind)) {
        throw Error(report, "is a report, but not of " + std::string(what), "give another name");
    }
    return earlier.*kind;
}

/// To a file that is there whole or not at all, straight into a pipe or a device, or for "-" to standard output.
/// Throws Error.
void writeText(const std::string& target, const std::string& text);
/// The same of a text that is made a piece at a time.
void writeText(const std::string& target, const std::function<void(const report::Sink&)>& produce);
std::string toText(const nlohmann::json& json);

/// The command line as one would type it again.
std::string commandLine(int argc, char** argv);

}  // namespace perfmamba::cli
