// Which code the plugin holds for a device.
#pragma once

#include <cuda_runtime_api.h>

namespace perfmamba::kernels::cuda {

/// What the kernels are on the current device: ptxVersion is the architecture that they were written for, times ten.
/// Fails where there is no code for the device, or none that its driver can translate.
cudaError_t deviceCode(cudaFuncAttributes& attributes);

}  // namespace perfmamba::kernels::cuda
