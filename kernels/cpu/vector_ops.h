// The vectorised loops of the CPU backend, compiled for several instruction sets and chosen at run time (Highway).
// All of them run on the calling thread; the backend shares out rows, channels and heads.
#pragma once

#include <cstdint>

#include "kernels/backend.h"

namespace perfmamba::kernels::cpu {

/// The instruction set that will be used: "AVX2", "AVX3" (AVX-512), "NEON", ...
const char* instructionSet();

/// One row: residual += delta (may be null); out = residual / sqrt(mean(residual²) + eps) · weight.
void addRmsNormRow(float* residual, const float* delta, const float* weight, float eps, float* out, std::int64_t width);

/// One row: y *= silu(z).
void gateRow(float* y, const float* z, std::int64_t width);

/// One row: y = RMSNorm(y · silu(z)) · weight over `groups` equal parts.
void gatedRmsNormRow(float* y, const float* z, const float* weight, float eps, std::int64_t groups, std::int64_t width);

/// One token of one sequence: y = silu(bias + Σ_j weight[j] · inputs[j]), the K rows `inputs` oldest first.
void conv1dRow(const float* const* inputs, const float* weight, const float* bias, float* y, std::int64_t kernel,
               std::int64_t channels);

/// Channels that one call of selectiveScanBlock() carries.
inline constexpr std::int64_t kScanBlock = 16;
/// Tokens that it takes at a time.
inline constexpr std::int64_t kScanTile = 16;

/// Tokens after which the next block of channels has its turn: B and C, which all blocks read, stay in the second-level
/// cache for that many.
inline constexpr std::int64_t kScanStretch = 256;

/// `tokens` tokens from `begin` of sequence `b`, and `count` ≤ kScanBlock channels from `first`.
struct ScanBlock {
    std::int64_t b = 0;
    std::int64_t begin = 0, tokens = 0;
    std::int64_t first = 0, count = 0;
};
/// Reads and replaces the block's states.
void selectiveScanBlock(const SelectiveScanArgs& args, const ScanBlock& block);

/// Channels that one call of selectiveScanStep() carries.
inline constexpr std::int64_t kStepChannels = 128;

/// The same to the last bit, where there is one token: `count` ≤ kStepChannels channels from `first` of sequence `b`.
/// States are read along their rows, for here memory is what is waited for.
void selectiveScanStep(const SelectiveScanArgs& args, std::int64_t b, std::int64_t first, std::int64_t count);

/// y[i] = softplus(x[i · stride] + bias), clamped to [low, high].
void softplusColumn(const float* x, std::int64_t stride, float bias, float low, float high, float* y,
                    std::int64_t count);

/// m[s] = cb[s] · exp(end − cumulated[s]) · dt[s] for s < count: one row of the SSD's masked attention. Null cb: ones.
void decayRow(const float* cb, const double* cumulated, double end, const float* dt, float* m, std::int64_t count);

/// target[i] = source[i] · factor.
void scaleRow(const float* source, float factor, float* target, std::int64_t count);

/// y[i] = y[i] · decay + D[i] · x[i].
void addSkipRow(const float* x, const float* D, float decay, float* y, std::int64_t count);

/// h = h · decay + s, element by element, and s becomes what h was.
void passState(float* h, float* s, float decay, std::int64_t count);

/// One head, one token: h[p, n] = decay · h[p, n] + dt · x[p] · B[n]; y[p] = Σ_n C[n] · h[p, n] + D[p] · x[p].
void ssdStepHead(float* h, const float* x, const float* B, const float* C, const float* D, float decay, float dt,
                 float* y, std::int64_t head_dim, std::int64_t states);

}  // namespace perfmamba::kernels::cpu
