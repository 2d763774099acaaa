#include "kernels/cpu/gemm.h"

#include <hwy/highway.h>
#include <omp.h>
#include <dnnl.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <compare>
#include <exception>
#include <map>
#include <utility>
#include <vector>

#include "kernels/cpu/panel_product.h"
#include "kernels/cpu/weight_blocks.h"
#include "kernels/error.h"
#include "kernels/tensor.h"

namespace perfmamba::kernels::cpu {
namespace {

// Columns of a task of few rows: a block, 100 kB of weights and more at any usual width, some microseconds of reading.
constexpr std::int64_t kFewRowsColumns = kBlockOutputs;
// Of weights in rows, fewer where each thread had fewer such tasks, so that none waits for a whole one.
constexpr std::int64_t kFewRowsShares = 4;
// Rows of a task of many: weights that it widens or rearranges meet that many.
constexpr std::int64_t kTaskRows = 512;
// Rows of a task of the library's that has all columns, at least and at most: it rearranges weights in rows for them.
constexpr std::int64_t kWholeRowsLeast = 64;
constexpr std::int64_t kWholeRowsMost = 256;
// Columns of one that has not: the sums stay in the second-level cache until they are put in place.
constexpr std::int64_t kLibraryColumns = kBlockOutputs;
// Rows of x that a task copies.
constexpr std::int64_t kCopiedRows = 16;
// Tiles that a thread keeps prepared: a model has some for each length.
constexpr std::size_t kMostKept = 256;

/// Whether the library uses these instructions here.
bool libraryHas([[maybe_unused]] dnnl::cpu_isa isa) {
#if defined(__x86_64__)
    // Each has the bits of those that it includes.
    const auto needed = static_cast<unsigned>(isa);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & needed) == needed;
#else
    return false;
#endif
}

void fewRows(ThreadPool& pool, const ProductArgs& args) {
    const std::int64_t columns =
        args.order == WeightOrder::Rows
            ? std::clamp<std::int64_t>(args.outputs / (kFewRowsShares * pool.threads()), 1, kFewRowsColumns)
            : kBlockOutputs;
    pool.run((args.outputs + columns - 1) / columns, [&](std::int64_t i) {
        const std::int64_t first = i * columns;
        dotProducts(args, first, std::min(columns, args.outputs - first));
    });
}

/// Memory of the calling thread for one use, until it asks for that again.
template <class Use>
float* scratch(std::int64_t count) {
    thread_local std::vector<float> values;
    if (std::cmp_less(values.size(), count)) values.resize(static_cast<std::size_t>(count));
    return values.data();
}

/// Weights of `columns` outputs in that type: as they lie, or widened into the calling thread's cache.
ConstElements weightsOf(const ProductArgs& args, std::int64_t column, std::int64_t columns, DType type) {
    const ConstElements stored = args.weight + column * outputStride(args.order, args.inputs);
    if (stored.type == type) return stored;
    const std::int64_t count = orderedElements(args.order, columns, args.inputs);
    float* widened = scratch<struct Widened>(count);
    widenRow(stored, widened, count);
    return widened;
}

/// Calls task(row, column) for tiles of rows × columns numbers of y.
template <class Task>
void eachTask(ThreadPool& pool, const ProductArgs& args, std::int64_t rows, std::int64_t columns, const Task& task) {
    const std::int64_t row_tasks = (args.rows + rows - 1) / rows;
    // The tasks of a column follow each other: its weights come from memory once.
    pool.run(row_tasks * ((args.outputs + columns - 1) / columns),
             [&](std::int64_t i) { task(i % row_tasks * rows, i / row_tasks * columns); });
}

// By the library ------------------------------------------------------------------------------------------------------

/// A product of some rows of x with some of the weights, all three dense: otherwise the library takes a slower way, in
/// which a row's sums depend on how many there are.
struct Tile {
    std::int64_t rows = 0, columns = 0, inputs = 0;
    DType type = DType::F32;  // of x and the weights
    WeightOrder order = WeightOrder::Rows;

    auto operator<=>(const Tile&) const = default;
};

const dnnl::engine& engine() {
    static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    return cpu;
}

/// Of weights (inputs, columns).
dnnl::memory::format_tag tagOf(WeightOrder order) {
    using Tag = dnnl::memory::format_tag;
    switch (order) {
        case WeightOrder::Rows: return Tag::ba;
        case WeightOrder::Blocks: return Tag::BA16a64b;
        case WeightOrder::PairedBlocks: return Tag::BA16a64b2a;
    }
    return Tag::undef;
}

struct Prepared {
    dnnl::matmul::primitive_desc description;
    dnnl::matmul product;

    explicit Prepared(const Tile& tile) : description(describe(tile)), product(description) {}

private:
    static dnnl::matmul::primitive_desc describe(const Tile& tile) {
        using dnnl::memory;
        const auto type = tile.type == DType::BF16 ? memory::data_type::bf16 : memory::data_type::f32;
        const memory::desc x({tile.rows, tile.inputs}, type, memory::format_tag::ab);
        const memory::desc weight({tile.inputs, tile.columns}, type, tagOf(tile.order));
        const memory::desc y({tile.rows, tile.columns}, memory::data_type::f32, memory::format_tag::ab);
#if DNNL_VERSION_MAJOR < 3
        return {dnnl::matmul::desc(x, weight, y), engine()};
#else
        return {engine(), x, weight, y};
#endif
    }
};

/// Of the calling thread, for the library's working memory belongs to the thread that prepared.
const Prepared& prepared(const Tile& tile) {
    thread_local std::map<Tile, Prepared> kept;
    if (const auto found = kept.find(tile); found != kept.end()) return found->second;
    if (kept.size() >= kMostKept) kept.clear();
    return kept.try_emplace(tile, tile).first->second;
}

void multiply(const Tile& tile, const void* x, const void* weight, float* y) {
    const Prepared& made = prepared(tile);
    // The library's interface knows no constant memory; these it only reads.
    const auto memoryOf = [](const dnnl::memory::desc& description, const void* data) {
        return dnnl::memory(description, engine(), const_cast<void*>(data));
    };
    dnnl::stream stream(engine());
    made.product.execute(stream, {{DNNL_ARG_SRC, memoryOf(made.description.src_desc(), x)},
                                  {DNNL_ARG_WEIGHTS, memoryOf(made.description.weights_desc(), weight)},
                                  {DNNL_ARG_DST, memoryOf(made.description.dst_desc(), y)}});
}

/// x, dense, in that type.
Buffer denseIn(DType type, Backend& backend, ThreadPool& pool, const ProductArgs& args) {
    Buffer x = backend.allocate(MemoryKind::Workspace, static_cast<std::size_t>(args.rows * args.inputs), type);
    pool.run((args.rows + kCopiedRows - 1) / kCopiedRows, [&](std::int64_t i) {
        for (std::int64_t row = i * kCopiedRows; row < std::min((i + 1) * kCopiedRows, args.rows); ++row) {
            convertFromFloat(type, args.x + row * args.x_stride, static_cast<std::size_t>(args.inputs),
                             static_cast<std::byte*>((x.view() + row * args.inputs).data));
        }
    });
    return x;
}

/// @param x  dense, in the type to multiply in
void libraryTask(const ProductArgs& args, ConstElements x, const Tile& tile, std::int64_t row, std::int64_t column) {
    const bool in_place = tile.columns == args.outputs;
    float* y = args.y + row * args.outputs + column;
    float* sums = in_place ? y : scratch<struct Sums>(tile.rows * tile.columns);
    multiply(tile, (x + row * args.inputs).data, weightsOf(args, column, tile.columns, x.type).data, sums);
    if (in_place && !args.bias) return;
    for (std::int64_t i = 0; i < tile.rows; ++i) {
        for (std::int64_t j = 0; j < tile.columns; ++j) {
            y[i * args.outputs + j] = sums[i * tile.columns + j] + (args.bias ? args.bias[column + j] : 0.0F);
        }
    }
}

void byLibrary(Backend& backend, ThreadPool& pool, const ProductArgs& args) {
    const DType type = args.weight.type == DType::BF16 && multipliesBfloat16() ? DType::BF16 : DType::F32;
    Buffer copy;
    if (type != DType::F32 || args.x_stride != args.inputs) copy = denseIn(type, backend, pool, args);
    const ConstElements x = copy ? copy.view() : ConstElements(args.x);
    const std::int64_t share = (args.rows + pool.threads() - 1) / pool.threads();
    const bool whole_rows = share >= kWholeRowsLeast && type == args.weight.type;
    const std::int64_t rows = whole_rows ? std::min(share, kWholeRowsMost) : kTaskRows;
    const std::int64_t columns = whole_rows ? args.outputs : kLibraryColumns;
    std::atomic<bool> failed = false;
    eachTask(pool, args, rows, columns, [&](std::int64_t row, std::int64_t column) {
        try {
            const Tile tile = {std::min(rows, args.rows - row), std::min(columns, args.outputs - column), args.inputs,
                               type, args.order};
            libraryTask(args, x, tile, row, column);
        } catch (const std::exception&) {
            failed = true;
        }
    });
    if (failed) throw Error("matrix product", "oneDNN has no memory left for it", "try a shorter length or batch");
}

// By panels -----------------------------------------------------------------------------------------------------------

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
    task.weight = weightsOf(args, column, task.columns, DType::F32).f32();
    panelProduct(task);
}

void byPanels(Backend& backend, ThreadPool& pool, const ProductArgs& args) {
    const std::int64_t width = panelRows();
    const std::int64_t count = (args.rows + width - 1) / width;
    const Buffer panels =
        backend.allocate(MemoryKind::Workspace, static_cast<std::size_t>(count * width * args.inputs));
    pool.run(count, [&](std::int64_t i) {
        packPanel(args.x + i * width * args.x_stride, args.x_stride, std::min(width, args.rows - i * width),
                  args.inputs, panels.data() + i * width * args.inputs);
    });
    eachTask(pool, args, kTaskRows, kPanelColumns,
             [&](std::int64_t row, std::int64_t column) { panelTask(args, panels.data(), row, column); });
}

}  // namespace

void useOneThreadPerCall() {
    omp_set_num_threads(1);
}

bool libraryIsBest() {
    return (hwy::SupportedTargets() & HWY_AVX3) != 0 && libraryHas(dnnl::cpu_isa::avx512_core);
}

bool multipliesBfloat16() {
    return libraryIsBest() && libraryHas(dnnl::cpu_isa::avx512_core_bf16);
}

void multiply(Layout a_layout, Layout b_layout, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
              std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
    [[maybe_unused]] const dnnl_status_t status = dnnl_sgemm(static_cast<char>(a_layout), static_cast<char>(b_layout),
                                                             m, n, k, 1.0F, a, lda, b, ldb, beta, c, ldc);
    assert(status == dnnl_success);
}

void linear(Backend& backend, ThreadPool& pool, const ProductArgs& args) {
    if (args.rows <= kFewRows) return fewRows(pool, args);
    if (libraryIsBest()) return byLibrary(backend, pool, args);
    // Only tests take instructions away after matrices were put in the library's order.
    if (args.order != WeightOrder::Rows) return fewRows(pool, args);
    byPanels(backend, pool, args);
}

}  // namespace perfmamba::kernels::cpu
