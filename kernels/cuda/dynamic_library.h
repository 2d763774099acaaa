// A shared library that is loaded while the program runs, where it is there.
#pragma once

#include <string>
#include <vector>

namespace perfmamba::kernels::cuda {

/// Loaded once and never unloaded: CUPTI and NVML keep threads and handlers of their own.
class DynamicLibrary {
public:
    DynamicLibrary() = default;
    /// @param name a path, or a name that the system's search knows
    explicit DynamicLibrary(const std::string& name);

    explicit operator bool() const { return m_handle != nullptr; }
    /// Where it was loaded from, or what was asked for.
    [[nodiscard]] const std::string& path() const { return m_path; }
    /// Why it was not loaded, as the system says it.
    [[nodiscard]] const std::string& failure() const { return m_failure; }
    /// Null where the library has no such function.
    template <class Function>
    [[nodiscard]] Function function(const char* name) const {
        return reinterpret_cast<Function>(symbol(name));
    }

private:
    [[nodiscard]] void* symbol(const char* name) const;

    void* m_handle = nullptr;
    std::string m_path;
    std::string m_failure;
};

/// Empty where the driver answers; else why it does not, one sentence. CUPTI is left alone without it: CUPTI 13.2
/// recurses until the stack is gone in its very first call where there is no driver.
std::string driverMissing(const DynamicLibrary& driver);

/// The driver's library: `override_path` where it is not empty, else libcuda.so.1.
DynamicLibrary loadDriver(const std::string& override_path = {});

}  // namespace perfmamba::kernels::cuda
