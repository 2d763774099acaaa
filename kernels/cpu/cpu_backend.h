// The CPU as a device.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "kernels/devices.h"

namespace perfmamba::kernels::cpu {

/// What the CPU backend would say of this machine. @param threads 0: as many as this process may use cores.
DeviceInfo describe(int threads);

/// Matrices that are stored in the precision asked for are used as they lie in the file. Activations are float32.
std::unique_ptr<Backend> makeBackend(const BackendOptions& options);

}  // namespace perfmamba::kernels::cpu
