// The vectorised loops of observation (Highway), each over one stretch of tokens on the calling thread.
#pragma once

#include <cstdint>

#include "kernels/observation.h"

namespace perfmamba::kernels::cpu {

/// Lanes of a block: channels of one state in Mamba-1, states of one head in Mamba-2.
inline constexpr std::int64_t kObserveBlock = 16;
/// Tokens that are summed in float, before the sums go to double.
inline constexpr std::int64_t kObserveStretch = 64;

/// A block's statistics over one stretch; beyond the sums of the statistics stands Σ h².
struct BlockSums {
    float sum[kStatisticCount + 1][kObserveBlock];
    float most[kStatisticCount][kObserveBlock];
};

/// One state of kObserveBlock channels.
struct ScanStretch {
    std::int64_t tokens = 0;
    const float* delta = nullptr;  // (tokens, kObserveBlock): Δ
    const float* dx = nullptr;     // (tokens, kObserveBlock): Δ·x
    const float* A = nullptr;      // (kObserveBlock,)
    const float* B = nullptr;      // (tokens,), stride bc_stride
    const float* C = nullptr;      // (tokens,), stride bc_stride
    std::int64_t bc_stride = 0;
    float* h = nullptr;  // (kObserveBlock,): read, then replaced
};
void observeScan(const ScanStretch& stretch, BlockSums& sums);

/// kObserveBlock states of one head; the statistics are means, and the largest, over its channels.
struct SsdStretch {
    std::int64_t tokens = 0;
    std::int64_t head_dim = 0;
    const float* delta = nullptr;    // (tokens,): Δ
    const float* decay = nullptr;    // (tokens,): 1 − exp(Δ·A)
    const float* dx = nullptr;       // (tokens, P): Δ·x
    const float* mean_dx = nullptr;  // (tokens,): of |Δ·x| over the channels
    const float* most_dx = nullptr;  // (tokens,)
    const float* B = nullptr;        // (tokens, kObserveBlock)
    const float* C = nullptr;        // (tokens, kObserveBlock)
    float* h = nullptr;              // (P, kObserveBlock): read, then replaced
};
void observeSsd(const SsdStretch& stretch, BlockSums& sums);

/// out = x · factor, and of its absolute values the mean and the largest.
void scaledInput(const float* x, float factor, float* out, std::int64_t count, float& mean, float& most);

}  // namespace perfmamba::kernels::cpu
