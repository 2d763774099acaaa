// One token of the selective scan (ops/scan.cu has the recurrence): the SSM update, D, and the gate where there is a z.
// In a decode step of Mamba-1 with what stands before it: dt = dt_weight · low, low being the first columns of x_proj's
// rows, of which B and C are the others.
//
// Bound by the state, which is read and written once, and dt_weight: (8·N + size·R)·Di bytes a sequence over the
// bandwidth. A warp takes 32 neighbouring channels, so that rows of h and A are read whole; four warps divide the
// states among them, and the inputs of the product. One sequence is over before it has begun, so that all a block needs
// is asked for at its start, what the kernels before it make as soon as they have ended.
#include "kernels/cuda/ops/scan.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kParts = 4;         // warps that divide the states
constexpr int kStatesAtOnce = 4;  // of a thread
constexpr int kThreads = kParts * simt::kWarp;
constexpr int kChannelThreads = kThreads / simt::kWarp;  // neighbours that divide a channel's product
constexpr int kVectorsAtOnce = 5;                        // of the product, in a thread
using Sums = float[kParts][simt::kWarp];
using Deltas = float[simt::kWarp];

template <class T>
struct StepParams {
    ScanParams<T> scan;
    std::int64_t x_stride;
    const T* low;  // row stride that of B and C
    const T* dt_weight;
    int rank;
};

/// A thread's states of one channel, kStatesAtOnce of them, from `first` on, every kParts-th.
template <class T>
struct States {
    float h[kStatesAtOnce], A[kStatesAtOnce], B[kStatesAtOnce], C[kStatesAtOnce];

    SIMT_DEVICE void readStates(const ScanParams<T>& p, std::int64_t b, std::int64_t d, int first) {
        SIMT_UNROLL
        for (int i = 0; i < kStatesAtOnce; ++i) {
            const int n = first + i * kParts;
            const bool exists = n < p.states;
            h[i] = exists ? p.h[(b * p.states + n) * p.channels + d] : 0.0F;
            A[i] = exists ? p.A[n * p.channels + d] : 0.0F;
        }
    }
    SIMT_DEVICE void readInputs(const ScanParams<T>& p, std::int64_t b, int first) {
        SIMT_UNROLL
        for (int i = 0; i < kStatesAtOnce; ++i) {
            const int n = first + i * kParts;
            const bool exists = n < p.states;
            B[i] = exists ? toFloat(p.B[b * p.bc_stride + n]) : 0.0F;
            C[i] = exists ? toFloat(p.C[b * p.bc_stride + n]) : 0.0F;
        }
    }
    /// Returns their share of y.
    SIMT_DEVICE float update(const ScanParams<T>& p, std::int64_t b, std::int64_t d, int first, float delta, float dx) {
        float sum = 0;
        SIMT_UNROLL
        for (int i = 0; i < kStatesAtOnce; ++i) {
            const int n = first + i * kParts;
            h[i] = std::exp(delta * A[i]) * h[i] + B[i] * dx;
            if (n < p.states) p.h[(b * p.states + n) * p.channels + d] = h[i];
            sum += C[i] * h[i];
        }
        return sum;
    }
};

/// The product for the block's channels, in vectors of n inputs.
template <class T, int n>
class DtProduct {
public:
    SIMT_DEVICE DtProduct(const StepParams<T>& params, std::int64_t first_channel)
        : p(params), m_low(reinterpret_cast<float*>(simt::dynamicShared())) {
        const std::int64_t channel =
            simt::lesser<std::int64_t>(first_channel + simt::threadIndex() / kChannelThreads, p.scan.channels - 1);
        m_row = p.dt_weight + channel * p.rank;
        SIMT_UNROLL
        for (int i = 0; i < kVectorsAtOnce; ++i) {
            if (at(i) < p.rank) m_weight[i] = simt::loadAs<Packed<T, n>>(m_row + at(i));
        }
    }
    SIMT_DEVICE void readInputs(std::int64_t b) const {
        for (int k = simt::threadIndex(); k < p.rank; k += kThreads) {
            m_low[k] = toFloat(p.low[b * p.scan.bc_stride + k]);
        }
    }
    /// After readInputs() and a barrier; the same in all threads of a channel.
    [[nodiscard]] SIMT_DEVICE float sum() const {
        float sum = 0;
        SIMT_UNROLL
        for (int i = 0; i < kVectorsAtOnce; ++i) {
            if (at(i) < p.rank) add(m_weight[i], at(i), sum);
        }
        for (int i = kVectorsAtOnce; at(i) < p.rank; ++i) {
            add(simt::loadAs<Packed<T, n>>(m_row + at(i)), at(i), sum);
        }
        SIMT_UNROLL
        for (int mask = kChannelThreads / 2; mask > 0; mask /= 2) sum += simt::shuffleXor(sum, mask);
        return sum;
    }

private:
    [[nodiscard]] SIMT_DEVICE static int at(int i) {
        return (simt::threadIndex() % kChannelThreads + i * kChannelThreads) * n;
    }
    SIMT_DEVICE void add(const Packed<T, n>& weight, int k, float& sum) const {
        float values[n];
        unpack<T>(weight, values);
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) sum += values[j] * m_low[k + j];
    }

    const StepParams<T>& p;
    float* m_low;
    const T* m_row;
    Packed<T, n> m_weight[kVectorsAtOnce] = {};
};

constexpr int kNoProduct = 0;
struct NoProduct {
    template <class Params>
    SIMT_DEVICE NoProduct(const Params& /*step*/, std::int64_t /*first_channel*/) {}
};

template <class T, int n>
SIMT_KERNEL(kThreads)
void scanStepKernel(StepParams<T> step) {
    SIMT_SHARED(Sums, sums);
    SIMT_SHARED(Deltas, deltas);
    const ScanParams<T>& p = step.scan;
    const std::int64_t b = simt::blockY();
    const std::int64_t first_channel = static_cast<std::int64_t>(simt::blockX()) * simt::kWarp;
    const bool inside = first_channel + simt::lane() < p.channels;
    const std::int64_t d = inside ? first_channel + simt::lane() : p.channels - 1;
    simt::letNextBegin();
    States<T> states;
    states.readStates(p, b, d, simt::warp());
    const float bias = p.dt_bias ? p.dt_bias[d] : 0.0F;
    const float D = p.D[d];
    const std::conditional_t<n == kNoProduct, NoProduct, DtProduct<T, n>> product(step, first_channel);
    simt::awaitKernelsBefore();
    states.readInputs(p, b, simt::warp());
    const float x = toFloat(p.x[b * step.x_stride + d]);
    const float z = p.z ? toFloat(p.z[b * p.z_stride + d]) : 0.0F;
    float dt = 0;
    if constexpr (n == kNoProduct) {
        dt = toFloat(p.dt[b * p.channels + d]);
    } else {
        product.readInputs(b);
        simt::syncBlock();
        const float sum = product.sum();
        if (simt::threadIndex() % kChannelThreads == 0) deltas[simt::threadIndex() / kChannelThreads] = sum;
        simt::syncBlock();
        dt = deltas[simt::lane()];
    }
    const float delta = softplus(dt + bias);

    float sum = 0;
    if (inside) {
        for (int n_first = simt::warp(); n_first < p.states; n_first += kParts * kStatesAtOnce) {
            if (n_first != simt::warp()) {
                states.readStates(p, b, d, n_first);
                states.readInputs(p, b, n_first);
            }
            sum += states.update(p, b, d, n_first, delta, delta * x);
        }
    }
    sums[simt::warp()][simt::lane()] = sum;
    simt::syncBlock();
    if (simt::warp() > 0 || !inside) return;
    float total = D * x;
    SIMT_UNROLL
    for (int i = 0; i < kParts; ++i) total += sums[i][simt::lane()];
    p.y[b * p.channels + d] = fromFloat<T>(p.z ? total * silu(z) : total);
}

}  // namespace

template <class T>
void scanStep(void* stream, std::int64_t batch, const ScanParams<T>& params) {
    simt::launch(stream, {{divideUp(params.channels, simt::kWarp), batch}, kThreads, 0, true},
                 scanStepKernel<T, kNoProduct>, StepParams<T>{params, params.channels, nullptr, nullptr, 0});
}
template void scanStep(void*, std::int64_t, const ScanParams<float>&);
template void scanStep(void*, std::int64_t, const ScanParams<Half>&);
template void scanStep(void*, std::int64_t, const ScanParams<BFloat16>&);

void mamba1Step(void* stream, const Mamba1StepOp& op) {
    assert(op.scan.length == 1);
    if (op.scan.batch == 0 || op.scan.channels == 0) return;
    withType(op.scan.x.type, [&]<class T>() {
        assert(op.low.type == op.scan.x.type && op.dt_weight.type == op.scan.x.type);
        SelectiveScanOp scan = op.scan;
        scan.dt = {nullptr, scan.x.type};
        const StepParams<T> p{scanParams<T>(scan), op.x_stride, pointer<T>(op.low), pointer<T>(op.dt_weight),
                              static_cast<int>(op.rank)};
        const bool vectors = op.rank % kWidest<T> == 0 && aligned(16, p.dt_weight);
        simt::launch(stream,
                     {{divideUp(op.scan.channels, simt::kWarp), op.scan.batch},
                      kThreads,
                      op.rank * static_cast<std::int64_t>(sizeof(float)),
                      true},
                     vectors ? scanStepKernel<T, kWidest<T>> : scanStepKernel<T, 1>, p);
    });
}

}  // namespace perfmamba::kernels::cuda
