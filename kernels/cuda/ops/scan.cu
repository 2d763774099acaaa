// Selective scan of Mamba-1 (Gu & Dao 2023), Δ = softplus(dt + dt_bias):
//   h_t[n,d] = exp(Δ_t[d]·A[n,d]) · h_{t−1}[n,d] + Δ_t[d]·B_t[n]·x_t[d]
//   y_t[d]   = Σ_n C_t[n]·h_t[n,d] + D[d]·x_t[d],  times silu(z_t[d]) where there is a z
//   x, dt, y (B, L, Di); B, C (B, L, N) with a row stride; A (N, Di); h (B, N, Di)
//
// A step is the map h → a·h + b, and maps compose: (a₁, b₁) after (a₀, b₀) is (a₁a₀, a₁b₀ + b₁). A block takes 12
// channels and walks the sequence in chunks. A warp has 4 of them, each with 8 lanes along the time, and a quarter of
// the states. Per state, a lane composes its 16 tokens, the 8 lanes scan their maps by shuffles, and each then applies
// its tokens' maps to the h that it now knows.
// - The exponential is the limit: T·Di·N / (16·clock·multiprocessors) seconds, next to the bytes, 3·size·T·Di /
//   bandwidth. While the special function unit works out one for a warp, the scheduler issues 8 instructions; here
//   they are 8.2 for each (t, d, n): the exponential and the product before it, B·Δx, a multiply-add to compose, two
//   to apply; and shared by a lane's tokens, the scan and the loads of B and C. About 5 more for each (t, d, n) bring
//   a chunk in and y out: 80 for each (t, d). The decay over all of a lane's tokens is exp(A·ΣΔ), not a product.
// - B and C lie in shared memory as float, transposed, so that a lane reads four of its tokens in one access, which
//   the lanes of four channels share.
// - A chunk is on its way from memory to registers while the one before the last is computed, and is staged beside the
//   computation of the last, by some warps before it and by others after it: they have different work at a time. What
//   a chunk needs and leaves lies in two buffers in turn, so that one barrier a chunk is enough.
// - Up to 16 states, h stays in registers from the first chunk to the last. More are staged 16 at a time.
// - Where there is much to do, scan_wave.cu does it.
// - 12 channels are what each of an H200's multiprocessors gets of a small model's 1536. Rows of x, Δ and y are
//   accessed 12 channels at a time, most of a sector of 32 bytes.
#include "kernels/cuda/ops/scan.h"
#include "kernels/cuda/ops/skip.h"

namespace perfmamba::kernels::cuda {
namespace {

/// How a block divides its work: `groups` of warps, each with the channels of a warp; in a group `parts` warps that
/// divide the states; in a warp `time` lanes for each channel; a lane has `items` tokens. The first `early` warps bring
/// the next chunk in before they compute this one, the others after.
template <int time, int items, int groups, int parts, int early>
struct Division {
    static constexpr int kTime = time;
    static constexpr int kItems = items;
    static constexpr int kGroups = groups;
    static constexpr int kParts = parts;
    static constexpr int kOwn = simt::kWarp / time;  // channels of a warp
    static constexpr int kChannels = groups * kOwn;
    static constexpr int kThreads = groups * parts * simt::kWarp;
    static constexpr int kChunk = time * items;
    static constexpr int kBrought = items / parts;  // channels of a token that a thread brings and takes
    static_assert(kChunk * kChannels == kThreads * kBrought);
    static constexpr int kStates = 16;  // staged at a time
    static constexpr int kEarly = early;
};

constexpr int kFloats = kWidest<float>;

template <class S>
struct ScanTile {
    // Token t lies at position p with t == tokenAt<S>(p). Rows end in 16 bytes more, which moves the next row by four
    // banks; a channel's, in so many that eight neighbouring lanes, each 16 bytes of its own, touch every bank once.
    using Row = float[S::kChunk + kFloats];
    // Where three threads bring a token, a warp's threads of one group have 11 neighbours: they get 12 banks.
    struct Group {
        float rows[S::kOwn][S::kChunk + S::kTime];
        float apart[12];
    };
    using Channels = Group[S::kGroups];

    alignas(16) Row states[2][2 * S::kStates];  // B, then C
    alignas(16) Channels delta[2];
    alignas(16) Channels dx[2];  // Δ·x
    alignas(16) Channels sums[2][S::kParts];
    alignas(16) float dt_bias[S::kChannels];
    alignas(16) float D[S::kChannels];
};

template <class S>
SIMT_DEVICE float* rowOf(typename ScanTile<S>::Channels& channels, int channel) {
    return channels[channel / S::kOwn].rows[channel % S::kOwn];
}

/// Rows in shared memory begin with the first vectors of all lanes side by side, then their second ones: a warp's
/// access touches every bank once. Lane i has the tokens [i·items, (i + 1)·items).
template <class S>
SIMT_DEVICE int tokenAt(int position) {
    const int vector = position / kFloats;
    return vector % S::kTime * S::kItems + vector / S::kTime * kFloats + position % kFloats;
}

/// A lane's tokens of such a row.
template <class S>
SIMT_DEVICE void loadOwn(const float* row, int time, float (&values)[S::kItems]) {
    SIMT_UNROLL
    for (int v = 0; v < S::kItems / kFloats; ++v) {
        load(row + (v * S::kTime + time) * kFloats, part<kFloats>(values, v * kFloats));
    }
}

/// n neighbours of which the first `count` exist; zeros for the others. Where `wide`, all or none do, aligned as one
/// access needs it.
template <int n, bool wide, class T>
SIMT_DEVICE Packed<T, n> loadSome(const T* from, int count) {
    Packed<T, n> some{};
    if constexpr (wide) {
        if constexpr (n > kWidest<T>) {
            float values[n] = {};
            if (count > 0) load(from, values);
            some = pack<T>(values);
        } else if (count > 0) {
            some = simt::loadAs<Packed<T, n>>(from);
        }
    } else {
        float values[n];
        SIMT_UNROLL
        for (int i = 0; i < n; ++i) values[i] = i < count ? toFloat(from[i]) : 0.0F;
        some = pack<T>(values);
    }
    return some;
}

/// `wide`: rows of x, dt, z, y, B and C can be accessed by vectors. `few`: all states are staged at once.
template <class T, class S, bool wide, bool few>
class ScanBlock {
public:
    SIMT_DEVICE ScanBlock(const ScanParams<T>& params, ScanTile<S>& tile)
        : p(params),
          m(tile),
          m_own(simt::warp() % S::kGroups * S::kOwn + simt::lane() % S::kOwn),
          m_part(simt::warp() / S::kGroups),
          m_time(simt::lane() / S::kOwn),
          m_group(simt::threadIndex() % kBringers * S::kBrought),
          m_position(simt::threadIndex() / kBringers),
          m_token(tokenAt<S>(m_position)) {
        const std::int64_t first_row = simt::blockY() * p.length;
        const std::int64_t d = firstChannel() + m_group;
        m_count = static_cast<int>(simt::lesser<std::int64_t>(p.channels - d, S::kBrought));
        m_at = (first_row + m_token) * p.channels + d;
        m_states_from = (stateVector() * kFloats < S::kStates ? p.B : p.C) + stateVector() * kFloats % S::kStates +
                        (first_row + firstOf(0)) * p.bc_stride;
        m_A_at = static_cast<std::int64_t>(m_part + m_time * S::kParts) * p.channels + firstChannel() + m_own;
        m_h_at = simt::blockY() * p.states * p.channels + m_A_at;
    }

    SIMT_DEVICE void run() {
        for (int i = simt::threadIndex(); i < S::kChannels; i += S::kThreads) {
            const std::int64_t d = firstChannel() + i;
            m.dt_bias[i] = d < p.channels && p.dt_bias ? p.dt_bias[d] : 0.0F;
            m.D[i] = d < p.channels ? p.D[d] : 0.0F;
        }
        const int length = static_cast<int>(p.length);
        const int states = static_cast<int>(p.states);
        m_left = length;
        fetchStates(0, length);
        fetchInputs(length);
        if (few) loadCarry(0);
        simt::syncBlock();
        bring(0, 0);
        simt::syncBlock();
        unsigned chunk = 0;
        unsigned unit = 0;
        for (int left = length; left > 0; left -= S::kChunk, ++chunk) {
            const Input x = m_staged_x;
            Input z{};
            if (p.z) z = fetchGate(length - left, left);
            float y[S::kItems] = {};
            bool last = false;
            for (int first = 0; !last; first += S::kStates, ++unit) {
                last = few || first + S::kStates >= states;
                const bool early =
                    S::kEarly * simt::kWarp >= S::kThreads || (S::kEarly > 0 && simt::warp() < S::kEarly);
                if (early) bring((unit + 1) % 2, (chunk + 1) % 2);
                if (!few) loadCarry(first);
                advance(simt::lesser(S::kStates, states - first), unit % 2, chunk % 2, y);
                if (!few) storeCarry(first);
                if (last) giveSums(chunk % 2, y);
                if (!early) bring((unit + 1) % 2, (chunk + 1) % 2);
                simt::syncBlock();
            }
            if (m_token < left) finish(chunk % 2, x, z, m_left - left);
        }
        if (few) storeCarry(0);
    }

private:
    using Input = Packed<T, S::kBrought>;  // of one token
    using State = Packed<T, kFloats>;      // of one token, four states of B or C

    // Which four tokens and states a thread stages: warps read whole rows of B and C, and write without bank conflicts.
    static constexpr int kStateVectors = 2 * S::kStates / kFloats;
    static constexpr int kVectors = S::kChunk / kFloats;
    static constexpr int kRounds = static_cast<int>(divideUp(kStateVectors * kVectors, S::kThreads));
    static constexpr int kTokensOfWarp = simt::kWarp / kStateVectors;
    static_assert(kStateVectors == 8 && S::kStates / S::kParts <= S::kTime);
    static constexpr int kBringers = S::kChannels / S::kBrought;  // threads of one token

    [[nodiscard]] SIMT_DEVICE static std::int64_t firstChannel() {
        return static_cast<std::int64_t>(simt::blockX()) * S::kChannels;
    }
    [[nodiscard]] SIMT_DEVICE static int vectorOf(int round) {
        const int warp = round * (S::kThreads / simt::kWarp) + simt::warp();
        return warp * kTokensOfWarp + simt::lane() % kTokensOfWarp;
    }
    [[nodiscard]] SIMT_DEVICE static int firstOf(int round) { return tokenAt<S>(vectorOf(round) * kFloats); }
    [[nodiscard]] SIMT_DEVICE static int stateVector() { return simt::lane() / kTokensOfWarp; }

    /// Stages what is on the way, and sends for what follows it.
    SIMT_DEVICE void bring(unsigned buffer, unsigned inputs) {
        if (m_left > 0) {
            stageStates(buffer);
            if (m_first == 0) stageInputs(inputs, m_left);
        }
        m_first += S::kStates;
        if (few || m_first >= p.states) {
            m_first = 0;
            m_left -= S::kChunk;
            m_states_from += S::kChunk * p.bc_stride;
            m_at += S::kChunk * p.channels;
        }
        if (m_left > 0) {
            fetchStates(m_first, m_left);
            if (m_first == 0) fetchInputs(m_left);
        }
    }

    /// States from `first` on, of a chunk that begins `left` tokens before the end.
    SIMT_DEVICE void fetchStates(int first, int left) {
        const int count = static_cast<int>(p.states) - first - stateVector() * kFloats % S::kStates;
        SIMT_UNROLL
        for (int round = 0; round < kRounds; ++round) {
            if (vectorOf(round) >= kVectors) continue;
            const int t = firstOf(round);
            const T* from = m_states_from + first;
            if (round > 0) from += (t - firstOf(0)) * p.bc_stride;
            SIMT_UNROLL
            for (int i = 0; i < kFloats; ++i) {
                m_states[round][i] = loadSome<kFloats, wide>(from, t + i < left ? count : 0);
                from += p.bc_stride;
            }
        }
    }

    SIMT_DEVICE void stageStates(unsigned buffer) {
        SIMT_UNROLL
        for (int round = 0; round < kRounds; ++round) {
            if (vectorOf(round) >= kVectors) continue;
            storeTurned<T, kFloats>(m_states[round], [&](int n) {
                return m.states[buffer][stateVector() * kFloats + n] + vectorOf(round) * kFloats;
            });
        }
    }

    SIMT_DEVICE void fetchInputs(int left) {
        const int count = m_token < left ? m_count : 0;
        m_x = loadSome<S::kBrought, wide>(p.x + m_at, count);
        m_dt = loadSome<S::kBrought, wide>(p.dt + m_at, count);
    }

    [[nodiscard]] SIMT_DEVICE Input fetchGate(int begin, int left) const {
        const std::int64_t row = simt::blockY() * p.length + begin + m_token;
        const T* from = p.z + row * p.z_stride + firstChannel() + m_group;
        return loadSome<S::kBrought, wide>(from, m_token < left ? m_count : 0);
    }

    /// Past the end of the sequence Δ is 0: the map that changes nothing. The softplus of a number that low is, and
    /// unlike a choice between two results it leaves no branch.
    SIMT_DEVICE void stageInputs(unsigned buffer, int left) {
        m_staged_x = m_x;
        float bias[S::kBrought];
        float dt[S::kBrought];
        float x[S::kBrought];
        load(m.dt_bias + m_group, bias);
        unpack<T>(m_dt, dt);
        unpack<T>(m_x, x);
        SIMT_UNROLL
        for (int r = 0; r < S::kBrought; ++r) {
            const float delta = softplus(m_token < left ? dt[r] + bias[r] : -1e30F);
            rowOf<S>(m.delta[buffer], m_group + r)[m_position] = delta;
            rowOf<S>(m.dx[buffer], m_group + r)[m_position] = delta * x[r];
        }
    }

    /// The states' carries and A lie in the lanes: time lane j has those of the warp's state j.
    [[nodiscard]] SIMT_DEVICE bool hasState(int first) const {
        return m_time < S::kStates / S::kParts && first + m_part + m_time * S::kParts < p.states &&
               firstChannel() + m_own < p.channels;
    }
    SIMT_DEVICE void loadCarry(int first) {
        const bool inside = hasState(first);
        m_A = inside ? p.A[m_A_at + first * p.channels] * kLog2e : 0.0F;
        m_h = inside ? p.h[m_h_at + first * p.channels] : 0.0F;
    }
    SIMT_DEVICE void storeCarry(int first) const {
        if (hasState(first)) p.h[m_h_at + first * p.channels] = m_h;
    }

    /// The part's share of `count` staged states, in this lane's channel and tokens.
    SIMT_DEVICE void advance(int count, unsigned buffer, unsigned inputs, float (&y)[S::kItems]) {
        float delta[S::kItems];
        float dx[S::kItems];
        loadOwn<S>(rowOf<S>(m.delta[inputs], m_own), m_time, delta);
        loadOwn<S>(rowOf<S>(m.dx[inputs], m_own), m_time, dx);
        float delta_all = delta[0];
        SIMT_UNROLL
        for (int i = 1; i < S::kItems; ++i) delta_all += delta[i];
        const int channel = simt::lane() % S::kOwn;
        for (int j = 0; m_part + j * S::kParts < count; ++j) {
            const float* B = m.states[buffer][m_part + j * S::kParts];
            const float* C = m.states[buffer][S::kStates + m_part + j * S::kParts];
            const float A = simt::shuffle(m_A, j * S::kOwn + channel);
            const float carry = simt::shuffle(m_h, j * S::kOwn + channel);
            float a[S::kItems];
            float b[S::kItems];
            loadOwn<S>(B, m_time, b);
            float after = 0;
            SIMT_UNROLL
            for (int i = 0; i < S::kItems; ++i) {
                a[i] = simt::fastExp2(delta[i] * A);
                b[i] *= dx[i];
                after = i == 0 ? b[i] : a[i] * after + b[i];
            }
            scanLanes(simt::fastExp2(delta_all * A), carry, after);
            float h = simt::shuffleUp(after, S::kOwn);
            if (m_time == 0) h = carry;
            const float next = simt::shuffle(after, (S::kTime - 1) * S::kOwn + channel);
            if (m_time == j) m_h = next;
            float c[S::kItems];
            loadOwn<S>(C, m_time, c);
            SIMT_UNROLL
            for (int i = 0; i < S::kItems; ++i) {
                h = a[i] * h + b[i];
                y[i] += c[i] * h;
            }
        }
    }

    /// From this lane's map (a, after) and the state before the chunk to the state after this lane's tokens.
    SIMT_DEVICE void scanLanes(float a, float carry, float& after) const {
        if (m_time == 0) after += a * carry;
        SIMT_UNROLL
        for (int distance = 1; distance < S::kTime; distance *= 2) {
            const float below = simt::shuffleUp(after, distance * S::kOwn);
            if (m_time >= distance) after += a * below;
            if (2 * distance < S::kTime) {
                const float a_below = simt::shuffleUp(a, distance * S::kOwn);
                if (m_time >= distance) a *= a_below;
            }
        }
    }

    SIMT_DEVICE void giveSums(unsigned buffer, const float (&y)[S::kItems]) {
        float* row = rowOf<S>(m.sums[buffer][m_part], m_own);
        SIMT_UNROLL
        for (int v = 0; v < S::kItems / kFloats; ++v) {
            store(row + (v * S::kTime + m_time) * kFloats, part<kFloats>(y, v * kFloats));
        }
    }

    /// y of this thread's token and channels, of the chunk `ahead` tokens from the one that m_at is in.
    SIMT_DEVICE void finish(unsigned buffer, const Input& packed_x, const Input& packed_z, int ahead) const {
        if (m_count <= 0) return;
        float x[S::kBrought];
        float y[S::kBrought];
        unpack<T>(packed_x, x);
        load(m.D + m_group, y);
        SIMT_UNROLL
        for (int r = 0; r < S::kBrought; ++r) {
            y[r] *= x[r];
            SIMT_UNROLL
            for (int i = 0; i < S::kParts; ++i) y[r] += rowOf<S>(m.sums[buffer][i], m_group + r)[m_position];
        }
        if (p.z) {
            float z[S::kBrought];
            unpack<T>(packed_z, z);
            SIMT_UNROLL
            for (int r = 0; r < S::kBrought; ++r) y[r] *= silu(z[r]);
        }
        T* to = p.y + m_at + ahead * p.channels;
        if constexpr (wide) {
            store(to, y);
        } else {
            for (int r = 0; r < m_count; ++r) to[r] = fromFloat<T>(y[r]);
        }
    }

    const ScanParams<T>& p;
    ScanTile<S>& m;
    // What the lane computes: a channel of the block, a part of the states, a time lane.
    int m_own;
    int m_part;
    int m_time;
    // What the thread brings and takes: `count` channels from m_group on, of the token at m_position.
    int m_group;
    int m_position;
    int m_token;
    int m_count;
    std::int64_t m_at;
    const T* m_states_from;
    std::int64_t m_A_at;
    std::int64_t m_h_at;
    // On the way from memory: states from m_first on, of the chunk that begins m_left tokens before the end.
    int m_first = 0;
    int m_left;
    State m_states[kRounds][kFloats];
    Input m_x;
    Input m_dt;
    Input m_staged_x;
    // A · log2(e) and the state before the chunk.
    float m_A = 0;
    float m_h = 0;
};

template <class T, class S, bool wide, bool few, int blocks>
SIMT_KERNEL(S::kThreads, blocks)
void selectiveScanKernel(ScanParams<T> p) {
    ScanBlock<T, S, wide, few>(p, *reinterpret_cast<ScanTile<S>*>(simt::dynamicShared())).run();
}

template <class S, int blocks, class T>
void launchScan(void* stream, std::int64_t batch, const ScanParams<T>& p) {
    const bool wide = aligned(S::kBrought * sizeof(T), p.x, p.dt, p.y, p.z) && aligned(kFloats * sizeof(T), p.B, p.C) &&
                      p.channels % S::kBrought == 0 && p.states % kFloats == 0 && p.bc_stride % kFloats == 0 &&
                      (!p.z || p.z_stride % S::kBrought == 0);
    const auto kernel = !wide                    ? selectiveScanKernel<T, S, false, false, blocks>
                        : p.states <= S::kStates ? selectiveScanKernel<T, S, true, true, blocks>
                                                 : selectiveScanKernel<T, S, true, false, blocks>;
    const simt::Shape shape{{divideUp(p.channels, S::kChannels), batch}, S::kThreads, sizeof(ScanTile<S>)};
    simt::launch(stream, shape, kernel, p);
}

using Long = Division<8, 16, 3, 4, 4>;
/// For more channels than the multiprocessors take at once so: smaller blocks, of which one holds three.
using Many = Division<4, 16, 1, 4, 4>;
/// For sequences that would leave half of the lanes without tokens, and devices with less shared memory.
using Short = Division<8, 8, 3, 4, 4>;

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
        if (scanWave(stream, op.batch, p)) return;
        const bool fits = static_cast<std::int64_t>(sizeof(ScanTile<Long>)) <= simt::limits().shared;
        const std::int64_t blocks = divideUp(p.channels, Long::kChannels) * op.batch;
        if (op.length > Short::kChunk && blocks > simt::limits().multiprocessors) {
            return launchScan<Many, 3>(stream, op.batch, p);
        }
        if (fits && op.length > Short::kChunk) return launchScan<Long, 1>(stream, op.batch, p);
        launchScan<Short, 1>(stream, op.batch, p);
    });
}

}  // namespace perfmamba::kernels::cuda
