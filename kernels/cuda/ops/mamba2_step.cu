// One token of Mamba-2 between its two projections, in one kernel:
//   u = silu(conv(xbc)), split into x (H, P), B (G, N), C (G, N);  masked columns of B and C are 0
//   h = exp(Δ·A)·h + Δ·x ⊗ B;  y = C·h + D·x;  out = RMSNorm over a group's channels of (y·silu(z)) · weight
//   xbc, z, dt: rows of the projection; conv_state (B, K − 1, Di + 2·G·N); h (B, H, P, N); y (B, Di)
//
// Three kernels would spend more on starting than on computing: at one sequence each takes a microsecond or two of
// which little is work. A block takes 16 channels of a head, and works out B and C of its group for itself (2·N·K
// inputs out of the cache). What needs all blocks of a group falls to the one that finishes last, found by counting:
// the norm over the group, and moving on the convolution's state of B and C, which until then all read. No block waits
// for another, and the result does not depend on which is last. Floor: as ops/ssd_step.cu, by the state.
#include "kernels/cuda/ops/row_norm.h"
#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/ops/step_rows.h"

namespace perfmamba::kernels::cuda {
namespace {

using Inputs = float[kStepRows];
using Partial = float[kStepThreads / simt::kWarp];

template <class T>
struct StepParams {
    std::int64_t heads, head_dim, groups, states;
    int kernel;
    const T* xbc;
    const T* z;
    const T* dt;
    std::int64_t stride;
    const float* conv_weight;
    const float* conv_bias;
    float* conv_state;
    const std::uint8_t* keep;
    const float* dt_bias;
    const float* A;
    const float* D;
    float dt_min, dt_max;
    float* h;
    const float* norm_weight;
    float eps;
    T* y;
    int* counters;
};

template <class T, int v>
class StepBlock {
public:
    /// bc: shared, 2·N floats.
    SIMT_DEVICE StepBlock(const StepParams<T>& params, float* bc, Inputs& x, Inputs& dx)
        : p(params),
          m_bc(bc),
          m_x(x),
          m_dx(dx),
          m_b(simt::blockZ()),
          m_head(simt::blockY()),
          m_first_p(static_cast<std::int64_t>(simt::blockX()) * kStepRows),
          m_group(m_head / (p.heads / p.groups)),
          m_width(p.heads * p.head_dim),
          m_conv_width(m_width + 2 * p.groups * p.states),
          m_rows(static_cast<int>(simt::lesser<std::int64_t>(kStepRows, p.head_dim - m_first_p))) {}

    /// The state of 16 channels, and their y.
    SIMT_DEVICE void update() {
        const float delta = stepOf(toFloat(p.dt[m_b * p.stride + m_head]), p.dt_bias[m_head], p.dt_min, p.dt_max);
        const std::int64_t channel = m_head * p.head_dim + m_first_p;
        if (simt::threadIndex() < m_rows) {
            // Rounded as a convolution of its own would leave them.
            const float x = toFloat(fromFloat<T>(convolve(channel + simt::threadIndex())));
            m_x[simt::threadIndex()] = x;
            m_dx[simt::threadIndex()] = delta * x;
            moveOn(channel + simt::threadIndex());
        }
        for (std::int64_t n = simt::threadIndex(); n < 2 * p.states; n += kStepThreads) {
            const std::int64_t column = bcColumn(n);
            const bool kept = !p.keep || p.keep[column];
            m_bc[n] = kept ? toFloat(fromFloat<T>(convolve(m_width + column))) : 0.0F;
        }
        simt::syncBlock();
        float* h = p.h + (m_b * m_width + channel) * p.states;
        stepRows<v>(
            h, m_rows, p.states, std::exp(delta * p.A[m_head]), m_bc, m_bc + p.states, m_dx,
            [&](int i, float y) { p.y[m_b * m_width + channel + i] = fromFloat<T>(y + p.D[channel + i] * m_x[i]); });
    }

    /// Whether all blocks of this sequence and group have come this far; asked by one thread.
    [[nodiscard]] SIMT_DEVICE bool isLast() const {
        const int blocks = static_cast<int>(p.heads / p.groups * divideUp(p.head_dim, kStepRows));
        int* counter = p.counters + m_b * p.groups + m_group;
        if (simt::atomicAdd(counter, 1) != blocks - 1) return false;
        *counter = 0;
        return true;
    }

    /// What is left when all channels of the group are there.
    SIMT_DEVICE void finishGroup(Partial& partial) const {
        for (std::int64_t n = simt::threadIndex(); n < 2 * p.states; n += kStepThreads) moveOn(m_width + bcColumn(n));
        const std::int64_t part = m_width / p.groups;
        const std::int64_t column = m_group * part;
        T* y = p.y + m_b * m_width + column;
        const T* z = p.z + m_b * p.stride + column;
        const auto gated = [&](std::int64_t i, float(&value)[1]) {
            value[0] = toFloat(simt::loadFresh(y + i)) * silu(toFloat(z[i]));
        };
        normalizeRow<kStepThreads, 1>(part, p.eps, partial, gated, gated, [&](std::int64_t i, float(&value)[1]) {
            y[i] = fromFloat<T>(value[0] * p.norm_weight[column + i]);
        });
    }

private:
    /// Among the columns of B and C, all groups' B first: the n-th of this group, its B before its C.
    [[nodiscard]] SIMT_DEVICE std::int64_t bcColumn(std::int64_t n) const {
        return n < p.states ? m_group * p.states + n : (p.groups + m_group - 1) * p.states + n;
    }
    [[nodiscard]] SIMT_DEVICE float* convState(std::int64_t channel) const {
        return p.kernel > 1 ? p.conv_state + m_b * (p.kernel - 1) * m_conv_width + channel : nullptr;
    }
    [[nodiscard]] SIMT_DEVICE float input(std::int64_t channel) const {
        return toFloat(p.xbc[m_b * p.stride + channel]);
    }

    [[nodiscard]] SIMT_DEVICE float convolve(std::int64_t channel) const {
        const float* state = convState(channel);
        const float* weight = p.conv_weight + channel;
        float sum = p.conv_bias ? p.conv_bias[channel] : 0.0F;
        for (int j = 0; j < p.kernel - 1; ++j) sum += weight[j * m_conv_width] * state[j * m_conv_width];
        return silu(sum + weight[(p.kernel - 1) * m_conv_width] * input(channel));
    }
    /// The convolution's state of a channel forgets its oldest input.
    SIMT_DEVICE void moveOn(std::int64_t channel) const {
        float* state = convState(channel);
        for (int j = 0; j + 2 < p.kernel; ++j) state[j * m_conv_width] = state[(j + 1) * m_conv_width];
        if (p.kernel > 1) state[(p.kernel - 2) * m_conv_width] = input(channel);
    }

    const StepParams<T>& p;
    float* m_bc;
    Inputs& m_x;
    Inputs& m_dx;
    std::int64_t m_b, m_head, m_first_p, m_group, m_width, m_conv_width;
    int m_rows;
};

template <class T, int v>
SIMT_KERNEL(kStepThreads)
void mamba2StepKernel(StepParams<T> p) {
    SIMT_SHARED(Inputs, x);
    SIMT_SHARED(Inputs, dx);
    SIMT_SHARED(Partial, partial);
    SIMT_SHARED(bool, last);
    StepBlock<T, v> block(p, reinterpret_cast<float*>(simt::dynamicShared()), x, dx);
    block.update();
    simt::fence();
    simt::syncBlock();
    if (simt::threadIndex() == 0) last = block.isLast();
    simt::syncBlock();
    if (!last) return;
    simt::fence();
    block.finishGroup(partial);
}

}  // namespace

void mamba2Step(void* stream, const Mamba2StepOp& op) {
    if (op.batch == 0) return;
    assert(op.states > 0);
    withType(op.y.type, [&]<class T>() {
        assert(op.xbc.type == op.y.type && op.z.type == op.y.type && op.dt.type == op.y.type);
        const StepParams<T> p{op.heads,
                              op.head_dim,
                              op.groups,
                              op.states,
                              static_cast<int>(op.kernel),
                              pointer<T>(op.xbc),
                              pointer<T>(op.z),
                              pointer<T>(op.dt),
                              op.stride,
                              op.conv_weight,
                              op.conv_bias,
                              op.conv_state,
                              op.keep,
                              op.dt_bias,
                              op.A,
                              op.D,
                              op.dt_min,
                              op.dt_max,
                              op.h,
                              op.norm_weight,
                              op.eps,
                              pointer<T>(op.y),
                              op.counters};
        const simt::Shape shape{{divideUp(op.head_dim, kStepRows), op.heads, op.batch},
                                kStepThreads,
                                2 * op.states * static_cast<std::int64_t>(sizeof(float))};
        const bool vectors = op.states % 4 == 0 && aligned(4 * sizeof(float), op.h);
        simt::launch(stream, shape, vectors ? mamba2StepKernel<T, 4> : mamba2StepKernel<T, 1>, p);
    });
}

}  // namespace perfmamba::kernels::cuda
