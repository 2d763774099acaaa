// The SSD on the warpgroups' tensor cores of compute capability 9.0; what ssd_walk.h computes, in the same chunks, with
// less for a warp to do. See ssd_warpgroups.cu.
#pragma once

#include "kernels/cuda/ops/ssd.h"

namespace perfmamba::kernels::cuda {

/// Whether warpgroups can do it, on this device.
bool ssdGroups(const SsdOp& op);
/// Tokens of a chunk.
std::int64_t ssdGroupChunk(const SsdOp& op);
template <class T>
void groupStates(void* stream, const SsdParams<T>& p);
template <class T>
void groupOutputs(void* stream, const SsdParams<T>& p);

}  // namespace perfmamba::kernels::cuda
