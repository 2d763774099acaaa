// Each number of y is a dot product of two rows that lie contiguous in memory. The weights are read in the order in
// which they lie, once, as one stream: at few rows of x that is what takes the time, and hardware fetches one stream
// ahead better than several. Floor: the weights' bytes.
#include "kernels/cpu/dot_products.h"

#include <algorithm>

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/dot_products.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set: before highway.h
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace perfmamba::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using D1 = hn::CappedTag<float, 1>;

// Rows of x that a row of weights meets at a time, and sums of each, so that none waits for itself: with the operands
// of one step they fit into 16 registers.
constexpr std::int64_t kRowsTogether = 4;
constexpr std::int64_t kChains = 2;

template <class DD>
HWY_INLINE auto widen(DD d, const float* from) {
    return hn::LoadU(d, from);
}
template <class DD, class Narrow>
HWY_INLINE auto widen(DD d, const Narrow* from) {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<Narrow, DD>(), from));
}

template <class Narrow>
void widenAll(const Narrow* source, float* target, std::int64_t count) {
    const D d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    std::int64_t i = 0;
    for (; i + step <= count; i += step) hn::StoreU(widen(d, source + i), d, target + i);
    for (; i < count; ++i) hn::StoreU(widen(D1(), source + i), D1(), target + i);
}

/// Of one row of weights with kRows rows of x, row stride x_stride: sums[i].
template <std::int64_t kRows, class Stored>
HWY_INLINE void dot(const float* x, std::int64_t x_stride, const Stored* weight, std::int64_t inputs, float* sums) {
    const D d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    V chains[kRows][kChains];
    for (auto& row : chains) {
        for (V& sum : row) sum = hn::Zero(d);
    }
    std::int64_t k = 0;
    const auto add = [&](std::int64_t chain) {
        const V w = widen(d, weight + k);
        for (std::int64_t i = 0; i < kRows; ++i) {
            chains[i][chain] = hn::MulAdd(hn::LoadU(d, x + i * x_stride + k), w, chains[i][chain]);
        }
        k += step;
    };
    while (k + kChains * step <= inputs) {
        for (std::int64_t chain = 0; chain < kChains; ++chain) add(chain);
    }
    if (k + step <= inputs) add(0);
    const D1 one;
    for (std::int64_t i = 0; i < kRows; ++i) {
        auto total = hn::Set(one, hn::GetLane(hn::SumOfLanes(d, hn::Add(chains[i][0], chains[i][1]))));
        for (std::int64_t rest = k; rest < inputs; ++rest) {
            total = hn::MulAdd(hn::LoadU(one, x + i * x_stride + rest), widen(one, weight + rest), total);
        }
        sums[i] = hn::GetLane(total);
    }
}

template <class Stored>
void dotRows(const ProductArgs& args, const Stored* weight, std::int64_t first, std::int64_t count) {
    for (std::int64_t column = first; column < first + count; ++column) {
        const Stored* from = weight + column * args.inputs;
        const float bias = args.bias ? args.bias[column] : 0.0F;
        float sums[kRowsTogether];
        const auto store = [&](std::int64_t row, std::int64_t rows) {
            for (std::int64_t i = 0; i < rows; ++i) args.y[(row + i) * args.outputs + column] = sums[i] + bias;
        };
        std::int64_t row = 0;
        for (; row + kRowsTogether <= args.rows; row += kRowsTogether) {
            dot<kRowsTogether>(args.x + row * args.x_stride, args.x_stride, from, args.inputs, sums);
            store(row, kRowsTogether);
        }
        for (; row < args.rows; ++row) {
            dot<1>(args.x + row * args.x_stride, args.x_stride, from, args.inputs, sums);
            store(row, 1);
        }
    }
}

/// Calls body() with the source's elements as what they are.
template <class Body>
void asStored(ConstElements source, const Body& body) {
    switch (source.type) {
        case DType::F32: return body(source.f32());
        case DType::F16: return body(static_cast<const hwy::float16_t*>(source.data));
        case DType::BF16: return body(static_cast<const hwy::bfloat16_t*>(source.data));
    }
}

void DotProducts(const ProductArgs& args, std::int64_t first, std::int64_t count) {
    asStored(args.weight, [&](const auto* weight) { dotRows(args, weight, first, count); });
}

void WidenRow(ConstElements source, float* target, std::int64_t count) {
    asStored(source, [&](const auto* from) { widenAll(from, target, count); });
}

}  // namespace perfmamba::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace perfmamba::kernels::cpu {

HWY_EXPORT(DotProducts);
HWY_EXPORT(WidenRow);

void dotProducts(const ProductArgs& args, std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(DotProducts)(args, first, count);
}
void widenRow(ConstElements source, float* target, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(WidenRow)(source, target, count);
}

}  // namespace perfmamba::kernels::cpu
#endif  // HWY_ONCE
