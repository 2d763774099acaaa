// The SSD's last stage, with H the state before the chunk:
//   y_t = exp(c_t)·C_t·H + Σ_{s≤t} (C_t·B_s)·exp(c_t − c_s)·Δ_s·x_s + D·x_t
//   x (B, L, H, P), B and C (B, L, G, N) with a row stride, y (B, L, H, P) with its own; C·Bᵀ (B, chunks, G, Q, Q)
//
// C·Bᵀ is the same for the heads of a group: one kernel computes its blocks on and below the diagonal, in the type of
// the activations. The second takes 64 tokens × 64 channels of a head: the product with H, scaled by exp(c_t) in float,
// then the products with x, weighted on the way into shared memory. Left of the diagonal blocks c_t − c_s is (c_t −
// c_r) + (c_r − c_s), r the block's last token: both parts are at most 0, so that two exponentials a row and a column
// do for a block, where exp(c_t − c_s) for each element would cost more than the products. On the diagonal each element
// has its own. Floor: (Q·P + 2·P·N)·H + Q·N·G FLOP a token on tensor cores, or the bytes, (2·P·H + 2·G·N)·size +
// 4·P·N·H/Q.
#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/ops/ssd_walk.h"
#include "kernels/cuda/ops/ssd_warpgroups.h"
#include "kernels/cuda/ops/tile_product.h"

namespace perfmamba::kernels::cuda {
namespace {

template <class T, int n>
SIMT_KERNEL(kTileThreads)
void ssdCbKernel(SsdParams<T> p) {
    SIMT_SHARED(Operand<T>, Cs);
    SIMT_SHARED(Operand<T>, Bs);
    const std::int64_t across = divideUp(p.at.chunk, kTile);
    const std::int64_t first_s = simt::blockX() % across * kTile;
    const std::int64_t first_t = simt::blockX() / across % across * kTile;
    const std::int64_t b = simt::blockX() / (across * across) / p.at.chunks;
    const std::int64_t chunk = simt::blockX() / (across * across) % p.at.chunks;
    const std::int64_t group = simt::blockY();
    const std::int64_t tokens = p.at.tokens(chunk);
    if (first_s > first_t || first_t >= tokens) return;

    const std::int64_t offset = p.row(b, chunk) + group * p.at.states;
    const auto rows = [&](const T* from, std::int64_t first, std::int64_t first_n) {
        return [&p, from, first, first_n, tokens](int row, int k, float(&v)[n]) {
            clear(v);
            if (first + row < tokens && first_n + k < p.at.states) {
                load(from + (first + row) * p.xbc_stride + first_n + k, v);
            }
        };
    };
    TileProduct<T> product;
    for (std::int64_t first_n = 0; first_n < p.at.states; first_n += kDepth<T>) {
        stage<n>(Cs, rows(p.C + offset, first_t, first_n));
        stage<n>(Bs, rows(p.B + offset, first_s, first_n));
        simt::syncBlock();
        product.add(Cs, Bs);
        simt::syncBlock();
    }
    T* cb = p.cbRows(b, chunk, group);
    product.each([&](int row, int column, float value) {
        const std::int64_t t = first_t + row;
        const std::int64_t s = first_s + column;
        if (t < tokens && s < tokens) cb[t * p.at.cb_stride + s] = fromFloat<T>(value);
    });
}

using Factors = float[kTile];

/// 64 tokens from first_t on, 64 channels from first_p on, of one head in one chunk.
template <class T, int n>
class ChunkScanBlock {
public:
    SIMT_DEVICE ChunkScanBlock(const SsdParams<T>& params, Operand<T>& left, Operand<T>& right, Factors& rows,
                               Factors& columns)
        : p(params), m_left(left), m_right(right), m_rows(rows), m_columns(columns) {
        const std::int64_t across = divideUp(p.at.head_dim, kTile);
        const std::int64_t down = divideUp(p.at.chunk, kTile);
        const std::int64_t b_chunk = simt::blockX() / (across * down);
        m_first_p = simt::blockX() % across * kTile;
        m_first_t = simt::blockX() / across % down * kTile;
        m_b = b_chunk / p.at.chunks;
        m_chunk = b_chunk % p.at.chunks;
        m_head = simt::blockY();
        m_group = m_head / p.at.headsOfGroup();
        m_tokens = p.at.tokens(m_chunk);
        m_delta = p.delta + p.perHead(m_b, m_head, m_chunk);
        m_c = p.cumulated + p.perHead(m_b, m_head, m_chunk);
        m_x = p.x + p.row(m_b, m_chunk) + m_head * p.at.head_dim + m_first_p;
    }

    SIMT_DEVICE void run() {
        if (m_first_t >= m_tokens) return;
        addState();
        const std::int64_t end = simt::lesser(m_first_t + kTile, m_tokens);
        for (std::int64_t first = 0; first < end; first += kDepth<T>) addTokens(first);
        storeOutputs();
    }

private:
    /// exp(c_t)·C_t·H.
    SIMT_DEVICE void addState() {
        const T* C = p.C + p.row(m_b, m_chunk) + m_group * p.at.states;
        const float* H = p.chunkState(m_b, m_chunk, m_head);
        if (simt::threadIndex() < kTile) {
            const std::int64_t t = m_first_t + simt::threadIndex();
            m_rows[simt::threadIndex()] = t < m_tokens ? simt::fastExp2(m_c[t].high + m_c[t].low) : 0.0F;
        }
        for (std::int64_t first_n = 0; first_n < p.at.states; first_n += kDepth<T>) {
            stage<n>(m_left, [&](int row, int k, float(&v)[n]) {
                clear(v);
                if (m_first_t + row < m_tokens && first_n + k < p.at.states) {
                    load(C + (m_first_t + row) * p.xbc_stride + first_n + k, v);
                }
            });
            stage<kState>(m_right, [&](int row, int k, float(&v)[kState]) {
                clear(v);
                if (m_first_p + row < p.at.head_dim && first_n + k < p.at.states) {
                    load(H + (m_first_p + row) * p.at.states + first_n + k, v);
                }
            });
            simt::syncBlock();
            m_sum.add(m_left, m_right);
            simt::syncBlock();
        }
        m_sum.each([&](int row, int /*column*/, float& value) { value *= m_rows[row]; });
        simt::syncBlock();  // the rows' factors are read: they may go
    }

    /// The products with the tokens [first, first + kDepth).
    SIMT_DEVICE void addTokens(std::int64_t first) {
        const bool below = first + kDepth<T> <= m_first_t;
        if (below) {
            factorize(first);
            simt::syncBlock();
        }
        const T* cb = p.cbRows(m_b, m_chunk, m_group) + m_first_t * p.at.cb_stride + first;
        stage<kRow>(m_left, [&](int row, int k, float(&v)[kRow]) {
            clear(v);
            const std::int64_t t = m_first_t + row;
            if (t >= m_tokens || (!below && first + k > t)) return;
            load(cb + row * p.at.cb_stride + k, v);
            SIMT_UNROLL
            for (int i = 0; i < kRow; ++i)
                v[i] = below ? v[i] * m_rows[row] * m_columns[k + i] : weigh(v[i], t, first + k + i);
        });
        stageTransposed<n>(m_right, [&](int k, int row, float(&v)[n]) {
            clear(v);
            if (first + k < m_tokens && m_first_p + row < p.at.head_dim)
                load(m_x + (first + k) * p.xbc_stride + row, v);
        });
        simt::syncBlock();
        m_sum.add(m_left, m_right);
        simt::syncBlock();
    }

    /// Rows get exp(c_t − c_r), columns exp(c_r − c_s)·Δ_s, with r the last of the tokens.
    SIMT_DEVICE void factorize(std::int64_t first) {
        const Cumulated last = m_c[first + kDepth<T> - 1];
        const int i = simt::threadIndex();
        if (i < kTile) {
            const std::int64_t t = m_first_t + i;
            m_rows[i] = t < m_tokens ? simt::fastExp2(difference(m_c[t], last)) : 0.0F;
        } else if (i - kTile < kDepth<T>) {
            const std::int64_t s = first + i - kTile;
            m_columns[i - kTile] = simt::fastExp2(difference(last, m_c[s])) * m_delta[s];
        }
    }

    [[nodiscard]] SIMT_DEVICE float weigh(float cb, std::int64_t t, std::int64_t s) const {
        return s <= t ? cb * simt::fastExp2(difference(m_c[t], m_c[s])) * m_delta[s] : 0.0F;
    }

    SIMT_DEVICE void storeOutputs() {
        T* y = p.y + (m_b * p.at.length + m_chunk * p.at.chunk) * p.y_stride + m_head * p.at.head_dim + m_first_p;
        const float* D = p.D + m_head * p.at.head_dim + m_first_p;
        m_sum.each([&](int row, int column, float value) {
            const std::int64_t t = m_first_t + row;
            if (t >= m_tokens || m_first_p + column >= p.at.head_dim) return;
            const float x = toFloat(m_x[t * p.xbc_stride + column]);
            y[t * p.y_stride + column] = fromFloat<T>(value + D[column] * x);
        });
    }

    // Vectors of the float state are 16 bytes at most; rows of C·Bᵀ always allow them.
    static constexpr int kState = simt::lesser(n, 4);
    static constexpr int kRow = kWidest<T>;

    const SsdParams<T>& p;
    Operand<T>& m_left;
    Operand<T>& m_right;
    Factors& m_rows;
    Factors& m_columns;
    TileProduct<T> m_sum;
    std::int64_t m_first_p, m_first_t, m_b, m_chunk, m_head, m_group, m_tokens;
    const float* m_delta;
    const Cumulated* m_c;
    const T* m_x;
};

template <class T, int n>
SIMT_KERNEL(kTileThreads)
void ssdChunkScanKernel(SsdParams<T> p) {
    SIMT_SHARED(Operand<T>, left);
    SIMT_SHARED(Operand<T>, right);
    SIMT_SHARED(Factors, rows);
    SIMT_SHARED(Factors, columns);
    ChunkScanBlock<T, n>(p, left, right, rows, columns).run();
}

template <class T, int n>
void start(void* stream, const SsdParams<T>& p) {
    const std::int64_t down = divideUp(p.at.chunk, kTile);
    const std::int64_t chunks = p.at.batch * p.at.chunks;
    simt::launch(stream, {{chunks * down * down, p.at.groups}, kTileThreads}, ssdCbKernel<T, n>, p);
    simt::launch(stream, {{chunks * down * divideUp(p.at.head_dim, kTile), p.at.heads}, kTileThreads},
                 ssdChunkScanKernel<T, n>, p);
}

}  // namespace

void ssdChunkScan(void* stream, const SsdOp& op) {
    withType(op.x.type, [&]<class T>() {
        const SsdParams<T> p = ssdParams<T>(op);
        if (p.at.warpgroups) return warpgroupOutputs(stream, p);
        if (p.at.walks) return walkOutputs(stream, p);
        if (ssdInVectors(p)) {
            start<T, kWidest<T>>(stream, p);
        } else {
            start<T, 1>(stream, p);
        }
    });
}

}  // namespace perfmamba::kernels::cuda
