// One token of the SSD: h = exp(Δ·A)·h + Δ·x ⊗ B, y = C·h + D·x, with Δ = clamp(softplus(dt + dt_bias)).
//   x (B, H, P), B and C (B, G, N), dt (B, H), each with a row stride; h (B, H, P, N); y (B, H, P) with a row stride
//
// Bound by the state, 8·P·N·H bytes a sequence over the bandwidth, read and written once. A block takes 16 channels of
// a head; B and C lie in shared memory as floats.
#include "kernels/cuda/ops/skip.h"
#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/ops/step_rows.h"

namespace perfmamba::kernels::cuda {
namespace {

using Inputs = float[kStepRows];

template <class T, int v>
SIMT_KERNEL(kStepThreads)
void ssdStepKernel(SsdParams<T> p) {
    SIMT_SHARED(Inputs, dx);
    auto* B = reinterpret_cast<float*>(simt::dynamicShared());
    float* C = B + p.at.states;
    const std::int64_t first_p = static_cast<std::int64_t>(simt::blockX()) * kStepRows;
    const std::int64_t head = simt::blockY();
    const std::int64_t b = simt::blockZ();
    const std::int64_t row = b * p.xbc_stride;
    const std::int64_t channel = head * p.at.head_dim + first_p;
    const int rows = static_cast<int>(simt::lesser<std::int64_t>(kStepRows, p.at.head_dim - first_p));
    const float delta = stepOf(toFloat(p.dt[b * p.dt_stride + head]), p.dt_bias[head], p.dt_min, p.dt_max);

    const std::int64_t bc = row + head / p.at.headsOfGroup() * p.at.states;
    for (std::int64_t n = simt::threadIndex(); n < p.at.states; n += kStepThreads) {
        B[n] = toFloat(p.B[bc + n]);
        C[n] = toFloat(p.C[bc + n]);
    }
    if (simt::threadIndex() < rows) dx[simt::threadIndex()] = delta * toFloat(p.x[row + channel + simt::threadIndex()]);
    simt::syncBlock();

    float* h = p.h + (b * p.at.heads * p.at.head_dim + channel) * p.at.states;
    stepRows<v>(h, rows, p.at.states, std::exp(delta * p.A[head]), B, C, dx, [&](int i, float y) {
        const float x = toFloat(p.x[row + channel + i]);
        p.y[b * p.y_stride + channel + i] = fromFloat<T>(y + p.D[channel + i] * x);
    });
}

}  // namespace

void ssdDirect(void* stream, const SsdOp& op) {
    assert(!ssdHasStages(op));
    const std::int64_t width = op.heads * op.head_dim;
    if (op.batch == 0 || op.length == 0 || width == 0) return;
    withType(op.x.type, [&]<class T>() {
        const SsdParams<T> p = ssdParams<T>(op);
        if (op.states == 0) {
            return skip(stream, op.batch * op.length,
                        SkipParams<T>{width, p.x, p.xbc_stride, p.D, nullptr, 0, p.y, p.y_stride});
        }
        const simt::Shape shape{{divideUp(op.head_dim, kStepRows), op.heads, op.batch},
                                kStepThreads,
                                2 * op.states * static_cast<std::int64_t>(sizeof(float))};
        const bool vectors = op.states % 4 == 0 && aligned(4 * sizeof(float), op.h);
        simt::launch(stream, shape, vectors ? ssdStepKernel<T, 4> : ssdStepKernel<T, 1>, p);
    });
}

}  // namespace perfmamba::kernels::cuda
