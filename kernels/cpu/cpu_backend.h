// The CPU as a device.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "kernels/devices.h"

namespace perfmamba::kernels::cpu {

/// What the CPU backend would say of this machine. @param threads 0: as many as this process may use cores.
DeviceInfo describe(int threads);

/// Matrices are copied into the order that products want, or used as they lie in the file where they would take much of
/// the machine's memory. Activations are float32.
std::unique_ptr<Backend> makeBackend(const BackendOptions& options);

}  // namespace perfmamba::kernels::cpu
