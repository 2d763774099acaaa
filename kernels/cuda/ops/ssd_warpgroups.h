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
#pragma once

#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/simt/tiles.h"
#include "kernels/cuda/simt/wgmma.h"

namespace perfmamba::kernels::cuda {

using simt::kWarpgroup;
using simt::WgmmaTile;

inline constexpr int kSlice = 64;  // channels of a warpgroup
inline constexpr int kPart = 16;   // depth of a product; rows of a warp
inline constexpr int kParts = static_cast<int>(kStep) / kPart;
inline constexpr int kMostGroupStates = 128;
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

/// Of one head and step; c in powers of two.
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

// From lane 0, by which the compiler sees that a warp's lanes agree: products in branches that it took for divergent
// would wait for each other.
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

/// h of a slice: channel 16·w + half · 8 + g and state 8·n + 2t + i are in lane (g, t) of warp w, [n · 4 + half · 2 +
/// i].
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

/// Whether warpgroups can do it, on this device.
bool suitsWarpgroups(const SsdOp& op);
/// Tokens of a chunk; whole steps.
std::int64_t warpgroupChunk(const SsdOp& op);
/// What every chunk but the last adds to the state.
template <class T>
void warpgroupStates(void* stream, const SsdParams<T>& p);
/// y, and the state after the last chunk.
template <class T>
void warpgroupOutputs(void* stream, const SsdParams<T>& p);

}  // namespace perfmamba::kernels::cuda
