// Runs the recurrence once more beside the scan, on a copy of h, and adds up what the states do. A task owns the rows
// of a block of channels (Mamba-1) or of a head (Mamba-2) for all sequences and tokens. Bins are shared by the rows:
// each task fills its own, and they are added in the order of the tasks, so that no sum depends on who was first.
// Sums run in float over a stretch of tokens that lies in one bin, in double beyond.
#include "kernels/cpu/observe.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/cpu/observe_ops.h"
#include "kernels/cpu/vector_ops.h"

namespace perfmamba::kernels::cpu {
namespace {

constexpr std::int64_t kPlanes = kStatisticCount + 1;

/// Zeroed scratch of the calling thread, kept for its next task; `slot` tells several apart.
template <int slot>
float* scratch(std::int64_t elements) {
    thread_local std::vector<float> values;
    values.assign(static_cast<std::size_t>(elements), 0.0F);
    return values.data();
}

double squareOfLog(float A) {
    const double a_log = std::log(-static_cast<double>(A));
    return a_log * a_log;
}

/// Tokens [begin, begin + tokens) of every sequence, all in one bin.
struct Stretch {
    std::int64_t begin, tokens, bin;
};

/// What is common to both scans: stretches, the tasks' bins, where sums go.
class Sums {
public:
    Sums(Backend& backend, const Observation& target, std::int64_t tasks, std::int64_t length, std::int64_t states)
        : m(target), m_tasks(tasks), m_states(states), m_first_bin(binOf(target.position)) {
        for (std::int64_t begin = 0; begin < length;) {
            const std::int64_t bin = binOf(m.position + begin);
            std::int64_t end = std::min(begin + kObserveStretch, length);
            if (bin + 1 < m.bins) end = std::min(end, (bin + 1) * m.bin_tokens - m.position);
            m_stretches.push_back({begin, end - begin, bin - m_first_bin});
            begin = end;
        }
        m_bins = m_stretches.back().bin + 1;
        constexpr std::int64_t kFloatsPerDouble = sizeof(double) / sizeof(float);
        m_parts = backend.allocate(MemoryKind::Workspace,
                                   static_cast<std::size_t>(tasks * kPlanes * m_bins * states * kFloatsPerDouble));
        backend.fillZero(m_parts);
    }

    [[nodiscard]] const std::vector<Stretch>& stretches() const { return m_stretches; }

    /// Adds a block whose lanes are channels: rows [row, row + lanes) of state n.
    void addRows(const BlockSums& sums, std::int64_t task, std::int64_t bin, std::int64_t row, std::int64_t n,
                 std::int64_t lanes) const {
        add(sums, row * m.row_stride + n, m.row_stride, part(task, bin) + n, 0, lanes);
    }
    /// Adds a block whose lanes are states: [n, n + lanes) of one row.
    void addStates(const BlockSums& sums, std::int64_t task, std::int64_t bin, std::int64_t row, std::int64_t n,
                   std::int64_t lanes) const {
        add(sums, row * m.row_stride + n, 1, part(task, bin) + n, 1, lanes);
    }

    /// Adds the tasks' bins up. Task i has the states [first_state(i), first_state(i) + N) of the layer.
    template <class FirstState>
    void finish(ThreadPool& pool, const FirstState& first_state) const {
        pool.run(kPlanes * m_bins, [&](std::int64_t i) {
            const std::int64_t plane = i / m_bins;
            const std::int64_t bin = i % m_bins;
            double* row = m.binned + plane * m.bin_plane + (m_first_bin + bin) * m.bin_stride;
            for (std::int64_t task = 0; task < m_tasks; ++task) {
                const double* from = part(task, bin) + plane * m_bins * m_states;
                double* to = row + first_state(task);
                for (std::int64_t n = 0; n < m_states; ++n) to[n] += from[n];
            }
        });
    }

private:
    [[nodiscard]] std::int64_t binOf(std::int64_t position) const {
        return std::min(position / m.bin_tokens, m.bins - 1);
    }
    /// A task's (plane, bin, state), of one bin.
    [[nodiscard]] double* part(std::int64_t task, std::int64_t bin) const {
        return reinterpret_cast<double*>(m_parts.data()) + (task * kPlanes * m_bins + bin) * m_states;
    }

    void add(const BlockSums& sums, std::int64_t cell, std::int64_t cell_step, double* bin, std::int64_t bin_step,
             std::int64_t lanes) const {
        for (std::size_t k = 0; k <= kStatisticCount; ++k) {
            const auto plane = static_cast<std::int64_t>(k);
            double* binned = bin + plane * m_bins * m_states;
            for (std::int64_t i = 0; i < lanes; ++i) binned[i * bin_step] += static_cast<double>(sums.sum[k][i]);
            if (k == kStatisticCount) break;
            double* sum = m.sum + plane * m.plane + cell;
            double* most = m.most + plane * m.plane + cell;
            for (std::int64_t i = 0; i < lanes; ++i) {
                sum[i * cell_step] += static_cast<double>(sums.sum[k][i]);
                most[i * cell_step] = std::max(most[i * cell_step], static_cast<double>(sums.most[k][i]));
            }
        }
    }

    const Observation& m;
    std::int64_t m_tasks;
    std::int64_t m_states;
    std::int64_t m_first_bin;
    std::int64_t m_bins = 0;  // that this call touches
    std::vector<Stretch> m_stretches;
    Buffer m_parts;
};

/// Channels [first, first + kObserveBlock) of Mamba-1. Lanes past the last channel carry zeros.
void observeChannels(const SelectiveScanArgs& m, const Sums& sums, std::int64_t task) {
    const std::int64_t first = task * kObserveBlock;
    const std::int64_t lanes = std::min(kObserveBlock, m.channels - first);
    const auto bytes = static_cast<std::size_t>(lanes) * sizeof(float);
    float* A = scratch<0>(m.states * kObserveBlock);
    float* votes = scratch<1>(m.states * kObserveBlock);
    float* h = scratch<2>(m.states * kObserveBlock);
    float* delta = scratch<3>(kObserveStretch * kObserveBlock);
    float* dx = scratch<4>(kObserveStretch * kObserveBlock);
    for (std::int64_t n = 0; n < m.states; ++n) {
        std::memcpy(A + n * kObserveBlock, m.A + n * m.channels + first, bytes);
        for (std::int64_t i = n * kObserveBlock; i < n * kObserveBlock + lanes; ++i) {
            votes[i] = static_cast<float>(squareOfLog(A[i]));
        }
    }
    for (std::int64_t b = 0; b < m.batch; ++b) {
        for (std::int64_t n = 0; n < m.states; ++n) {
            std::memcpy(h + n * kObserveBlock, m.h + (b * m.states + n) * m.channels + first, bytes);
        }
        for (const Stretch& stretch : sums.stretches()) {
            const std::int64_t row = b * m.length + stretch.begin;
            for (std::int64_t t = 0; t < stretch.tokens; ++t) {
                const float* dt = m.dt.f32() + (row + t) * m.channels + first;
                float* to = delta + t * kObserveBlock;
                for (std::int64_t i = 0; i < lanes; ++i) to[i] = dt[i] + (m.dt_bias ? m.dt_bias[first + i] : 0);
            }
            softplusColumn(delta, 1, 0, 0, std::numeric_limits<float>::infinity(), delta,
                           stretch.tokens * kObserveBlock);
            for (std::int64_t t = 0; t < stretch.tokens; ++t) {
                const float* x = m.x.f32() + (row + t) * m.channels + first;
                for (std::int64_t i = t * kObserveBlock; i < t * kObserveBlock + lanes; ++i) {
                    dx[i] = delta[i] * x[i - t * kObserveBlock];
                }
            }
            for (std::int64_t n = 0; n < m.states; ++n) {
                const float* B = m.B.f32() + row * m.bc_stride + n;
                const float* C = m.C.f32() + row * m.bc_stride + n;
                BlockSums block;
                observeScan(
                    {stretch.tokens, delta, dx, A + n * kObserveBlock, B, C, m.bc_stride, h + n * kObserveBlock},
                    block);
                for (std::int64_t i = 0; i < lanes; ++i) block.sum[kStatisticCount][i] *= votes[n * kObserveBlock + i];
                sums.addRows(block, task, stretch.bin, first, n, lanes);
            }
        }
    }
}

/// One head of Mamba-2, in blocks of states. States past the last carry zeros.
class HeadObserver {
public:
    HeadObserver(const SsdArgs& args, const Sums& sums, std::int64_t head)
        : m(args),
          m_sums(sums),
          m_head(head),
          m_group(head / (args.heads / args.groups)),
          m_vote(static_cast<float>(squareOfLog(args.A[head]))),
          m_h(scratch<0>((args.states + kObserveBlock - 1) / kObserveBlock * args.head_dim * kObserveBlock)),
          m_dx(scratch<1>(kObserveStretch * args.head_dim)),
          m_B(scratch<2>(kObserveStretch * kObserveBlock)),
          m_C(scratch<3>(kObserveStretch * kObserveBlock)) {}

    void run() {
        for (std::int64_t b = 0; b < m.batch; ++b) {
            for (std::int64_t n = 0; n < m.states; n += kObserveBlock) copyState(b, n);
            for (const Stretch& stretch : m_sums.stretches()) {
                prepare(b, stretch);
                for (std::int64_t n = 0; n < m.states; n += kObserveBlock) observeBlock(b, stretch, n);
            }
        }
    }

private:
    [[nodiscard]] std::int64_t lanes(std::int64_t n) const { return std::min(kObserveBlock, m.states - n); }
    /// (P, kObserveBlock) of the states from n on, a multiple of kObserveBlock.
    [[nodiscard]] float* state(std::int64_t n) const { return m_h + n * m.head_dim; }
    [[nodiscard]] std::int64_t row(std::int64_t b, const Stretch& stretch) const {
        return (b * m.length + stretch.begin) * m.xbc_stride;
    }

    void copyState(std::int64_t b, std::int64_t n) {
        const float* from = m.h + (b * m.heads + m_head) * m.head_dim * m.states + n;
        for (std::int64_t p = 0; p < m.head_dim; ++p) {
            std::copy_n(from + p * m.states, lanes(n), state(n) + p * kObserveBlock);
        }
    }

    /// What a token has in common for all states.
    void prepare(std::int64_t b, const Stretch& stretch) {
        const float* dt = m.dt.f32() + (b * m.length + stretch.begin) * m.dt_stride + m_head;
        softplusColumn(dt, m.dt_stride, m.dt_bias[m_head], m.dt_min, m.dt_max, m_delta, stretch.tokens);
        const float* x = m.x.f32() + row(b, stretch) + m_head * m.head_dim;
        for (std::int64_t t = 0; t < stretch.tokens; ++t) {
            m_decay[t] = -std::expm1(m_delta[t] * m.A[m_head]);
            scaledInput(x + t * m.xbc_stride, m_delta[t], m_dx + t * m.head_dim, m.head_dim, m_mean_dx[t],
                        m_most_dx[t]);
        }
    }

    void observeBlock(std::int64_t b, const Stretch& stretch, std::int64_t n) {
        const std::int64_t offset = row(b, stretch) + m_group * m.states + n;
        for (std::int64_t t = 0; t < stretch.tokens; ++t) {
            copyLanes(m.B.f32() + offset + t * m.xbc_stride, m_B + t * kObserveBlock, lanes(n));
            copyLanes(m.C.f32() + offset + t * m.xbc_stride, m_C + t * kObserveBlock, lanes(n));
        }
        BlockSums block;
        observeSsd({stretch.tokens, m.head_dim, m_delta, m_decay, m_dx, m_mean_dx, m_most_dx, m_B, m_C, state(n)},
                   block);
        for (float& votes : block.sum[kStatisticCount]) votes *= m_vote;
        m_sums.addStates(block, m_head, stretch.bin, m_head, n, lanes(n));
    }

    static void copyLanes(const float* from, float* to, std::int64_t lanes) {
        std::copy_n(from, lanes, to);
        std::fill(to + lanes, to + kObserveBlock, 0.0F);
    }

    const SsdArgs& m;
    const Sums& m_sums;
    std::int64_t m_head;
    std::int64_t m_group;
    float m_vote;
    float* m_h;   // (blocks, P, kObserveBlock)
    float* m_dx;  // (kObserveStretch, P)
    float* m_B;   // (kObserveStretch, kObserveBlock)
    float* m_C;
    float m_delta[kObserveStretch];
    float m_decay[kObserveStretch];
    float m_mean_dx[kObserveStretch];
    float m_most_dx[kObserveStretch];
};

}  // namespace

void observe(Backend& backend, ThreadPool& pool, const SelectiveScanArgs& args, const Observation& observation) {
    const std::int64_t tasks = (args.channels + kObserveBlock - 1) / kObserveBlock;
    const Sums sums(backend, observation, tasks, args.length, args.states);
    pool.run(tasks, [&](std::int64_t task) { observeChannels(args, sums, task); });
    sums.finish(pool, [](std::int64_t) { return std::int64_t{0}; });
}

void observe(Backend& backend, ThreadPool& pool, const SsdArgs& args, const Observation& observation) {
    const Sums sums(backend, observation, args.heads, args.length, args.states);
    pool.run(args.heads, [&](std::int64_t head) { HeadObserver(args, sums, head).run(); });
    sums.finish(pool, [&](std::int64_t head) { return head / (args.heads / args.groups) * args.states; });
}

}  // namespace perfmamba::kernels::cpu
