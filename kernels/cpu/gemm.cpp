#include "kernels/cpu/gemm.h"

#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <cassert>
#include <vector>

namespace perfmamba::kernels::cpu {
namespace {

// Rows up to which a product takes as long as reading its weights, or the library loses more on packing them: fewer
// where the weights need no widening.
constexpr std::int64_t kFewRows = 3;
constexpr std::int64_t kFewRowsNarrow = 8;
// Columns of a task then: 100 kB of weights and more at any usual width, some microseconds of reading.
constexpr std::int64_t kFewRowsColumns = 64;
// Tiles of more rows: large enough that packing them costs little, small enough to give every thread several.
constexpr std::int64_t kTileRows = 256;
constexpr std::int64_t kTileColumns = 192;
// Columns of the library's innermost tile, below which it wastes work.
constexpr std::int64_t kLeastColumns = 48;

void addBias(const ProductArgs& args, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
    for (std::int64_t i = row; i < row + rows; ++i) {
        float* y = args.y + i * args.outputs;
        for (std::int64_t j = column; j < column + columns; ++j) y[j] += args.bias[j];
    }
}

/// The library's product. Weights of 16 bits are widened into the cache, a tile's at a time.
void libraryTile(const ProductArgs& args, std::int64_t row, std::int64_t rows, std::int64_t column,
                 std::int64_t columns) {
    const ConstElements stored = args.weight + column * args.inputs;
    thread_local std::vector<float> widened;
    const float* weight = nullptr;
    if (stored.type == DType::F32) {
        weight = stored.f32();
    } else {
        const auto needed = static_cast<std::size_t>(columns * args.inputs);
        if (widened.size() < needed) widened.resize(needed);
        widenRow(stored, widened.data(), columns * args.inputs);
        weight = widened.data();
    }
    multiply(Layout::Plain, Layout::Transposed, rows, columns, args.inputs, args.x + row * args.x_stride, args.x_stride,
             weight, args.inputs, 0, args.y + row * args.outputs + column, args.outputs);
    if (args.bias) addBias(args, row, rows, column, columns);
}

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

void linear(ThreadPool& pool, const ProductArgs& args) {
    if (args.rows <= (args.weight.type == DType::F32 ? kFewRows : kFewRowsNarrow)) {
        pool.run((args.outputs + kFewRowsColumns - 1) / kFewRowsColumns, [&](std::int64_t i) {
            const std::int64_t first = i * kFewRowsColumns;
            dotProducts(args, first, std::min(kFewRowsColumns, args.outputs - first));
        });
        return;
    }
    const std::int64_t row_tiles = (args.rows + kTileRows - 1) / kTileRows;
    // A single tile would leave the others nothing.
    std::int64_t columns = kTileColumns;
    while (row_tiles == 1 && columns >= args.outputs && columns > kLeastColumns) columns /= 2;
    const std::int64_t column_tiles = (args.outputs + columns - 1) / columns;
    // The tiles of a column follow each other: their weights come from memory once.
    pool.run(row_tiles * column_tiles, [&](std::int64_t tile) {
        const std::int64_t row = tile % row_tiles * kTileRows;
        const std::int64_t column = tile / row_tiles * columns;
        libraryTile(args, row, std::min(kTileRows, args.rows - row), column, std::min(columns, args.outputs - column));
    });
}

}  // namespace perfmamba::kernels::cpu
