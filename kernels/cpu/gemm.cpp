#include "kernels/cpu/gemm.h"

#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <cassert>

namespace perfmamba::kernels::cpu {
namespace {

// Tiles large enough that packing them costs little (95 % of an undivided product on two AVX2 cores), small enough to
// give every thread several.
constexpr std::int64_t kTileRows = 128;
constexpr std::int64_t kTileColumns = 384;

}  // namespace

void useOneThreadPerCall() {
    omp_set_num_threads(1);
}

void multiply(Layout a_layout, Layout b_layout, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
              std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
    [[maybe_unused]] const dnnl_status_t status = dnnl_sgemm(static_cast<char>(a_layout), static_cast<char>(b_layout),
                                                             m, n, k, 1.0F, a, lda, b, ldb, beta, c, ldc);
    assert(status == dnnl_success);
}

void linear(ThreadPool& pool, const float* x, std::int64_t x_stride, const float* weight, const float* bias, float* y,
            std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
    const std::int64_t row_tiles = (rows + kTileRows - 1) / kTileRows;
    const std::int64_t column_tiles = (outputs + kTileColumns - 1) / kTileColumns;
    pool.run(row_tiles * column_tiles, [&](std::int64_t tile) {
        const std::int64_t row = tile / column_tiles * kTileRows;
        const std::int64_t column = tile % column_tiles * kTileColumns;
        const std::int64_t m = std::min(kTileRows, rows - row);
        const std::int64_t n = std::min(kTileColumns, outputs - column);
        multiply(Layout::Plain, Layout::Transposed, m, n, inputs, x + row * x_stride, x_stride,
                 weight + column * inputs, inputs, 0, y + row * outputs + column, outputs);
        if (!bias) return;
        for (std::int64_t i = row; i < row + m; ++i) {
            for (std::int64_t j = column; j < column + n; ++j) y[i * outputs + j] += bias[j];
        }
    });
}

}  // namespace perfmamba::kernels::cpu
