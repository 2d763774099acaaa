// Each number of y is a dot product of two rows. The weights are read in the order in which they lie, once, as one
// stream: at few rows of x that is what takes the time, and hardware fetches one stream ahead better than several.
// Floor: the weights' bytes.
#include "kernels/cpu/dot_products.h"

#include <algorithm>

#include "kernels/cpu/weight_blocks.h"

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

// Rows of x that share what is read of a block, at most.
constexpr std::int64_t kRowsTogether = 8;

/// Vectors of outputs whose sums stay in registers, for so many rows.
constexpr std::int64_t vectorsOf(std::int64_t rows) {
    return rows <= 4 ? 4 : 2;
}

/// Weights of a vector of outputs, of kInputs inputs at a time.
template <class Stored>
struct Single {
    static constexpr std::int64_t kInputs = 1;
    const Stored* block;
    HWY_INLINE void load(D d, std::int64_t k, std::int64_t output, V (&weights)[kInputs]) const {
        weights[0] = widen(d, block + k * kBlockOutputs + output);
    }
};
/// Of bfloat16 side by side: the even input's is the low half of 32 bits, and a float's high half is a bfloat16.
struct Paired {
    static constexpr std::int64_t kInputs = 2;
    const std::uint32_t* block;
    HWY_INLINE void load(D d, std::int64_t k, std::int64_t output, V (&weights)[kInputs]) const {
        const hn::Rebind<std::uint32_t, D> du;
        const auto both = hn::LoadU(du, block + k / 2 * kBlockOutputs + output);
        weights[0] = hn::BitCast(d, hn::ShiftLeft<16>(both));
        weights[1] = hn::BitCast(d, hn::And(both, hn::Set(du, 0xFFFF0000U)));
    }
};

/// Adds the products of kCount inputs from `k` to the sums, which are to stay in registers: no call may come between.
template <std::int64_t kCount, std::int64_t kRows, std::int64_t kVectors, class Weights>
HWY_INLINE void addInputs(const float* x, std::int64_t x_stride, std::int64_t k, const Weights& block,
                          std::int64_t output, V (&totals)[kRows][kVectors]) {
    const D d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    for (std::int64_t v = 0; v < kVectors; ++v) {
        V weights[Weights::kInputs];
        block.load(d, k, output + v * step, weights);
        for (std::int64_t i = 0; i < kCount; ++i) {
            for (std::int64_t row = 0; row < kRows; ++row) {
                totals[row][v] = hn::MulAdd(hn::Set(d, x[row * x_stride + k + i]), weights[i], totals[row][v]);
            }
        }
    }
}

/// Some rows of x by some vectors of a block's outputs: each sum in the order of the inputs.
template <std::int64_t kRows, class Weights>
void blockSums(const float* x, std::int64_t x_stride, std::int64_t inputs, const Weights& block, std::int64_t output,
               float* sums) {
    constexpr std::int64_t kVectors = vectorsOf(kRows);
    const D d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    V totals[kRows][kVectors];
    for (auto& row : totals) {
        for (V& total : row) total = hn::Zero(d);
    }
    std::int64_t k = 0;
    for (; k + Weights::kInputs <= inputs; k += Weights::kInputs) {
        addInputs<Weights::kInputs>(x, x_stride, k, block, output, totals);
    }
    if (k < inputs) addInputs<1>(x, x_stride, k, block, output, totals);
    for (std::int64_t row = 0; row < kRows; ++row) {
        for (std::int64_t v = 0; v < kVectors; ++v) {
            hn::StoreU(totals[row][v], d, sums + row * kBlockOutputs + output + v * step);
        }
    }
}

/// @param rows  up to kMost
/// @param sums  (rows, kBlockOutputs)
template <std::int64_t kMost, class Weights>
void blockRows(std::int64_t rows, const float* x, const ProductArgs& args, const Weights& block, float* sums) {
    if constexpr (kMost > 1) {
        if (rows < kMost) return blockRows<kMost - 1>(rows, x, args, block, sums);
    }
    const std::int64_t step = vectorsOf(kMost) * static_cast<std::int64_t>(hn::Lanes(D()));
    for (std::int64_t output = 0; output < kBlockOutputs; output += step) {
        blockSums<kMost>(x, args.x_stride, args.inputs, block, output, sums);
    }
}

template <class Weights>
void multiplyBlock(const ProductArgs& args, const Weights& block, std::int64_t first) {
    const std::int64_t count = std::min(kBlockOutputs, args.outputs - first);
    float sums[kRowsTogether * kBlockOutputs];
    for (std::int64_t row = 0; row < args.rows; row += kRowsTogether) {
        const float* x = args.x + row * args.x_stride;
        const std::int64_t rows = std::min(kRowsTogether, args.rows - row);
        blockRows<kRowsTogether>(rows, x, args, block, sums);
        for (std::int64_t i = 0; i < rows; ++i) {
            float* y = args.y + (row + i) * args.outputs + first;
            for (std::int64_t j = 0; j < count; ++j) {
                y[j] = sums[i * kBlockOutputs + j] + (args.bias ? args.bias[first + j] : 0.0F);
            }
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
    if (args.order == WeightOrder::Rows) {
        return asStored(args.weight, [&](const auto* weight) { dotRows(args, weight, first, count); });
    }
    for (std::int64_t output = first; output < first + count; output += kBlockOutputs) {
        const ConstElements block = args.weight + output * outputStride(args.order, args.inputs);
        if (args.order == WeightOrder::PairedBlocks) {
            multiplyBlock(args, Paired{static_cast<const std::uint32_t*>(block.data)}, output);
        } else {
            asStored(block, [&]<class Stored>(const Stored* weights) {
                multiplyBlock(args, Single<Stored>{weights}, output);
            });
        }
    }
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
