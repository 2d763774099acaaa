#include "kernels/cuda/cupti/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "kernels/error.h"

namespace perfmamba::kernels::cuda::cupti {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVariable = "PERFMAMBA_CUPTI";
constexpr const char* kLibrary = "libcupti.so.13";
// From CUDA 13 on a version is major · 10000 + minor · 100 + patch …; before, it counted releases.
constexpr std::uint32_t kGeneration = 10'000;

std::string environment(const char* variable) {
    const char* value = std::getenv(variable);
    return value ? value : "";
}

void addToolkit(const fs::path& toolkit, std::vector<std::string>& paths) {
    for (const char* folder : {"lib64", "extras/CUPTI/lib64", "lib"}) paths.push_back(toolkit / folder / kLibrary);
}

/// pip's packages of a Python installation or a virtual environment.
void addPip(const fs::path& prefix, std::vector<std::string>& paths) {
    std::error_code ignored;
    for (const auto& python : fs::directory_iterator(prefix / "lib", ignored)) {
        for (const char* packages : {"site-packages", "dist-packages"}) {
            paths.push_back(python.path() / packages / "nvidia/cu13/lib" / kLibrary);
        }
    }
}

/// Empty where the library is one to use; else what it lacks.
std::string refusalOf(const DynamicLibrary& library, Api& api) {
    std::string missing;
#define PERFMAMBA_CUPTI_FIND(member, name)                   \
    api.member = library.function<decltype(&::name)>(#name); \
    if (!api.member && missing.empty()) missing = #name;
    PERFMAMBA_CUPTI_FUNCTIONS(PERFMAMBA_CUPTI_FIND)
#undef PERFMAMBA_CUPTI_FIND
    if (!api.getVersion) return fmt::format("{} is no CUPTI", library.path());
    if (api.getVersion(&api.version) != CUPTI_SUCCESS) return fmt::format("{} does not start", library.path());
    if (!usable(api.version)) {
        return fmt::format("{} is CUPTI {}, and {} is needed", library.path(), versionText(api.version),
                           versionText(CUPTI_API_VERSION));
    }
    if (!missing.empty()) return fmt::format("{} has no {}", library.path(), missing);
    return {};
}

}  // namespace

std::string Api::name() const {
    return "CUPTI " + versionText(version);
}

std::string versionText(std::uint32_t version) {
    if (version < kGeneration) return "12.x or older";
    return fmt::format("{}.{}", version / kGeneration, version / 100 % 100);
}

bool usable(std::uint32_t version) {
    return version >= CUPTI_API_VERSION && version / kGeneration == CUPTI_API_VERSION / kGeneration;
}

std::vector<std::string> candidatePaths() {
    if (const std::string named = environment(kVariable); !named.empty()) {
        return {fs::is_directory(named) ? (fs::path(named) / kLibrary).string() : named};
    }
    std::vector<std::string> paths = {kLibrary};
    for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
        if (const std::string toolkit = environment(variable); !toolkit.empty()) addToolkit(toolkit, paths);
    }
    addToolkit("/usr/local/cuda", paths);
    addToolkit(PERFMAMBA_TOOLKIT, paths);
    for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
        if (const std::string prefix = environment(variable); !prefix.empty()) addPip(prefix, paths);
    }
    addPip("/usr/local", paths);
    addPip("/usr", paths);
    return paths;
}

std::shared_ptr<const Api> loadApi(const Search& search) {
    const DynamicLibrary driver = loadDriver(search.driver);
    if (const std::string missing = driverMissing(driver); !missing.empty()) throw Error("kernel tracing", missing);
    std::string refusal;
    for (const std::string& path : search.candidates.empty() ? candidatePaths() : search.candidates) {
        const DynamicLibrary library(path);
        if (!library) {
            const bool named = !environment(kVariable).empty() && search.candidates.empty();
            if (named) refusal = library.failure();
            continue;
        }
        auto api = std::make_shared<Api>();
        if (std::string reason = refusalOf(library, *api); !reason.empty()) {
            refusal = std::move(reason);
            continue;
        }
        api->path = library.path();
        api->driverVersion = driver.function<int (*)(int*)>("cuDriverGetVersion");
        return api;
    }
    throw Error("kernel tracing", refusal.empty() ? fmt::format("{} was not found", kLibrary) : refusal,
                fmt::format("install cuda-cupti-13-0, or name the library in {}", kVariable));
}

std::string explain(const Api& api, const std::string& tried, CUptiResult result, const std::string& holder) {
    switch (result) {
        case CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
            return fmt::format("CUPTI serves one tool at a time, and {} has it (start without that tool)",
                               holder.empty() ? "another one, Nsight or a debugger," : "'" + holder + "'");
        case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
        case CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES:
            return fmt::format(
                "{} is refused: the driver keeps it for administrators "
                "(set NVreg_RestrictProfilingToAdminUsers=0, or run as root)",
                tried);
        case CUPTI_ERROR_HARDWARE_BUSY:
            return fmt::format("{} failed: another tool has the GPU's counters (start without that tool)", tried);
        case CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED:
            return fmt::format("{} is not supported on this virtual GPU", tried);
        case CUPTI_ERROR_CONFIDENTIAL_COMPUTING_NOT_SUPPORTED:
            return fmt::format("{} is not supported while confidential computing is on", tried);
        case CUPTI_ERROR_MIG_DEVICE_NOT_SUPPORTED:
            return fmt::format("{} is not supported on a part of a GPU (MIG)", tried);
        case CUPTI_ERROR_NOT_INITIALIZED:
        case CUPTI_ERROR_UNKNOWN:
            return fmt::format("CUPTI does not get through to the driver: {} failed with error {}", tried,
                               static_cast<int>(result));
        case CUPTI_ERROR_OUT_OF_MEMORY: return fmt::format("{} failed: too little memory is left", tried);
        case CUPTI_ERROR_NOT_COMPATIBLE:
            return fmt::format("{} failed: {} does not go with this driver", tried, api.name());
        default: break;
    }
    const char* text = nullptr;
    if (api.getResultString(result, &text) != CUPTI_SUCCESS || !text) text = "unknown";
    return fmt::format("{} failed: {} (error {})", tried, text, static_cast<int>(result));
}

}  // namespace perfmamba::kernels::cuda::cupti
