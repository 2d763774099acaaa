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

// Sums of a product, so that none waits for itself.
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

template <class Stored>
HWY_INLINE float dot(const float* x, const Stored* weight, std::int64_t inputs) {
    const D d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    V chains[kChains] = {hn::Zero(d), hn::Zero(d)};
    std::int64_t k = 0;
    const auto add = [&](V& chain) {
        chain = hn::MulAdd(hn::LoadU(d, x + k), widen(d, weight + k), chain);
        k += step;
    };
    while (k + kChains * step <= inputs) {
        for (V& chain : chains) add(chain);
    }
    if (k + step <= inputs) add(chains[0]);
    const D1 one;
    auto total = hn::Set(one, hn::GetLane(hn::SumOfLanes(d, hn::Add(chains[0], chains[1]))));
    for (; k < inputs; ++k) total = hn::MulAdd(hn::LoadU(one, x + k), widen(one, weight + k), total);
    return hn::GetLane(total);
}

/// A row of weights comes from memory for the first row of x, and from the first-level cache for the others.
template <class Stored>
void dotRows(const ProductArgs& args, const Stored* weight, std::int64_t first, std::int64_t count) {
    for (std::int64_t column = first; column < first + count; ++column) {
        const float bias = args.bias ? args.bias[column] : 0.0F;
        for (std::int64_t row = 0; row < args.rows; ++row) {
            args.y[row * args.outputs + column] =
                dot(args.x + row * args.x_stride, weight + column * args.inputs, args.inputs) + bias;
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
