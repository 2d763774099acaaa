#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/ceilings.h"
#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "core/profile/measure_ceilings.h"
#include "core/report/ceilings_file.h"
#include "core/report/files.h"
#include "core/report/layout.h"
#include "core/report/text.h"
#include "kernels/devices.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

struct CeilingsOptions {
    std::string device = "cpu";
    int threads = 0;
    std::string precision = "f32";
    bool again = false;
    std::string json;
};

std::string textOf(const profile::Ceilings& ceilings) {
    const auto line = [](std::string_view title, const std::string& value) {
        return fmt::format("{:14}{}\n", title, value);
    };
    const auto giga = [](double rate) { return report::formatNumber(rate * 1e-9); };
    std::string device = ceilings.device + ", " + ceilings.instructions;
    if (ceilings.threads > 0) {
        device += fmt::format(", {} thread{}", ceilings.threads, ceilings.threads == 1 ? "" : "s");
    }
    if (!ceilings.driver.empty()) device += ", " + ceilings.driver;
    std::string text = line("device", device);
    text += line("precision", ceilings.precision);
    text += line("memory", giga(ceilings.bytes_per_s) + " GB/s");
    text += line("products", giga(ceilings.flops_per_s) + " GFLOP/s");
    text += line("exponentials", giga(ceilings.exponentials_per_s) + " G/s");
    text += line("last cache", ceilings.cache_bytes > 0 ? report::formatBytes(static_cast<double>(ceilings.cache_bytes))
                                                        : "not known");
    return text + line("taken", ceilings.taken + ", version " + ceilings.version);
}

nlohmann::json jsonOf(const profile::Ceilings& ceilings) {
    nlohmann::json object;
    report::layout::visitCeilings(ceilings, [&](const char* member, const auto& value) { object[member] = value; });
    return object;
}

void ceilings(const CeilingsOptions& given) {
    if (report::ceilingsAreOff()) {
        throw Error("PERFMAMBA_CEILINGS", "is off: no ceilings are measured or kept",
                    "unset it, or let it name a file");
    }
    checkTargets({{"--json", given.json}}, {{report::ceilingsFile().string()}, {}});
    checkText(given.json);
    const Interruption interruption;
    ProgressLine line;
    const auto backend = kernels::makeBackend(
        given.device, {.threads = given.threads, .precision = kernels::precisionFromName(given.precision)});
    std::optional<profile::Ceilings> found;
    if (!given.again) found = report::findCeilings(report::ceilingsFile(), *backend);
    const bool kept = found.has_value();
    try {
        if (!kept) found = measureAndKeep(*backend, line, interruption.token());
    } catch (const Cancelled&) {
        throw Interrupted("interrupted: nothing was measured");
    }
    line.clear();
    print(onlyJson(given.json),
          {[&] { return jsonOf(*found); },
           {},
           [&] { return textOf(*found) + (kept ? "\nThey were kept; --again measures them anew.\n" : ""); }});
}

}  // namespace

profile::Ceilings measureAndKeep(kernels::Backend& backend, ProgressLine& line, const std::stop_token& stop) {
    const profile::Ceilings ceilings = profile::measureCeilings(
        backend, {}, [&](const profile::Progress& progress) { show(line, progress); }, stop);
    const std::filesystem::path file = report::ceilingsFile();
    if (file.empty()) {
        line.say(
            "The device's ceilings are not kept, and measured each time: there is no HOME (set it, or let "
            "PERFMAMBA_CEILINGS name a file)");
    }
    try {
        report::keepCeilings(file, ceilings);
    } catch (const Error& error) {
        line.say(fmt::format("The device's ceilings are not kept: {}", error.what()));
    }
    return ceilings;
}

Command ceilingsCommand(CLI::App& app) {
    auto given = std::make_shared<CeilingsOptions>();
    CLI::App* command =
        app.add_subcommand("ceilings", "What a device reaches at best, measured once: the floors stand on it");
    command->add_option("--device", given->device, "Which; see 'perfmamba-cli devices'")->capture_default_str();
    addThreadsOption(*command, given->threads);
    addPrecisionOption(*command, given->precision);
    command->add_flag("--again", given->again, "Measure anew what was kept");
    command->add_option("--json", given->json, "Write them as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command->footer(
        "Examples:\n"
        "  perfmamba-cli ceilings\n"
        "  perfmamba-cli ceilings --device cuda --precision bf16 --again\n"
        "\n"
        "They are kept in ceilings.json in the user's data folder, for each device, precision and number of\n"
        "threads; the environment's PERFMAMBA_CEILINGS names another file.");
    return {command, [given] { ceilings(*given); }};
}

}  // namespace perfmamba::cli
