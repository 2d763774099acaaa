// From global memory to the operands of mma.h: copies into shared memory that run while the thread goes on, and a
// warp's loads of four matrices of 8 × 8 elements of 16 bits from there.
//
// copyAsync() has arrived, for the thread that asked for it, once waitForCopies() returns, and for the others after a
// barrier behind that. On the host, and before compute capability 8.0, it copies at once.
//
// loadMatrices: lane l names row l % 8 of matrix l / 8, 16 aligned bytes. Register m gets, of matrix m and with g =
// lane / 4 and t = lane % 4, the elements (g, 2t) and (g, 2t + 1); transposed, (2t, g) and (2t + 1, g).
#pragma once

#include "kernels/cuda/simt/simt.h"

namespace perfmamba::simt {

#ifdef __CUDACC__

/// So many bytes, 8 or 16, both addresses aligned to as many; zeros where `inside` is false, whatever `from` is then.
template <int bytes = 16>
SIMT_DEVICE void copyAsync(void* to, const void* from, bool inside) {
#if __CUDA_ARCH__ >= 800
    const auto at = static_cast<std::uint32_t>(__cvta_generic_to_shared(to));
    if constexpr (bytes == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(inside ? 16 : 0)
                     : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(at), "l"(from), "n"(bytes),
                     "r"(inside ? bytes : 0)
                     : "memory");
    }
#else
    using Bits = typename Word<bytes>::Type;
    *static_cast<Bits*>(to) = inside ? *static_cast<const Bits*>(from) : Bits{};
#endif
}
/// Ends a group of copies.
SIMT_DEVICE void endCopies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// Waits until all but the last `left` groups have arrived.
template <int left>
SIMT_DEVICE void waitForCopies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
#endif
}

SIMT_DEVICE void loadMatrices(std::uint32_t (&to)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(row))));
}
SIMT_DEVICE void loadMatricesTransposed(std::uint32_t (&to)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(row))));
}

#else

template <int bytes = 16>
void copyAsync(void* to, const void* from, bool inside) {
    host::checkAligned(to, bytes);
    if (inside) {
        host::checkAligned(from, bytes);
        std::memcpy(to, from, bytes);
    } else {
        std::memset(to, 0, bytes);
    }
}
inline void endCopies() {}
template <int left>
void waitForCopies() {}

namespace host {
inline void loadMatrices(std::uint32_t (&to)[4], const void* row, bool transposed, const Site& site) {
    checkAligned(row, 16);
    std::memcpy(show(), &row, sizeof row);
    waitForWarp(site);
    for (int m = 0; m < 4; ++m) {
        to[m] = 0;
        for (int half = 0; half < 2; ++half) {
            const int g = lane() / 4;
            const int t = lane() % 4 * 2 + half;
            const std::uint16_t* of = nullptr;
            std::memcpy(&of, shown(m * 8 + (transposed ? t : g)), sizeof of);
            to[m] |= static_cast<std::uint32_t>(of[transposed ? g : t]) << 16 * half;
        }
    }
}
}  // namespace host

inline void loadMatrices(std::uint32_t (&to)[4], const void* row,
                         std::source_location at = std::source_location::current()) {
    host::loadMatrices(to, row, false, {"loadMatrices", at});
}
inline void loadMatricesTransposed(std::uint32_t (&to)[4], const void* row,
                                   std::source_location at = std::source_location::current()) {
    host::loadMatrices(to, row, true, {"loadMatricesTransposed", at});
}

#endif

}  // namespace perfmamba::simt
