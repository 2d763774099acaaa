// One token of the SSD: h = exp(Δ·A)·h + Δ·x ⊗ B, y = C·h + D·x, with Δ = clamp(softplus(dt + dt_bias)); y · silu(z)
// in float where there is a z.
//   x (B, H, P), B and C (B, G, N), dt (B, H), z (B, H, P), each with a row stride; h (B, H, P, N); y (B, H, P) with a
//   row stride
//
// Bound by the state, 8·P·N·H bytes a sequence over the bandwidth, read and written once. A block takes 16 channels of
// a head; B and C lie in shared memory as floats. One sequence is over before it has begun, so that all a block needs
// is asked for at its start, what the kernels before it make as soon as they have ended.
#include "kernels/cuda/ops/skip.h"
#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/ops/warp_sums.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kRows = 16;  // channels of a block: enough blocks for one sequence
constexpr int kThreads = 128;
constexpr int kWarps = kThreads / simt::kWarp;
constexpr int kOwn = kRows / kWarps;  // channels of a warp: every fourth

/// What a channel's sum needs besides the states.
struct Channel {
    float dx, skip, gate;  // Δ·x, D·x, silu(z)
};
using Channels = Channel[kRows];

template <class T, class Y>
struct StepParams {
    SsdParams<T> ssd;
    const T* z;
    std::int64_t z_stride;
    Y* y;
};

/// The states [n, n + v) of a warp's channels.
template <int v>
SIMT_DEVICE void loadStates(const float* h, int rows, int states, int n, float (&state)[kOwn][v]) {
    SIMT_UNROLL
    for (int i = 0; i < kOwn; ++i) {
        const int p = simt::warp() + i * kWarps;
        if (p < rows && n < states) load(h + p * states + n, state[i]);
    }
}

template <class T, class Y, int v>
SIMT_KERNEL(kThreads)
void ssdStepKernel(StepParams<T, Y> step) {
    SIMT_SHARED(Channels, channels);
    const SsdParams<T>& p = step.ssd;
    const int states = static_cast<int>(p.at.states);
    auto* B = reinterpret_cast<float*>(simt::dynamicShared());
    float* C = B + states;
    const int first_p = simt::blockX() * kRows;
    const int head = simt::blockY();
    const std::int64_t b = simt::blockZ();
    const std::int64_t row = b * p.xbc_stride;
    const std::int64_t channel = head * p.at.head_dim + first_p;
    const int rows = static_cast<int>(simt::lesser<std::int64_t>(kRows, p.at.head_dim - first_p));

    simt::letNextBegin();
    float* h = p.h + (b * p.at.heads * p.at.head_dim + channel) * states;
    float state[kOwn][v] = {};
    loadStates(h, rows, states, simt::lane() * v, state);
    const float dt_bias = p.dt_bias[head];
    const float A = p.A[head];
    const std::int64_t own = channel + simt::lesser(simt::threadIndex(), rows - 1);
    const float D = p.D[own];
    simt::awaitKernelsBefore();
    const float dt = toFloat(p.dt[b * p.dt_stride + head]);
    const float x = toFloat(p.x[row + own]);
    const float z = step.z ? toFloat(step.z[b * step.z_stride + own]) : 0.0F;
    const std::int64_t bc = row + head / p.at.headsOfGroup() * states;
    for (int n = simt::threadIndex(); n < states; n += kThreads) {
        const float in = toFloat(p.B[bc + n]);
        const float out = toFloat(p.C[bc + n]);
        B[n] = in;
        C[n] = out;
    }
    const float delta = stepOf(dt, dt_bias, p.dt_min, p.dt_max);
    const float decay = std::exp(delta * A);
    if (simt::threadIndex() < rows) {
        channels[simt::threadIndex()] = {delta * x, D * x, step.z ? silu(z) : 1.0F};
    }
    simt::syncBlock();

    float sums[kOwn] = {};
    for (int n = simt::lane() * v; n < states; n += simt::kWarp * v) {
        if (n >= simt::kWarp * v) loadStates(h, rows, states, n, state);
        SIMT_UNROLL
        for (int i = 0; i < kOwn; ++i) {
            const int c = simt::warp() + i * kWarps;
            if (c >= rows) continue;
            SIMT_UNROLL
            for (int j = 0; j < v; ++j) {
                state[i][j] = decay * state[i][j] + B[n + j] * channels[c].dx;
                sums[i] += C[n + j] * state[i][j];
            }
            store(h + c * states + n, state[i]);
        }
    }
    const float sum = warpSums(sums);
    const int c = simt::warp() + simt::lane() * kWarps;
    if (simt::lane() < kOwn && c < rows) {
        step.y[b * p.y_stride + channel + c] = fromFloat<Y>((sum + channels[c].skip) * channels[c].gate);
    }
}

template <class T, class Y>
void start(void* stream, const StepParams<T, Y>& params) {
    const SsdLayout& at = params.ssd.at;
    const simt::Shape shape{{divideUp(at.head_dim, kRows), at.heads, at.batch},
                            kThreads,
                            2 * at.states * static_cast<std::int64_t>(sizeof(float)),
                            true};
    const bool vectors = at.states % 4 == 0 && aligned(4 * sizeof(float), params.ssd.h);
    simt::launch(stream, shape, vectors ? ssdStepKernel<T, Y, 4> : ssdStepKernel<T, Y, 1>, params);
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
        start(stream, StepParams<T, T>{p, nullptr, 0, p.y});
    });
}

void gatedSsdStep(void* stream, const GatedSsdStepOp& op) {
    assert(op.ssd.length == 1);
    if (op.ssd.batch == 0 || op.ssd.heads == 0 || op.ssd.head_dim == 0) return;
    withType(op.ssd.x.type, [&]<class T>() {
        SsdOp ssd = op.ssd;
        ssd.y = {nullptr, ssd.x.type};
        start(stream, StepParams<T, float>{ssdParams<T>(ssd), pointer<T>(op.z), op.z_stride, op.y});
    });
}

}  // namespace perfmamba::kernels::cuda
