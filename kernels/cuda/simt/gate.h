// Gates in shared memory (the PTX ISA's mbarrier): warps of a block wait for each other there, and nobody else does.
//
// `count` arrivals end a phase of a gate and begin its next. passGate(gate, phase) returns once that phase, 0, 1, 2
// ..., has ended; who waits may be one phase behind, no more. So the phase before the first has ended from the
// beginning, which is what lets one into a place of a ring for the first time: there one waits for phase round − 1, or,
// as it is the same of two phases in turn, round + 1. What a thread did to shared memory before it arrived is done for
// those who pass, and of a warp that arrives as one, what all of its lanes did.
#pragma once

#include "kernels/cuda/simt/simt.h"

namespace perfmamba::simt {

struct alignas(8) Gate {
    std::uint32_t arrived, count;  // on the device 64 bits of the hardware's own
};

#ifdef __CUDACC__

SIMT_DEVICE std::uint32_t gateAddress(const Gate& gate) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(&gate));
}
/// By one thread, before a barrier of the block.
SIMT_DEVICE void openGate(Gate& gate, int count) {
#if __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(gateAddress(gate)), "r"(count) : "memory");
#endif
}
SIMT_DEVICE void arrive(Gate& gate) {
#if __CUDA_ARCH__ >= 900
    asm volatile("{.reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0];}" ::"r"(gateAddress(gate)) : "memory");
#endif
}
/// Arrives once what this thread began to copy (copyAsync() of tiles.h) has. The thread goes on.
SIMT_DEVICE void arriveWithCopies(Gate& gate) {
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(gateAddress(gate)) : "memory");
#endif
}
/// By all lanes of a warp. The loop is in the asm: the compiler would unroll one around it.
SIMT_DEVICE void passGate(const Gate& gate, int phase) {
#if __CUDA_ARCH__ >= 900
    asm volatile(
        "{.reg .pred ended;\n"
        "AGAIN: mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n"
        "@!ended bra AGAIN;}" ::"r"(gateAddress(gate)),
        "r"(phase & 1)
        : "memory");
#endif
}

#else

inline void openGate(Gate& gate, int count) {
    gate = {0, static_cast<std::uint32_t>(count)};
}
inline void arrive(Gate& gate) {
    ++gate.arrived;
}
inline void arriveWithCopies(Gate& gate) {
    ++gate.arrived;
}
inline void passGate(const Gate& gate, int phase, std::source_location at = std::source_location::current()) {
    while (!allLanes((gate.arrived / gate.count & 1U) != static_cast<std::uint32_t>(phase & 1), at)) {
        host::pause({"passGate", at});
    }
}

#endif

/// By all lanes of a warp: one arrival, behind what they did.
SIMT_DEVICE void arriveAsWarp(Gate& gate) {
    syncWarp();
    if (lane() == 0) arrive(gate);
}

/// Where one is in a ring of n, and how often one was round it: the phase of the gate there.
template <int n>
struct RingPlace {
    int at = 0;
    int round = 0;

    SIMT_DEVICE void next() {
        if (++at == n) {
            at = 0;
            ++round;
        }
    }
    /// As next(), so many times, less than n.
    SIMT_DEVICE void skip(int places) {
        at += places;
        if (at >= n) {
            at -= n;
            ++round;
        }
    }
};

}  // namespace perfmamba::simt
