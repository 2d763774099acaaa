#include "kernels/devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <utility>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/error.h"
#include "kernels/plugin_loader.h"

namespace perfmamba::kernels {
namespace {

void checkPrecision(const DeviceChoice& device, DType precision) {
    if (std::ranges::find(device.precisions, precision) != device.precisions.end()) return;
    std::vector<std::string_view> names;
    for (const DType type : device.precisions) names.push_back(precisionName(type));
    throw Error("device " + device.id, fmt::format("does not compute in {}", precisionName(precision)),
                fmt::format("it computes in {}", fmt::join(names, ", ")));
}

const std::vector<DType> kCpuPrecisions = {DType::F32, DType::BF16, DType::F16};

constexpr const char* kCudaPlugin = "perfmamba_cuda.so";

DeviceChoice noCuda(const std::string& missing) {
    return {"cuda", "NVIDIA GPUs", missing, {}};
}

/// Loaded once, and kept.
const LoadedPlugin& cudaPlugin() {
    static const LoadedPlugin plugin = [] {
        const std::filesystem::path file = findPlugin(kCudaPlugin);
        if (!file.empty()) return loadPlugin(file);
        return LoadedPlugin{nullptr,
                            "this build has no CUDA plugin; where nvcc of CUDA 12 or later is, building again "
                            "makes it"};
    }();
    return plugin;
}

std::vector<DeviceChoice> cudaDevices() {
    const LoadedPlugin& plugin = cudaPlugin();
    if (!plugin.entry) return {noCuda(plugin.missing)};
    try {
        return plugin.entry->devices();
    } catch (const std::exception& failure) {
        return {noCuda(failure.what())};
    }
}

/// The line of that device; "cuda" is the first GPU, and where there is none any of them has the line that says why.
const DeviceChoice* find(const std::vector<DeviceChoice>& choices, const std::string& id) {
    for (const DeviceChoice& choice : choices) {
        if (choice.id == id) return &choice;
    }
    const bool gpu = id == "cuda" || id.starts_with("cuda:");
    const std::string other = id == "cuda" ? "cuda:0" : "cuda";
    const auto found = std::ranges::find(choices, other, &DeviceChoice::id);
    return gpu && found != choices.end() ? &*found : nullptr;
}

}  // namespace

std::vector<DeviceChoice> devices() {
    const DeviceInfo cpu = cpu::describe(0);
    std::vector<DeviceChoice> choices = {
        {cpu.id, fmt::format("{}, {} threads, {}", cpu.name, cpu.threads, cpu.instructions), "", kCpuPrecisions}};
    for (DeviceChoice& gpu : cudaDevices()) choices.push_back(std::move(gpu));
    return choices;
}

std::string_view precisionName(DType precision) {
    switch (precision) {
        case DType::F32: return "f32";
        case DType::F16: return "f16";
        case DType::BF16: return "bf16";
    }
    return "?";
}

DType precisionFromName(std::string_view name) {
    for (const DType type : kDTypes) {
        if (precisionName(type) == name) return type;
    }
    throw Error("precision", fmt::format("'{}' is not known", name), "f32, bf16 and f16 are");
}

std::unique_ptr<Backend> makeBackend(const std::string& device_id, const BackendOptions& options) {
    if (options.threads < 0 || options.threads > kMostThreads) {
        throw Error("threads", fmt::format("{} is not between 0 and {}", options.threads, kMostThreads));
    }
    if (options.chunk < 0)
        throw Error("chunk", fmt::format("{} tokens are too few", options.chunk), "0 lets it be chosen");
    if (device_id == "cpu") {
        return cpu::makeBackend(options);
    }
    const std::vector<DeviceChoice> choices = devices();
    const DeviceChoice* choice = find(choices, device_id);
    if (!choice) throw Error("device " + device_id, "is not known", "'perfmamba-cli devices' lists what there is");
    if (!choice->missing.empty()) throw Error("device " + device_id, choice->missing, "'cpu' runs everywhere");
    checkPrecision(*choice, options.precision);
    return cudaPlugin().entry->makeBackend(choice->id, options);
}

}  // namespace perfmamba::kernels
