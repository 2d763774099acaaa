// The whole CUDA backend as a plugin, on the host: what the programs do with a GPU, where there is none. The
// environment says how it fails: PERFMAMBA_HOST_MEMORY is its memory in bytes, PERFMAMBA_HOST_LOST_AFTER after how many
// things on its stream it is lost.
#include <cstdlib>
#include <memory>

#include "kernels/cuda/plugin/cuda_backend.h"
#include "kernels/cuda/plugin/host_runtime.h"
#include "kernels/plugin.h"

using namespace perfmamba;
using namespace perfmamba::kernels;

namespace {

std::int64_t fromEnvironment(const char* name, std::int64_t otherwise) {
    const char* text = std::getenv(name);
    return text && *text ? std::atoll(text) : otherwise;
}

std::vector<DeviceChoice> hostDevices() {
    return {{"cuda:0", "SIMT executor", "", {DType::F32, DType::BF16, DType::F16}}};
}

std::unique_ptr<Backend> makeHost(const std::string&, const BackendOptions& options) {
    cuda::HostRuntime::Options host;
    host.memory_bytes = fromEnvironment("PERFMAMBA_HOST_MEMORY", host.memory_bytes);
    host.lost_after = fromEnvironment("PERFMAMBA_HOST_LOST_AFTER", host.lost_after);
    return std::make_unique<cuda::CudaBackend>(std::make_unique<cuda::HostRuntime>(host), nullptr, options.precision);
}

constexpr PluginEntry kEntry = {PERFMAMBA_PLUGIN_STAMP, hostDevices, makeHost};

}  // namespace

extern "C" const PluginEntry* perfmamba_plugin();
const PluginEntry* perfmamba_plugin() {
    return &kEntry;
}
