// SSD in chunks of Q tokens. With c_t the sum of Δ·A within the chunk up to token t, and H the state before it:
//   y_t = Σ_{s≤t} (C_t·B_s) exp(c_t − c_s) Δ_s x_s  +  exp(c_t) C_t·H  +  D x_t
//   H'  = exp(c_last) H + Σ_s exp(c_last − c_s) Δ_s x_s ⊗ B_s
// The sums over s, and the products with H, are matrix products; only the pass over the chunks is a recurrence.
//
// Work per token and layer: Q·(G·N + Di) + 4·Di·N FLOP (the masked half only), least bytes 4·(2·Di + 2·G·N + H).
// Layouts: states (B, chunks, H, P, N); C·Bᵀ (B, chunks, G, Q, Q); Δ and c (B, H, L).
#include "kernels/cpu/ssd.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/vector_ops.h"

namespace perfmamba::kernels::cpu {
namespace {

// Rows of the masked attention computed together: above the diagonal block nothing is computed.
constexpr std::int64_t kRowBlock = 64;
// Channels, whole heads of one group, that share their products with B and C: enough to make good use of the library,
// few enough to leave every thread several.
constexpr std::int64_t kChannelsTogether = 128;

class ChunkedSsd {
public:
    ChunkedSsd(Backend& backend, ThreadPool& pool, const SsdArgs& args)
        : m_backend(backend),
          m_pool(pool),
          m(args),
          m_chunk(std::min(args.chunk, args.length)),
          m_chunks((args.length + m_chunk - 1) / m_chunk),
          m_head_state(args.head_dim * args.states),
          m_together(std::clamp<std::int64_t>(kChannelsTogether / args.head_dim, 1, args.heads / args.groups)),
          m_blocks((args.heads / args.groups + m_together - 1) / m_together) {
        const std::int64_t per_head = args.batch * args.heads * args.length;
        m_dt = allocate(per_head);
        m_cumulated = allocate(2 * per_head);  // double
        m_states = allocate(args.batch * m_chunks * args.heads * m_head_state);
        m_cb = allocate(args.batch * m_chunks * args.groups * m_chunk * m_chunk);
    }

    void run() {
        stage(Stage::Cumsum, m.batch * m.heads, [this](std::int64_t i) { cumsum(i); });
        stage(Stage::ChunkState, m.batch * m_chunks * m.groups * m_blocks, [this](std::int64_t i) { chunkState(i); });
        stage(Stage::StatePassing, m.batch * m.heads, [this](std::int64_t i) { statePassing(i); });
        const SpanScope span(m_backend, Component::Ssm, m.layer, Stage::ChunkScan);
        const std::int64_t blocks = (m_chunk + kRowBlock - 1) / kRowBlock;
        m_pool.run(m.batch * m_chunks * m.groups * blocks, [&](std::int64_t i) { attention(i / blocks, i % blocks); });
        m_pool.run(m.batch * m_chunks * m.groups * m_blocks, [this](std::int64_t i) { chunkScan(i); });
    }

private:
    /// Where a (sequence, chunk) lies.
    struct Place {
        std::int64_t b, chunk, begin, count;
    };

    /// Heads of one group in one chunk: the work of a task.
    struct Heads {
        Place at;
        std::int64_t group, first, count;
    };

    Buffer allocate(std::int64_t elements) const {
        return m_backend.allocate(MemoryKind::Workspace, static_cast<std::size_t>(elements));
    }

    template <class Task>
    void stage(Stage stage, std::int64_t count, const Task& task) {
        const SpanScope span(m_backend, Component::Ssm, m.layer, stage);
        m_pool.run(count, task);
    }

    [[nodiscard]] Place place(std::int64_t b_chunk) const {
        const std::int64_t begin = b_chunk % m_chunks * m_chunk;
        return {b_chunk / m_chunks, b_chunk % m_chunks, begin, std::min(m_chunk, m.length - begin)};
    }
    [[nodiscard]] Heads heads(std::int64_t task) const {
        const std::int64_t per_group = m.heads / m.groups;
        const std::int64_t group = task / m_blocks % m.groups;
        const std::int64_t begin = task % m_blocks * m_together;
        return {place(task / m_blocks / m.groups), group, group * per_group + begin,
                std::min(m_together, per_group - begin)};
    }
    [[nodiscard]] float* dt(std::int64_t b, std::int64_t head) const {
        return m_dt.data() + (b * m.heads + head) * m.length;
    }
    [[nodiscard]] double* cumulated(std::int64_t b, std::int64_t head) const {
        return reinterpret_cast<double*>(m_cumulated.data()) + (b * m.heads + head) * m.length;
    }
    [[nodiscard]] float* state(std::int64_t b, std::int64_t chunk, std::int64_t head) const {
        return m_states.data() + ((b * m_chunks + chunk) * m.heads + head) * m_head_state;
    }
    [[nodiscard]] std::int64_t row(const Place& at) const { return (at.b * m.length + at.begin) * m.xbc_stride; }

    /// Δ, and c within each chunk, of one head.
    void cumsum(std::int64_t b_head) {
        const std::int64_t b = b_head / m.heads;
        const std::int64_t head = b_head % m.heads;
        float* delta = dt(b, head);
        softplusColumn(m.dt.f32() + b * m.length * m.dt_stride + head, m.dt_stride, m.dt_bias[head], m.dt_min, m.dt_max,
                       delta, m.length);
        double* sums = cumulated(b, head);
        double sum = 0;
        for (std::int64_t t = 0; t < m.length; ++t) {
            if (t % m_chunk == 0) sum = 0;
            sum += static_cast<double>(delta[t]) * static_cast<double>(m.A[head]);
            sums[t] = sum;
        }
    }

    /// S (P, N) = Σ_s exp(c_last − c_s) Δ_s x_s ⊗ B_s, of some heads: their P one after the other.
    void chunkState(std::int64_t task) {
        const auto [at, group, first, count] = heads(task);
        const std::int64_t width = count * m.head_dim;
        float* scaled = scratch(at.count * (width + 1));
        float* weights = scaled + at.count * width;
        for (std::int64_t i = 0; i < count; ++i) {
            const double* sums = cumulated(at.b, first + i) + at.begin;
            decayRow(nullptr, sums, sums[at.count - 1], dt(at.b, first + i) + at.begin, weights, at.count);
            const float* x = m.x.f32() + row(at) + (first + i) * m.head_dim;
            for (std::int64_t s = 0; s < at.count; ++s) {
                scaleRow(x + s * m.xbc_stride, weights[s], scaled + s * width + i * m.head_dim, m.head_dim);
            }
        }
        multiply(Layout::Transposed, Layout::Plain, width, m.states, at.count, scaled, width,
                 m.B.f32() + row(at) + group * m.states, m.xbc_stride, 0, state(at.b, at.chunk, first), m.states);
    }

    /// Turns each chunk's own S into the state before that chunk.
    void statePassing(std::int64_t b_head) {
        const std::int64_t b = b_head / m.heads;
        const std::int64_t head = b_head % m.heads;
        float* h = m.h + b_head * m_head_state;
        for (std::int64_t chunk = 0; chunk < m_chunks; ++chunk) {
            const Place at = place(b * m_chunks + chunk);
            const double last = cumulated(b, head)[at.begin + at.count - 1];
            passState(h, state(b, chunk, head), static_cast<float>(std::exp(last)), m_head_state);
        }
    }

    /// C·Bᵀ of some rows of one chunk and group, up to the diagonal.
    void attention(std::int64_t i, std::int64_t block) {
        const Place at = place(i / m.groups);
        const std::int64_t first = block * kRowBlock;
        if (first >= at.count) return;
        const std::int64_t end = std::min(first + kRowBlock, at.count);
        const std::int64_t offset = row(at) + i % m.groups * m.states;
        multiply(Layout::Plain, Layout::Transposed, end - first, end, m.states,
                 m.C.f32() + offset + first * m.xbc_stride, m.xbc_stride, m.B.f32() + offset, m.xbc_stride, 0,
                 m_cb.data() + (i * m_chunk + first) * m_chunk, m_chunk);
    }

    /// y of some heads in one chunk.
    void chunkScan(std::int64_t task) {
        const Heads some = heads(task);
        const Place& at = some.at;
        float* y = m.y.f32() + (at.b * m.length + at.begin) * m.y_stride + some.first * m.head_dim;
        multiply(Layout::Plain, Layout::Transposed, at.count, some.count * m.head_dim, m.states,
                 m.C.f32() + row(at) + some.group * m.states, m.xbc_stride, state(at.b, at.chunk, some.first), m.states,
                 0, y, m.y_stride);
        const float* cb = m_cb.data() + ((at.b * m_chunks + at.chunk) * m.groups + some.group) * m_chunk * m_chunk;
        for (std::int64_t i = 0; i < some.count; ++i) headScan(at, some.first + i, cb, y + i * m.head_dim);
    }

    /// Makes y of one head's C·H. @param cb  (Q, Q) of the chunk and the head's group
    void headScan(const Place& at, std::int64_t head, const float* cb, float* y) {
        const double* sums = cumulated(at.b, head) + at.begin;
        const float* delta = dt(at.b, head) + at.begin;
        const float* x = m.x.f32() + row(at) + head * m.head_dim;
        float* weights = scratch(kRowBlock * m_chunk);
        for (std::int64_t first = 0; first < at.count; first += kRowBlock) {
            const std::int64_t end = std::min(first + kRowBlock, at.count);
            for (std::int64_t t = first; t < end; ++t) {
                float* to = weights + (t - first) * end;
                decayRow(cb + t * m_chunk, sums, sums[t], delta, to, t + 1);
                std::fill(to + t + 1, to + end, 0.0F);
                addSkipRow(x + t * m.xbc_stride, m.D + head * m.head_dim, static_cast<float>(std::exp(sums[t])),
                           y + t * m.y_stride, m.head_dim);
            }
            multiply(Layout::Plain, Layout::Plain, end - first, m.head_dim, end, weights, end, x, m.xbc_stride, 1,
                     y + first * m.y_stride, m.y_stride);
        }
    }

    /// Of the calling thread, kept for its next task.
    static float* scratch(std::int64_t elements) {
        thread_local std::vector<float> values;
        if (std::cmp_less(values.size(), elements)) values.resize(static_cast<std::size_t>(elements));
        return values.data();
    }

    Backend& m_backend;
    ThreadPool& m_pool;
    const SsdArgs& m;
    std::int64_t m_chunk;
    std::int64_t m_chunks;
    std::int64_t m_head_state;
    std::int64_t m_together;  // heads of a task
    std::int64_t m_blocks;    // tasks of a group and chunk
    Buffer m_dt;
    Buffer m_cumulated;
    Buffer m_states;
    Buffer m_cb;
};

void step(ThreadPool& pool, const SsdArgs& args) {
    pool.run(args.batch * args.heads, [&](std::int64_t i) {
        const std::int64_t b = i / args.heads;
        const std::int64_t head = i % args.heads;
        const std::int64_t group = head / (args.heads / args.groups);
        float delta = 0;
        softplusColumn(args.dt.f32() + b * args.dt_stride + head, 1, args.dt_bias[head], args.dt_min, args.dt_max,
                       &delta, 1);
        const std::int64_t row = b * args.xbc_stride;
        ssdStepHead(args.h + i * args.head_dim * args.states, args.x.f32() + row + head * args.head_dim,
                    args.B.f32() + row + group * args.states, args.C.f32() + row + group * args.states,
                    args.D + head * args.head_dim, std::exp(delta * args.A[head]), delta,
                    args.y.f32() + b * args.y_stride + head * args.head_dim, args.head_dim, args.states);
    });
}

/// Without a state there is nothing but y = D x.
void skip(ThreadPool& pool, const SsdArgs& args) {
    const std::int64_t width = args.heads * args.head_dim;
    pool.run(args.batch * args.length, [&](std::int64_t row) {
        float* y = args.y.f32() + row * args.y_stride;
        std::fill(y, y + width, 0.0F);
        addSkipRow(args.x.f32() + row * args.xbc_stride, args.D, 0, y, width);
    });
}

}  // namespace

void ssd(Backend& backend, ThreadPool& pool, const SsdArgs& args) {
    if (args.states == 0) {
        skip(pool, args);
    } else if (args.length == 1) {
        step(pool, args);
    } else {
        ChunkedSsd(backend, pool, args).run();
    }
}

}  // namespace perfmamba::kernels::cpu
