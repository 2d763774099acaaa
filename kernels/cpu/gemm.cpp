#include "kernels/cpu/gemm.h"

#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <cassert>
#include <vector>

#include "kernels/cpu/panel_product.h"

namespace perfmamba::kernels::cpu {
namespace {

// Rows up to which dot products are faster than panels, the most of whose vectors would be empty.
constexpr std::int64_t kFewRows = 8;
// Columns of a task then: 100 kB of weights and more at any usual width, some microseconds of reading.
constexpr std::int64_t kFewRowsColumns = 64;
// Rows of a task otherwise: weights that it widens meet that many.
constexpr std::int64_t kTaskRows = 512;
// Inputs below which putting the sums in place costs too much beside computing them, and the library is faster; columns
// of its tiles.
constexpr std::int64_t kFewInputs = 128;
constexpr std::int64_t kLibraryColumns = 192;

void fewRows(ThreadPool& pool, const ProductArgs& args) {
    pool.run((args.outputs + kFewRowsColumns - 1) / kFewRowsColumns, [&](std::int64_t i) {
        const std::int64_t first = i * kFewRowsColumns;
        dotProducts(args, first, std::min(kFewRowsColumns, args.outputs - first));
    });
}

/// `columns` rows of the weights in float32: as they lie, or widened into the calling thread's cache.
const float* weightRows(const ProductArgs& args, std::int64_t column, std::int64_t columns) {
    const ConstElements stored = args.weight + column * args.inputs;
    if (stored.type == DType::F32) return stored.f32();
    thread_local std::vector<float> widened;
    const auto needed = static_cast<std::size_t>(columns * args.inputs);
    if (widened.size() < needed) widened.resize(needed);
    widenRow(stored, widened.data(), columns * args.inputs);
    return widened.data();
}

void libraryTask(const ProductArgs& args, std::int64_t row, std::int64_t column) {
    const std::int64_t rows = std::min(kTaskRows, args.rows - row);
    const std::int64_t columns = std::min(kLibraryColumns, args.outputs - column);
    float* y = args.y + row * args.outputs + column;
    multiply(Layout::Plain, Layout::Transposed, rows, columns, args.inputs, args.x + row * args.x_stride, args.x_stride,
             weightRows(args, column, columns), args.inputs, 0, y, args.outputs);
    if (!args.bias) return;
    for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) y[i * args.outputs + j] += args.bias[column + j];
    }
}

/// Calls task(row, column) for tiles of kTaskRows × `columns` numbers of y.
template <class Task>
void eachTask(ThreadPool& pool, const ProductArgs& args, std::int64_t columns, const Task& task) {
    const std::int64_t row_tasks = (args.rows + kTaskRows - 1) / kTaskRows;
    // The tasks of a column follow each other: its weights come from memory once.
    pool.run(row_tasks * ((args.outputs + columns - 1) / columns),
             [&](std::int64_t i) { task(i % row_tasks * kTaskRows, i / row_tasks * columns); });
}

/// Rows [row, row + kTaskRows) of kPanelColumns columns.
void panelTask(const ProductArgs& args, const float* panels, std::int64_t row, std::int64_t column) {
    PanelArgs task;
    task.rows = std::min(kTaskRows, args.rows - row);
    task.columns = std::min(kPanelColumns, args.outputs - column);
    task.inputs = args.inputs;
    task.panels = panels + row * args.inputs;
    task.bias = args.bias ? args.bias + column : nullptr;
    task.y = args.y + row * args.outputs + column;
    task.y_stride = args.outputs;
    task.weight = weightRows(args, column, task.columns);
    panelProduct(task);
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

void linear(Backend& backend, ThreadPool& pool, const ProductArgs& args) {
    if (args.rows <= kFewRows) return fewRows(pool, args);
    if (args.inputs < kFewInputs) {
        eachTask(pool, args, kLibraryColumns,
                 [&](std::int64_t row, std::int64_t column) { libraryTask(args, row, column); });
        return;
    }
    const std::int64_t width = panelRows();
    const std::int64_t count = (args.rows + width - 1) / width;
    const Buffer panels =
        backend.allocate(MemoryKind::Workspace, static_cast<std::size_t>(count * width * args.inputs));
    pool.run(count, [&](std::int64_t i) {
        packPanel(args.x + i * width * args.x_stride, args.x_stride, std::min(width, args.rows - i * width),
                  args.inputs, panels.data() + i * width * args.inputs);
    });
    eachTask(pool, args, kPanelColumns,
             [&](std::int64_t row, std::int64_t column) { panelTask(args, panels.data(), row, column); });
}

}  // namespace perfmamba::kernels::cpu
