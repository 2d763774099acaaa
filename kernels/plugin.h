// What a device's plugin gives: a shared library of its own, loaded at run time, so that the programs start on machines
// without the device's driver and libraries.
//
// A plugin exports one function, kPluginSymbol, of type PluginFunction. It is built with the program that loads it:
// classes and exceptions cross the border, so the stamp, which tells the interface's headers apart, has to be the same.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/devices.h"

namespace perfmamba::kernels {

struct PluginEntry {
    /// PERFMAMBA_PLUGIN_STAMP of the build. Looked at before anything else; stays the first member for ever.
    const char* stamp;
    /// A line for each device, or one line that says why there is none. May throw.
    std::vector<DeviceChoice> (*devices)();
    /// Throws Error.
    std::unique_ptr<Backend> (*makeBackend)(const std::string& device_id, const BackendOptions& options);
};

inline constexpr const char* kPluginSymbol = "perfmamba_plugin";
using PluginFunction = const PluginEntry* (*)();

}  // namespace perfmamba::kernels
