// Which devices this build and this machine offer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace perfmamba::kernels {

/// A line of the device list. A device that cannot be used says why.
struct DeviceChoice {
    std::string id;       // "cpu"
    std::string name;     // "AMD EPYC 9654, 2 threads, AVX2"
    std::string missing;  // empty when usable
};

std::vector<DeviceChoice> devices();

/// @param threads 0: as many as the machine has cores for this process.
/// Throws Error for an unknown or unusable device.
std::unique_ptr<Backend> makeBackend(const std::string& device_id, int threads = 0);

}  // namespace perfmamba::kernels
