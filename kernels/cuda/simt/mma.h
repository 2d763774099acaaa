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
    /// A lane's share of both operands.
    struct Fragment {
        float a[4][2];
        float b[2][2];
    };
    static_assert(sizeof(Fragment) <= host::kShownBytes);
    const auto spread = [](std::uint32_t pair, float(&to)[2]) {
        to[0] = toFloat(T{static_cast<std::uint16_t>(pair)});
        to[1] = toFloat(T{static_cast<std::uint16_t>(pair >> 16)});
    };
    Fragment own;
    for (int i = 0; i < 4; ++i) spread(a[i], own.a[i]);
    for (int i = 0; i < 2; ++i) spread(b[i], own.b[i]);
    std::memcpy(host::show(), &own, sizeof own);
    host::waitForWarp({"mma", at});
    for (int t = 0; t < 4; ++t) {
        const auto of = [](int lane) { return reinterpret_cast<const Fragment*>(host::shown(lane)); };
        const Fragment* left = of(lane() / 4 * 4 + t);
        const Fragment* right[2] = {of(lane() % 4 * 8 + t), of(lane() % 4 * 8 + 4 + t)};
        for (int i = 0; i < 4; ++i) {
            for (int half = 0; half < 4; ++half) {
                c[i] += left->a[i / 2 + half / 2 * 2][half % 2] * right[i % 2]->b[half / 2][half % 2];
            }
        }
    }
}

#endif

}  // namespace perfmamba::simt
