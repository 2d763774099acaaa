// Selective scan of Mamba-1 (Gu & Dao 2023), Δ = softplus(dt + dt_bias):
//   h_t[n,d] = exp(Δ_t[d]·A[n,d]) · h_{t−1}[n,d] + Δ_t[d]·B_t[n]·x_t[d]
//   y_t[d]   = Σ_n C_t[n]·h_t[n,d] + D[d]·x_t[d],  times silu(z_t[d]) where there is a z
//   x, dt, y (B, L, Di); B, C (B, L, N) with a row stride; A (N, Di); h (B, N, Di)
//
// A step is the map h → a·h + b, and maps compose: (a₁, b₁) after (a₀, b₀) is (a₁a₀, a₁b₀ + b₁). A block takes 8
// channels and walks the sequence in chunks of 32 lanes × 8 tokens. Per state, each lane composes its 8 tokens, the
// warp scans the lanes' maps by shuffles, and the lanes then apply them, starting from the h they now know.
// - The exponential is computed once for each (t, d, n): 16 a clock and multiprocessor are the floor,
//   T·Di·N / (16·clock·multiprocessors), next to the bytes, (3·size·T·Di) / bandwidth.
// - B and C are staged once for the 8 channels, transposed, so that a lane reads its tokens in one access; each warp
//   takes two channels, and uses what it read twice. Δ and Δ·x are computed once and staged as well.
// - Two warps share a channel pair, each with half of the states: twice the warps in flight where the batch is 1. No
//   barrier stands between two states.
// - The state between chunks lies in h itself, whatever N is.
// For sm_90 ptxas 13.0 uses 125 registers in float and 128 in 16 bits, where it spills 8 bytes; 33 KB are shared: two
// blocks a multiprocessor. How near to the floor this comes, only a GPU can show.
#include "kernels/cuda/ops/scan.h"
#include "kernels/cuda/ops/skip.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kChannels = 8;  // of a block
constexpr int kOwn = 2;       // channels of a warp
constexpr int kParts = 2;     // warps that share a channel, and divide its states
constexpr int kThreads = kChannels / kOwn * kParts * simt::kWarp;

/// Where token t of a chunk lies in shared memory: the lanes' first vectors side by side, then their second ones, so
/// that a warp's access touches every bank once. Lane i has the tokens [i·items, (i + 1)·items).
template <int items, int vector>
SIMT_DEVICE int place(int t) {
    const int i = t % items;
    return (i / vector * simt::kWarp + t / items) * vector + i % vector;
}

/// A lane's tokens of such a row.
template <int items, int vector, class T>
SIMT_DEVICE void loadOwn(const T* row, float (&values)[items]) {
    SIMT_UNROLL
    for (int v = 0; v < items / vector; ++v) {
        float part[vector];
        load(row + (v * simt::kWarp + simt::lane()) * vector, part);
        SIMT_UNROLL
        for (int i = 0; i < vector; ++i) values[v * vector + i] = part[i];
    }
}

template <class T, int items>
struct ScanTile {
    static constexpr int kChunk = simt::kWarp * items;
    static constexpr int kVector = simt::lesser(kWidest<T>, items);
    static constexpr int kFloats = simt::lesser(kWidest<float>, items);
    // States staged at a time: 48 KB for everything, in each type.
    static constexpr int kStates = 32 / static_cast<int>(sizeof(T));
    // Rows end in 16 bytes more, which moves the next row by four banks.
    using Row = T[kChunk + kWidest<T>];
    using FloatRow = float[kChunk + kWidest<float>];

    alignas(16) Row B[kStates];
    alignas(16) Row C[kStates];
    alignas(16) FloatRow delta[kChannels];  // Δ; then the first part's share of y
    alignas(16) FloatRow dx[kChannels];     // Δ·x; then the second part's
};

/// What a warp keeps of its channels over a chunk.
template <int items>
struct OwnChannels {
    float delta[kOwn][items];
    float dx[kOwn][items];
    float y[kOwn][items];
};

/// Composes the maps of all lanes below this one, and of this one: (a, b) becomes inclusive, `before` the map of the
/// lanes below alone.
SIMT_DEVICE void scanWarp(float& a, float& b, float& a_before, float& b_before) {
    SIMT_UNROLL
    for (int distance = 1; distance < simt::kWarp; distance *= 2) {
        const float a_below = simt::shuffleUp(a, distance);
        const float b_below = simt::shuffleUp(b, distance);
        if (simt::lane() < distance) continue;
        b += a * b_below;
        a *= a_below;
    }
    a_before = simt::shuffleUp(a, 1);
    b_before = simt::shuffleUp(b, 1);
    if (simt::lane() > 0) return;
    a_before = 1;
    b_before = 0;
}

/// One chunk of state n in one channel. A is times log2(e). `carry` is the state before the chunk; returns the one
/// after this lane's tokens.
template <int items>
SIMT_DEVICE float advance(float A, const float (&B)[items], const float (&C)[items], const float (&delta)[items],
                          const float (&dx)[items], float carry, float (&y)[items]) {
    float a[items];
    float b[items];
    float a_all = 1;
    float b_all = 0;
    SIMT_UNROLL
    for (int i = 0; i < items; ++i) {
        a[i] = simt::fastExp2(delta[i] * A);
        b[i] = B[i] * dx[i];
        b_all = a[i] * b_all + b[i];
        a_all *= a[i];
    }
    float a_before;
    float b_before;
    scanWarp(a_all, b_all, a_before, b_before);
    float h = a_before * carry + b_before;
    SIMT_UNROLL
    for (int i = 0; i < items; ++i) {
        h = a[i] * h + b[i];
        y[i] += C[i] * h;
    }
    return h;
}

template <class T, int items>
class ScanBlock {
public:
    SIMT_DEVICE ScanBlock(const ScanParams<T>& params, ScanTile<T, items>& tile)
        : p(params),
          m(tile),
          m_b(simt::blockY()),
          m_first_channel(static_cast<std::int64_t>(simt::blockX()) * kChannels),
          m_pair(simt::warp() % (kChannels / kOwn) * kOwn),
          m_part(simt::warp() / (kChannels / kOwn)) {}

    SIMT_DEVICE void run() {
        for (std::int64_t begin = 0; begin < p.length; begin += kChunk) {
            stageInputs(begin);
            OwnChannels<items> own;
            for (std::int64_t n = 0; n < p.states; n += kStates) {
                stageStates(begin, n);
                simt::syncBlock();
                if (n == 0) takeInputs(own);
                const int count = static_cast<int>(simt::lesser<std::int64_t>(kStates, p.states - n));
                for (int i = m_part; i < count; i += kParts) state(n + i, i, own);
                simt::syncBlock();
            }
            giveOutputs(own);
            simt::syncBlock();
            storeOutputs(begin);
        }
    }

private:
    using Tile = ScanTile<T, items>;
    static constexpr int kChunk = Tile::kChunk;
    static constexpr int kStates = Tile::kStates;
    static constexpr int kFloats = Tile::kFloats;

    [[nodiscard]] SIMT_DEVICE std::int64_t row(std::int64_t t) const { return m_b * p.length + t; }

    /// Calls work(channel of the block, token of the chunk) for this thread's share of both. Neighbouring threads have
    /// neighbouring channels, and a thread has the same share every time.
    template <class Work>
    SIMT_DEVICE void eachInput(const Work& work) const {
        for (int i = simt::threadIndex(); i < kChunk * kChannels; i += kThreads) work(i % kChannels, i / kChannels);
    }

    /// Past the end of the sequence or the channels Δ is 0: the map that changes nothing.
    SIMT_DEVICE void stageInputs(std::int64_t begin) {
        eachInput([&](int channel, int t) {
            const std::int64_t d = m_first_channel + channel;
            float delta = 0;
            float x = 0;
            if (begin + t < p.length && d < p.channels) {
                const std::int64_t at = row(begin + t) * p.channels + d;
                delta = softplus(toFloat(p.dt[at]) + (p.dt_bias ? p.dt_bias[d] : 0.0F));
                x = toFloat(p.x[at]);
            }
            m.delta[channel][place<items, kFloats>(t)] = delta;
            m.dx[channel][place<items, kFloats>(t)] = delta * x;
        });
    }

    SIMT_DEVICE void stageStates(std::int64_t begin, std::int64_t first) {
        for (int i = simt::threadIndex(); i < kChunk * kStates; i += kThreads) {
            const int n = i % kStates;
            const int t = i / kStates;
            const int to = place<items, Tile::kVector>(t);
            const bool inside = begin + t < p.length && first + n < p.states;
            const std::int64_t from = row(begin + t) * p.bc_stride + first + n;
            m.B[n][to] = inside ? p.B[from] : fromFloat<T>(0.0F);
            m.C[n][to] = inside ? p.C[from] : fromFloat<T>(0.0F);
        }
    }

    SIMT_DEVICE void takeInputs(OwnChannels<items>& own) const {
        SIMT_UNROLL
        for (int r = 0; r < kOwn; ++r) {
            loadOwn<items, kFloats>(m.delta[m_pair + r], own.delta[r]);
            loadOwn<items, kFloats>(m.dx[m_pair + r], own.dx[r]);
            SIMT_UNROLL
            for (int i = 0; i < items; ++i) own.y[r][i] = 0;
        }
    }

    /// State n, staged as `staged`, of this warp's channels.
    SIMT_DEVICE void state(std::int64_t n, int staged, OwnChannels<items>& own) const {
        float B[items];
        float C[items];
        loadOwn<items, Tile::kVector>(m.B[staged], B);
        loadOwn<items, Tile::kVector>(m.C[staged], C);
        SIMT_UNROLL
        for (int r = 0; r < kOwn; ++r) {
            const std::int64_t d = m_first_channel + m_pair + r;
            const bool inside = d < p.channels;
            float* h = p.h + (m_b * p.states + n) * p.channels + d;
            const float A = inside ? p.A[n * p.channels + d] * kLog2e : 0.0F;
            const float after = advance(A, B, C, own.delta[r], own.dx[r], inside ? *h : 0.0F, own.y[r]);
            if (inside && simt::lane() == simt::kWarp - 1) *h = after;
        }
    }

    /// Everyone has taken Δ and Δ·x: their rows take the parts' shares of y.
    SIMT_DEVICE void giveOutputs(const OwnChannels<items>& own) {
        SIMT_UNROLL
        for (int r = 0; r < kOwn; ++r) {
            float* y = m_part == 0 ? m.delta[m_pair + r] : m.dx[m_pair + r];
            SIMT_UNROLL
            for (int v = 0; v < items / kFloats; ++v) {
                float part[kFloats];
                SIMT_UNROLL
                for (int i = 0; i < kFloats; ++i) part[i] = own.y[r][v * kFloats + i];
                store(y + (v * simt::kWarp + simt::lane()) * kFloats, part);
            }
        }
    }

    SIMT_DEVICE void storeOutputs(std::int64_t begin) const {
        eachInput([&](int channel, int t) {
            const std::int64_t d = m_first_channel + channel;
            if (begin + t >= p.length || d >= p.channels) return;
            const int at = place<items, kFloats>(t);
            const float y = finishScan(p, row(begin + t), d, m.delta[channel][at] + m.dx[channel][at]);
            p.y[row(begin + t) * p.channels + d] = fromFloat<T>(y);
        });
    }

    const ScanParams<T>& p;
    Tile& m;
    std::int64_t m_b;
    std::int64_t m_first_channel;
    int m_pair;
    int m_part;
};

template <class T, int items>
SIMT_KERNEL(kThreads, 2)
void selectiveScanKernel(ScanParams<T> p) {
    using Tile = ScanTile<T, items>;
    SIMT_SHARED(Tile, tile);
    ScanBlock<T, items>(p, tile).run();
}

// Tokens of a lane. Fewer for sequences that would leave most lanes without any.
constexpr int kManyTokens = 8;
constexpr int kFewTokens = 2;

}  // namespace

void selectiveScan(void* stream, const SelectiveScanOp& op) {
    if (op.batch == 0 || op.length == 0 || op.channels == 0) return;
    withType(op.x.type, [&]<class T>() {
        const ScanParams<T> p = scanParams<T>(op);
        if (op.states == 0) {
            skip(stream, op.batch * op.length,
                 SkipParams<T>{op.channels, p.x, op.channels, op.D, p.z, p.z_stride, p.y, op.channels});
            return;
        }
        if (op.length == 1) return scanStep(stream, op.batch, p);
        const simt::Shape shape{{divideUp(op.channels, kChannels), op.batch}, kThreads};
        simt::launch(stream, shape,
                     op.length <= kFewTokens * simt::kWarp ? selectiveScanKernel<T, kFewTokens>
                                                           : selectiveScanKernel<T, kManyTokens>,
                     p);
    });
}

}  // namespace perfmamba::kernels::cuda
