// Finds and loads the plugins of devices.
#pragma once

#include <filesystem>
#include <string>

#include "kernels/plugin.h"

namespace perfmamba::kernels {

/// A plugin, or why there is none: a sentence for the user, with what to do.
struct LoadedPlugin {
    const PluginEntry* entry = nullptr;
    std::string missing;
};

/// Where the plugin of that file name lies: in the folder PERFMAMBA_PLUGIN_DIR where that is set; else beside the
/// program, in ../lib/perfmamba from there, or where this build puts it. Empty where it is in none of them.
std::filesystem::path findPlugin(const std::string& file_name);

/// Loads it for the rest of the process. Never throws; what the plugin's own libraries lack is said in `missing`.
LoadedPlugin loadPlugin(const std::filesystem::path& file);

}  // namespace perfmamba::kernels
