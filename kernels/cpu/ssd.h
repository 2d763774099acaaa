// The SSD of Mamba-2 on the CPU.
#pragma once

#include "kernels/backend.h"
#include "kernels/cpu/thread_pool.h"

namespace perfmamba::kernels::cpu {

/// Tokens of a chunk that take the least time (resources/docs/cpus.md): longer ones compute more within a chunk,
/// shorter ones write more states.
inline constexpr std::int64_t kBestChunk = 128;

/// See SsdArgs. One token runs as the plain recurrence; more run chunk by chunk, in the four stages of Dao & Gu 2024,
/// section 6, each with its span.
void ssd(Backend& backend, ThreadPool& pool, const SsdArgs& args);

}  // namespace perfmamba::kernels::cpu
