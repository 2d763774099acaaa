// What this machine's processor reaches at best: what the engine's times are held against.
#pragma once

#include <cstdint>

#include "kernels/cpu/thread_pool.h"

namespace perfmamba::tests {

/// Reading a block that no cache holds, each thread its tasks of it. @throws Error  without memory
double readBytesPerSecond(kernels::cpu::ThreadPool& pool);

/// Fused multiply-adds on registers: what no product can reach.
double multiplyAddFlopsPerSecond(kernels::cpu::ThreadPool& pool);

/// The scan's exponential over values in the first-level cache: what the scan would take if it did nothing else.
double exponentialsPerSecond(kernels::cpu::ThreadPool& pool);

/// A product y (rows, outputs) = x (rows, inputs) · weightᵀ by the library alone, on its own threads: the faster of
/// its sgemm and of its primitive with weights in the layout that it likes best. In bfloat16 only by the latter.
struct LibraryProduct {
    std::int64_t rows, inputs, outputs;
    int threads;
    bool bfloat16 = false;  // x and weight
};
double libraryFlopsPerSecond(const LibraryProduct& product);

}  // namespace perfmamba::tests
