// Products of many rows with matrices as they are stored (Highway).
#pragma once

#include <cstdint>

#include "kernels/cpu/dot_products.h"

namespace perfmamba::kernels::cpu {

/// Rows of x that stand side by side in a panel.
std::int64_t panelRows();

/// A panel (inputs, panelRows()) of `rows` rows of x; the rest is zeros.
void packPanel(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t inputs, float* panel);

/// Columns of y that a call of panelProduct() computes at most.
inline constexpr std::int64_t kPanelColumns = 48;

/// y (rows, columns; row stride y_stride) = x · weightᵀ + bias, x in panels one after the other, weight (columns,
/// inputs) in float32, bias (columns,) or null; on the calling thread.
struct PanelArgs {
    const float* panels = nullptr;
    const float* weight = nullptr;
    const float* bias = nullptr;
    float* y = nullptr;
    std::int64_t y_stride = 0;
    std::int64_t rows = 0, inputs = 0, columns = 0;
};
void panelProduct(const PanelArgs& args);

}  // namespace perfmamba::kernels::cpu
