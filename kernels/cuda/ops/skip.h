// What is left of a scan whose states were all pruned: y = D · x.
#pragma once

#include "kernels/cuda/ops/common.h"

namespace perfmamba::kernels::cuda {

/// Row strides in elements. z, where not null, gates y.
template <class T>
struct SkipParams {
    std::int64_t width;
    const T* x;
    std::int64_t x_stride;
    const float* D;
    const T* z;
    std::int64_t z_stride;
    T* y;
    std::int64_t y_stride;
};

template <class T>
void skip(void* stream, std::int64_t rows, const SkipParams<T>& params);

}  // namespace perfmamba::kernels::cuda
