// RMSNorm, with what stands before it in the model fused in:
//   residual += delta;  out = residual / sqrt(mean(residual²) + eps) · weight      (M, D), residual in float
//   y = RMSNorm over each of G parts of (y · silu(z)) · weight                     (M, Di), z with a row stride
//
// A block takes a row (or a part of one), keeps it in registers between the two passes over it, and adds the squares up
// in float by warps, then across them. Each number is read and written once: the floor is bytes over bandwidth,
// (8 + 2·size) a column for the first (float residual in and out, delta in, out), 3·size for the second.
#include "kernels/cuda/ops/row_norm.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kThreads = 256;
using Partial = float[kThreads / simt::kWarp];

template <class T>
struct AddNormParams {
    std::int64_t width;
    float* residual;
    const T* delta;
    const float* weight;
    float eps;
    T* out;
};

template <class T, int n>
SIMT_KERNEL(kThreads)
void addRmsNormKernel(AddNormParams<T> p) {
    SIMT_SHARED(Partial, partial);
    const std::int64_t row = simt::blockX() * p.width;
    const auto again = [&](std::int64_t i, float(&v)[n]) { load(p.residual + row + i, v); };
    const auto first = [&](std::int64_t i, float(&v)[n]) {
        load(p.residual + row + i, v);
        if (!p.delta) return;
        float delta[n];
        load(p.delta + row + i, delta);
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) v[j] += delta[j];
        store(p.residual + row + i, v);
    };
    normalizeRow<kThreads, n>(p.width, p.eps, partial, first, again, [&](std::int64_t i, float(&v)[n]) {
        float weight[n];
        load(p.weight + i, weight);
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) v[j] *= weight[j];
        store(p.out + row + i, v);
    });
}

template <class T>
struct GatedNormParams {
    std::int64_t width;  // of a group
    int groups;
    T* y;
    const T* z;
    std::int64_t z_stride;
    const float* weight;
    float eps;
};

template <class T, int n>
SIMT_KERNEL(kThreads)
void gatedRmsNormKernel(GatedNormParams<T> p) {
    SIMT_SHARED(Partial, partial);
    const std::int64_t row = simt::blockX() / p.groups;
    const std::int64_t column = simt::blockX() % p.groups * p.width;
    T* y = p.y + row * p.width * p.groups + column;
    const T* z = p.z + row * p.z_stride + column;
    const auto gated = [&](std::int64_t i, float(&v)[n]) {
        float gate[n];
        load(y + i, v);
        load(z + i, gate);
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) v[j] *= silu(gate[j]);
    };
    normalizeRow<kThreads, n>(p.width, p.eps, partial, gated, gated, [&](std::int64_t i, float(&v)[n]) {
        float weight[n];
        load(p.weight + column + i, weight);
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) v[j] *= weight[j];
        store(y + i, v);
    });
}

// Four columns a thread: 16 bytes of the float residual.
constexpr int kVector = 4;

}  // namespace

void addRmsNorm(void* stream, const AddRmsNormOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.out.type, [&]<class T>() {
        assert(!op.delta || op.delta.type == op.out.type);
        const AddNormParams<T> params{op.width,  op.residual, pointer<T>(op.delta),
                                      op.weight, op.eps,      pointer<T>(op.out)};
        const bool vectors = op.width % kVector == 0 && aligned(kVector * sizeof(float), op.residual, op.weight) &&
                             aligned(kVector * sizeof(T), params.delta, params.out);
        simt::launch(stream, {{op.rows}, kThreads}, vectors ? addRmsNormKernel<T, kVector> : addRmsNormKernel<T, 1>,
                     params);
    });
}

void gatedRmsNorm(void* stream, const GatedRmsNormOp& op) {
    if (op.rows == 0 || op.width == 0) return;
    withType(op.y.type, [&]<class T>() {
        assert(op.z.type == op.y.type && op.width % op.groups == 0);
        const GatedNormParams<T> params{op.width / op.groups,
                                        static_cast<int>(op.groups),
                                        pointer<T>(op.y),
                                        pointer<T>(op.z),
                                        op.z_stride,
                                        op.weight,
                                        op.eps};
        const bool vectors = params.width % kVector == 0 && op.z_stride % kVector == 0 &&
                             aligned(kVector * sizeof(float), op.weight) &&
                             aligned(kVector * sizeof(T), params.y, params.z);
        simt::launch(stream, {{op.rows * op.groups}, kThreads},
                     vectors ? gatedRmsNormKernel<T, kVector> : gatedRmsNormKernel<T, 1>, params);
    });
}

}  // namespace perfmamba::kernels::cuda
