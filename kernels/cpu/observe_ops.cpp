#include "kernels/cpu/observe_ops.h"

#include <algorithm>
#include <cmath>

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/observe_ops.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set: before highway.h
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace perfmamba::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kObserveBlock>;
using V = hn::Vec<D>;

HWY_INLINE std::int64_t blockLanes() {
    return static_cast<std::int64_t>(hn::Lanes(D()));
}

/// The sum and the largest of one statistic.
struct Seen {
    V sum;
    V most;

    HWY_INLINE void add(V value) { add(value, value); }
    HWY_INLINE void add(V mean, V largest) {
        sum = hn::Add(sum, mean);
        most = hn::Max(most, largest);
    }
    HWY_INLINE void store(BlockSums& sums, Statistic statistic, std::int64_t lane) const {
        hn::StoreU(sum, D(), sums.sum[static_cast<std::size_t>(statistic)] + lane);
        hn::StoreU(most, D(), sums.most[static_cast<std::size_t>(statistic)] + lane);
    }
};

/// A state stays in its register for the whole stretch, and so do its sums. Floor: one expm1 for each channel, state
/// and token.
void ObserveScan(const ScanStretch& s, BlockSums& sums) {
    const D d;
    for (std::int64_t i = 0; i < kObserveBlock; i += blockLanes()) {
        const V A = hn::LoadU(d, s.A + i);
        V h = hn::LoadU(d, s.h + i);
        const V zero = hn::Zero(d);
        V squares = zero;
        V energy = zero;
        Seen delta_b{zero, zero};
        Seen delta_bx{zero, zero};
        Seen decay{zero, zero};
        Seen state{zero, zero};
        Seen output{zero, zero};
        for (std::int64_t t = 0; t < s.tokens; ++t) {
            const V B = hn::Set(d, s.B[t * s.bc_stride]);
            const V C = hn::Set(d, s.C[t * s.bc_stride]);
            const V delta = hn::LoadU(d, s.delta + t * kObserveBlock + i);
            const V enters = hn::Mul(hn::LoadU(d, s.dx + t * kObserveBlock + i), B);
            const V forgotten = hn::Neg(hn::Expm1(d, hn::Mul(delta, A)));
            h = hn::Add(hn::NegMulAdd(forgotten, h, h), enters);
            const V gives = hn::Abs(hn::Mul(C, h));
            delta_b.add(hn::Mul(delta, hn::Abs(B)));
            delta_bx.add(hn::Abs(enters));
            decay.add(forgotten);
            state.add(hn::Abs(h));
            output.add(gives);
            energy = hn::MulAdd(gives, gives, energy);
            squares = hn::MulAdd(h, h, squares);
        }
        hn::StoreU(h, d, s.h + i);
        delta_b.store(sums, Statistic::DeltaB, i);
        delta_bx.store(sums, Statistic::DeltaBx, i);
        decay.store(sums, Statistic::Decay, i);
        state.store(sums, Statistic::State, i);
        output.store(sums, Statistic::Output, i);
        Seen{energy, hn::Mul(output.most, output.most)}.store(sums, Statistic::OutputEnergy, i);
        hn::StoreU(squares, d, sums.sum[kStatisticCount] + i);
    }
}

/// Only |h|, h² and the largest |h| need the channels one by one; the other statistics follow from these by a
/// multiplication for each token and state.
void ObserveSsd(const SsdStretch& s, BlockSums& sums) {
    const D d;
    const V share = hn::Set(d, 1.0F / static_cast<float>(s.head_dim));
    for (std::int64_t i = 0; i < kObserveBlock; i += blockLanes()) {
        const V zero = hn::Zero(d);
        V energy = zero;
        V squares = zero;
        Seen delta_b{zero, zero};
        Seen delta_bx{zero, zero};
        Seen decay{zero, zero};
        Seen state{zero, zero};
        Seen output{zero, zero};
        for (std::int64_t t = 0; t < s.tokens; ++t) {
            const V B = hn::LoadU(d, s.B + t * kObserveBlock + i);
            const V C = hn::Abs(hn::LoadU(d, s.C + t * kObserveBlock + i));
            const V forgotten = hn::Set(d, s.decay[t]);
            const V keeps = hn::Set(d, 1.0F - s.decay[t]);
            const float* dx = s.dx + t * s.head_dim;
            // Two chains of sums: one would wait for itself.
            V sum[2] = {zero, zero};
            V square[2] = {zero, zero};
            V most[2] = {zero, zero};
            const auto channel = [&](std::int64_t p, int chain) {
                float* cell = s.h + p * kObserveBlock + i;
                const V h = hn::MulAdd(keeps, hn::LoadU(d, cell), hn::Mul(hn::Set(d, dx[p]), B));
                hn::StoreU(h, d, cell);
                sum[chain] = hn::Add(sum[chain], hn::Abs(h));
                square[chain] = hn::MulAdd(h, h, square[chain]);
                most[chain] = hn::Max(most[chain], hn::Abs(h));
            };
            std::int64_t p = 0;
            for (; p + 2 <= s.head_dim; p += 2) {
                channel(p, 0);
                channel(p + 1, 1);
            }
            if (p < s.head_dim) channel(p, 0);
            const V mean_h = hn::Mul(hn::Add(sum[0], sum[1]), share);
            const V mean_square = hn::Mul(hn::Add(square[0], square[1]), share);
            const V most_h = hn::Max(most[0], most[1]);
            const V abs_b = hn::Abs(B);
            delta_b.add(hn::Mul(hn::Set(d, s.delta[t]), abs_b));
            delta_bx.add(hn::Mul(hn::Set(d, s.mean_dx[t]), abs_b), hn::Mul(hn::Set(d, s.most_dx[t]), abs_b));
            decay.add(forgotten);
            state.add(mean_h, most_h);
            output.add(hn::Mul(C, mean_h), hn::Mul(C, most_h));
            energy = hn::MulAdd(hn::Mul(C, C), mean_square, energy);
            squares = hn::Add(squares, mean_square);
        }
        delta_b.store(sums, Statistic::DeltaB, i);
        delta_bx.store(sums, Statistic::DeltaBx, i);
        decay.store(sums, Statistic::Decay, i);
        state.store(sums, Statistic::State, i);
        output.store(sums, Statistic::Output, i);
        Seen{energy, hn::Mul(output.most, output.most)}.store(sums, Statistic::OutputEnergy, i);
        hn::StoreU(squares, d, sums.sum[kStatisticCount] + i);
    }
}

void ScaledInput(const float* x, float factor, float* out, std::int64_t count, float& mean, float& most) {
    const D d;
    const V scale = hn::Set(d, factor);
    V sum = hn::Zero(d);
    V largest = hn::Zero(d);
    std::int64_t i = 0;
    for (; i + blockLanes() <= count; i += blockLanes()) {
        const V value = hn::Mul(hn::LoadU(d, x + i), scale);
        hn::StoreU(value, d, out + i);
        sum = hn::Add(sum, hn::Abs(value));
        largest = hn::Max(largest, hn::Abs(value));
    }
    mean = hn::GetLane(hn::SumOfLanes(d, sum));
    most = hn::GetLane(hn::MaxOfLanes(d, largest));
    for (; i < count; ++i) {
        out[i] = x[i] * factor;
        mean += std::abs(out[i]);
        most = std::max(most, std::abs(out[i]));
    }
    mean /= static_cast<float>(count);
}

}  // namespace perfmamba::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace perfmamba::kernels::cpu {

HWY_EXPORT(ObserveScan);
HWY_EXPORT(ObserveSsd);
HWY_EXPORT(ScaledInput);

void observeScan(const ScanStretch& stretch, BlockSums& sums) {
    HWY_DYNAMIC_DISPATCH(ObserveScan)(stretch, sums);
}
void observeSsd(const SsdStretch& stretch, BlockSums& sums) {
    HWY_DYNAMIC_DISPATCH(ObserveSsd)(stretch, sums);
}
void scaledInput(const float* x, float factor, float* out, std::int64_t count, float& mean, float& most) {
    HWY_DYNAMIC_DISPATCH(ScaledInput)(x, factor, out, count, mean, most);
}

}  // namespace perfmamba::kernels::cpu
#endif  // HWY_ONCE
