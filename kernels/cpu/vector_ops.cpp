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
#include <hwy/contrib/math/math-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace perfmamba::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
// One lane: the same arithmetic for what is left over, so that a value does not depend on its place in a row.
using D1 = hn::CappedTag<float, 1>;

constexpr float kExpLimit = 88.0F;       // exp() of more is not a float any more
constexpr float kSoftplusLimit = 20.0F;  // softplus(x) = x beyond (FORMATS: as PyTorch)

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

template <class DD, class VV>
HWY_INLINE VV silu(DD d, VV x) {
    const auto limit = hn::Set(d, kExpLimit);
    return hn::Div(x, hn::Add(hn::Set(d, 1.0F), hn::Exp(d, hn::Min(hn::Neg(x), limit))));
}

template <class DD, class VV>
HWY_INLINE VV softplus(DD d, VV x) {
    const auto limit = hn::Set(d, kSoftplusLimit);
    return hn::IfThenElse(hn::Gt(x, limit), x, hn::Log1p(d, hn::Exp(d, hn::Min(x, limit))));
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

/// The scan of a block of neighbouring channels, one a lane: the recurrence stays in registers and first-level cache,
/// there is no sum across lanes, and any N works. Floor: one exp for each channel, state and token.
void SelectiveScanBlock(const SelectiveScanArgs& args, std::int64_t b, std::int64_t first, std::int64_t count) {
    const hn::CappedTag<float, kScanBlock> d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    const std::int64_t states = args.states;

    // Lanes past `count` carry zeros, so that a narrow last block runs the same code.
    HWY_ALIGN float dt[kScanBlock] = {};
    HWY_ALIGN float dx[kScanBlock] = {};
    HWY_ALIGN float x[kScanBlock] = {};
    HWY_ALIGN float y[kScanBlock];
    HWY_ALIGN float bias[kScanBlock] = {};
    HWY_ALIGN float skip[kScanBlock] = {};
    const auto load = [count](const float* source, float* target) {
        std::memcpy(target, source, static_cast<std::size_t>(count) * sizeof(float));
    };
    if (args.dt_bias) load(args.dt_bias + first, bias);
    load(args.D + first, skip);

    // A and h of the block, dense: (N, kScanBlock).
    thread_local std::vector<float> scratch;
    scratch.assign(static_cast<std::size_t>(2 * states * kScanBlock), 0.0F);
    float* A = scratch.data();
    float* h = A + states * kScanBlock;
    float* state = args.h + b * states * args.channels + first;
    for (std::int64_t n = 0; n < states; ++n) {
        load(args.A + n * args.channels + first, A + n * kScanBlock);
        load(state + n * args.channels, h + n * kScanBlock);
    }

    for (std::int64_t t = 0; t < args.length; ++t) {
        const std::int64_t row = b * args.length + t;
        const float* B = args.B.f32() + row * args.bc_stride;
        const float* C = args.C.f32() + row * args.bc_stride;
        load(args.x.f32() + row * args.channels + first, x);
        load(args.dt.f32() + row * args.channels + first, dt);
        for (std::int64_t i = 0; i < kScanBlock; i += step) {
            const auto delta = softplus(d, hn::Add(hn::Load(d, dt + i), hn::Load(d, bias + i)));
            const auto input = hn::Load(d, x + i);
            hn::Store(delta, d, dt + i);
            hn::Store(hn::Mul(delta, input), d, dx + i);
            hn::Store(hn::Mul(hn::Load(d, skip + i), input), d, y + i);
        }
        for (std::int64_t i = 0; i < kScanBlock; i += step) {
            const auto delta = hn::Load(d, dt + i);
            const auto delta_x = hn::Load(d, dx + i);
            auto total = hn::Load(d, y + i);
            for (std::int64_t n = 0; n < states; ++n) {
                float* hn_ptr = h + n * kScanBlock + i;
                const auto decay = hn::Exp(d, hn::Mul(delta, hn::LoadU(d, A + n * kScanBlock + i)));
                const auto next = hn::MulAdd(decay, hn::LoadU(d, hn_ptr), hn::Mul(delta_x, hn::Set(d, B[n])));
                hn::StoreU(next, d, hn_ptr);
                total = hn::MulAdd(hn::Set(d, C[n]), next, total);
            }
            hn::Store(total, d, y + i);
        }
        std::memcpy(args.y.f32() + row * args.channels + first, y, static_cast<std::size_t>(count) * sizeof(float));
    }
    for (std::int64_t n = 0; n < states; ++n) {
        std::memcpy(state + n * args.channels, h + n * kScanBlock, static_cast<std::size_t>(count) * sizeof(float));
    }
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
        const auto decay = hn::Exp(d, hn::LoadU(d, m + s));
        hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, cb + s), decay), hn::LoadU(d, dt + s)), d, m + s);
    });
}

void ScaleRow(const float* source, float factor, float* target, std::int64_t count) {
    sweep(count, [&](auto d, std::int64_t i) {
        hn::StoreU(hn::Mul(hn::LoadU(d, source + i), hn::Set(d, factor)), d, target + i);
    });
}

void AddProductRow(const float* a, const float* b, float* target, std::int64_t count) {
    sweep(count, [&](auto d, std::int64_t i) {
        hn::StoreU(hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), hn::LoadU(d, target + i)), d, target + i);
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
HWY_EXPORT(SoftplusColumn);
HWY_EXPORT(DecayRow);
HWY_EXPORT(ScaleRow);
HWY_EXPORT(AddProductRow);
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
void selectiveScanBlock(const SelectiveScanArgs& args, std::int64_t b, std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(SelectiveScanBlock)(args, b, first, count);
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
void addProductRow(const float* a, const float* b, float* target, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(AddProductRow)(a, b, target, count);
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
