// Products of few rows with matrices in any order, in float32, float16 or bfloat16 (Highway).
#pragma once

#include <cstdint>

#include "kernels/backend.h"

namespace perfmamba::kernels::cpu {

/// y (rows, outputs) = x (rows, inputs; row stride x_stride) · weightᵀ + bias; y dense, bias (outputs,) or null.
struct ProductArgs {
    const float* x = nullptr;
    std::int64_t x_stride = 0;
    ConstElements weight;  // (outputs, inputs), in `order`
    const float* bias = nullptr;
    float* y = nullptr;
    std::int64_t rows = 0, inputs = 0, outputs = 0;
    WeightOrder order = WeightOrder::Rows;
};

/// Columns [first, first + count) of y, of blocks whole ones, on the calling thread. What a row of x gives does not
/// depend on the others.
void dotProducts(const ProductArgs& args, std::int64_t first, std::int64_t count);

/// target[i] = source[i] in float32.
void widenRow(ConstElements source, float* target, std::int64_t count);

}  // namespace perfmamba::kernels::cpu
