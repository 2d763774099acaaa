// What the states of Mamba-1 do (kernels/observation.h): the recurrence of ops/scan.cu once more, token by token,
// beside the scan, on a copy of h. x, dt (B, L, Di); B, C (B, L, N) with a row stride; A (N, Di); h (B, N, Di), only
// read.
//
// A thread takes one state of one channel through the sequences of its slice, the state and its sums in registers; a
// block 16 channels × 16 states, which share Δ, Δ·x, B and C of a stretch. One expm1 for each channel, state and token,
// one after the other: some times the scan itself, and meant for calibration, not for timing.
#include "kernels/cuda/ops/observe.h"
#include "kernels/cuda/ops/scan.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kSide = 16;  // channels, and states, of a block
constexpr int kThreads = kSide * kSide;

struct Stretch {
    float delta[kStretch][kSide];
    float dx[kStretch][kSide];
    float B[kStretch][kSide];
    float C[kStretch][kSide];
};

template <class T>
struct ObserveScanParams {
    ScanParams<T> scan;
    ObserveParts parts;
};

template <class T>
class ScanObserver {
public:
    SIMT_DEVICE ScanObserver(const ObserveScanParams<T>& params, Stretch& stretch)
        : p(params.scan),
          m_parts(params.parts),
          m(stretch),
          m_channel(simt::threadIndex() % kSide),
          m_state(simt::threadIndex() / kSide),
          m_first_d(static_cast<std::int64_t>(simt::blockX()) * kSide),
          m_first_n(static_cast<std::int64_t>(simt::blockY()) * kSide),
          m_inside(d() < p.channels && n() < p.states),
          m_A(m_inside ? p.A[n() * p.channels + d()] : -1.0F) {}

    SIMT_DEVICE void run() {
        const std::int64_t slice = simt::blockZ();
        const std::int64_t begin = slice * m_parts.batch / m_parts.slices;
        const std::int64_t end = (slice + 1) * m_parts.batch / m_parts.slices;
        for (std::int64_t b = begin; b < end; ++b) sequence(b, b == begin);
        if (!m_inside) return;
        for (int k = 0; k < kStatistics; ++k) {
            m_parts.rowPart(slice, k, d(), n()) = m_sum[k];
            m_parts.rowPart(slice, kStatistics + k, d(), n()) = static_cast<double>(m_most[k]);
        }
    }

private:
    [[nodiscard]] SIMT_DEVICE std::int64_t d() const { return m_first_d + m_channel; }
    [[nodiscard]] SIMT_DEVICE std::int64_t n() const { return m_first_n + m_state; }

    SIMT_DEVICE void sequence(std::int64_t b, bool first) {
        float h = m_inside ? p.h[(b * p.states + n()) * p.channels + d()] : 0.0F;
        double bin_sum[kPlanes] = {};
        for (std::int64_t t = 0; t < p.length;) {
            const std::int64_t end = m_parts.endOfStretch(t);
            stage(b * p.length + t, static_cast<int>(end - t));
            simt::syncBlock();
            float sum[kPlanes] = {};
            for (int i = 0; i < static_cast<int>(end - t); ++i) h = token(i, h, sum);
            simt::syncBlock();
            for (int k = 0; k < kPlanes; ++k) bin_sum[k] += static_cast<double>(sum[k]);
            const std::int64_t bin = m_parts.binOf(t);
            t = end;
            if (t == p.length || m_parts.binOf(t) != bin) finishBin(bin, bin_sum, first);
        }
    }

    SIMT_DEVICE void stage(std::int64_t row, int tokens) {
        for (int i = simt::threadIndex(); i < tokens * kSide; i += kThreads) {
            const int t = i / kSide;
            const int j = i % kSide;
            const std::int64_t channel = m_first_d + j;
            const std::int64_t state = m_first_n + j;
            float delta = 0;
            float x = 0;
            if (channel < p.channels) {
                const std::int64_t at = (row + t) * p.channels + channel;
                delta = softplus(toFloat(p.dt[at]) + (p.dt_bias ? p.dt_bias[channel] : 0.0F));
                x = toFloat(p.x[at]);
            }
            m.delta[t][j] = delta;
            m.dx[t][j] = delta * x;
            m.B[t][j] = state < p.states ? toFloat(p.B[(row + t) * p.bc_stride + state]) : 0.0F;
            m.C[t][j] = state < p.states ? toFloat(p.C[(row + t) * p.bc_stride + state]) : 0.0F;
        }
    }

    SIMT_DEVICE void see(Statistic statistic, float value, float (&sum)[kPlanes]) {
        const int k = static_cast<int>(statistic);
        sum[k] += value;
        m_most[k] = simt::greater(m_most[k], value);
    }

    /// Returns the state after token i.
    SIMT_DEVICE float token(int i, float h, float (&sum)[kPlanes]) {
        const float delta = m.delta[i][m_channel];
        const float enters = m.dx[i][m_channel] * m.B[i][m_state];
        const float decay = -std::expm1(delta * m_A);
        h = (1.0F - decay) * h + enters;
        const float output = m.C[i][m_state] * h;
        see(Statistic::DeltaB, delta * std::abs(m.B[i][m_state]), sum);
        see(Statistic::DeltaBx, std::abs(enters), sum);
        see(Statistic::Decay, decay, sum);
        see(Statistic::State, std::abs(h), sum);
        see(Statistic::Output, std::abs(output), sum);
        see(Statistic::OutputEnergy, output * output, sum);
        sum[kStatistics] += h * h;
        return h;
    }

    /// Adds the block's channels up: 16 neighbouring lanes.
    SIMT_DEVICE void finishBin(std::int64_t bin, double (&bin_sum)[kPlanes], bool first) {
        for (int k = 0; k < kPlanes; ++k) {
            if (k < kStatistics) {
                m_sum[k] += bin_sum[k];
            } else {
                bin_sum[k] *= squareOfLog(m_A);
            }
            double all = m_inside ? bin_sum[k] : 0.0;
            for (int mask = kSide / 2; mask > 0; mask /= 2) all += simt::shuffleXor(all, mask);
            bin_sum[k] = 0;
            if (m_channel > 0 || n() >= p.states) continue;
            double& part = m_parts.binPart(simt::blockZ(), simt::blockX(), k, bin, n());
            part = first ? all : part + all;
        }
    }

    const ScanParams<T>& p;
    const ObserveParts& m_parts;
    Stretch& m;
    int m_channel;
    int m_state;
    std::int64_t m_first_d;
    std::int64_t m_first_n;
    bool m_inside;
    float m_A;
    double m_sum[kStatistics] = {};
    float m_most[kStatistics] = {};
};

template <class T>
SIMT_KERNEL(kThreads)
void observeScanKernel(ObserveScanParams<T> p) {
    SIMT_SHARED(Stretch, stretch);
    ScanObserver<T>(p, stretch).run();
}

ObserveParts partsOf(const SelectiveScanOp& op, const Observation& observation, void* workspace) {
    return observeParts(op.batch, op.length, op.channels, op.states, 1, divideUp(op.channels, kSide), observation,
                        workspace);
}
bool nothingToSee(const SelectiveScanOp& op) {
    return op.batch == 0 || op.length == 0 || op.channels == 0 || op.states == 0;
}

}  // namespace

std::size_t observeWorkspaceBytes(const SelectiveScanOp& op, const Observation& observation) {
    return nothingToSee(op) ? 0 : observeBytes(partsOf(op, observation, nullptr));
}

void observe(void* stream, const SelectiveScanOp& op, const Observation& observation, void* workspace) {
    if (nothingToSee(op)) return;
    const ObserveParts parts = partsOf(op, observation, workspace);
    withType(op.x.type, [&]<class T>() {
        const simt::Shape shape{{parts.blocks, divideUp(op.states, kSide), parts.slices}, kThreads};
        simt::launch(stream, shape, observeScanKernel<T>, ObserveScanParams<T>{scanParams<T>(op), parts});
    });
    finishObservation(stream, parts, observation);
}

}  // namespace perfmamba::kernels::cuda
