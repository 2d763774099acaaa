// The matrix product of a warp, mma.sync.m16n8k16: c (16, 8) += a (16, 16) · b (16, 8), a and b of 16 bits, c in float.
//
// Which lane holds what (PTX ISA, "Matrix fragments for mma.m16n8k16"), with g = lane / 4 and t = lane % 4; a register
// holds two neighbours, the first in its low half:
//   a[0] (g, 2t), a[1] (g + 8, 2t), a[2] (g, 2t + 8), a[3] (g + 8, 2t + 8), each with the next column
//   b[0] (2t, g), b[1] (2t + 8, g), each with the next row
//   c[0] (g, 2t), c[1] (g, 2t + 1), c[2] (g + 8, 2t), c[3] (g + 8, 2t + 1)
// The host works from the same table. That the device agrees with it only a device can show.
#pragma once

#include "kernels/cuda/simt/simt.h"

namespace perfmamba::simt {

/// Tensor cores multiply bf16 and 16-deep tiles from compute capability 8.0 on. PERFMAMBA_SIMT_NO_MMA lets the host
/// test what older devices do.
#if defined(PERFMAMBA_SIMT_NO_MMA) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800)
inline constexpr bool kHasMma = false;
#else
inline constexpr bool kHasMma = true;
#endif

#ifdef __CUDACC__

template <class T>
SIMT_DEVICE void mma(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    if constexpr (std::is_same_v<T, Half>) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
#endif
}

#else

template <class T>
void mma(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
         std::source_location at = std::source_location::current()) {
    std::byte* own = host::show();
    std::memcpy(own, a, sizeof a);
    std::memcpy(own + sizeof a, b, sizeof b);
    host::waitForWarp({"mma", at});
    /// Element `half` of register `index` of a lane.
    const auto element = [](int lane, int index, int half) {
        T value;
        std::memcpy(&value, host::shown(lane) + 4 * index + 2 * half, sizeof value);
        return toFloat(value);
    };
    const int own_lane = threadIndex() % kWarp;
    for (int i = 0; i < 4; ++i) {
        const int row = own_lane / 4 + i / 2 * 8;
        const int column = own_lane % 4 * 2 + i % 2;
        for (int k = 0; k < 16; ++k) {
            const int a_register = row / 8 + k / 8 * 2;
            const int b_register = 4 + k / 8;
            c[i] += element(row % 8 * 4 + k % 8 / 2, a_register, k % 2) *
                    element(column * 4 + k % 8 / 2, b_register, k % 2);
        }
    }
}

#endif

}  // namespace perfmamba::simt
