// The CPU as a device.
#pragma once

#include <memory>

#include "kernels/backend.h"

namespace perfmamba::kernels::cpu {

/// What the CPU backend would say of this machine. @param threads 0: as many as this process may use cores.
DeviceInfo describe(int threads);

std::unique_ptr<Backend> makeBackend(int threads);

}  // namespace perfmamba::kernels::cpu
