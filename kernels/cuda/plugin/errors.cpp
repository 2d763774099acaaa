#include "kernels/cuda/plugin/errors.h"

#include <fmt/format.h>

namespace perfmamba::kernels::cuda {
namespace {

/// 13000 → "13.0".
std::string version(int number) {
    return fmt::format("{}.{}", number / 1000, number % 1000 / 10);
}

std::string oldDriver() {
    int driver = 0;
    int runtime = 0;
    // Both answer without a device.
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
        return "there is no NVIDIA driver; install the one for your GPU";
    }
    cudaRuntimeGetVersion(&runtime);
    return fmt::format(
        "the NVIDIA driver is too old: it serves CUDA {}, this build is of CUDA {}; install a newer driver",
        version(driver), version(runtime));
}

}  // namespace

std::string inWords(cudaError_t code) {
    return fmt::format("{} ({})", cudaGetErrorString(code), static_cast<int>(code));
}

bool isFatal(cudaError_t code) {
    switch (code) {
        case cudaErrorCudartUnloading:
        case cudaErrorContextIsDestroyed:
        case cudaErrorECCUncorrectable:
        case cudaErrorNvlinkUncorrectable:
        case cudaErrorIllegalAddress:
        case cudaErrorLaunchTimeout:
        case cudaErrorAssert:
        case cudaErrorHardwareStackError:
        case cudaErrorIllegalInstruction:
        case cudaErrorMisalignedAddress:
        case cudaErrorInvalidAddressSpace:
        case cudaErrorInvalidPc:
        case cudaErrorLaunchFailure:
        case cudaErrorMpsClientTerminated:
        case cudaErrorUnknown: return true;
        default: break;
    }
    // Not every toolkit that this is built with has names for them.
    constexpr int kContained = 226;         // an error of the hardware, contained to this process
    constexpr int kTensorMemoryLeak = 721;  // of tensor memory
    return static_cast<int>(code) == kContained || static_cast<int>(code) == kTensorMemoryLeak;
}

std::string whyNoDevice(cudaError_t code) {
    switch (code) {
        case cudaSuccess: return {};
        case cudaErrorInsufficientDriver: return oldDriver();
        case cudaErrorStubLibrary:
            return "libcuda.so is the toolkit's stub, not a driver; install the NVIDIA driver, and take the folder "
                   "'stubs' out of LD_LIBRARY_PATH";
        case cudaErrorNoDevice:
            return "the NVIDIA driver finds no GPU; see whether nvidia-smi does, and what CUDA_VISIBLE_DEVICES says";
        case cudaErrorSystemDriverMismatch:
            return "the NVIDIA driver in the kernel and libcuda.so are of different versions; restart the machine";
        case cudaErrorDevicesUnavailable:
            return "the GPU is in use by another process, or not open to this one; see what nvidia-smi says";
        case cudaErrorNoKernelImageForDevice:
        case cudaErrorInvalidPtx:
            return "this build has no code for the GPU; build with -DPERFMAMBA_CUDA_ARCHITECTURES=native";
        case cudaErrorUnsupportedPtxVersion:
        case cudaErrorJitCompilerNotFound:
            return "the NVIDIA driver cannot translate this build's code for the GPU; install a newer driver, or build "
                   "with -DPERFMAMBA_CUDA_ARCHITECTURES=native";
        default: return fmt::format("the NVIDIA driver refuses: {}; see what nvidia-smi says", inWords(code));
    }
}

}  // namespace perfmamba::kernels::cuda
