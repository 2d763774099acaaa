// One token of the selective scan (ops/scan.cu has the recurrence): the SSM update, D, and the gate where there is a z.
//
// Bound by the state, which is read and written once: 8·N·Di bytes a sequence over the bandwidth. A warp takes 32
// neighbouring channels, so that rows of h and A are read whole; four warps divide the states among them, and several
// states are under way in each, so that one sequence keeps many accesses in flight.
#include "kernels/cuda/ops/scan.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kParts = 4;         // warps that divide the states
constexpr int kStatesAtOnce = 4;  // of a thread
constexpr int kThreads = kParts * simt::kWarp;
using Sums = float[kParts][simt::kWarp];

template <class T>
SIMT_KERNEL(kThreads)
void scanStepKernel(ScanParams<T> p) {
    SIMT_SHARED(Sums, sums);
    const std::int64_t b = simt::blockY();
    const std::int64_t d = static_cast<std::int64_t>(simt::blockX()) * simt::kWarp + simt::lane();
    const bool inside = d < p.channels;
    float sum = 0;
    if (inside) {
        const float delta = softplus(toFloat(p.dt[b * p.channels + d]) + (p.dt_bias ? p.dt_bias[d] : 0.0F));
        const float dx = delta * toFloat(p.x[b * p.channels + d]);
        float* h_column = p.h + b * p.states * p.channels + d;
        for (std::int64_t first = simt::warp(); first < p.states; first += kParts * kStatesAtOnce) {
            float h[kStatesAtOnce] = {};
            float A[kStatesAtOnce] = {};
            SIMT_UNROLL
            for (int i = 0; i < kStatesAtOnce; ++i) {
                const std::int64_t n = first + i * kParts;
                if (n >= p.states) continue;
                h[i] = h_column[n * p.channels];
                A[i] = p.A[n * p.channels + d];
            }
            SIMT_UNROLL
            for (int i = 0; i < kStatesAtOnce; ++i) {
                const std::int64_t n = first + i * kParts;
                if (n >= p.states) continue;
                h[i] = std::exp(delta * A[i]) * h[i] + toFloat(p.B[b * p.bc_stride + n]) * dx;
                h_column[n * p.channels] = h[i];
                sum += toFloat(p.C[b * p.bc_stride + n]) * h[i];
            }
        }
    }
    sums[simt::warp()][simt::lane()] = sum;
    simt::syncBlock();
    if (simt::warp() > 0 || !inside) return;
    float total = 0;
    SIMT_UNROLL
    for (int i = 0; i < kParts; ++i) total += sums[i][simt::lane()];
    p.y[b * p.channels + d] = fromFloat<T>(finishScan(p, b, d, total));
}

}  // namespace

template <class T>
void scanStep(void* stream, std::int64_t batch, const ScanParams<T>& params) {
    simt::launch(stream, {{divideUp(params.channels, simt::kWarp), batch}, kThreads}, scanStepKernel<T>, params);
}
template void scanStep(void*, std::int64_t, const ScanParams<float>&);
template void scanStep(void*, std::int64_t, const ScanParams<Half>&);
template void scanStep(void*, std::int64_t, const ScanParams<BFloat16>&);

}  // namespace perfmamba::kernels::cuda
