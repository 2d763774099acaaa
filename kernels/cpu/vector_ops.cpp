#include "kernels/cpu/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/vector_ops.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set: before highway.h
#include <hwy/highway.h>
#include "kernels/cpu/math-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace perfmamba::kernels::cpu::HWY_NAMESPACE {
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
// One lane: the same arithmetic for what is left over, so that a value does not depend on its place in a row.
using D1 = hn::CappedTag<float, 1>;

std::int64_t lanes() {
    return static_cast<std::int64_t>(hn::Lanes(D()));
}

/// Calls body(d, i) over [0, count) in whole vectors, then lane by lane.
template <class Body>
HWY_INLINE void sweep(std::int64_t count, const Body& body) {
    const D d;
    const std::int64_t step = lanes();
    std::int64_t i = 0;
    for (; i + step <= count; i += step) body(d, i);
    for (; i < count; ++i) body(D1(), i);
}

/// Σ f(i), in an order that depends on `count` alone.
template <class Term>
HWY_INLINE float sum(std::int64_t count, const Term& term) {
    const D d;
    const std::int64_t step = lanes();
    V total = hn::Zero(d);
    std::int64_t i = 0;
    for (; i + step <= count; i += step) total = hn::Add(total, term(d, i));
    float result = hn::GetLane(hn::SumOfLanes(d, total));
    for (; i < count; ++i) result += hn::GetLane(term(D1(), i));
    return result;
}

HWY_INLINE float inverseRms(const float* x, float eps, std::int64_t width) {
    const float squares = sum(width, [&](auto d, std::int64_t i) {
        const auto v = hn::LoadU(d, x + i);
        return hn::Mul(v, v);
    });
    return 1.0F / std::sqrt(squares / static_cast<float>(width) + eps);
}

void AddRmsNormRow(float* residual, const float* delta, const float* weight, float eps, float* out,
                   std::int64_t width) {
    if (delta) {
        sweep(width, [&](auto d, std::int64_t i) {
            hn::StoreU(hn::Add(hn::LoadU(d, residual + i), hn::LoadU(d, delta + i)), d, residual + i);
        });
    }
    const float scale = inverseRms(residual, eps, width);
    sweep(width, [&](auto d, std::int64_t i) {
        const auto scaled = hn::Mul(hn::LoadU(d, residual + i), hn::Set(d, scale));
        hn::StoreU(hn::Mul(scaled, hn::LoadU(d, weight + i)), d, out + i);
    });
}

void GateRow(float* y, const float* z, std::int64_t width) {
    sweep(width, [&](auto d, std::int64_t i) {
        hn::StoreU(hn::Mul(hn::LoadU(d, y + i), silu(d, hn::LoadU(d, z + i))), d, y + i);
    });
}

void GatedRmsNormRow(float* y, const float* z, const float* weight, float eps, std::int64_t groups,
                     std::int64_t width) {
    GateRow(y, z, width);
    const std::int64_t part = width / groups;
    for (std::int64_t first = 0; first < width; first += part) {
        const float scale = inverseRms(y + first, eps, part);
        sweep(part, [&](auto d, std::int64_t i) {
            const auto scaled = hn::Mul(hn::LoadU(d, y + first + i), hn::Set(d, scale));
            hn::StoreU(hn::Mul(scaled, hn::LoadU(d, weight + first + i)), d, y + first + i);
        });
    }
}

void Conv1dRow(const float* const* inputs, const float* weight, const float* bias, float* y, std::int64_t kernel,
               std::int64_t channels) {
    sweep(channels, [&](auto d, std::int64_t c) {
        auto total = bias ? hn::LoadU(d, bias + c) : hn::Zero(d);
        for (std::int64_t j = 0; j < kernel; ++j) {
            total = hn::MulAdd(hn::LoadU(d, inputs[j] + c), hn::LoadU(d, weight + j * channels + c), total);
        }
        hn::StoreU(silu(d, total), d, y + c);
    });
}

using ScanTag = hn::CappedTag<float, kScanBlock>;

std::int64_t scanLanes() {
    return static_cast<std::int64_t>(hn::Lanes(ScanTag()));
}

/// A value for each channel of a block.
struct ScanRow {
    HWY_ALIGN float lanes[kScanBlock];
};

/// Some tokens of a block of channels, each array (kScanTile, kScanBlock).
struct ScanTile {
    HWY_ALIGN float delta[kScanTile * kScanBlock];
    HWY_ALIGN float dx[kScanTile * kScanBlock];  // Δ·x
    HWY_ALIGN float y[kScanTile * kScanBlock];
};

/// Δ, Δ·x and D·x of a tile whose x and dt lie in its y and delta.
void prepareScan(ScanTile& tile, const float* bias, const float* skip, std::int64_t tokens) {
    const ScanTag d;
    constexpr std::int64_t kTogether = 4;
    const std::int64_t together = kTogether * scanLanes();
    // The tile's last vectors may be of no token: they are computed, and not looked at.
    for (std::int64_t first = 0; first < tokens * kScanBlock; first += together) {
        hn::Vec<ScanTag> delta[kTogether];
        for (std::int64_t v = 0; v < kTogether; ++v) {
            const std::int64_t i = first + v * scanLanes();
            delta[v] = hn::Add(hn::Load(d, tile.delta + i), hn::Load(d, bias + i % kScanBlock));
        }
        softplus(d, delta);
        for (std::int64_t v = 0; v < kTogether; ++v) {
            const std::int64_t i = first + v * scanLanes();
            const auto x = hn::Load(d, tile.y + i);
            hn::Store(delta[v], d, tile.delta + i);
            hn::Store(hn::Mul(delta[v], x), d, tile.dx + i);
            hn::Store(hn::Mul(hn::Load(d, skip + i % kScanBlock), x), d, tile.y + i);
        }
    }
}

/// kCount neighbouring states of a vector of channels over a tile: h = exp(Δ·A)·h + Δ·x·B and y += Σ_n C·h. They and
/// their A stay in registers. @param A  times log2(e), row stride kScanBlock, and so is h
template <std::size_t kCount>
HWY_INLINE void scanStates(ScanTile& tile, std::int64_t lane, const float* A, float* h, const float* B, const float* C,
                           std::int64_t bc_stride, std::int64_t tokens) {
    const ScanTag d;
    hn::Vec<ScanTag> rates[kCount];
    hn::Vec<ScanTag> states[kCount];
    for (std::size_t n = 0; n < kCount; ++n) rates[n] = hn::Load(d, A + n * kScanBlock);
    for (std::size_t n = 0; n < kCount; ++n) states[n] = hn::Load(d, h + n * kScanBlock);
    for (std::int64_t t = 0; t < tokens; ++t, B += bc_stride, C += bc_stride) {
        const std::int64_t at = t * kScanBlock + lane;
        const auto delta = hn::Load(d, tile.delta + at);
        hn::Vec<ScanTag> decays[kCount];
        for (std::size_t n = 0; n < kCount; ++n) decays[n] = hn::Mul(delta, rates[n]);
        powersOfTwo(d, decays);
        const auto dx = hn::Load(d, tile.dx + at);
        auto sum = hn::Zero(d);
        for (std::size_t n = 0; n < kCount; ++n) {
            states[n] = hn::MulAdd(decays[n], states[n], hn::Mul(dx, hn::Set(d, B[n])));
            sum = hn::MulAdd(hn::Set(d, C[n]), states[n], sum);
        }
        hn::Store(hn::Add(hn::Load(d, tile.y + at), sum), d, tile.y + at);
    }
    for (std::size_t n = 0; n < kCount; ++n) hn::Store(states[n], d, h + n * kScanBlock);
}

/// All states over a tile. @param A  times log2(e), (N, kScanBlock), and so is h
void scanTile(ScanTile& tile, const float* A, float* h, const float* B, const float* C, std::int64_t bc_stride,
              std::int64_t states, std::int64_t tokens) {
    constexpr std::int64_t kTogether = 4;
    for (std::int64_t lane = 0; lane < kScanBlock; lane += scanLanes()) {
        std::int64_t n = 0;
        for (; n + kTogether <= states; n += kTogether) {
            const std::int64_t first = n * kScanBlock + lane;
            scanStates<kTogether>(tile, lane, A + first, h + first, B + n, C + n, bc_stride, tokens);
        }
        for (; n < states; ++n) {
            const std::int64_t first = n * kScanBlock + lane;
            scanStates<1>(tile, lane, A + first, h + first, B + n, C + n, bc_stride, tokens);
        }
    }
}

/// The scan of a block of neighbouring channels, one a lane: the recurrence stays in the first-level cache, there is no
/// sum across lanes, and any N works. What needs no state is done for a tile of tokens beforehand, so that neither the
/// memory nor softplus is waited for. Floor: one exp for each channel, state and token.
void SelectiveScanBlock(const SelectiveScanArgs& args, const ScanBlock& block) {
    const std::int64_t b = block.b;
    const std::int64_t first = block.first;
    const std::int64_t count = block.count;
    const std::int64_t states = args.states;
    const auto copyRow = [&](const float* from, float* to) {
        if (count == kScanBlock) {
            std::memcpy(to, from, kScanBlock * sizeof(float));  // of a known size: no call
        } else {
            std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
        }
    };
    // Lanes past `count` carry zeros, so that a narrow last block runs the same code.
    HWY_ALIGN float bias[kScanBlock] = {};
    HWY_ALIGN float skip[kScanBlock] = {};
    if (args.dt_bias) copyRow(args.dt_bias + first, bias);
    copyRow(args.D + first, skip);

    // A · log2(e) and h of the block, dense: (N, kScanBlock).
    thread_local std::vector<ScanRow> scratch;
    const auto cells = static_cast<std::size_t>(states * kScanBlock);
    const auto rows = 2 * static_cast<std::size_t>(states) + 1;  // one more: there is a first one without states, too
    if (scratch.size() < rows) scratch.resize(rows);
    float* A = scratch.front().lanes;
    float* h = A + cells;
    // Not asked for where there are no states: then there may be no h.
    const auto state = [&](std::int64_t n) { return args.h + (b * states + n) * args.channels + first; };
    if (count < kScanBlock) std::fill_n(A, 2 * cells, 0.0F);
    for (std::int64_t n = 0; n < states; ++n) {
        copyRow(args.A + n * args.channels + first, A + n * kScanBlock);
        copyRow(state(n), h + n * kScanBlock);
    }
    sweep(states * kScanBlock,
          [&](auto d, std::int64_t i) { hn::StoreU(hn::Mul(hn::LoadU(d, A + i), hn::Set(d, kLog2E)), d, A + i); });

    ScanTile tile = {};
    for (std::int64_t begin = 0; begin < block.tokens; begin += kScanTile) {
        const std::int64_t tokens = std::min(kScanTile, block.tokens - begin);
        const std::int64_t row = b * args.length + block.begin + begin;
        const float* x = args.x.f32() + row * args.channels + first;
        const float* dt = args.dt.f32() + row * args.channels + first;
        float* y = args.y.f32() + row * args.channels + first;
        for (std::int64_t t = 0; t < tokens; ++t) {
            copyRow(x + t * args.channels, tile.y + t * kScanBlock);
            copyRow(dt + t * args.channels, tile.delta + t * kScanBlock);
        }
        prepareScan(tile, bias, skip, tokens);
        const std::int64_t bc = row * args.bc_stride;
        scanTile(tile, A, h, args.B.f32() + bc, args.C.f32() + bc, args.bc_stride, states, tokens);
        for (std::int64_t t = 0; t < tokens; ++t) copyRow(tile.y + t * kScanBlock, y + t * args.channels);
    }
    for (std::int64_t n = 0; n < states; ++n) copyRow(h + n * kScanBlock, state(n));
}

/// kCount neighbouring states of some channels over one token: see scanStates().
template <std::size_t kCount>
HWY_INLINE void stepStates(const float* A, float* h, std::int64_t stride, const float* B, const float* C,
                           const float* delta, const float* dx, float* y, std::int64_t channels) {
    sweep(channels, [&](auto d, std::int64_t c) {
        hn::Vec<decltype(d)> decays[kCount];
        for (std::size_t n = 0; n < kCount; ++n) {
            const auto rate = hn::Mul(hn::LoadU(d, A + static_cast<std::int64_t>(n) * stride + c), hn::Set(d, kLog2E));
            decays[n] = hn::Mul(hn::LoadU(d, delta + c), rate);
        }
        powersOfTwo(d, decays);
        auto sum = hn::Zero(d);
        for (std::size_t n = 0; n < kCount; ++n) {
            float* state = h + static_cast<std::int64_t>(n) * stride + c;
            const auto input = hn::Mul(hn::LoadU(d, dx + c), hn::Set(d, B[n]));
            const auto next = hn::MulAdd(decays[n], hn::LoadU(d, state), input);
            hn::StoreU(next, d, state);
            sum = hn::MulAdd(hn::Set(d, C[n]), next, sum);
        }
        hn::StoreU(hn::Add(hn::LoadU(d, y + c), sum), d, y + c);
    });
}

void SelectiveScanStep(const SelectiveScanArgs& args, std::int64_t b, std::int64_t first, std::int64_t count) {
    const std::int64_t at = b * args.channels + first;
    const float* x = args.x.f32() + at;
    const float* dt = args.dt.f32() + at;
    float* y = args.y.f32() + at;
    float delta[kStepChannels];
    float dx[kStepChannels];
    sweep(count, [&](auto d, std::int64_t c) {
        const auto bias = args.dt_bias ? hn::LoadU(d, args.dt_bias + first + c) : hn::Zero(d);
        const auto step = softplus(d, hn::Add(hn::LoadU(d, dt + c), bias));
        const auto input = hn::LoadU(d, x + c);
        hn::StoreU(step, d, delta + c);
        hn::StoreU(hn::Mul(step, input), d, dx + c);
        hn::StoreU(hn::Mul(hn::LoadU(d, args.D + first + c), input), d, y + c);
    });
    constexpr std::int64_t kTogether = 4;
    const std::int64_t bc = b * args.bc_stride;
    std::int64_t n = 0;
    const auto go = [&]<std::int64_t kCount>() {
        for (; n + kCount <= args.states; n += kCount) {
            stepStates<kCount>(args.A + n * args.channels + first,
                               args.h + (b * args.states + n) * args.channels + first, args.channels,
                               args.B.f32() + bc + n, args.C.f32() + bc + n, delta, dx, y, count);
        }
    };
    go.template operator()<kTogether>();
    go.template operator()<1>();
}

void SoftplusColumn(const float* x, std::int64_t stride, float bias, float low, float high, float* y,
                    std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = x[i * stride] + bias;
    sweep(count, [&](auto d, std::int64_t i) {
        const auto value = softplus(d, hn::LoadU(d, y + i));
        hn::StoreU(hn::Min(hn::Max(value, hn::Set(d, low)), hn::Set(d, high)), d, y + i);
    });
}

void DecayRow(const float* cb, const double* cumulated, double end, const float* dt, float* m, std::int64_t count) {
    // The difference is taken in double: over a chunk the sums grow far beyond what float32 can tell apart.
    for (std::int64_t s = 0; s < count; ++s) m[s] = static_cast<float>(end - cumulated[s]);
    sweep(count, [&](auto d, std::int64_t s) {
        const auto weight = hn::Mul(exponential(d, hn::LoadU(d, m + s)), hn::LoadU(d, dt + s));
        hn::StoreU(cb ? hn::Mul(weight, hn::LoadU(d, cb + s)) : weight, d, m + s);
    });
}

void ScaleRow(const float* source, float factor, float* target, std::int64_t count) {
    sweep(count, [&](auto d, std::int64_t i) {
        hn::StoreU(hn::Mul(hn::LoadU(d, source + i), hn::Set(d, factor)), d, target + i);
    });
}

void AddSkipRow(const float* x, const float* D_skip, float decay, float* y, std::int64_t count) {
    sweep(count, [&](auto d, std::int64_t i) {
        const auto skip = hn::Mul(hn::LoadU(d, D_skip + i), hn::LoadU(d, x + i));
        hn::StoreU(hn::MulAdd(hn::LoadU(d, y + i), hn::Set(d, decay), skip), d, y + i);
    });
}

void PassState(float* h, float* s, float decay, std::int64_t count) {
    sweep(count, [&](auto d, std::int64_t i) {
        const auto before = hn::LoadU(d, h + i);
        hn::StoreU(hn::MulAdd(before, hn::Set(d, decay), hn::LoadU(d, s + i)), d, h + i);
        hn::StoreU(before, d, s + i);
    });
}

void SsdStepHead(float* h, const float* x, const float* B, const float* C, const float* D_skip, float decay, float dt,
                 float* y, std::int64_t head_dim, std::int64_t states) {
    for (std::int64_t p = 0; p < head_dim; ++p) {
        float* row = h + p * states;
        const float dx = dt * x[p];
        const float total = sum(states, [&](auto d, std::int64_t n) {
            const auto next =
                hn::MulAdd(hn::Set(d, decay), hn::LoadU(d, row + n), hn::Mul(hn::Set(d, dx), hn::LoadU(d, B + n)));
            hn::StoreU(next, d, row + n);
            return hn::Mul(hn::LoadU(d, C + n), next);
        });
        y[p] = total + D_skip[p] * x[p];
    }
}

}  // namespace perfmamba::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace perfmamba::kernels::cpu {

HWY_EXPORT(AddRmsNormRow);
HWY_EXPORT(GateRow);
HWY_EXPORT(GatedRmsNormRow);
HWY_EXPORT(Conv1dRow);
HWY_EXPORT(SelectiveScanBlock);
HWY_EXPORT(SelectiveScanStep);
HWY_EXPORT(SoftplusColumn);
HWY_EXPORT(DecayRow);
HWY_EXPORT(ScaleRow);
HWY_EXPORT(AddSkipRow);
HWY_EXPORT(PassState);
HWY_EXPORT(SsdStepHead);

const char* instructionSet() {
    // Targets are bits, the best one lowest.
    const std::int64_t supported = hwy::SupportedTargets();
    return hwy::TargetName(supported & -supported);
}

void addRmsNormRow(float* residual, const float* delta, const float* weight, float eps, float* out,
                   std::int64_t width) {
    HWY_DYNAMIC_DISPATCH(AddRmsNormRow)(residual, delta, weight, eps, out, width);
}
void gateRow(float* y, const float* z, std::int64_t width) {
    HWY_DYNAMIC_DISPATCH(GateRow)(y, z, width);
}
void gatedRmsNormRow(float* y, const float* z, const float* weight, float eps, std::int64_t groups,
                     std::int64_t width) {
    HWY_DYNAMIC_DISPATCH(GatedRmsNormRow)(y, z, weight, eps, groups, width);
}
void conv1dRow(const float* const* inputs, const float* weight, const float* bias, float* y, std::int64_t kernel,
               std::int64_t channels) {
    HWY_DYNAMIC_DISPATCH(Conv1dRow)(inputs, weight, bias, y, kernel, channels);
}
void selectiveScanBlock(const SelectiveScanArgs& args, const ScanBlock& block) {
    HWY_DYNAMIC_DISPATCH(SelectiveScanBlock)(args, block);
}
void selectiveScanStep(const SelectiveScanArgs& args, std::int64_t b, std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(SelectiveScanStep)(args, b, first, count);
}
void softplusColumn(const float* x, std::int64_t stride, float bias, float low, float high, float* y,
                    std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(SoftplusColumn)(x, stride, bias, low, high, y, count);
}
void decayRow(const float* cb, const double* cumulated, double end, const float* dt, float* m, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(DecayRow)(cb, cumulated, end, dt, m, count);
}
void scaleRow(const float* source, float factor, float* target, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(ScaleRow)(source, factor, target, count);
}
void addSkipRow(const float* x, const float* D, float decay, float* y, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(AddSkipRow)(x, D, decay, y, count);
}
void passState(float* h, float* s, float decay, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(PassState)(h, s, decay, count);
}
void ssdStepHead(float* h, const float* x, const float* B, const float* C, const float* D, float decay, float dt,
                 float* y, std::int64_t head_dim, std::int64_t states) {
    HWY_DYNAMIC_DISPATCH(SsdStepHead)(h, x, B, C, D, decay, dt, y, head_dim, states);
}

}  // namespace perfmamba::kernels::cpu
#endif  // HWY_ONCE
