#include "kernels/cuda/dynamic_library.h"

#include <dlfcn.h>
#include <link.h>

#include <fmt/format.h>

namespace perfmamba::kernels::cuda {

DynamicLibrary::DynamicLibrary(const std::string& name) : m_path(name) {
    m_handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!m_handle) {
        const char* message = ::dlerror();
        m_failure = message ? message : "cannot be loaded";
        return;
    }
    link_map* map = nullptr;
    if (::dlinfo(m_handle, RTLD_DI_LINKMAP, static_cast<void*>(&map)) == 0 && map && map->l_name[0] != '\0') {
        m_path = map->l_name;
    }
}

void* DynamicLibrary::symbol(const char* name) const {
    return m_handle ? ::dlsym(m_handle, name) : nullptr;
}

DynamicLibrary loadDriver(const std::string& override_path) {
    return DynamicLibrary(override_path.empty() ? "libcuda.so.1" : override_path);
}

std::string driverMissing(const DynamicLibrary& driver) {
    if (!driver) return "there is no NVIDIA driver";
    const auto initialise = driver.function<int (*)(unsigned)>("cuInit");
    if (!initialise) return fmt::format("{} is no NVIDIA driver", driver.path());
    const int result = initialise(0);
    return result == 0 ? std::string() : fmt::format("the NVIDIA driver finds no GPU to work with (error {})", result);
}

}  // namespace perfmamba::kernels::cuda
