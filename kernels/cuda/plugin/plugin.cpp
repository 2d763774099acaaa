// What the programs load: NVIDIA's GPUs as devices.
#include "kernels/plugin.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "kernels/cuda/plugin/cuda_backend.h"
#include "kernels/cuda/plugin/cuda_runtime.h"
#include "kernels/error.h"

namespace perfmamba::kernels::cuda {
namespace {

int indexOf(std::string_view id) {
    constexpr std::string_view kPrefix = "cuda:";
    int index = -1;
    if (id.starts_with(kPrefix)) std::from_chars(id.data() + kPrefix.size(), id.data() + id.size(), index);
    if (index < 0) throw Error("device " + std::string(id), "is no GPU", "cuda:0 is the first");
    return index;
}

std::unique_ptr<Backend> makeCudaBackend(const std::string& id, const BackendOptions& options) {
    return std::make_unique<CudaBackend>(std::make_unique<CudaRuntime>(indexOf(id)), makeTracer(), options.precision);
}

constexpr PluginEntry kEntry = {PERFMAMBA_PLUGIN_STAMP, listDevices, makeCudaBackend};

}  // namespace
}  // namespace perfmamba::kernels::cuda

extern "C" __attribute__((visibility("default"))) const perfmamba::kernels::PluginEntry* perfmamba_plugin();
const perfmamba::kernels::PluginEntry* perfmamba_plugin() {
    return &perfmamba::kernels::cuda::kEntry;
}
