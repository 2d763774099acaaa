// What a kernel is written against: the place of a thread, barriers, exchange between the lanes of a warp, shared
// memory and matrix products; the same words for nvcc and for the host's SIMT executor.
//
// A kernel is a function SIMT_KERNEL(threads) void name(Params), started by launch(). A block is one row of threads, a
// multiple of 32; a warp's collectives are for all of its 32 lanes, which arrive together. Shared memory starts
// undefined (on the host: bytes of 0xff, which are NaNs).
#pragma once

#include "kernels/cuda/simt/macros.h"
#include "kernels/cuda/simt/numbers.h"

namespace perfmamba::simt {

inline constexpr int kWarp = 32;

struct Extent {
    std::int64_t x = 1, y = 1, z = 1;
};
/// How a kernel is started. dynamic_shared: bytes behind dynamicShared(), at most limits().shared.
/// A kernel that overlaps may begin before those before it on its stream have ended, as soon as each of the last one's
/// blocks has ended or called letNextBegin(). Until it has called awaitKernelsBefore(), which every thread does, it
/// writes nothing, and reads only what no kernel since the last one that does not overlap writes, but for itself. A
/// step begins with one that does not: embed().
struct Shape {
    Extent grid;
    int threads = kWarp;
    std::int64_t dynamic_shared = 0;
    bool overlaps = false;
};

/// What a launcher chooses by.
struct Limits {
    int multiprocessors;
    std::int64_t shared;  // bytes a block may have
    bool mma;             // see mma.h
    bool wgmma;           // see wgmma.h
    bool overlap;         // whether kernels can; else they do not
};
/// Bytes of shared memory that every device gives a block without being asked.
inline constexpr std::int64_t kSharedUnasked = 48 * 1024;

}  // namespace perfmamba::simt

#ifdef __CUDACC__
#include "kernels/cuda/simt/device.h"
#else
#include "kernels/cuda/simt/host.h"
#endif

namespace perfmamba::simt {

/// std::min and std::max, which nvcc would take into device code by an option only.
template <class V>
SIMT_BOTH constexpr V lesser(V a, V b) {
    return b < a ? b : a;
}
template <class V>
SIMT_BOTH constexpr V greater(V a, V b) {
    return a < b ? b : a;
}

SIMT_DEVICE int lane() {
    return threadIndex() % kWarp;
}
SIMT_DEVICE int warp() {
    return threadIndex() / kWarp;
}

/// The sum over the warp, in every lane; the same order every time.
SIMT_DEVICE float warpSum(float value) {
    SIMT_UNROLL
    for (int mask = kWarp / 2; mask > 0; mask /= 2) value += shuffleXor(value, mask);
    return value;
}

/// The sum over the block, in every thread. `partial` is shared, one float a warp, and is free again at the caller's
/// next barrier.
template <int threads>
SIMT_DEVICE float blockSum(float value, float (&partial)[threads / kWarp]) {
    const float sum = warpSum(value);
    if (lane() == 0) partial[warp()] = sum;
    syncBlock();
    float total = 0;
    SIMT_UNROLL
    for (int i = 0; i < threads / kWarp; ++i) total += partial[i];
    return total;
}

}  // namespace perfmamba::simt
