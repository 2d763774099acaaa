// x is put into panels, transposed, so that a vector holds one input of neighbouring rows; the weights are read as they
// are stored, a number at a time for all rows of a panel. So the side that comes anew with each call is packed, once
// for all outputs, and the side that is large and stays is not: a library that packs weights in each call loses a fifth
// of its speed at 64 rows, and one that keeps them packed needs them in memory twice, for decoding.
//
// A tile of kWeights × kVectors sums stays in registers; each step loads kVectors vectors and kWeights numbers for
// kWeights · kVectors multiply-adds. Weights of a call lie in the second-level cache, those of a tile in the first.
// Floor: 2 · rows · inputs · outputs FLOP.
#include "kernels/cpu/panel_product.h"

#include <algorithm>

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/panel_product.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set: before highway.h
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace perfmamba::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// As many sums as fit into 16 or 32 registers beside the operands of a step.
constexpr std::int64_t kWeights = 6;
#if HWY_TARGET == HWY_SSSE3 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_AVX2
constexpr std::int64_t kVectors = 2;
#else
constexpr std::int64_t kVectors = 4;
#endif
constexpr std::int64_t kMostRows = kVectors * static_cast<std::int64_t>(hn::MaxLanes(D()));

std::int64_t PanelRows() {
    return kVectors * static_cast<std::int64_t>(hn::Lanes(D()));
}

void PackPanel(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t inputs, float* panel) {
    const std::int64_t width = PanelRows();
    // Some inputs at a time: what they are written to stays in the first-level cache, and rows are read by several
    // lines.
    constexpr std::int64_t kTogether = 64;
    for (std::int64_t first = 0; first < inputs; first += kTogether) {
        const std::int64_t count = std::min(kTogether, inputs - first);
        float* to = panel + first * width;
        for (std::int64_t row = 0; row < width; ++row) {
            if (row < rows) {
                const float* from = x + row * x_stride + first;
                for (std::int64_t k = 0; k < count; ++k) to[k * width + row] = from[k];
            } else {
                for (std::int64_t k = 0; k < count; ++k) to[k * width + row] = 0;
            }
        }
    }
}

/// sums (kCount, kMostRows) of kCount rows of weights with the first kUsed vectors of a panel.
template <std::int64_t kCount, std::int64_t kUsed>
HWY_NOINLINE void panelTile(const float* panel, const float* weight, std::int64_t inputs, float* sums) {
    const D d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    V total[kCount][kUsed];
    for (auto& row : total) {
        for (V& sum : row) sum = hn::Zero(d);
    }
    for (std::int64_t k = 0; k < inputs; ++k) {
        V x[kUsed];
        for (std::int64_t v = 0; v < kUsed; ++v) x[v] = hn::LoadU(d, panel + (k * kVectors + v) * step);
        for (std::int64_t j = 0; j < kCount; ++j) {
            const V w = hn::Set(d, weight[j * inputs + k]);
            for (std::int64_t v = 0; v < kUsed; ++v) total[j][v] = hn::MulAdd(w, x[v], total[j][v]);
        }
    }
    for (std::int64_t j = 0; j < kCount; ++j) {
        for (std::int64_t v = 0; v < kUsed; ++v) hn::StoreU(total[j][v], d, sums + j * kMostRows + v * step);
    }
}

/// sums (columns, kMostRows) of all columns.
template <std::int64_t kUsed>
void panelColumns(const PanelArgs& args, const float* panel, float* sums) {
    std::int64_t column = 0;
    const auto tile = [&]<std::int64_t kCount>(std::integral_constant<std::int64_t, kCount>) {
        panelTile<kCount, kUsed>(panel, args.weight + column * args.inputs, args.inputs, sums + column * kMostRows);
        column += kCount;
    };
    while (column + kWeights <= args.columns) tile(std::integral_constant<std::int64_t, kWeights>());
    while (column < args.columns) tile(std::integral_constant<std::int64_t, 1>());
}

void PanelProduct(const PanelArgs& args) {
    const std::int64_t width = PanelRows();
    const std::int64_t vector = width / kVectors;
    HWY_ALIGN float sums[kPanelColumns * kMostRows];
    for (std::int64_t first = 0; first < args.rows; first += width) {
        const float* panel = args.panels + first * args.inputs;
        const std::int64_t rows = std::min(width, args.rows - first);
        if (rows <= vector) {
            panelColumns<1>(args, panel, sums);
        } else if (rows <= 2 * vector) {
            panelColumns<2>(args, panel, sums);
        } else {
            panelColumns<kVectors>(args, panel, sums);
        }
        for (std::int64_t row = 0; row < rows; ++row) {
            float* y = args.y + (first + row) * args.y_stride;
            for (std::int64_t j = 0; j < args.columns; ++j) {
                y[j] = sums[j * kMostRows + row] + (args.bias ? args.bias[j] : 0.0F);
            }
        }
    }
}

}  // namespace perfmamba::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace perfmamba::kernels::cpu {

HWY_EXPORT(PanelRows);
HWY_EXPORT(PackPanel);
HWY_EXPORT(PanelProduct);

std::int64_t panelRows() {
    return HWY_DYNAMIC_DISPATCH(PanelRows)();
}
void packPanel(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t inputs, float* panel) {
    HWY_DYNAMIC_DISPATCH(PackPanel)(x, x_stride, rows, inputs, panel);
}
void panelProduct(const PanelArgs& args) {
    HWY_DYNAMIC_DISPATCH(PanelProduct)(args);
}

}  // namespace perfmamba::kernels::cpu
#endif  // HWY_ONCE
