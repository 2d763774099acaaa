// Ranges with the components' names, for people who bring Nsight or another tool that listens to NVTX.
#pragma once

#include "kernels/component.h"

namespace perfmamba::kernels::cuda::nvtx {

/// "ssm", "ssm/chunk_scan": what a range is called. The layer is its payload, so that a tool sums over the layers by
/// the name. Of static life.
const char* rangeName(Component component, Stage stage);

/// Opens a range of the domain "PerfMamba" on the calling thread; pop() closes the innermost. Where no tool listens, or
/// the build had no NVTX, they return at once.
void push(Component component, Stage stage, std::int32_t layer) noexcept;
void pop() noexcept;

}  // namespace perfmamba::kernels::cuda::nvtx
