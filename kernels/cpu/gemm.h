// Matrix products, cut into tiles for our own threads.
#pragma once

#include <cstdint>

#include "kernels/backend.h"
#include "kernels/cpu/dot_products.h"
#include "kernels/cpu/thread_pool.h"

namespace perfmamba::kernels::cpu {

/// Makes oneDNN use only the calling thread, for calls from this thread on: the tiles are what is shared out.
void useOneThreadPerCall();

/// How an operand of a product is stored: as it is read, or transposed.
enum class Layout : char { Plain = 'N', Transposed = 'T' };

/// c (m, n) = a (m, k) · b (k, n) + beta · c on the calling thread. Row-major with leading dimensions lda, ldb, ldc of
/// the operands as stored: a transposed `a` is stored (k, m), a transposed `b` (n, k).
void multiply(Layout a_layout, Layout b_layout, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
              std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc);

/// Rows up to which products are dot products.
inline constexpr std::int64_t kFewRows = 8;

/// Whether products of more rows are the library's: with AVX-512. Elsewhere it is slower than panels, or has only a
/// reference (Arm in Debian), and a row's sums depend on how many there are.
bool libraryIsBest();

/// Whether those with bfloat16 weights are bfloat16's own (AVX512-BF16): x is then rounded to it, sums are float32.
/// Otherwise the weights are widened.
bool multipliesBfloat16();

/// What a row of x gives does not depend on the others, nor on the number of threads; only on whether there are few.
void linear(Backend& backend, ThreadPool& pool, const ProductArgs& args);

}  // namespace perfmamba::kernels::cpu
