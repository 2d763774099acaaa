#include "kernels/plugin_loader.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <system_error>
#include <vector>

namespace perfmamba::kernels {
namespace fs = std::filesystem;

namespace {

std::string lastLoaderError() {
    const char* text = ::dlerror();
    return text ? text : "the loader does not say why";
}

}  // namespace

fs::path findPlugin(const std::string& file_name) {
    std::vector<fs::path> folders;
    if (const char* asked = std::getenv("PERFMAMBA_PLUGIN_DIR"); asked && *asked) {
        folders.emplace_back(asked);
    } else {
        std::error_code ignored;
        const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
        if (!program.empty()) {
            folders.push_back(program.parent_path());
            folders.push_back(program.parent_path().parent_path() / "lib" / "perfmamba");
        }
        folders.emplace_back(PERFMAMBA_PLUGIN_BUILD_DIR);
    }
    for (const fs::path& folder : folders) {
        std::error_code ignored;
        if (fs::exists(folder / file_name, ignored)) return folder / file_name;
    }
    return {};
}

LoadedPlugin loadPlugin(const fs::path& file) {
    // Its names stay its own: a library that it brings must not answer for one of the program's.
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) return {nullptr, fmt::format("its plugin cannot be loaded: {}", lastLoaderError())};
    const auto function = reinterpret_cast<PluginFunction>(::dlsym(library, kPluginSymbol));
    const PluginEntry* entry = function ? function() : nullptr;
    std::string missing;
    if (!entry || !entry->stamp) {
        missing = fmt::format("{} is no plugin of this program; remove it, or build again", file.string());
    } else if (std::string(entry->stamp) != PERFMAMBA_PLUGIN_STAMP) {
        missing = fmt::format("its plugin {} is of version {}, this program wants {}; build both together",
                              file.string(), entry->stamp, PERFMAMBA_PLUGIN_STAMP);
    }
    if (missing.empty()) return {entry, {}};
    ::dlclose(library);
    return {nullptr, missing};
}

}  // namespace perfmamba::kernels
