// RMSNorm of a row by a block, for the kernels that do something to the row on its way in.
#pragma once

#include "kernels/cuda/ops/common.h"

namespace perfmamba::kernels::cuda {

/// out = v / sqrt(mean(v²) + eps), with v in vectors of n and `width` a multiple of n. first(i, v) gives the vector at
/// column i when it is needed first, again(i, v) when it is needed again, and write(i, v) takes the result. Vectors
/// that a thread can hold in registers, the whole row for widths of models, are asked for once.
template <int threads, int n, class First, class Again, class Write>
SIMT_DEVICE void normalizeRow(std::int64_t width, float eps, float (&partial)[threads / simt::kWarp],
                              const First& first, const Again& again, const Write& write) {
    constexpr int kHeld = 32 / n;  // vectors: 32 registers
    const std::int64_t own = simt::threadIndex() * n;
    constexpr std::int64_t kStep = threads * n;
    float held[kHeld][n];
    float squares = 0;
    const auto add = [&](const float(&v)[n]) {
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) squares += v[j] * v[j];
    };
    SIMT_UNROLL
    for (int k = 0; k < kHeld; ++k) {
        if (own + k * kStep >= width) continue;
        first(own + k * kStep, held[k]);
        add(held[k]);
    }
    for (std::int64_t i = own + kHeld * kStep; i < width; i += kStep) {
        float v[n];
        first(i, v);
        add(v);
    }
    const float mean = simt::blockSum<threads>(squares, partial) / static_cast<float>(width);
    const float scale = 1.0F / std::sqrt(mean + eps);
    const auto finish = [&](std::int64_t i, float(&v)[n]) {
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) v[j] *= scale;
        write(i, v);
    };
    SIMT_UNROLL
    for (int k = 0; k < kHeld; ++k) {
        if (own + k * kStep < width) finish(own + k * kStep, held[k]);
    }
    for (std::int64_t i = own + kHeld * kStep; i < width; i += kStep) {
        float v[n];
        again(i, v);
        finish(i, v);
    }
}

}  // namespace perfmamba::kernels::cuda
