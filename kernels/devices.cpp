#include "kernels/devices.h"

#include <fmt/format.h>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/error.h"

namespace perfmamba::kernels {

std::vector<DeviceChoice> devices() {
    const DeviceInfo cpu = cpu::describe(0);
    return {{cpu.id, fmt::format("{}, {} threads, {}", cpu.name, cpu.threads, cpu.instructions), ""}};
}

std::unique_ptr<Backend> makeBackend(const std::string& device_id, int threads) {
    constexpr int kMaxThreads = 1024;
    if (threads < 0 || threads > kMaxThreads) {
        throw Error("threads", fmt::format("{} is not between 0 and {}", threads, kMaxThreads));
    }
    for (const DeviceChoice& choice : devices()) {
        if (choice.id != device_id) continue;
        if (!choice.missing.empty()) throw Error("device " + device_id, choice.missing);
        return cpu::makeBackend(threads);
    }
    throw Error("device " + device_id, "is not known", "'perfmamba-cli devices' lists what there is");
}

}  // namespace perfmamba::kernels
