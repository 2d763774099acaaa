// The SSD's first stage: Δ_t = clamp(softplus(dt_t + dt_bias)), and c_t = Σ_{s≤t} Δ_s·A·log₂e within `summed` tokens.
//   dt (B, L, H) with a row stride; Δ, c (B, H, padded length)
//
// A warp takes one head's, 64 tokens at a time, two a lane, and sums in double, of which the stages that follow get the
// upper and the lower half. The warps of a block take neighbouring heads, which share the sectors of dt.
#pragma once

#include "kernels/cuda/ops/ssd.h"

namespace perfmamba::kernels::cuda {

/// The tokens from part · summed on.
template <class T>
SIMT_DEVICE void cumulate(const SsdParams<T>& p, std::int64_t b, std::int64_t part, std::int64_t head) {
    constexpr double kLog2eDouble = 1.4426950408889634;
    const std::int64_t begin = part * p.at.summed;
    const std::int64_t end = simt::lesser(begin + p.at.summed, p.at.paddedLength());
    const T* dt = p.dt + b * p.at.length * p.dt_stride + head;
    const std::int64_t to = (b * p.at.heads + head) * p.at.paddedLength();
    const double A = static_cast<double>(p.A[head]) * kLog2eDouble;
    const float bias = p.dt_bias[head];
    double carry = 0;
    for (std::int64_t t = begin + 2 * simt::lane(); t - 2 * simt::lane() < end; t += kStep) {
        const auto tokens = simt::lesser(end, p.at.length);
        float delta[2] = {};
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {  // both on their way before either is waited for
            if (t + i < tokens) delta[i] = toFloat(dt[(t + i) * p.dt_stride]);
        }
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {
            delta[i] = t + i < tokens ? stepOf(delta[i], bias, p.dt_min, p.dt_max) : 0.0F;
        }
        const double first = static_cast<double>(delta[0]) * A;
        const double both = first + static_cast<double>(delta[1]) * A;
        double sum = both;
        SIMT_UNROLL
        for (int distance = 1; distance < simt::kWarp; distance *= 2) {
            const double below = simt::shuffleUp(sum, distance);
            if (simt::lane() >= distance) sum += below;
        }
        sum += carry;
        carry = simt::shuffle(sum, simt::kWarp - 1);
        const double sums[2] = {sum - both + first, sum};
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {
            if (t + i >= end) continue;
            const auto high = static_cast<float>(sums[i]);
            p.delta[to + t + i] = delta[i];
            p.cumulated[to + t + i] = {high, static_cast<float>(sums[i] - static_cast<double>(high))};
        }
    }
}

}  // namespace perfmamba::kernels::cuda
