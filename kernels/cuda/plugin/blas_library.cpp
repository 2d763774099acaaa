#include "kernels/cuda/plugin/blas_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

namespace perfmamba::kernels::cuda {
namespace {

// A library of another major version has other types behind the same names.
const std::string kFile = fmt::format("libcublasLt.so.{}", CUBLAS_VER_MAJOR);

std::vector<std::string> places() {
    std::vector<std::string> result = {""};
    if (const char* home = std::getenv("CUDA_HOME"); home && *home) {
        for (const char* folder : {"/lib64/", "/lib/"}) result.push_back(std::string(home) + folder);
    }
    for (const char* folder : {PERFMAMBA_CUDA_LIBRARY_DIR "/", "/usr/local/cuda/lib64/", "/usr/local/cuda/lib/"}) {
        result.emplace_back(folder);
    }
    return result;
}

LoadedBlas load() {
    void* handle = nullptr;
    std::string reason;
    for (const std::string& place : places()) {
        handle = ::dlopen((place + kFile).c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle) break;
        // The loader's own places give the reason that helps: what is missing there.
        if (const char* text = ::dlerror(); text && reason.empty()) reason = text;
    }
    if (!handle) {
        return {nullptr, fmt::format("cublasLt of CUDA {} is missing: {}; install the package libcublas of that "
                                     "version, or say in LD_LIBRARY_PATH where it is",
                                     CUBLAS_VER_MAJOR, reason)};
    }
    static BlasLibrary library;
    std::string lacking;
#define PERFMAMBA_BLAS_RESOLVE(name)                                                            \
    library.name = reinterpret_cast<decltype(library.name)>(::dlsym(handle, "cublasLt" #name)); \
    if (!library.name) lacking = "cublasLt" #name;
    PERFMAMBA_BLAS_FUNCTIONS(PERFMAMBA_BLAS_RESOLVE)
#undef PERFMAMBA_BLAS_RESOLVE
    if (lacking.empty()) return {&library, {}};
    return {nullptr, fmt::format("{} has no {}; install another release of CUDA {}", kFile, lacking, CUBLAS_VER_MAJOR)};
}

}  // namespace

const LoadedBlas& blasLibrary() {
    static const LoadedBlas loaded = load();
    return loaded;
}

}  // namespace perfmamba::kernels::cuda
