// Which devices this build and this machine offer.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/backend.h"

namespace perfmamba::kernels {

/// A line of the device list. A device that cannot be used says why.
struct DeviceChoice {
    std::string id;                                // "cpu"
    std::string name;                              // "AMD EPYC 9654, 2 threads, AVX2"
    std::string missing;                           // empty when usable
    std::vector<DType> precisions = {DType::F32};  // that it computes in
};

/// The first call loads the plugins that there are, and asks them: it may take a second. On the thread that will use
/// the device, for some drivers tie to it what they make. A device that fails to answer has a line that says so.
std::vector<DeviceChoice> devices();

/// "f32", "f16", "bf16": a precision as the command line names it.
std::string_view precisionName(DType precision);
/// Throws Error for another name.
DType precisionFromName(std::string_view name);

inline constexpr int kMostThreads = 1024;

struct BackendOptions {
    int threads = 0;               // of the CPU, to kMostThreads; 0: as many as the machine has cores for this process
    DType precision = DType::F32;  // of matrices, and on a GPU of activations

    std::int64_t chunk = 0;  // of the SSD on the CPU; 0: what measured best, or the model's where that is shorter

    bool operator==(const BackendOptions&) const = default;
};

/// @param device_id as devices() lists it; "cuda" is the first GPU.
/// Throws Error for an unknown or unusable device, and for a precision that it does not compute in.
std::unique_ptr<Backend> makeBackend(const std::string& device_id, const BackendOptions& options = {});

}  // namespace perfmamba::kernels
