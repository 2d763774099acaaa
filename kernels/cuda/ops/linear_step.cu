// A product for few rows of activations, y (M, N) = x (M, K) · weight (N, K)ᵀ, with its neighbours in a decode step:
//   before it  x = x / sqrt(mean(x²) + eps) · norm_weight, the mean over each of G parts of a row
//   after it   y + bias;  y = silu(conv(state, y)) for channels of a convolution;  what was there + y
//
// Bound by the weight, N·K·size bytes over the bandwidth, which takes as many loads under way as the device holds:
// 4.3 TB/s times 0.7 µs are 23 KB a multiprocessor. A warp takes R rows of the weight, its lanes vectors of 16 bytes,
// and asks for several vectors of each row, into shared memory, before it waits for x. Every block keeps all of x,
// times norm_weight, in shared memory, too. The norm's other factor is the same for a whole row: it is worked out while
// the weight is on its way, and the lane that has an output's sum multiplies with it, so that nothing waits for the
// norm; with several groups it cannot, and the block reads x twice. Where outputs are few, several warps take the same
// rows of the weight, and a part of the inputs each. The lane that has a sum also has its channel of the convolution,
// whose state nobody else touches.
#include "kernels/cuda/ops/linear_step.h"

namespace perfmamba::kernels::cuda {
namespace {

template <bool normed, class Tile, class T, class X, class Y>
void start(void* stream, const LinearStepParams<T, X, Y>& p) {
    simt::launch(stream,
                 {{divideUp(p.outputs, Tile::R * Tile::teams), divideUp(p.rows, Tile::M)},
                  Tile::threads,
                  linearSharedBytes<LinearInput<T, normed>, Tile>(p.inputs, p.groups),
                  true},
                 linearStepKernel<T, X, Y, normed, Tile>, p);
}

template <bool normed, class Tile, class T, class X, class Y>
bool fits(const LinearStepParams<T, X, Y>& p) {
    constexpr std::int64_t kVariables = 2 << 10;  // the kernel's own
    return linearSharedBytes<LinearInput<T, normed>, Tile>(p.inputs, p.groups) + kVariables <= simt::limits().shared;
}

/// Few outputs have several warps at each, so that all multiprocessors have some. Otherwise a large block, since every
/// block reads all of x. The tiles are the fastest of a dozen on an H200 at the sizes of 130m and 2.7b models.
template <bool normed, int M, class T, class X, class Y>
void startRows(void* stream, const LinearStepParams<T, X, Y>& p) {
    constexpr int n = kWidest<T>;
    using Large = LinearTile<n, M, 4, 8, 1, 3>;
    if (p.outputs < 2048) return start<normed, LinearTile<n, M, 4, 4, 4, 3>>(stream, p);
    if (fits<normed, Large>(p)) return start<normed, Large>(stream, p);
    start<normed, LinearTile<n, M, 4, 4, 1, 3>>(stream, p);
}
template <bool normed, class T, class X, class Y>
void startRow(void* stream, const LinearStepParams<T, X, Y>& p) {
    constexpr int n = kWidest<T>;
    using Quarters = LinearTile<n, 1, 4, 8, 4, 4>;
    using Long = LinearTile<n, 1, 2, 8, 1, 4>;
    using Short = LinearTile<n, 1, 4, 8, 1, 3>;
    if (p.outputs < 512) return start<normed, LinearTile<n, 1, 1, 8, 8, 4>>(stream, p);
    if (p.outputs < 3000 && fits<normed, Quarters>(p)) return start<normed, Quarters>(stream, p);
    if (p.inputs > 1024 && fits<normed, Long>(p)) return start<normed, Long>(stream, p);
    if (p.inputs <= 1024 && fits<normed, Short>(p)) return start<normed, Short>(stream, p);
    start<normed, LinearTile<n, 1, 2, 8, 1, 3>>(stream, p);
}

template <bool normed, class T, class X, class Y>
void choose(void* stream, const LinearStepParams<T, X, Y>& p) {
    constexpr int n = kWidest<T>;
    const bool vectors = p.inputs % n == 0 && p.norm_width % n == 0 && p.x_stride % kWidest<X> == 0 &&
                         aligned(16, p.weight, p.x, p.norm_weight);
    if (!vectors) return start<normed, LinearTile<1, 1, 1, 4, 1, 1>>(stream, p);
    if (p.rows > 4) return startRows<normed, 8>(stream, p);
    if (p.rows > 2) return startRows<normed, 4>(stream, p);
    if (p.rows > 1) return startRows<normed, 2>(stream, p);
    startRow<normed>(stream, p);
}

template <bool normed, class T, class X, class Y>
void start(void* stream, const LinearStepOp& op) {
    const LinearStepParams<T, X, Y> p{static_cast<int>(op.inputs),
                                      static_cast<int>(op.outputs),
                                      static_cast<int>(op.rows),
                                      pointer<X>(op.x),
                                      op.x_stride,
                                      op.norm_weight,
                                      static_cast<int>(op.groups),
                                      static_cast<int>(op.inputs / op.groups),
                                      static_cast<float>(op.groups) / static_cast<float>(op.inputs),
                                      op.eps,
                                      pointer<T>(op.weight),
                                      op.bias,
                                      pointer<Y>(op.y),
                                      op.accumulate,
                                      static_cast<int>(op.conv_first),
                                      static_cast<int>(op.conv_channels),
                                      static_cast<int>(op.conv_kernel),
                                      op.conv_weight,
                                      op.conv_bias,
                                      op.conv_state};
    choose<normed>(stream, p);
}

template <bool normed, class T, class X>
void startFor(void* stream, const LinearStepOp& op) {
    assert(op.y.type == op.weight.type || op.y.type == DType::F32);
    if (op.y.type == op.weight.type) return start<normed, T, X, T>(stream, op);
    start<normed, T, X, float>(stream, op);
}

}  // namespace

bool suitsLinearStep(std::int64_t rows, std::int64_t inputs, DType type) {
    // Half of the shared memory that the smallest of devices has: the rest is for what is under way of the weight.
    constexpr std::int64_t kMostBytes = 32 << 10;
    constexpr std::int64_t kMostRows = 8;
    const std::int64_t padded = rows > 4 ? 8 : rows > 2 ? 4 : rows;
    const std::size_t size = type == DType::F16 ? sizeof(float) : sizeOf(type);  // LinearInput
    return rows <= kMostRows && padded * inputs * static_cast<std::int64_t>(size) <= kMostBytes;
}

void linearStep(void* stream, const LinearStepOp& op) {
    if (op.rows == 0 || op.outputs == 0) return;
    withType(op.weight.type, [&]<class T>() {
        if (op.norm_weight) {
            assert(op.x.type == DType::F32 && op.inputs % op.groups == 0);
            startFor<true, T, float>(stream, op);
        } else {
            assert(op.x.type == op.weight.type && op.groups == 1);
            startFor<false, T, T>(stream, op);
        }
    });
}

}  // namespace perfmamba::kernels::cuda
