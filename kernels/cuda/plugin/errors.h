// What CUDA's error codes mean for the program.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

namespace perfmamba::kernels::cuda {

/// "an illegal memory access was encountered (700)".
std::string inWords(cudaError_t code);

/// Whether the context is gone for good: every later call gives the same error.
bool isFatal(cudaError_t code);

/// Why this machine has no GPU to compute on, and what to do: for the answer of the first call. Empty for success.
std::string whyNoDevice(cudaError_t code);

}  // namespace perfmamba::kernels::cuda
