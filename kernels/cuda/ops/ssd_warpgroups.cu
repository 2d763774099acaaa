// The SSD in chunks, 64 tokens a step, by the products of wgmma.h. A warpgroup walks through a chunk with the state of
// a slice, 64 channels of a head, in registers: h (64, N) in float, laid out as the results of a product. With c from
// the start of the step, a step is
//   y = h·Cᵀ·exp(c_t) + xᵀ·Wᵀ + D·x          (channels, tokens), W_ts = (C_t·B_s)·exp(c_t − c_s)·Δ_s for s ≤ t
//   h' = exp(c_last)·h + Σ_s (exp(c_last − c_s)·Δ_s·x_s) ⊗ B_s
// Rounded to 16 bits, h in registers is the left operand of the first product as it is, and x, read transposed from
// shared memory, that of the other two. C, B and W are right operands in shared memory.
//
// Beside the warpgroups that walk a block has one that makes what they need, a step ahead (it sums Δ·A and computes
// C·Bᵀ and W), and one that copies x, B and C. A step has one barrier of the block. Nothing is prepared by other
// kernels: where one chunk is the whole sequence this is all that runs.
//
// What a chunk adds to the state takes its steps last to first, so that every token's weight is final when it comes.
//   x (B, L, H, P), B and C (B, L, G, N) with a row stride, y (B, L, H, P) with its own
// Floor: (2·P + 4·N)·P·H + 2·Q·N·G FLOP a token on tensor cores with Q = 64 / 2, or the bytes, (2·P·H + 2·G·N)·size.
#include "kernels/cuda/ops/ssd_warpgroups.h"

#include <type_traits>

#include "kernels/cuda/simt/tiles.h"
#include "kernels/cuda/simt/wgmma.h"

namespace perfmamba::kernels::cuda {
namespace {

using simt::kWarpgroup;
using simt::WgmmaTile;

constexpr int kSlice = 64;  // channels of a warpgroup
constexpr int kPart = 16;   // depth of a product; rows of a warp
constexpr int kParts = static_cast<int>(kStep) / kPart;
constexpr int kMostGroupStates = 128;
static_assert(kStep == simt::kTileExtent && kSlice == simt::kTileExtent);

/// How a kernel divides the work: slices of a block, room for states, steps in shared memory. Of a block's warpgroups
/// the first walk, one a slice; then comes the one that makes what they need, then the one that copies.
template <int slices_, int states_, int stages_>
struct GroupShape {
    static constexpr int slices = slices_;
    static constexpr int states = states_;
    static constexpr int stages = stages_;
    static constexpr int tiles = states / simt::kTileExtent;
    static constexpr int maker = slices;
    static constexpr int copier = slices + 1;
    static constexpr int threads = (copier + 1) * kWarpgroup;
};

/// Of one head and step, in powers of two.
struct alignas(16) StepFactors {
    float c[kStep];       // Σ Δ·A·log₂e
    float less[kStep];    // c_s − log₂Δ_s
    float before[kStep];  // exp(c_t)
    float after[kStep];   // exp(c_last − c_s)·Δ_s
};

/// Which slices a block has, in which chunk.
template <class T, class Shape>
class GroupPlace {
public:
    SIMT_DEVICE explicit GroupPlace(const SsdParams<T>& p) : b(simt::blockZ()), chunk(simt::blockY()) {
        const int of_group = static_cast<int>(p.at.headsOfGroup() * p.at.head_dim) / kSlice;
        const int blocks = static_cast<int>(divideUp(of_group, Shape::slices));
        group = simt::blockX() / blocks;
        const int begin = simt::blockX() % blocks * Shape::slices;
        slices = simt::lesser(Shape::slices, of_group - begin);
        channel = (group * of_group + begin) * kSlice;
        tokens = p.at.tokens(chunk);
        steps = static_cast<int>(divideUp(tokens, kStep));
        first = b * p.at.length + chunk * p.at.chunk;
    }
    [[nodiscard]] SIMT_DEVICE int head(const SsdParams<T>& p, int slice) const {
        return (channel + slice * kSlice) / static_cast<int>(p.at.head_dim);
    }
    /// The first state of a slice: of this chunk's, and of what is kept.
    [[nodiscard]] SIMT_DEVICE float* chunkState(const SsdParams<T>& p, int slice) const {
        return p.chunkState(b, chunk, 0) + (channel + slice * kSlice) * p.at.states;
    }
    [[nodiscard]] SIMT_DEVICE float* kept(const SsdParams<T>& p, int slice) const {
        return p.h + b * p.at.heads * p.at.headState() + (channel + slice * kSlice) * p.at.states;
    }

    int b, chunk, group;
    int slices;          // that exist
    int channel;         // the first, all heads' channels side by side
    std::int64_t first;  // token, all sequences' tokens one behind the other
    std::int64_t tokens;
    int steps;
};

/// The barrier of a step, the same for all of a block.
SIMT_DEVICE void syncStep() {
    simt::syncBlock();
}
// From lane 0, by which the compiler sees that a warp's lanes agree.
SIMT_DEVICE int warpOfGroup() {
    return simt::shuffle(simt::warp() % (kWarpgroup / simt::kWarp), 0);
}
SIMT_DEVICE int groupOfBlock() {
    return simt::shuffle(simt::threadIndex() / kWarpgroup, 0);
}

/// Copies tiles, by the threads of a warpgroup.
template <class T>
class GroupCopies {
public:
    SIMT_DEVICE explicit GroupCopies(std::int64_t stride) : m_stride(stride) {}

    /// Starts the copy of 64 tokens, of which `tokens` exist, and of 64 columns, of which `inside` exist.
    SIMT_DEVICE void start(WgmmaTile& to, const T* from, std::int64_t tokens, std::int64_t inside) const {
        constexpr int kRows = kWarpgroup / 8;
        const int thread = simt::threadIndex() % kWarpgroup;
        const int row = thread / 8;
        const int column = thread % 8 * 8;
        const int left = column < inside ? static_cast<int>(simt::lesser<std::int64_t>(tokens, kStep)) - row : 0;
        from += row * m_stride + column;
        std::uint16_t* at = to.at(row, column);
        SIMT_UNROLL
        for (int i = 0; i < kStep; i += kRows) {
            simt::copyAsync(at + i * simt::kTileExtent, from, i < left);
            from += kRows * m_stride;
        }
    }

    /// The same of a group's B or C, from the rows of all groups.
    template <class Shape>
    SIMT_DEVICE void states(WgmmaTile (&to)[Shape::tiles], const T* from, int group, std::int64_t states,
                            std::int64_t tokens) const {
        SIMT_UNROLL
        for (int i = 0; i < Shape::tiles; ++i) {
            start(to[i], from + group * states + i * kSlice, tokens, states - i * kSlice);
        }
    }

private:
    std::int64_t m_stride;
};

/// What the warpgroup that copies does, from interval `first` on: the tiles of step k + 1 are there before the barrier
/// at which interval k begins, and those of step k − 1 may be written over behind it.
template <class Shape, class Copy>
SIMT_DEVICE void copySteps(int first, int steps, const Copy& copy) {
    const auto start = [&](int step) {
        if (step < steps) copy(step);
        simt::endCopies();
    };
    SIMT_UNROLL
    for (int step = 0; step < Shape::stages - 2; ++step) start(step);
    for (int step = first; step < steps; ++step) {
        if (step >= -1) simt::waitForCopies<Shape::stages - 3>();
        syncStep();
        if (step >= -1) start(step + Shape::stages - 1);
    }
}

/// Δ and c of one head, by a warp: two tokens a lane.
template <class T>
class FactorMaker {
public:
    SIMT_DEVICE FactorMaker(const SsdParams<T>& p, std::int64_t first, int head, bool works)
        : m_dt(p.dt + first * p.dt_stride + head),
          m_stride(p.dt_stride),
          m_bias(works ? p.dt_bias[head] : 0),
          m_A(works ? p.A[head] * kLog2e : 0),
          m_least(p.dt_min),
          m_most(p.dt_max) {}

    /// Reads dt of a step, of which `tokens` exist, for the next make().
    SIMT_DEVICE void read(int step, std::int64_t tokens) {
        const int t = 2 * simt::lane();
        const T* from = m_dt + (step * kStep + t) * m_stride;
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {
            m_exists[i] = t + i < tokens;
            if (m_exists[i]) m_raw[i] = from[i * m_stride];
        }
    }
    /// Returns c_last. `later` is added to the exponents of `after`.
    SIMT_DEVICE float make(StepFactors& to, float later) const {
        // A token that leaves 2⁻⁶⁴ of what was is as good as one that leaves less, and c stays small enough for float.
        constexpr float kLeast = -64;
        float delta[2];
        float c[2];
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {
            delta[i] = m_exists[i] ? stepOf(toFloat(m_raw[i]), m_bias, m_least, m_most) : 0.0F;
            c[i] = simt::greater(delta[i] * m_A, kLeast);
        }
        c[1] += c[0];
        float sum = c[1];
        SIMT_UNROLL
        for (int distance = 1; distance < simt::kWarp; distance *= 2) {
            const float below = simt::shuffleUp(sum, distance);
            if (simt::lane() >= distance) sum += below;
        }
        const float below = simt::shuffleUp(sum, 1);
        const float last = simt::shuffle(sum, simt::kWarp - 1);
        float less[2];
        float before[2];
        float after[2];
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {
            if (simt::lane() > 0) c[i] += below;
            less[i] = c[i] - simt::fastLog2(delta[i]);
            before[i] = simt::fastExp2(c[i]);
            after[i] = simt::fastExp2(last - c[i] + later) * delta[i];
        }
        const int t = 2 * simt::lane();
        store(to.c + t, c);
        store(to.less + t, less);
        store(to.before + t, before);
        store(to.after + t, after);
        return last;
    }

private:
    const T* m_dt;
    std::int64_t m_stride;
    float m_bias, m_A, m_least, m_most;
    T m_raw[2];
    bool m_exists[2];
};

/// x of a step and of a warp's 16 channels, transposed: the left operand (16 channels, 64 tokens).
SIMT_DEVICE void loadChannels(std::uint32_t (&to)[kParts][4], const WgmmaTile& x) {
    const int token = simt::lane() % 8 + simt::lane() / 16 * 8;
    const int channel = warpOfGroup() * kPart + simt::lane() / 8 % 2 * 8;
    SIMT_UNROLL
    for (int k = 0; k < kParts; ++k) simt::loadMatricesTransposed(to[k], x.at(k * kPart + token, channel));
}
/// Gives every token its weight.
template <class T>
SIMT_DEVICE void weigh(std::uint32_t (&x)[kParts][4], const float (&weights)[kStep]) {
    SIMT_UNROLL
    for (int k = 0; k < kParts; ++k) {
        SIMT_UNROLL
        for (int right = 0; right < 2; ++right) {
            float weight[2];
            load(weights + k * kPart + right * 8 + simt::lane() % 4 * 2, weight);
            SIMT_UNROLL
            for (int half = 0; half < 2; ++half) {
                std::uint32_t& packed = x[k][2 * right + half];
                float pair[2];
                simt::unpackPair<T>(packed, pair[0], pair[1]);
                packed = simt::packPair<T>(pair[0] * weight[0], pair[1] * weight[1]);
            }
        }
    }
}

/// h of a slice: (channel, state) of lane (g, t) of warp w is [state / 8 · 4 + half · 2 + i] for channel 16·w + half ·
/// 8
/// + g and state 8·(state / 8) + 2t + i.
template <class T, int states>
class GroupState {
public:
    /// From and to (channels, N) in float.
    SIMT_DEVICE void read(const float* from, std::int64_t inside) {
        each(inside, [from](float(&values)[2], std::int64_t at) { load(from + at, values); });
    }
    SIMT_DEVICE void write(float* to, std::int64_t inside) {
        each(inside, [to](float(&values)[2], std::int64_t at) { store(to + at, values); });
    }
    SIMT_DEVICE void clear() {
        SIMT_UNROLL
        for (float& value : m_h) value = 0;
    }
    /// In 16 bits, as the left operand (16 channels, states); what remains is multiplied by `decay`.
    SIMT_DEVICE void round(std::uint32_t (&to)[states / kPart][4], float decay) {
        SIMT_UNROLL
        for (int n = 0; n < states / kPart; ++n) {
            SIMT_UNROLL
            for (int k = 0; k < 4; ++k) {
                float(&pair)[2] = part<2>(m_h, n * 8 + 2 * k);
                to[n][k] = simt::packPair<T>(pair[0], pair[1]);
                pair[0] *= decay;
                pair[1] *= decay;
            }
        }
    }
    /// Starts h += x·B.
    SIMT_DEVICE void add(const std::uint32_t (&x)[kParts][4], const WgmmaTile* B) {
        simt::wgmmaBegin();
        SIMT_UNROLL
        for (int k = 0; k < kParts; ++k) simt::wgmmaColumns<T, states>(m_h, x[k], B, k * kPart);
        simt::wgmmaEnd();
    }
    /// Behind the wait for add().
    SIMT_DEVICE void keep() { simt::keep(m_h); }

private:
    /// Calls work(two neighbouring states, where they lie in (channels, N)).
    template <class Work>
    SIMT_DEVICE void each(std::int64_t inside, const Work& work) {
        SIMT_UNROLL
        for (int half = 0; half < 2; ++half) {
            const std::int64_t at =
                (warpOfGroup() * kPart + half * 8 + simt::lane() / 4) * inside + simt::lane() % 4 * 2;
            SIMT_UNROLL
            for (int n = 0; n < states / 8; ++n) {
                float(&values)[2] = part<2>(m_h, n * 4 + half * 2);
                if (n * 8 < inside) {
                    work(values, at + n * 8);
                } else {
                    values[0] = values[1] = 0;
                }
            }
        }
    }
    float m_h[states / 2];
};

// What a chunk adds
// -----------------------------------------------------------------------------------------------------

template <class Shape>
struct GroupStatesShared {
    struct Stage {
        WgmmaTile B[Shape::tiles];
        WgmmaTile x[Shape::slices];
    } stages_[Shape::stages];
    StepFactors factors[2][Shape::slices];
};

/// Steps come last to first: `step` counts from the last one.
template <class T, class Shape>
SIMT_KERNEL(Shape::threads, 1)
void ssdGroupStatesKernel(SsdParams<T> p) {
    if constexpr (simt::kHasWgmma) {
        auto& shared = *reinterpret_cast<GroupStatesShared<Shape>*>(simt::dynamicShared());
        const GroupPlace<T, Shape> at(p);
        const int role = groupOfBlock();
        if (role == Shape::copier) {
            const GroupCopies<T> copies(p.xbc_stride);
            copySteps<Shape>(-1, at.steps, [&](int step) {
                auto& to = shared.stages_[step % Shape::stages];
                const std::int64_t row = (at.first + (at.steps - 1 - step) * kStep) * p.xbc_stride;
                copies.template states<Shape>(to.B, p.B + row, at.group, p.at.states, kStep);
                SIMT_UNROLL
                for (int i = 0; i < Shape::slices; ++i) {
                    if (i < at.slices) copies.start(to.x[i], p.x + row + at.channel + i * kSlice, kStep, kSlice);
                }
            });
        } else if (role == Shape::maker) {
            const int slice = warpOfGroup();
            const bool sums = slice < at.slices;
            FactorMaker<T> factors(p, at.first, sums ? at.head(p, slice) : 0, sums);
            if (sums) factors.read(at.steps - 1, kStep);
            float later = 0;
            for (int step = -1; step < at.steps; ++step) {
                syncStep();
                simt::showToWgmma();  // the next step's tiles
                if (!sums || step + 1 == at.steps) continue;
                later += factors.make(shared.factors[(step + 1) % 2][slice], later);
                if (step + 2 < at.steps) factors.read(at.steps - 3 - step, kStep);
            }
            if (sums && simt::lane() == 0) p.chunkDecay(at.b, at.chunk, at.head(p, slice)) = simt::fastExp2(later);
        } else {
            GroupState<T, Shape::states> h;
            h.clear();
            for (int step = -1; step < at.steps; ++step) {
                syncStep();
                if (step < 0 || role >= at.slices) continue;
                const auto& stage = shared.stages_[step % Shape::stages];
                std::uint32_t x[kParts][4];
                loadChannels(x, stage.x[role]);
                weigh<T>(x, shared.factors[step % 2][role].after);
                h.add(x, stage.B);
                simt::wgmmaWait<0>();
                h.keep();
            }
            if (role < at.slices) h.write(at.chunkState(p, role), p.at.states);
        }
    }
}

// y
// ---------------------------------------------------------------------------------------------------------------------

/// Tokens of a warp's 16 channels, on the way from registers to rows; 48 bytes apart, so that 8 begin in different
/// banks.
template <class T>
struct alignas(16) OutputRows {
    T rows[kStep][kPart + 8];
};

template <class T, class Shape>
struct GroupOutputsShared {
    struct Stage {
        WgmmaTile C[Shape::tiles];
        WgmmaTile B[Shape::tiles];
        WgmmaTile x;
    } stages_[Shape::stages];
    WgmmaTile weights[2];  // W (t, s), with zeros above the diagonal
    StepFactors factors[3];
    OutputRows<T> rows[kWarpgroup / simt::kWarp];
};

/// By a warpgroup.
SIMT_DEVICE void clear(WgmmaTile& tile) {
    const Vector<std::uint32_t, 4> zeros = {};
    for (int i = simt::threadIndex() % kWarpgroup * 8; i < kStep * kSlice; i += kWarpgroup * 8) {
        simt::storeAs(tile.bits + i, zeros);
    }
}
/// W of a head from C·Bᵀ (t, s) in registers; by a warpgroup.
template <class T>
SIMT_DEVICE void makeWeights(WgmmaTile& to, const float (&cb)[kStep / 2], const StepFactors& factors) {
    const int own = warpOfGroup();
    const int g = simt::lane() / 4;
    const int pair = simt::lane() % 4 * 2;
    const float c[2] = {factors.c[own * kPart + g], factors.c[own * kPart + 8 + g]};
    // On the diagonal of a piece: (g, 2t) and (g, 2t + 1) where they are not above it.
    const std::uint32_t below = (pair <= g ? 0xffffU : 0U) | (pair + 1 <= g ? 0xffff0000U : 0U);
    const int row = own * kPart + simt::lane() % 16;
    const int column = simt::lane() / 16 * 8;
    SIMT_UNROLL
    for (int j = 0; j < kParts; ++j) {
        if (j > own) continue;
        std::uint32_t packed[4];
        SIMT_UNROLL
        for (int right = 0; right < 2; ++right) {
            float less[2];
            load(factors.less + j * kPart + right * 8 + pair, less);
            SIMT_UNROLL
            for (int half = 0; half < 2; ++half) {
                const float* sums = cb + (2 * j + right) * 4 + half * 2;
                packed[2 * right + half] = simt::packPair<T>(sums[0] * simt::fastExp2(c[half] - less[0]),
                                                             sums[1] * simt::fastExp2(c[half] - less[1]));
            }
        }
        if (j == own) {
            packed[0] &= below;
            packed[2] = 0;
            packed[3] &= below;
        }
        simt::storeMatrices(to.at(row, j * kPart + column), packed);
    }
}

/// Stores y (channels, tokens) of a warp's 16 channels.
template <class T>
SIMT_DEVICE void storeRows(T* y, std::int64_t stride, std::int64_t tokens, const float (&values)[kStep / 2],
                           OutputRows<T>& rows) {
    T* at = &rows.rows[simt::lane() % 8 + simt::lane() / 16 * 8][simt::lane() / 8 % 2 * 8];
    SIMT_UNROLL
    for (int i = 0; i < kParts; ++i) {
        std::uint32_t packed[4];
        SIMT_UNROLL
        for (int k = 0; k < 4; ++k) packed[k] = simt::packPair<T>(values[i * 8 + 2 * k], values[i * 8 + 2 * k + 1]);
        simt::storeMatricesTransposed(at + i * kPart * (sizeof(rows.rows[0]) / sizeof(T)), packed);
    }
    simt::syncWarp();
    using Eight = Vector<std::uint32_t, 4>;
    const int token = simt::lane() / 2;
    const int channel = simt::lane() % 2 * 8;
    y += token * stride + channel;
    SIMT_UNROLL
    for (int i = 0; i < kStep; i += simt::kWarp / 2) {
        const auto eight = simt::loadAs<Eight>(&rows.rows[i + token][channel]);
        if (i + token < tokens) simt::storeAs(y + i * stride, eight);
    }
    simt::syncWarp();
}

/// A step of a slice, from h's two forms that round() makes. D: of the lane's channels.
template <class T, class Shape>
SIMT_DEVICE void walkStep(GroupState<T, Shape::states>& h, const std::uint32_t (&rounded)[Shape::states / kPart][4],
                          const typename GroupOutputsShared<T, Shape>::Stage& stage, const WgmmaTile& weights,
                          const StepFactors& factors, const float (&D)[2], OutputRows<T>& rows, T* y_at,
                          std::int64_t y_stride, std::int64_t tokens) {
    std::uint32_t x[kParts][4];
    loadChannels(x, stage.x);
    float own[kStep / 2];  // of D·x and the step's own tokens
    SIMT_UNROLL
    for (int i = 0; i < kStep / 4; ++i) {
        simt::unpackPair<T>(x[i / 4][i % 4], own[2 * i], own[2 * i + 1]);
        own[2 * i] *= D[i % 2];
        own[2 * i + 1] *= D[i % 2];
    }
    simt::wgmmaBegin();
    SIMT_UNROLL
    for (int k = 0; k < kParts; ++k) simt::wgmmaRows<T>(own, x[k], weights, k * kPart);
    simt::wgmmaEnd();
    float y[kStep / 2];
    simt::wgmmaRows<T, true>(y, rounded[0], stage.C[0], 0);
    SIMT_UNROLL
    for (int n = 1; n < Shape::states / kPart; ++n) {
        simt::wgmmaRows<T>(y, rounded[n], stage.C[n / kParts], n % kParts * kPart);
    }
    simt::wgmmaEnd();

    simt::wgmmaWait<1>();  // x is free
    simt::keep(own);
    weigh<T>(x, factors.after);
    h.add(x, stage.B);

    simt::wgmmaWait<1>();
    simt::keep(y);
    SIMT_UNROLL
    for (int j = 0; j < kStep / 8; ++j) {
        float before[2];
        load(factors.before + j * 8 + simt::lane() % 4 * 2, before);
        SIMT_UNROLL
        for (int k = 0; k < 4; ++k) y[j * 4 + k] = y[j * 4 + k] * before[k % 2] + own[j * 4 + k];
    }
    storeRows(y_at, y_stride, tokens, y, rows);
    simt::wgmmaWait<0>();
    h.keep();
}

template <class T, class Shape>
SIMT_KERNEL(Shape::threads, 1)
void ssdGroupOutputsKernel(SsdParams<T> p) {
    if constexpr (simt::kHasWgmma) {
        auto& shared = *reinterpret_cast<GroupOutputsShared<T, Shape>*>(simt::dynamicShared());
        const GroupPlace<T, Shape> at(p);
        const int role = groupOfBlock();
        // In interval k step k is walked, W of step k + 1 and the factors of step k + 2 are made.
        constexpr int kFirst = -2;
        if (role == Shape::copier) {
            simt::leaveRegisters<136>();
            const GroupCopies<T> copies(p.xbc_stride);
            copySteps<Shape>(kFirst, at.steps, [&](int step) {
                auto& to = shared.stages_[step % Shape::stages];
                const std::int64_t row = (at.first + step * kStep) * p.xbc_stride;
                const std::int64_t tokens = at.tokens - step * kStep;
                copies.template states<Shape>(to.C, p.C + row, at.group, p.at.states, tokens);
                copies.template states<Shape>(to.B, p.B + row, at.group, p.at.states, tokens);
                copies.start(to.x, p.x + row + at.channel, tokens, kSlice);
            });
        } else if (role == Shape::maker) {
            simt::leaveRegisters<128>();
            for (WgmmaTile& tile : shared.weights) clear(tile);
            const bool sums = warpOfGroup() == 0;  // the warp with the smallest part of W
            FactorMaker<T> factors(p, at.first, at.head(p, 0), sums);
            if (sums) factors.read(0, at.tokens);
            const auto sum = [&](int step) {
                if (!sums || step >= at.steps) return;
                factors.make(shared.factors[step % 3], 0);
                if (step + 1 < at.steps) factors.read(step + 1, at.tokens - (step + 1) * kStep);
            };
            for (int step = kFirst; step < at.steps; ++step) {
                syncStep();
                const int next = step + 1;
                if (next < 0) {
                    sum(0);
                } else if (next < at.steps) {
                    const auto& stage = shared.stages_[next % Shape::stages];
                    float cb[kStep / 2];
                    simt::showToWgmma();  // the next step's tiles
                    simt::wgmmaBegin();
                    simt::wgmmaTiles<T, true>(cb, stage.C[0], stage.B[0], 0);
                    SIMT_UNROLL
                    for (int n = 1; n < Shape::states / kPart; ++n) {
                        simt::wgmmaTiles<T>(cb, stage.C[n / kParts], stage.B[n / kParts], n % kParts * kPart);
                    }
                    simt::wgmmaEnd();
                    sum(next + 1);
                    simt::wgmmaWait<0>();
                    simt::keep(cb);
                    makeWeights<T>(shared.weights[next % 2], cb, shared.factors[next % 3]);
                    simt::showToWgmma();
                }
            }
        } else {
            simt::takeRegisters<240>();
            GroupState<T, Shape::states> h;
            h.read(p.at.chunks == 1 ? at.kept(p, 0) : at.chunkState(p, 0), p.at.states);
            const int channel = at.channel + warpOfGroup() * kPart;
            const float D[2] = {p.D[channel + simt::lane() / 4], p.D[channel + 8 + simt::lane() / 4]};
            T* y = p.y + at.first * p.y_stride + channel;
            std::uint32_t rounded[Shape::states / kPart][4];
            for (int step = kFirst; step < at.steps; ++step) {
                syncStep();
                if (step < -1) continue;
                if (step >= 0) {
                    walkStep<T, Shape>(h, rounded, shared.stages_[step % Shape::stages], shared.weights[step % 2],
                                       shared.factors[step % 3], D, shared.rows[warpOfGroup()],
                                       y + step * kStep * p.y_stride, p.y_stride, at.tokens - step * kStep);
                }
                if (step + 1 < at.steps) h.round(rounded, shared.factors[(step + 1) % 3].before[kStep - 1]);
            }
            if (at.chunk == p.at.chunks - 1) h.write(at.kept(p, 0), p.at.states);
        }
    }
}

template <class T, class Shape>
simt::Extent groupGrid(const SsdParams<T>& p, std::int64_t chunks) {
    return {p.at.groups * divideUp(p.at.headsOfGroup() * p.at.head_dim, Shape::slices * kSlice), chunks, p.at.batch};
}
template <class T, class Shape>
void startGroupStates(void* stream, const SsdParams<T>& p) {
    simt::launch(stream, {groupGrid<T, Shape>(p, p.at.chunks - 1), Shape::threads, sizeof(GroupStatesShared<Shape>)},
                 ssdGroupStatesKernel<T, Shape>, p);
}
template <class T, class Shape>
void startGroupOutputs(void* stream, const SsdParams<T>& p) {
    simt::launch(stream, {groupGrid<T, Shape>(p, p.at.chunks), Shape::threads, sizeof(GroupOutputsShared<T, Shape>)},
                 ssdGroupOutputsKernel<T, Shape>, p);
}

/// Calls work(std::integral_constant: room for states).
template <class T, class Work>
void withRoom(const SsdParams<T>& p, const Work& work) {
    if (p.at.states <= simt::kTileExtent) return work(std::integral_constant<int, simt::kTileExtent>{});
    work(std::integral_constant<int, kMostGroupStates>{});
}
template <int states>
using OutputShape = GroupShape<1, states, 4>;
// Two slices share B.
template <int states>
using StateShape = GroupShape<2, states, 6>;

}  // namespace

bool ssdGroups(const SsdOp& op) {
    if (sizeOf(op.x.type) != 2) return false;
    return simt::limits().wgmma && op.states % 8 == 0 && op.states <= kMostGroupStates && op.head_dim % kSlice == 0 &&
           op.xbc_stride % 8 == 0 && op.y_stride % 8 == 0 && aligned(16, op.x.data, op.B.data, op.C.data, op.y.data) &&
           aligned(8, op.h);
}

std::int64_t ssdGroupChunk(const SsdOp& op) {
    constexpr std::int64_t kMostChunks = 16;
    constexpr std::int64_t kApart = 10;  // steps that take as long as two kernels more
    const std::int64_t slices = op.heads / op.groups * op.head_dim / kSlice;
    const std::int64_t groups = op.batch * op.groups;
    const std::int64_t steps = divideUp(op.length, kStep);
    const auto waves = [](std::int64_t blocks) { return divideUp(blocks, simt::limits().multiprocessors); };
    std::int64_t best = steps;
    std::int64_t best_cost = 2 * steps * waves(groups * slices);
    for (std::int64_t wanted = 2; wanted <= simt::lesser(kMostChunks, steps); ++wanted) {
        const std::int64_t chunk = divideUp(steps, wanted);
        const std::int64_t chunks = divideUp(steps, chunk);
        // What a step adds to the state takes half as long as its outputs.
        const std::int64_t cost = chunk * (2 * waves(groups * slices * chunks) +
                                           waves(groups * divideUp(slices, std::int64_t{2}) * (chunks - 1))) +
                                  2 * kApart;
        if (cost < best_cost) {
            best_cost = cost;
            best = chunk;
        }
    }
    return best * kStep;
}

template <class T>
void groupStates(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        if (p.at.chunks == 1) return;
        withRoom(p, [&](auto room) { startGroupStates<T, StateShape<room>>(stream, p); });
    }
}
template <class T>
void groupOutputs(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        withRoom(p, [&](auto room) { startGroupOutputs<T, OutputShape<room>>(stream, p); });
    }
}

#define PERFMAMBA_GROUPS(T)                                \
    template void groupStates(void*, const SsdParams<T>&); \
    template void groupOutputs(void*, const SsdParams<T>&);
PERFMAMBA_GROUPS(float)
PERFMAMBA_GROUPS(Half)
PERFMAMBA_GROUPS(BFloat16)
#undef PERFMAMBA_GROUPS

}  // namespace perfmamba::kernels::cuda
