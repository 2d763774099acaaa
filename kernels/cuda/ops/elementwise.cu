// The operations without a sum: each thread takes a vector of neighbouring columns of a row.
//   embed        out = table[token]                    (M, D), out in float
//   convert      to = from, in another type            (M, D)
//   maskColumns  x = 0 where the column's flag is 0    (M, D)
//   gate         y *= silu(z)                          (M, Di)
//   skip         y = D · x, gated where there is a z   (M, Di): a scan without states
//
// Nothing to share and nothing to keep: 16 bytes a thread where rows and pointers allow it, one element otherwise. The
// floor is the bytes over the bandwidth.
#include "kernels/cuda/ops/skip.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kThreads = 128;

/// The row and the first column of this thread; a row past the grid's columns is left out by the caller.
template <int n>
SIMT_DEVICE std::int64_t ownColumn() {
    return (static_cast<std::int64_t>(simt::blockY()) * kThreads + simt::threadIndex()) * n;
}
simt::Shape shapeOf(std::int64_t rows, std::int64_t width, int n) {
    return {{rows, divideUp(width, std::int64_t{kThreads} * n)}, kThreads};
}

template <class T>
struct EmbedParams {
    std::int64_t width;
    const std::int32_t* tokens;
    const T* table;
    float* out;
};

template <class T, int n>
SIMT_KERNEL(kThreads)
void embedKernel(EmbedParams<T> p) {
    const std::int64_t row = simt::blockX();
    const std::int64_t column = ownColumn<n>();
    if (column >= p.width) return;
    float values[n];
    load(p.table + p.tokens[row] * p.width + column, values);
    store(p.out + row * p.width + column, values);
}

template <class From, class To>
struct ConvertParams {
    std::int64_t width;
    const From* from;
    std::int64_t from_stride;
    To* to;
    std::int64_t to_stride;
};

template <class From, class To, int n>
SIMT_KERNEL(kThreads)
void convertKernel(ConvertParams<From, To> p) {
    const std::int64_t row = simt::blockX();
    const std::int64_t column = ownColumn<n>();
    if (column >= p.width) return;
    float values[n];
    load(p.from + row * p.from_stride + column, values);
    store(p.to + row * p.to_stride + column, values);
}

template <class T>
struct MaskParams {
    std::int64_t width;
    T* x;
    std::int64_t x_stride;
    const std::uint8_t* keep;
};

template <class T>
SIMT_KERNEL(kThreads)
void maskColumnsKernel(MaskParams<T> p) {
    const std::int64_t column = ownColumn<1>();
    if (column < p.width && !p.keep[column]) p.x[simt::blockX() * p.x_stride + column] = fromFloat<T>(0.0F);
}

template <class T>
struct GateParams {
    std::int64_t width;
    T* y;
    const T* z;
    std::int64_t z_stride;
};

template <class T, int n>
SIMT_KERNEL(kThreads)
void gateKernel(GateParams<T> p) {
    const std::int64_t row = simt::blockX();
    const std::int64_t column = ownColumn<n>();
    if (column >= p.width) return;
    float y[n];
    float z[n];
    load(p.y + row * p.width + column, y);
    load(p.z + row * p.z_stride + column, z);
    SIMT_UNROLL
    for (int j = 0; j < n; ++j) y[j] *= silu(z[j]);
    store(p.y + row * p.width + column, y);
}

template <class T>
SIMT_KERNEL(kThreads)
void skipKernel(SkipParams<T> p) {
    const std::int64_t row = simt::blockX();
    const std::int64_t column = ownColumn<1>();
    if (column >= p.width) return;
    float y = p.D[column] * toFloat(p.x[row * p.x_stride + column]);
    if (p.z) y *= silu(toFloat(p.z[row * p.z_stride + column]));
    p.y[row * p.y_stride + column] = fromFloat<T>(y);
}

}  // namespace

void embed(void* stream, const EmbedOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.table.type, [&]<class T>() {
        const EmbedParams<T> params{op.width, op.tokens, pointer<T>(op.table), op.out};
        if (op.width % 4 == 0 && aligned(4 * sizeof(T), params.table) && aligned(4 * sizeof(float), op.out)) {
            simt::launch(stream, shapeOf(op.rows, op.width, 4), embedKernel<T, 4>, params);
        } else {
            simt::launch(stream, shapeOf(op.rows, op.width, 1), embedKernel<T, 1>, params);
        }
    });
}

void convert(void* stream, const ConvertOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.from.type, [&]<class From>() {
        withType(op.to.type, [&]<class To>() {
            const ConvertParams<From, To> params{op.width, pointer<From>(op.from), op.from_stride, pointer<To>(op.to),
                                                 op.to_stride};
            if (op.width % 4 == 0 && op.from_stride % 4 == 0 && op.to_stride % 4 == 0 &&
                aligned(4 * sizeof(From), params.from) && aligned(4 * sizeof(To), params.to)) {
                simt::launch(stream, shapeOf(op.rows, op.width, 4), convertKernel<From, To, 4>, params);
            } else {
                simt::launch(stream, shapeOf(op.rows, op.width, 1), convertKernel<From, To, 1>, params);
            }
        });
    });
}

void maskColumns(void* stream, const MaskColumnsOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.x.type, [&]<class T>() {
        simt::launch(stream, shapeOf(op.rows, op.width, 1), maskColumnsKernel<T>,
                     MaskParams<T>{op.width, pointer<T>(op.x), op.x_stride, op.keep});
    });
}

void gate(void* stream, const GateOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.y.type, [&]<class T>() {
        assert(op.z.type == op.y.type);
        constexpr int n = kWidest<T>;
        const GateParams<T> params{op.width, pointer<T>(op.y), pointer<T>(op.z), op.z_stride};
        if (op.width % n == 0 && op.z_stride % n == 0 && aligned(n * sizeof(T), params.y, params.z)) {
            simt::launch(stream, shapeOf(op.rows, op.width, n), gateKernel<T, n>, params);
        } else {
            simt::launch(stream, shapeOf(op.rows, op.width, 1), gateKernel<T, 1>, params);
        }
    });
}

template <class T>
void skip(void* stream, std::int64_t rows, const SkipParams<T>& params) {
    simt::launch(stream, shapeOf(rows, params.width, 1), skipKernel<T>, params);
}
template void skip(void*, std::int64_t, const SkipParams<float>&);
template void skip(void*, std::int64_t, const SkipParams<Half>&);
template void skip(void*, std::int64_t, const SkipParams<BFloat16>&);

}  // namespace perfmamba::kernels::cuda
