// One token's SSM update of some channels of a head, for the decode kernels of Mamba-2.
#pragma once

#include "kernels/cuda/ops/common.h"

namespace perfmamba::kernels::cuda {

inline constexpr int kStepRows = 16;  // channels of a block: enough blocks for one sequence
inline constexpr int kStepThreads = 128;
inline constexpr int kStepWarps = kStepThreads / simt::kWarp;

/// h[p, n] = decay·h[p, n] + B[n]·dx[p];  y[p] = Σ_n C[n]·h[p, n], for `rows` channels p. h (P, N) begins at the first
/// of them; B and C (N) and dx (kStepRows) are in shared memory. A warp takes every fourth channel, all of its own at
/// once, its lanes vectors of v states, so that h is read and written once, whole rows at a time. write(p, y) is called
/// by one lane.
template <int v, class Write>
SIMT_DEVICE void stepRows(float* h, int rows, std::int64_t states, float decay, const float* B, const float* C,
                          const float* dx, const Write& write) {
    constexpr int kOwn = kStepRows / kStepWarps;
    float sums[kOwn] = {};
    for (std::int64_t n = simt::lane() * v; n < states; n += simt::kWarp * v) {
        float state[kOwn][v] = {};
        SIMT_UNROLL
        for (int i = 0; i < kOwn; ++i) {
            const int p = simt::warp() + i * kStepWarps;
            if (p < rows) load(h + p * states + n, state[i]);
        }
        SIMT_UNROLL
        for (int i = 0; i < kOwn; ++i) {
            const int p = simt::warp() + i * kStepWarps;
            if (p >= rows) continue;
            SIMT_UNROLL
            for (int j = 0; j < v; ++j) {
                state[i][j] = decay * state[i][j] + B[n + j] * dx[p];
                sums[i] += C[n + j] * state[i][j];
            }
            store(h + p * states + n, state[i]);
        }
    }
    SIMT_UNROLL
    for (int i = 0; i < kOwn; ++i) {
        const int p = simt::warp() + i * kStepWarps;
        const float y = simt::warpSum(sums[i]);
        if (simt::lane() == 0 && p < rows) write(p, y);
    }
}

}  // namespace perfmamba::kernels::cuda
