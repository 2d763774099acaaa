// Matrix products by oneDNN, cut into tiles for our own threads.
#pragma once

#include <cstdint>

#include "kernels/cpu/thread_pool.h"

namespace perfmamba::kernels::cpu {

/// Makes the library use only the calling thread, for calls from this thread on: the tiles are what is shared out.
void useOneThreadPerCall();

/// How an operand of a product is stored: as it is read, or transposed.
enum class Layout : char { Plain = 'N', Transposed = 'T' };

/// c (m, n) = a (m, k) · b (k, n) + beta · c on the calling thread. Row-major with leading dimensions lda, ldb, ldc of
/// the operands as stored: a transposed `a` is stored (k, m), a transposed `b` (n, k).
void multiply(Layout a_layout, Layout b_layout, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
              std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc);

/// y (rows, outputs) = x (rows, inputs; row stride x_stride) · weightᵀ + bias, weight (outputs, inputs), bias may be
/// null. The tiles are fixed by the shape alone, so that the result does not depend on the number of threads.
void linear(ThreadPool& pool, const float* x, std::int64_t x_stride, const float* weight, const float* bias, float* y,
            std::int64_t rows, std::int64_t inputs, std::int64_t outputs);

}  // namespace perfmamba::kernels::cpu
