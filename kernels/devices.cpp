#include "kernels/devices.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/error.h"

namespace perfmamba::kernels {
namespace {

void checkPrecision(const DeviceChoice& device, DType precision) {
    if (std::ranges::find(device.precisions, precision) != device.precisions.end()) return;
    std::vector<std::string_view> names;
    for (const DType type : device.precisions) names.push_back(precisionName(type));
    throw Error("device " + device.id, fmt::format("does not compute in {}", precisionName(precision)),
                fmt::format("it computes in {}", fmt::join(names, ", ")));
}

}  // namespace

std::vector<DeviceChoice> devices() {
    const DeviceInfo cpu = cpu::describe(0);
    return {{cpu.id, fmt::format("{}, {} threads, {}", cpu.name, cpu.threads, cpu.instructions), ""}};
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
    for (const DType type : {DType::F32, DType::F16, DType::BF16}) {
        if (precisionName(type) == name) return type;
    }
    throw Error("precision", fmt::format("'{}' is not known", name), "f32, bf16 and f16 are");
}

std::unique_ptr<Backend> makeBackend(const std::string& device_id, const BackendOptions& options) {
    constexpr int kMaxThreads = 1024;
    if (options.threads < 0 || options.threads > kMaxThreads) {
        throw Error("threads", fmt::format("{} is not between 0 and {}", options.threads, kMaxThreads));
    }
    for (const DeviceChoice& choice : devices()) {
        if (choice.id != device_id) continue;
        if (!choice.missing.empty()) throw Error("device " + device_id, choice.missing);
        checkPrecision(choice, options.precision);
        return cpu::makeBackend(options.threads);
    }
    throw Error("device " + device_id, "is not known", "'perfmamba-cli devices' lists what there is");
}

}  // namespace perfmamba::kernels
