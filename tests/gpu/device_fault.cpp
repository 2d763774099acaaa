#include "tests/gpu/device_fault.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "kernels/error.h"

namespace perfmamba::tests {
namespace {

// The driver's functions, as its header declares them: this is built where CUDA's headers are not, too.
using Code = int;
using Device = int;
using Handle = void*;

constexpr const char* kWritesNowhere = R"(.version 7.0
.target sm_70
.address_size 64
.visible .entry fault() {
    .reg .b64 %rd<2>;
    mov.u64 %rd1, 16;
    st.global.u64 [%rd1], %rd1;
    ret;
}
)";

template <class Function>
Function find(void* driver, const char* name) {
    void* function = dlsym(driver, name);
    if (!function) throw Error("driver", fmt::format("has no {}", name));
    return reinterpret_cast<Function>(function);
}

void check(Code code, const char* what) {
    if (code != 0) throw Error("driver", fmt::format("{} gives {}", what, code));
}

}  // namespace

void loseDevice() {
    void* driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (!driver) throw Error("driver", "is not there");
    const auto init = find<Code (*)(unsigned)>(driver, "cuInit");
    const auto get = find<Code (*)(Device*, int)>(driver, "cuDeviceGet");
    const auto retain = find<Code (*)(Handle*, Device)>(driver, "cuDevicePrimaryCtxRetain");
    const auto use = find<Code (*)(Handle)>(driver, "cuCtxSetCurrent");
    const auto load = find<Code (*)(Handle*, const void*)>(driver, "cuModuleLoadData");
    const auto function = find<Code (*)(Handle*, Handle, const char*)>(driver, "cuModuleGetFunction");
    const auto launch = find<Code (*)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                                      Handle, void**, void**)>(driver, "cuLaunchKernel");
    const auto wait = find<Code (*)()>(driver, "cuCtxSynchronize");
    Device device = 0;
    Handle context = nullptr;
    Handle module = nullptr;
    Handle kernel = nullptr;
    check(init(0), "cuInit");
    check(get(&device, 0), "cuDeviceGet");
    check(retain(&context, device), "cuDevicePrimaryCtxRetain");
    check(use(context), "cuCtxSetCurrent");
    check(load(&module, kWritesNowhere), "cuModuleLoadData");
    check(function(&kernel, module, "fault"), "cuModuleGetFunction");
    check(launch(kernel, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), "cuLaunchKernel");
    if (wait() == 0) throw Error("driver", "noticed no fault");
}

}  // namespace perfmamba::tests
