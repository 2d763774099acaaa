// What the states of Mamba-2 do (kernels/observation.h), exactly: the plain recurrence, token by token, beside the SSD,
// which has h at the ends of chunks only. x (B, L, H, P), B, C (B, L, G, N), dt (B, L, H); h (B, H, P, N), only read.
//
// A block takes a head and 32 of its states, a lane each; its warps divide the head's channels, 8 a thread, whose
// states stay in registers. Mean and sum may be taken in any order, so that channels are added up once a bin, not once
// a token: of the statistics of a state the thread only needs Σ|h|, Σh² and the largest |h| of its channels. One token
// after the other: some times the SSD itself, and meant for calibration, not for timing.
#include "kernels/cuda/ops/observe.h"
#include "kernels/cuda/ops/ssd.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * simt::kWarp;
constexpr int kOwn = 8;                   // channels of a thread
constexpr int kChannels = kWarps * kOwn;  // of a block at a time

struct Stretch {
    float delta[kStretch];
    float decay[kStretch];
    float dx[kStretch][kChannels];
    float B[kStretch][simt::kWarp];
    float C[kStretch][simt::kWarp];
};
using Sums = double[kPlanes][kWarps][simt::kWarp];

template <class T>
struct ObserveSsdParams {
    SsdParams<T> ssd;
    ObserveParts parts;
};

template <class T>
class SsdObserver {
public:
    SIMT_DEVICE SsdObserver(const ObserveSsdParams<T>& params, Stretch& stretch, Sums& sums)
        : p(params.ssd),
          m_parts(params.parts),
          m(stretch),
          m_sums(sums),
          m_n(static_cast<std::int64_t>(simt::blockX()) * simt::kWarp + simt::lane()),
          m_head(simt::blockY()),
          m_inside(m_n < p.at.states) {}

    SIMT_DEVICE void run() {
        const std::int64_t slice = simt::blockZ();
        const std::int64_t begin = slice * m_parts.batch / m_parts.slices;
        const std::int64_t end = (slice + 1) * m_parts.batch / m_parts.slices;
        for (std::int64_t b = begin; b < end; ++b) {
            for (std::int64_t first = 0; first < p.at.head_dim; first += kChannels) {
                sequence(b, first, b == begin && first == 0);
            }
        }
        finishRows(slice);
    }

private:
    [[nodiscard]] SIMT_DEVICE static int channelOf(int own) { return simt::warp() + own * kWarps; }

    /// Channels [first, first + kChannels) of one sequence.
    SIMT_DEVICE void sequence(std::int64_t b, std::int64_t first, bool new_parts) {
        m_first_p = first;
        m_count = 0;
        for (int i = 0; i < kOwn; ++i) {
            const std::int64_t channel = first + channelOf(i);
            const bool inside = m_inside && channel < p.at.head_dim;
            m_h[i] = inside ? p.h[((b * p.at.heads + m_head) * p.at.head_dim + channel) * p.at.states + m_n] : 0.0F;
            m_count += inside ? 1 : 0;
        }
        double bin_sum[kPlanes] = {};
        for (std::int64_t t = 0; t < p.at.length;) {
            const std::int64_t end = m_parts.endOfStretch(t);
            stage(b, t, static_cast<int>(end - t));
            float sum[kPlanes] = {};
            for (int i = 0; i < static_cast<int>(end - t); ++i) token(i, sum);
            simt::syncBlock();
            for (int k = 0; k < kPlanes; ++k) bin_sum[k] += static_cast<double>(sum[k]);
            const std::int64_t bin = m_parts.binOf(t);
            t = end;
            if (t == p.at.length || m_parts.binOf(t) != bin) finishBin(bin, bin_sum, new_parts);
        }
    }

    /// Ends in a barrier.
    SIMT_DEVICE void stage(std::int64_t b, std::int64_t first, int tokens) {
        const std::int64_t row = b * p.at.length + first;
        if (simt::threadIndex() < tokens) {
            const float dt = toFloat(p.dt[(row + simt::threadIndex()) * p.dt_stride + m_head]);
            const float delta = stepOf(dt, p.dt_bias[m_head], p.dt_min, p.dt_max);
            m.delta[simt::threadIndex()] = delta;
            m.decay[simt::threadIndex()] = -std::expm1(delta * p.A[m_head]);
        }
        const std::int64_t group = m_head / p.at.headsOfGroup() * p.at.states;
        for (int t = simt::warp(); t < tokens; t += kWarps) {
            const std::int64_t at = (row + t) * p.xbc_stride + group + m_n;
            m.B[t][simt::lane()] = m_inside ? toFloat(p.B[at]) : 0.0F;
            m.C[t][simt::lane()] = m_inside ? toFloat(p.C[at]) : 0.0F;
        }
        simt::syncBlock();
        const T* x = p.x + row * p.xbc_stride + m_head * p.at.head_dim + m_first_p;
        for (int i = simt::threadIndex(); i < tokens * kChannels; i += kThreads) {
            const int t = i / kChannels;
            const int channel = i % kChannels;
            const bool inside = m_first_p + channel < p.at.head_dim;
            m.dx[t][channel] = inside ? m.delta[t] * toFloat(x[t * p.xbc_stride + channel]) : 0.0F;
        }
        simt::syncBlock();
    }

    SIMT_DEVICE void see(Statistic statistic, float total, float most, float (&sum)[kPlanes]) {
        const int k = static_cast<int>(statistic);
        sum[k] += total;
        m_most[k] = simt::greater(m_most[k], most);
    }

    SIMT_DEVICE void token(int t, float (&sum)[kPlanes]) {
        const float B = m.B[t][simt::lane()];
        const float C = std::abs(m.C[t][simt::lane()]);
        const float decay = m.decay[t];
        float inputs = 0;
        float most_input = 0;
        float states = 0;
        float squares = 0;
        float most = 0;
        SIMT_UNROLL
        for (int i = 0; i < kOwn; ++i) {
            const float dx = m.dx[t][channelOf(i)];
            m_h[i] = (1.0F - decay) * m_h[i] + B * dx;
            inputs += std::abs(dx);
            most_input = simt::greater(most_input, std::abs(dx));
            states += std::abs(m_h[i]);
            squares += m_h[i] * m_h[i];
            most = simt::greater(most, std::abs(m_h[i]));
        }
        const auto count = static_cast<float>(m_count);
        const float enters = m.delta[t] * std::abs(B);
        const bool any = m_count > 0;
        see(Statistic::DeltaB, count * enters, any ? enters : 0.0F, sum);
        see(Statistic::DeltaBx, std::abs(B) * inputs, std::abs(B) * most_input, sum);
        see(Statistic::Decay, count * decay, any ? decay : 0.0F, sum);
        see(Statistic::State, states, most, sum);
        see(Statistic::Output, C * states, C * most, sum);
        see(Statistic::OutputEnergy, C * C * squares, C * most * (C * most), sum);
        sum[kStatistics] += squares;
    }

    /// Adds the warps' channels up: warp k the plane k.
    SIMT_DEVICE void finishBin(std::int64_t bin, double (&bin_sum)[kPlanes], bool new_parts) {
        for (int k = 0; k < kPlanes; ++k) {
            m_sums[k][simt::warp()][simt::lane()] = bin_sum[k];
            bin_sum[k] = 0;
        }
        simt::syncBlock();
        const int k = simt::warp();
        if (k < kPlanes && m_inside) {
            double all = 0;
            for (int warp = 0; warp < kWarps; ++warp) all += m_sums[k][warp][simt::lane()];
            all /= static_cast<double>(p.at.head_dim);
            if (k == kStatistics) all *= squareOfLog(p.A[m_head]);
            m_row_sum += all;
            double& part = m_parts.binPart(simt::blockZ(), m_head, k, bin, m_n);
            part = new_parts ? all : part + all;
        }
        simt::syncBlock();
    }

    SIMT_DEVICE void finishRows(std::int64_t slice) {
        for (int k = 0; k < kStatistics; ++k) {
            m_sums[k][simt::warp()][simt::lane()] = static_cast<double>(m_most[k]);
        }
        simt::syncBlock();
        const int k = simt::warp();
        if (k >= kStatistics || !m_inside) return;
        double most = 0;
        for (int warp = 0; warp < kWarps; ++warp) most = simt::greater(most, m_sums[k][warp][simt::lane()]);
        m_parts.rowPart(slice, k, m_head, m_n) = m_row_sum;
        m_parts.rowPart(slice, kStatistics + k, m_head, m_n) = most;
    }

    const SsdParams<T>& p;
    const ObserveParts& m_parts;
    Stretch& m;
    Sums& m_sums;
    std::int64_t m_n;
    std::int64_t m_head;
    bool m_inside;
    std::int64_t m_first_p = 0;
    int m_count = 0;  // channels of this thread that there are
    float m_h[kOwn] = {};
    float m_most[kStatistics] = {};
    double m_row_sum = 0;  // of the statistic that is this warp's
};

template <class T>
SIMT_KERNEL(kThreads)
void observeSsdKernel(ObserveSsdParams<T> p) {
    SIMT_SHARED(Stretch, stretch);
    SIMT_SHARED(Sums, sums);
    SsdObserver<T>(p, stretch, sums).run();
}

ObserveParts partsOf(const SsdOp& op, const Observation& observation, void* workspace) {
    return observeParts(op.batch, op.length, op.heads, op.states, op.groups, op.heads, observation, workspace);
}
bool nothingToSee(const SsdOp& op) {
    return op.batch == 0 || op.length == 0 || op.heads == 0 || op.head_dim == 0 || op.states == 0;
}

}  // namespace

std::size_t observeWorkspaceBytes(const SsdOp& op, const Observation& observation) {
    return nothingToSee(op) ? 0 : observeBytes(partsOf(op, observation, nullptr));
}

void observe(void* stream, const SsdOp& op, const Observation& observation, void* workspace) {
    if (nothingToSee(op)) return;
    const ObserveParts parts = partsOf(op, observation, workspace);
    withType(op.x.type, [&]<class T>() {
        const simt::Shape shape{{divideUp(op.states, simt::kWarp), op.heads, parts.slices}, kThreads};
        simt::launch(stream, shape, observeSsdKernel<T>, ObserveSsdParams<T>{ssdParams<T>(op), parts});
    });
    finishObservation(stream, parts, observation);
}

}  // namespace perfmamba::kernels::cuda
