// RMSNorm, with what stands before it in the model fused in:
//   residual += delta;  out = residual / sqrt(mean(residual²) + eps) · weight      (M, D), residual in float
//   y = RMSNorm over each of G parts of (y · silu(z)) · weight                     (M, Di), z with a row stride
//   x /= sqrt(Σ x² / divisor + eps)                                                (M, D), x with a row stride
//
// A few warps take a row (or a part of one). A thread asks for all of its columns at once and keeps them in registers;
// the squares are added up in float by warps, then across them. Each number is read and written once: the floor is
// bytes over bandwidth, (8 + 2·size) a column for the first (float residual in and out, delta in, out), 3·size for the
// second. Rows that are no whole vectors, or too long, go a number at a time through ops/row_norm.h.
#include "kernels/cuda/ops/row_norm.h"

namespace perfmamba::kernels::cuda {
namespace {

// Of a thread. More would need fewer threads, but more registers; fewer, more threads and more to add up across warps.
constexpr int kHeld = 3;
constexpr int kMostWarps = 16;
// Of a block, where a row needs fewer.
constexpr int kWarps = 4;
using Partial = float[kMostWarps];

/// `warps` neighbouring warps of a block take a row of vectors of n, each of their threads up to kHeld of them.
struct RowGrid {
    std::int64_t rows, width;
    int warps, rows_of_block;

    RowGrid(std::int64_t of_rows, std::int64_t of_width, int n)
        : rows(of_rows),
          width(of_width),
          warps(static_cast<int>(divideUp(width, std::int64_t{kHeld} * n * simt::kWarp))),
          rows_of_block(simt::greater(1, kWarps / warps)) {}

    [[nodiscard]] bool fits() const { return warps <= kMostWarps; }
    [[nodiscard]] simt::Shape shape() const {
        return {{divideUp(rows, rows_of_block)}, warps * rows_of_block * simt::kWarp};
    }
};

/// What of its row a thread takes.
template <int n>
struct RowPlace {
    int first_warp;    // of the row
    int row;           // in the last block it may be none
    int column, step;  // of the first vector, and on to the next
    int width;         // 0 where there is no such row

    SIMT_DEVICE explicit RowPlace(const RowGrid& grid) {
        const int in_block = simt::warp() / grid.warps;
        first_warp = in_block * grid.warps;
        row = simt::blockX() * grid.rows_of_block + in_block;
        column = (simt::threadIndex() - first_warp * simt::kWarp) * n;
        step = grid.warps * simt::kWarp * n;
        width = row < grid.rows ? static_cast<int>(grid.width) : 0;
    }

    /// Calls work(k, column of the k-th vector).
    template <class Work>
    SIMT_DEVICE void each(const Work& work) const {
        SIMT_UNROLL
        for (int k = 0; k < kHeld; ++k) {
            if (column + k * step < width) work(k, column + k * step);
        }
    }

    /// 1 / sqrt(mean(v²) + eps) over the row; v is 0 where there is no vector. All threads of the block call it, once.
    SIMT_DEVICE float scale(const RowGrid& grid, float eps, const float (&v)[kHeld][n], Partial& partial) const {
        float squares = 0;
        SIMT_UNROLL
        for (int k = 0; k < kHeld; ++k) {
            SIMT_UNROLL
            for (int j = 0; j < n; ++j) squares += v[k][j] * v[k][j];
        }
        squares = simt::warpSum(squares);
        if (grid.warps > 1) {
            if (simt::lane() == 0) partial[simt::warp()] = squares;
            simt::syncBlock();
            squares = 0;
            for (int i = 0; i < grid.warps; ++i) squares += partial[first_warp + i];
        }
        return simt::fastReciprocalSqrt(squares * simt::fastReciprocal(static_cast<float>(grid.width)) + eps);
    }
};

template <class T>
struct AddNormParams {
    RowGrid grid;
    float* residual;
    const T* delta;
    const float* weight;
    float eps;
    T* out;
};

template <class T, int n>
SIMT_KERNEL(kMostWarps* simt::kWarp, 2)
void addRmsNormKernel(AddNormParams<T> p) {
    SIMT_SHARED(Partial, partial);
    const RowPlace<n> place(p.grid);
    float* residual = p.residual + place.row * p.grid.width;
    float v[kHeld][n] = {};
    place.each([&](int k, int i) { load(residual + i, v[k]); });
    if (p.delta) {
        const T* from = p.delta + place.row * p.grid.width;
        Packed<T, n> delta[kHeld];
        place.each([&](int k, int i) { delta[k] = simt::loadAs<Packed<T, n>>(from + i); });
        place.each([&](int k, int i) {
            float d[n];
            unpack<T>(delta[k], d);
            SIMT_UNROLL
            for (int j = 0; j < n; ++j) v[k][j] += d[j];
            store(residual + i, v[k]);
        });
    }
    float weight[kHeld][n];  // asked for before the sum, which waits
    place.each([&](int k, int i) { load(p.weight + i, weight[k]); });
    const float scale = place.scale(p.grid, p.eps, v, partial);
    T* out = p.out + place.row * p.grid.width;
    place.each([&](int k, int i) {
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) v[k][j] *= scale * weight[k][j];
        store(out + i, v[k]);
    });
}

template <class T>
struct GatedNormParams {
    RowGrid grid;  // of parts of rows
    int groups;
    T* y;
    const T* z;
    std::int64_t z_stride;
    const float* weight;
    float eps;
};

template <class T, int n>
SIMT_KERNEL(kMostWarps* simt::kWarp, 2)
void gatedRmsNormKernel(GatedNormParams<T> p) {
    SIMT_SHARED(Partial, partial);
    const RowPlace<n> place(p.grid);
    const auto part = static_cast<unsigned>(place.row);
    const auto groups = static_cast<unsigned>(p.groups);
    const std::int64_t first = part % groups * p.grid.width;
    T* y = p.y + place.row * p.grid.width;
    const T* z = p.z + part / groups * p.z_stride + first;
    Packed<T, n> in[kHeld];
    Packed<T, n> gate[kHeld];
    place.each([&](int k, int i) {
        in[k] = simt::loadAs<Packed<T, n>>(y + i);
        gate[k] = simt::loadAs<Packed<T, n>>(z + i);
    });
    float v[kHeld][n] = {};
    place.each([&](int k, int) {
        float g[n];
        unpack<T>(in[k], v[k]);
        unpack<T>(gate[k], g);
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) v[k][j] *= silu(g[j]);
    });
    const float scale = place.scale(p.grid, p.eps, v, partial);
    place.each([&](int k, int i) {
        float weight[n];
        load(p.weight + first + i, weight);
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) v[k][j] *= scale * weight[j];
        store(y + i, v[k]);
    });
}

// Any row, by a block -------------------------------------------------------------------------------------------------

constexpr int kThreads = 256;
using AnyPartial = float[kThreads / simt::kWarp];

template <class T>
SIMT_KERNEL(kThreads)
void addRmsNormAnyKernel(AddNormParams<T> p) {
    SIMT_SHARED(AnyPartial, partial);
    const std::int64_t row = simt::blockX() * p.grid.width;
    const auto again = [&](std::int64_t i, float(&v)[1]) { v[0] = p.residual[row + i]; };
    const auto first = [&](std::int64_t i, float(&v)[1]) {
        again(i, v);
        if (p.delta) p.residual[row + i] = v[0] += toFloat(p.delta[row + i]);
    };
    normalizeRow<kThreads, 1>(p.grid.width, p.eps, partial, first, again,
                              [&](std::int64_t i, float(&v)[1]) { p.out[row + i] = fromFloat<T>(v[0] * p.weight[i]); });
}

template <class T>
SIMT_KERNEL(kThreads)
void gatedRmsNormAnyKernel(GatedNormParams<T> p) {
    SIMT_SHARED(AnyPartial, partial);
    const std::int64_t column = simt::blockX() % p.groups * p.grid.width;
    T* y = p.y + simt::blockX() * p.grid.width;
    const T* z = p.z + simt::blockX() / p.groups * p.z_stride + column;
    const auto gated = [&](std::int64_t i, float(&v)[1]) { v[0] = toFloat(y[i]) * silu(toFloat(z[i])); };
    normalizeRow<kThreads, 1>(p.grid.width, p.eps, partial, gated, gated,
                              [&](std::int64_t i, float(&v)[1]) { y[i] = fromFloat<T>(v[0] * p.weight[column + i]); });
}

// Without weights, some columns of a wider row: FalconMamba's δ, B and C ---------------------------------------------

template <class T>
struct PlainNormParams {
    std::int64_t rows, width;
    T* x;
    std::int64_t x_stride;
    float divisor, eps;
};

/// A warp a row: these are some ten to some hundred columns, which may begin anywhere.
template <class T>
SIMT_KERNEL(kWarps* simt::kWarp)
void plainRmsNormKernel(PlainNormParams<T> p) {
    const std::int64_t row = static_cast<std::int64_t>(simt::blockX()) * kWarps + simt::warp();
    if (row >= p.rows) return;
    T* x = p.x + row * p.x_stride;
    float squares = 0;
    for (std::int64_t i = simt::lane(); i < p.width; i += simt::kWarp) squares += toFloat(x[i]) * toFloat(x[i]);
    const float scale = 1.0F / std::sqrt(simt::warpSum(squares) / p.divisor + p.eps);
    for (std::int64_t i = simt::lane(); i < p.width; i += simt::kWarp) x[i] = fromFloat<T>(toFloat(x[i]) * scale);
}

}  // namespace

void plainRmsNorm(void* stream, const PlainRmsNormOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.x.type, [&]<class T>() {
        simt::launch(stream, {{divideUp(op.rows, std::int64_t{kWarps})}, kWarps * simt::kWarp}, plainRmsNormKernel<T>,
                     PlainNormParams<T>{op.rows, op.width, pointer<T>(op.x), op.x_stride,
                                        static_cast<float>(op.divisor), op.eps});
    });
}

void addRmsNorm(void* stream, const AddRmsNormOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.out.type, [&]<class T>() {
        assert(!op.delta || op.delta.type == op.out.type);
        constexpr int n = kWidest<float>;  // the residual's
        const RowGrid grid(op.rows, op.width, n);
        const AddNormParams<T> p{grid, op.residual, pointer<T>(op.delta), op.weight, op.eps, pointer<T>(op.out)};
        if (op.width % n == 0 && grid.fits() && aligned(n * sizeof(float), op.residual, op.weight) &&
            aligned(n * sizeof(T), p.delta, p.out)) {
            simt::launch(stream, grid.shape(), addRmsNormKernel<T, n>, p);
        } else {
            simt::launch(stream, {{op.rows}, kThreads}, addRmsNormAnyKernel<T>, p);
        }
    });
}

void gatedRmsNorm(void* stream, const GatedRmsNormOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.y.type, [&]<class T>() {
        assert(op.z.type == op.y.type && op.width % op.groups == 0);
        constexpr int n = kWidest<T>;
        const RowGrid grid(op.rows * op.groups, op.width / op.groups, n);
        const GatedNormParams<T> p{
            grid, static_cast<int>(op.groups), pointer<T>(op.y), pointer<T>(op.z), op.z_stride, op.weight, op.eps};
        if (grid.width % n == 0 && op.z_stride % n == 0 && grid.fits() &&
            aligned(kWidest<float> * sizeof(float), op.weight) && aligned(n * sizeof(T), p.y, p.z)) {
            simt::launch(stream, grid.shape(), gatedRmsNormKernel<T, n>, p);
        } else {
            simt::launch(stream, {{grid.rows}, kThreads}, gatedRmsNormAnyKernel<T>, p);
        }
    });
}

}  // namespace perfmamba::kernels::cuda
