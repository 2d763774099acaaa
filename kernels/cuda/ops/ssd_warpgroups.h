// The SSD, 64 tokens a step, by the products of wgmma.h. A warpgroup walks along a sequence, or a piece of it, with the
// state of a slice, 64 channels of a head, in registers: h (64, N) in float, laid out as the results of a product. With
// c from the start of the step, a step is
//   y = h·Cᵀ·exp(c_t) + xᵀ·Wᵀ + D·x          (channels, tokens), W_ts = (C_t·B_s)·exp(c_t − c_s)·Δ_s for s ≤ t
//   h' = exp(c_last)·h + Σ_s (exp(c_last − c_s)·Δ_s·x_s) ⊗ B_s
// Rounded to 16 bits, h in registers is the left operand of the first product as it is, and x, read transposed from
// shared memory, that of the other two. C, B and W are right operands in shared memory.
//
// Beside the warpgroups that walk a block has one that makes what they need and one that copies x, B and C, each some
// steps ahead. They wait for each other at gates (gate.h), not at barriers of the block: a walker's step is a chain of
// products and of what lies between them, and the others' work is to fill its pauses. Nothing is prepared by other
// kernels: where no sequence is cut this is all that runs. Where some are, what each piece adds to the state is summed
// before. Of that the outputs' blocks make the state before their piece themselves where pieces are few, and state
// passing does where they are more. The outputs' blocks begin while what comes before them still runs.
#pragma once

#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/simt/gate.h"
#include "kernels/cuda/simt/tiles.h"
#include "kernels/cuda/simt/wgmma.h"

namespace perfmamba::kernels::cuda {

using simt::Gate;
using simt::kWarpgroup;
using simt::WgmmaOperand;
using simt::WgmmaTile;

inline constexpr int kPart = 16;  // depth of a product; rows of a warp
inline constexpr int kParts = static_cast<int>(kStep) / kPart;
inline constexpr int kMostGroupStates = 128;
inline constexpr int kWarps = kWarpgroup / simt::kWarp;  // of a warpgroup
/// Pieces before one whose states it sums up itself. State passing takes its time for any number.
inline constexpr int kMostSummed = 5;
static_assert(kStep == simt::kTileExtent && kSlice == simt::kTileExtent);

/// How a kernel divides the work: slices of a block, room for states, steps in shared memory. Of a block's warpgroups
/// the first walk, one a slice; then comes the one that makes what they need, then the one that copies. Their registers
/// are what ptxas needs, together what the block has.
template <int slices_, int states_, int stages_, int walker_registers_, int maker_registers_, int copier_registers_>
struct GroupShape {
    static constexpr int slices = slices_;
    static constexpr int states = states_;
    static constexpr int stages = stages_;
    static constexpr int tiles = states / simt::kTileExtent;
    static constexpr int maker = slices;
    static constexpr int copier = slices + 1;
    static constexpr int threads = (copier + 1) * kWarpgroup;
    static constexpr int walker_registers = walker_registers_;
    static constexpr int maker_registers = maker_registers_;
    static constexpr int copier_registers = copier_registers_;
    using Stage = simt::RingPlace<stages>;
};

/// A number for every token of a step. Those of a lane, tokens 8·j + 2t + i with t = lane % 4, lie side by side.
struct alignas(16) TokenFactors {
    float values[kStep + 4];

    /// Of tokens 2·lane and 2·lane + 1.
    SIMT_DEVICE void write(const float (&pair)[2]) {
        store(values + begin(simt::lane() % 4) + simt::lane() / 4 * 2, pair);
    }
    /// The lane's in the tokens 16·k to 16·k + 15.
    SIMT_DEVICE void read(int k, float (&four)[4]) const { load(values + begin(simt::lane() % 4) + k * 4, four); }
    SIMT_DEVICE void read(float (&all)[kParts][4]) const {
        SIMT_UNROLL
        for (int k = 0; k < kParts; ++k) read(k, all[k]);
    }

private:
    /// In banks of its own.
    SIMT_DEVICE static int begin(int t) { return t * static_cast<int>(kStep) / 4 + t / 2 * 4; }
};
/// Of one head and step; c in powers of two.
struct alignas(16) StepFactors {
    float c[kStep];       // Σ Δ·A·log₂e
    TokenFactors less;    // c_s − log₂Δ_s
    TokenFactors before;  // exp(c_t)
    TokenFactors after;   // exp(c_last − c_s)·Δ_s
    TokenFactors piece;   // exp(e − c_s)·Δ_s, e = c at the end of the 16 tokens that s is among
    float all;            // exp(c_last)
};

// W is a triangle: of its 64 rows the last has 64 elements. Eight rows and the eight as far from the other end have 72
// on and below the diagonal together, and so every warp that makes W has two such. A warp's rows lie together, though,
// in a product's operand and result; hence C's rows, and with them W's and y's tokens, are folded: eight tokens `eight`
// lie where the eight rows foldedPlace(eight) would.
SIMT_BOTH constexpr int foldedPlace(int eight) {
    return eight < 4 ? 2 * eight : 15 - 2 * eight;
}
/// The eight tokens in half 0 or 1 of a warp's 16 rows.
SIMT_BOTH constexpr int eightOf(int warp, int half) {
    return half == 0 ? warp : 7 - warp;
}

/// What a lane needs of a head's factors for W.
struct LaneFactors {
    float rows[2];     // c of its two
    float less[2][4];  // on the diagonals of its two
    float piece[kParts - 1][4];
    float ends[kParts - 1];  // c at the end of every 16 tokens

    SIMT_DEVICE void read(const StepFactors& from, int own) {
        SIMT_UNROLL
        for (int half = 0; half < 2; ++half) {
            const int eight = eightOf(own, half);
            rows[half] = from.c[eight * 8 + simt::lane() / 4];
            from.less.read(eight / 2, less[half]);
        }
        SIMT_UNROLL
        for (int j = 0; j < kParts - 1; ++j) {
            from.piece.read(j, piece[j]);
            ends[j] = from.c[j * kPart + kPart - 1];
        }
    }
};

/// What a piece has of a chain: from step `begin` of the line to the chain's end, or to `end` before it.
template <class T, class Shape>
class GroupPlace {
public:
    SIMT_DEVICE GroupPlace(const SsdParams<T>& p, int begin, int end) {
        const SsdLine& line = p.at.line;
        chain = begin / line.extent;
        const int first_slice = chain % line.chains_of_group * Shape::slices;
        const int b_group = chain / line.chains_of_group;
        group = b_group % static_cast<int>(p.at.groups);
        b = b_group / static_cast<int>(p.at.groups);
        slices = simt::lesser(Shape::slices, line.slices_of_group - first_slice);
        channel = (group * line.slices_of_group + first_slice) * kSlice;
        const int first_step = begin - chain * line.extent;
        steps = simt::lesser(end - begin, line.steps - first_step);
        begins = first_step == 0;
        ends = first_step + steps == line.steps;
        const std::int64_t before = first_step * kStep;
        tokens = simt::lesser(steps * kStep, p.at.length - before);
        first = b * p.at.length + before;
    }
    [[nodiscard]] SIMT_DEVICE int head(const SsdParams<T>& p, int slice) const {
        return (channel + slice * kSlice) / static_cast<int>(p.at.head_dim);
    }
    /// What this piece adds to the state of a slice; behind state passing, the state before it. Where nothing passes
    /// states, the last piece, which adds nothing, has the state before the chain.
    [[nodiscard]] SIMT_DEVICE float* pieceState(const SsdParams<T>& p, int slice) const {
        return p.pieceState(simt::blockX(), chain, slice);
    }
    /// The state that is kept, which is also the one before a chain that is not cut.
    [[nodiscard]] SIMT_DEVICE float* kept(const SsdParams<T>& p, int slice) const {
        return p.h + b * p.at.heads * p.at.headState() + (channel + slice * kSlice) * p.at.states;
    }

    int chain, b, group;
    int slices;   // that exist
    int channel;  // the first, all heads' channels side by side
    int steps;
    bool begins, ends;   // the chain
    std::int64_t first;  // token, all sequences' tokens one behind the other
    std::int64_t tokens;
};

/// The block's piece of the line, where it exists: either chains follow each other without a gap or none has two.
struct GroupPiece {
    SIMT_DEVICE explicit GroupPiece(const SsdLine& line)
        : begin(simt::blockX() * line.piece), end(simt::lesser(begin + line.piece, line.chains * line.extent)) {
        if (line.extent > line.steps) end = simt::lesser(end, begin / line.extent * line.extent + line.steps);
    }

    /// Calls work(what it has of a chain), chain after chain.
    template <class Shape, class T, class Work>
    SIMT_DEVICE void each(const SsdParams<T>& p, const Work& work) const {
        for (int step = begin; step < end;) {
            const GroupPlace<T, Shape> at(p, step, end);
            work(at);
            step += at.steps;
        }
    }

    int begin, end;
};

// From lane 0, by which the compiler sees that a warp's lanes agree: products in branches that it took for divergent
// would wait for each other.
SIMT_DEVICE int warpOfGroup() {
    return simt::shuffle(simt::warp() % kWarps, 0);
}
SIMT_DEVICE int groupOfBlock() {
    return simt::shuffle(simt::threadIndex() / kWarpgroup, 0);
}

/// Copies tiles, by the threads of a warpgroup.
template <class T>
class GroupCopies {
public:
    SIMT_DEVICE explicit GroupCopies(std::int64_t stride) : m_stride(stride) {}

    /// Starts the copy of 64 tokens, of which `tokens` exist, and of 64 columns, of which `inside` exist. `folded`: see
    /// foldedPlace().
    template <bool folded = false>
    SIMT_DEVICE void start(WgmmaTile& to, const T* from, std::int64_t tokens, std::int64_t inside) const {
        constexpr int kRows = kWarpgroup / 8;
        const int thread = simt::threadIndex() % kWarpgroup;
        const int row = thread / 8;
        const int column = thread % 8 * 8;
        const int left = column < inside ? static_cast<int>(simt::lesser<std::int64_t>(tokens, kStep)) - row : 0;
        from += row * m_stride + column;
        std::uint16_t* lower = to.at(folded ? row + row / 8 * 8 : row, column);
        std::uint16_t* upper = folded ? to.at(foldedPlace(4) * 8 + row % 8 - row / 8 * 16, column) : lower;
        SIMT_UNROLL
        for (int i = 0; i < kStep; i += kRows) {
            const int rows = !folded ? i : i < kStep / 2 ? 2 * i : static_cast<int>(kStep) - 2 * i;
            simt::copyAsync((i < kStep / 2 ? lower : upper) + rows * simt::kTileExtent, from, i < left);
            from += kRows * m_stride;
        }
    }

    /// The same of a group's B or C, from the rows of all groups.
    template <bool folded, int tiles>
    SIMT_DEVICE void states(WgmmaTile (&to)[tiles], const T* from, int group, std::int64_t states,
                            std::int64_t tokens) const {
        SIMT_UNROLL
        for (int i = 0; i < tiles; ++i) {
            start<folded>(to[i], from + group * states + i * kSlice, tokens, states - i * kSlice);
        }
    }

private:
    std::int64_t m_stride;
};

/// Δ and c of one head, by a warp: two tokens a lane. A step's dt is read long before it is used, into one of the
/// slots.
template <class T, int slots>
class FactorMaker {
public:
    SIMT_DEVICE FactorMaker(const SsdParams<T>& p, std::int64_t first, int head, bool works)
        : m_dt(p.dt + first * p.dt_stride + head),
          m_stride(p.dt_stride),
          m_bias(works ? p.dt_bias[head] : 0),
          m_A(works ? p.A[head] * kLog2e : 0),
          m_least(p.dt_min),
          m_most(p.dt_max) {}

    /// Reads dt of a step, of which `tokens` exist.
    SIMT_DEVICE void read(int slot, int step, std::int64_t tokens) {
        const int t = 2 * simt::lane();
        const T* from = m_dt + (step * kStep + t) * m_stride;
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {
            m_exists[slot][i] = t + i < tokens;
            if (m_exists[slot][i]) m_raw[slot][i] = from[i * m_stride];
        }
    }
    SIMT_DEVICE void make(int slot, StepFactors& to) const {
        float delta[2];
        float c[2];
        const float last = sum(slot, delta, c);
        const float end = simt::shuffle(c[1], simt::lane() | (kPart / 2 - 1));
        float less[2];
        float before[2];
        float after[2];
        float piece[2];
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {
            less[i] = c[i] - simt::fastLog2(delta[i]);
            before[i] = simt::fastExp2(c[i]);
            after[i] = simt::fastExp2(last - c[i]) * delta[i];
            piece[i] = simt::fastExp2(end - c[i]) * delta[i];
        }
        store(to.c + 2 * simt::lane(), c);
        to.less.write(less);
        to.before.write(before);
        to.after.write(after);
        to.piece.write(piece);
        if (simt::lane() == 0) to.all = simt::fastExp2(last);
    }
    /// Only `after`; `later` is added to the exponents. Returns c_last.
    SIMT_DEVICE float makeAfter(int slot, TokenFactors& to, float later) const {
        float delta[2];
        float c[2];
        const float last = sum(slot, delta, c);
        float after[2];
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) after[i] = simt::fastExp2(last - c[i] + later) * delta[i];
        to.write(after);
        return last;
    }

private:
    SIMT_DEVICE float sum(int slot, float (&delta)[2], float (&c)[2]) const {
        // A token that leaves 2⁻⁶⁴ of what was is as good as one that leaves less, and c stays small enough for float.
        constexpr float kLeast = -64;
        SIMT_UNROLL
        for (int i = 0; i < 2; ++i) {
            delta[i] = m_exists[slot][i] ? stepOf(toFloat(m_raw[slot][i]), m_bias, m_least, m_most) : 0.0F;
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
        SIMT_UNROLL
        for (float& value : c) {
            if (simt::lane() > 0) value += below;
        }
        return simt::shuffle(sum, simt::kWarp - 1);
    }

    const T* m_dt;
    std::int64_t m_stride;
    float m_bias, m_A, m_least, m_most;
    T m_raw[slots][2];
    bool m_exists[slots][2];
};

/// Elements of 16 bits of a tile.
inline constexpr int kTileElements = sizeof(WgmmaTile) / 2;
/// Where the lane's rows of a warp's 16 channels begin in a tile x; those of tokens 16·k on are as much further on for
/// every lane.
SIMT_DEVICE int channelsOfLane() {
    const int token = simt::lane() % 8 + simt::lane() / 16 * 8;
    const int eight = warpOfGroup() * 2 + simt::lane() / 8 % 2;
    return token * simt::kTileExtent + (eight ^ token % 8) * 8;
}
/// x of a step and of a warp's 16 channels, transposed: the left operand (16 channels, 64 tokens).
SIMT_DEVICE void loadChannels(std::uint32_t (&to)[kParts][4], const std::uint16_t* of_lane) {
    SIMT_UNROLL
    for (int k = 0; k < kParts; ++k) {
        simt::loadMatricesTransposed(to[k], of_lane + k * kPart * simt::kTileExtent);
    }
}
/// Gives every token its weight.
template <class T>
SIMT_DEVICE void weigh(std::uint32_t (&x)[kParts][4], const TokenFactors& factors) {
    float weights[kParts][4];
    factors.read(weights);
    SIMT_UNROLL
    for (int k = 0; k < kParts; ++k) {
        SIMT_UNROLL
        for (int i = 0; i < 4; ++i) {
            const float* weight = weights[k] + i / 2 * 2;
            float pair[2];
            simt::unpackPair<T>(x[k][i], pair[0], pair[1]);
            x[k][i] = simt::packPair<T>(pair[0] * weight[0], pair[1] * weight[1]);
        }
    }
}

/// The order of a slice's state in the workspace: 16 bytes of a thread beside the next one's, as they are in registers.
struct GroupStateOrder {
    static constexpr int kUnit = 4;
    /// Where in (channels, N) element i lies, and behind it the next, where i is even.
    SIMT_DEVICE static std::int64_t natural(int i, std::int64_t states) {
        const int thread = i / kUnit % kWarpgroup;
        const int lane = thread % simt::kWarp;
        const int channel = thread / simt::kWarp * kPart + i % kUnit / 2 * 8 + lane / 4;
        return channel * states + i / (kUnit * kWarpgroup) * 8 + lane % 4 * 2;
    }
};

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
    /// From and to the workspace, see GroupStateOrder.
    SIMT_DEVICE void readOwn(const float* from, std::int64_t inside) {
        eachOwn(inside, [from](float(&values)[4], int at) { load(from + at, values); });
    }
    SIMT_DEVICE void writeOwn(float* to, std::int64_t inside) {
        eachOwn(inside, [to](float(&values)[4], int at) { store(to + at, values); });
    }
    SIMT_DEVICE void addScaled(float scale, const GroupState& other) {
        SIMT_UNROLL
        for (int i = 0; i < states / 2; ++i) m_h[i] += scale * other.m_h[i];
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
    SIMT_DEVICE void add(const std::uint32_t (&x)[kParts][4], WgmmaOperand B) {
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
    template <class Work>
    SIMT_DEVICE void eachOwn(std::int64_t inside, const Work& work) {
        const int thread = simt::threadIndex() % kWarpgroup;
        SIMT_UNROLL
        for (int n = 0; n < states / 8; ++n) {
            float(&values)[GroupStateOrder::kUnit] = part<GroupStateOrder::kUnit>(m_h, n * 4);
            if (n * 8 < inside) {
                work(values, (n * kWarpgroup + thread) * GroupStateOrder::kUnit);
            } else {
                SIMT_UNROLL
                for (float& value : values) value = 0;
            }
        }
    }
    float m_h[states / 2];
};

/// Whether warpgroups can do it, on this device.
bool suitsWarpgroups(const SsdOp& op);
/// Sets the chains and pieces.
void divideForWarpgroups(SsdLayout& at);
/// What every piece adds to the state of the chain that it does not end.
template <class T>
void warpgroupStates(void* stream, const SsdParams<T>& p);
/// y, and the states at the ends of the chains.
template <class T>
void warpgroupOutputs(void* stream, const SsdParams<T>& p);

}  // namespace perfmamba::kernels::cuda
