#include <fmt/format.h>

#include <algorithm>

#include "app/cli/common.h"
#include "kernels/devices.h"

namespace perfmamba::cli {

Command devicesCommand(CLI::App& app) {
    CLI::App* command = app.add_subcommand("devices", "List the devices that a model can run on");
    command->footer("Example:\n  perfmamba-cli devices");
    return {command, [] {
                const std::vector<kernels::DeviceChoice> devices = kernels::devices();
                std::size_t width = 0;
                for (const auto& device : devices) width = std::max(width, device.id.size());
                std::string text;
                for (const auto& device : devices) {
                    std::vector<std::string_view> precisions;
                    for (const DType type : device.precisions) precisions.push_back(kernels::precisionName(type));
                    text += fmt::format("{:{}}  {}{}\n", device.id, width, device.name,
                                        device.missing.empty() ? fmt::format("; {}", fmt::join(precisions, ", "))
                                                               : " – not usable: " + device.missing);
                }
                writeText("-", text);
            }};
}

}  // namespace perfmamba::cli
