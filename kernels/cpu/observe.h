// Watching the states on the CPU.
#pragma once

#include "kernels/backend.h"
#include "kernels/cpu/thread_pool.h"

namespace perfmamba::kernels::cpu {

/// See Backend::observe(). The sums do not depend on the number of threads.
void observe(Backend& backend, ThreadPool& pool, const SelectiveScanArgs& args, const Observation& observation);
void observe(Backend& backend, ThreadPool& pool, const SsdArgs& args, const Observation& observation);

}  // namespace perfmamba::kernels::cpu
