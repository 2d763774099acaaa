// perfmamba-cli: the profiler without a window.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli/common.h"
#include "app/cli/standard_error.h"
#include "kernels/error.h"

namespace {

using perfmamba::cli::Command;
using perfmamba::cli::UsageError;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;
constexpr int kTooSlow = 3;

/// One line, whatever was in it.
int fail(std::string message, int code) {
    while (!message.empty() && message.back() == '\n') message.pop_back();
    for (char& c : message) c = c == '\n' ? ' ' : c;
    perfmamba::cli::writeError("perfmamba-cli: " + message + "\n");
    return code;
}

bool hasEmptyItem(std::string_view list, char delimiter) {
    const std::string twice(2, delimiter);
    return list.starts_with(delimiter) || list.ends_with(delimiter) || list.find(twice) != std::string_view::npos;
}

/// What CLI11 lets pass: an empty value, of a variable that is not set, say, would be as if its option were not there,
/// and empty items of a list would be left out.
void checkValues(const CLI::App& command, std::span<char*> arguments) {
    const CLI::Option* option = nullptr;
    for (std::string_view value : arguments) {
        if (value.starts_with("--")) {
            const std::size_t equals = value.find('=');
            option = command.get_option_no_throw(std::string(value.substr(0, equals)));
            if (equals == std::string_view::npos) continue;
            value.remove_prefix(equals + 1);
        }
        const std::string name = option ? option->get_name() : "an argument";
        if (value.empty()) throw UsageError(name + " is empty");
        const char delimiter = option ? option->get_delimiter() : '\0';
        if (delimiter != '\0' && hasEmptyItem(value, delimiter)) {
            throw UsageError(fmt::format("{}: '{}' has an empty item", name, value));
        }
    }
}

int run(int argc, char** argv) {
    CLI::App app(
        "PerfMamba Explorer: where a Mamba-1 or Mamba-2 model spends time and memory, and which states it needs.",
        "perfmamba-cli");
    app.set_version_flag("--version", "perfmamba-cli " PERFMAMBA_VERSION);
    app.require_subcommand(1);
    app.footer(
        "Examples:\n"
        "  perfmamba-cli profile ~/models/mamba2-130m --report run.h5\n"
        "  perfmamba-cli show run.h5\n"
        "  perfmamba-cli compare before.h5 after.h5\n"
        "  perfmamba-cli tradeoff ~/models/mamba2-130m --report study.h5\n"
        "  perfmamba-cli scaling ~/models/mamba2-130m --report scaling.h5\n"
        "  perfmamba-cli prune ~/models/mamba2-130m --criterion magnitude --keep 0.5 --out pruned\n"
        "  perfmamba-cli COMMAND --help\n"
        "\n"
        "Exit codes: 0 done, 1 failed, 2 wrong use, 3 slower than 'compare --fail-if-slower' allows;\n"
        "128 + its number: ended by a second signal (130 by Ctrl-C).");
    const std::string command_line = perfmamba::cli::commandLine(argc, argv);
    const std::vector<Command> commands = {
        perfmamba::cli::profileCommand(app, command_line),
        perfmamba::cli::activityCommand(app, command_line),
        perfmamba::cli::evaluateCommand(app),
        perfmamba::cli::pruneCommand(app),
        perfmamba::cli::exportCommand(app),
        perfmamba::cli::tradeoffCommand(app, command_line),
        perfmamba::cli::scalingCommand(app, command_line),
        perfmamba::cli::mergeCommand(app),
        perfmamba::cli::showCommand(app),
        perfmamba::cli::compareCommand(app),
        perfmamba::cli::summaryCommand(app),
        perfmamba::cli::infoCommand(app),
        perfmamba::cli::logitsCommand(app),
        perfmamba::cli::devicesCommand(app),
        perfmamba::cli::ceilingsCommand(app),
    };
    const auto chosen = [&]() -> const Command* {
        for (const Command& command : commands) {
            if (command.app->parsed()) return &command;
        }
        return nullptr;
    };
    const auto helpOf = [&] {
        const Command* command = chosen();
        return "see 'perfmamba-cli " + (command ? command->app->get_name() + " " : std::string()) + "--help'";
    };
    try {
        app.parse(argc, argv);
        checkValues(*chosen()->app, std::span(argv, static_cast<std::size_t>(argc)).subspan(2));
        chosen()->run();
        return 0;
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);  // --help
        const std::string_view first = argc > 1 ? argv[1] : "";
        const bool known = first.empty() || first.starts_with('-') ||
                           std::ranges::any_of(commands, [&](const Command& c) { return c.app->get_name() == first; });
        const std::string why = known ? error.what() : fmt::format("'{}' is not a command", first);
        return fail(fmt::format("{} ({})", why, helpOf()), kWrongUse);
    } catch (const UsageError& error) {
        return fail(fmt::format("{} ({})", error.what(), helpOf()), kWrongUse);
    } catch (const perfmamba::cli::TooSlow& error) {
        return fail(error.what(), kTooSlow);
    }
}

}  // namespace

int main(int argc, char** argv) {
    perfmamba::cli::prepareStandardStreams();
    try {
        return run(argc, argv);
    } catch (const std::bad_alloc&) {
        return fail("there is not enough memory", kFailed);
    } catch (const std::exception& error) {
        return fail(error.what(), kFailed);
    }
}
