// The SSD on tensor cores, for the sizes that models have, where ssd_warpgroups.h cannot do it: a block walks through
// the tokens of a chunk in steps of 64, with the running state in registers.
//
// A warp has a slice of a head's channels, 16 or 32, and their whole state: h (slice, N) in float, laid out as the
// results of mma.m16n8k16. From one step to the next
//   y_t = exp(c_t)·C_t·h + Σ_{s≤t} (C_t·B_s)·exp(c_t − c_s)·Δ_s·x_s + D·x_t
//   h' = exp(c_last)·h + Σ_s exp(c_last − c_s)·Δ_s·x_s ⊗ B_s
// with c from the start of the step. Rounded to 16 bits, the results that h is are, register by register, the right
// operand of C·h, and what C·Bᵀ is stored as is the left operand of its product with x. What the warps of a block
// share, B, C, C·Bᵀ and their slices of x, is copied asynchronously, a step ahead. The caches' bandwidth limits how
// small a block may be: one of 64 channels reads 2·N elements a token for its 64 of x.
#pragma once

#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/simt/mma.h"
#include "kernels/cuda/simt/tiles.h"

namespace perfmamba::kernels::cuda {

inline constexpr int kMostWalkStates = 128;
/// Rows and depth of a product of mma.h; tokens, channels and states come in as many.
inline constexpr int kPiece = 16;
inline constexpr int kPieces = static_cast<int>(kStep) / kPiece;  // of a step
inline constexpr int kStatePieces = kMostWalkStates / kPiece;

/// How a kernel divides the work: warps of a block, and pieces of channels of a warp. `all`: there are as many states
/// as there can be.
template <int warps_, int pieces_, bool all_>
struct WalkShape {
    static constexpr int warps = warps_;
    static constexpr int pieces = pieces_;
    static constexpr bool all = all_;
    static constexpr int threads = warps * simt::kWarp;
    static constexpr int slice = pieces * kPiece;
    static constexpr int channels = warps * slice;
};

/// 64 tokens of B, C or x. Rows are an odd number of 16 bytes apart, so that any 8 of them begin in different banks.
template <class T, int columns>
struct alignas(16) StepTile {
    T rows[kStep][columns + 8];
};

/// Of one head.
struct alignas(16) StepDecays {
    Cumulated c[kStep];
    float delta[kStep];
};

/// Of one warp and step, for y; with e_i = c at the end of piece i of 16 tokens, and 0 before the first.
struct StepWeights {
    float to_end[kStep];                  // exp(c_last − c_s)·Δ_s
    float to_piece[kStep];                // exp(e_i − c_s)·Δ_s for s in piece i
    float of_piece[kStep];                // exp(c_t − e_{i−1}) for t in piece i
    float within[kStep];                  // c_s − e_i for s in piece i
    float between[kPieces + 1][kPieces];  // [i][j]: exp(e_{i−1} − e_{j−1}), j <= i
};

/// Where a warp is: which channels of which head in which chunk.
template <class T, class Shape>
class WalkPlace {
public:
    SIMT_DEVICE explicit WalkPlace(const SsdParams<T>& p) : b(simt::blockZ()), chunk(simt::blockY()) {
        const int of_group = static_cast<int>(p.at.headsOfGroup() * p.at.head_dim);
        const int blocks = static_cast<int>(divideUp(of_group, Shape::channels));
        group = simt::blockX() / blocks;
        const int begin = simt::blockX() % blocks * Shape::channels;
        channels = simt::lesser(Shape::channels, of_group - begin);
        works = simt::warp() * Shape::slice < channels;
        block_channel = group * of_group + begin;
        channel = works ? block_channel + simt::warp() * Shape::slice : block_channel;
        head = channel / static_cast<int>(p.at.head_dim);
        first = chunk * p.at.chunk;
        steps = static_cast<int>(divideUp(p.at.tokens(chunk), kStep));
    }

    /// The warp's first channel, within its head.
    [[nodiscard]] SIMT_DEVICE int headChannel(const SsdParams<T>& p) const {
        return channel - head * static_cast<int>(p.at.head_dim);
    }
    /// Into x, B and C: the first token.
    [[nodiscard]] SIMT_DEVICE std::int64_t row(const SsdParams<T>& p) const {
        return (b * p.at.length + first) * p.xbc_stride;
    }

    int b, chunk, group, head;
    int block_channel, channels;  // of the block, all heads' channels side by side
    int channel;                  // the first of the warp
    bool works;                   // whether the warp has channels
    std::int64_t first;           // token
    int steps;
};

/// Copies tiles of `columns` of a matrix of tokens, of which `inside` exist, a multiple of 8.
template <class T, int columns, int threads>
class TileCopies {
public:
    SIMT_DEVICE TileCopies(const T* from, std::int64_t stride, int inside)
        : m_from(from + simt::threadIndex() / kAcross * stride + column()),
          m_stride(stride),
          m_inside(column() < inside) {}

    /// Starts those of a step, of which `tokens` exist.
    SIMT_DEVICE void start(StepTile<T, columns>& to, int step, std::int64_t tokens) const {
        const T* from = m_from + step * kStep * m_stride;
        const int row = simt::threadIndex() / kAcross;
        const int left = m_inside ? static_cast<int>(simt::lesser<std::int64_t>(tokens, kStep)) - row : 0;
        T* at = &to.rows[row][column()];
        SIMT_UNROLL
        for (int i = 0; i < kStep; i += kRows) {
            simt::copyAsync(at + i * kPadded, from + i * m_stride, i < left);
        }
    }

private:
    static constexpr int kAcross = columns / 8;
    static constexpr int kRows = threads / kAcross;
    static constexpr int kPadded = sizeof(StepTile<T, columns>) / sizeof(T) / kStep;
    static_assert(threads % kAcross == 0 && kStep % kRows == 0);

    [[nodiscard]] SIMT_DEVICE static int column() { return simt::threadIndex() % kAcross * 8; }

    const T* m_from;
    std::int64_t m_stride;
    bool m_inside;
};

/// The same of the decays of the warp's head.
template <class T>
SIMT_DEVICE void copyDecays(StepDecays& to, const SsdParams<T>& p, std::int64_t first) {
    constexpr int kOfCumulated = 16 / sizeof(Cumulated);
    constexpr int kOfDelta = 16 / sizeof(float);
    const int i = simt::lane();
    simt::copyAsync(&to.c[i * kOfCumulated], p.cumulated + first + i * kOfCumulated, true);
    if (i * kOfDelta < kStep) simt::copyAsync(&to.delta[i * kOfDelta], p.delta + first + i * kOfDelta, true);
}

// By all lanes of the warp, which may read them afterwards.

SIMT_DEVICE void weigh(float (&to_end)[kStep], const StepDecays& decays) {
    SIMT_UNROLL
    for (int s = simt::lane(); s < kStep; s += simt::kWarp) {
        to_end[s] = simt::fastExp2(difference(decays.c[kStep - 1], decays.c[s])) * decays.delta[s];
    }
    simt::syncWarp();
}

/// Before the piece.
SIMT_DEVICE Cumulated endBefore(int piece, const StepDecays& decays) {
    return piece == 0 ? Cumulated{0, 0} : decays.c[piece * kPiece - 1];
}
SIMT_DEVICE void weigh(StepWeights& to, const StepDecays& decays) {
    SIMT_UNROLL
    for (int s = simt::lane(); s < kStep; s += simt::kWarp) {
        const Cumulated c = decays.c[s];
        const float delta = decays.delta[s];
        const float within = difference(c, decays.c[s | (kPiece - 1)]);
        to.to_end[s] = simt::fastExp2(difference(decays.c[kStep - 1], c)) * delta;
        to.to_piece[s] = simt::fastExp2(-within) * delta;
        to.of_piece[s] = simt::fastExp2(difference(c, endBefore(s / kPiece, decays)));
        to.within[s] = within;
    }
    const int i = simt::lane() / kPieces;
    const int j = simt::lane() % kPieces;
    if (i <= kPieces) to.between[i][j] = simt::fastExp2(difference(endBefore(i, decays), endBefore(j, decays)));
    simt::syncWarp();
}

// Where a lane reads for simt::loadMatrices: the four quarters of a piece of 16 × 16, by rows first or columns first.
template <class T, int columns>
SIMT_DEVICE const T* rowsFirst(const StepTile<T, columns>& tile, int row, int column) {
    return &tile.rows[row + simt::lane() % 16][column + simt::lane() / 16 * 8];
}
template <class T, int columns>
SIMT_DEVICE const T* columnsFirst(const StepTile<T, columns>& tile, int row, int column) {
    return &tile.rows[row + simt::lane() % 8 + simt::lane() / 16 * 8][column + simt::lane() / 8 % 2 * 8];
}

/// Two neighbours of 16 bits.
template <class T>
SIMT_DEVICE void unpackPair(std::uint32_t pair, float& first, float& second) {
    first = toFloat(T{static_cast<std::uint16_t>(pair)});
    second = toFloat(T{static_cast<std::uint16_t>(pair >> 16)});
}
template <class T>
SIMT_DEVICE std::uint32_t scalePair(std::uint32_t pair, float first, float second) {
    float a = 0;
    float b = 0;
    unpackPair<T>(pair, a, b);
    return simt::packPair<T>(a * first, b * second);
}

/// The state of a warp's slice: (channel, state) of lane (g, t) is [piece][n / 8][half · 2 + i] for channel piece · 16
/// + half · 8 + g and state n + 2t + i.
template <class T, class Shape>
class SliceState {
public:
    SIMT_DEVICE explicit SliceState(std::int64_t states) : m_states(static_cast<int>(states)) {}

    SIMT_DEVICE void clear() {
        each([](float(&values)[2], std::int64_t /*at*/) { values[0] = values[1] = 0; });
    }
    /// From and to (slice, N) in float.
    SIMT_DEVICE void read(const float* from) {
        each([from](float(&values)[2], std::int64_t at) { load(from + at, values); });
    }
    SIMT_DEVICE void write(float* to) {
        each([to](float(&values)[2], std::int64_t at) { store(to + at, values); });
    }

    [[nodiscard]] SIMT_DEVICE bool has(int state_piece) const { return Shape::all || state_piece * kPiece < m_states; }

    /// The right operand of C·h, for 16 states: registers of a piece's lower and upper 8 channels.
    SIMT_DEVICE void operand(int state_piece, std::uint32_t (&to)[2 * Shape::pieces][2]) const {
        SIMT_UNROLL
        for (int i = 0; i < 2 * Shape::pieces; ++i) {
            SIMT_UNROLL
            for (int k = 0; k < 2; ++k) {
                const float* pair = m_h[i / 2][2 * state_piece + k] + i % 2 * 2;
                to[i][k] = simt::packPair<T>(pair[0], pair[1]);
            }
        }
    }

    /// h = decay·h + Σ_s weights_s·x_s ⊗ B_s; the slice begins at `column` of x.
    template <int columns>
    SIMT_DEVICE void add(float decay, const StepTile<T, columns>& x, int column, const float (&weights)[kStep],
                         const StepTile<T, kMostWalkStates>& B) {
        SIMT_UNROLL
        for (auto& piece : m_h) {
            SIMT_UNROLL
            for (auto& four : piece) {
                SIMT_UNROLL
                for (float& value : four) value *= decay;
            }
        }
        SIMT_ROLLED
        for (int k = 0; k < kPieces; ++k) {
            std::uint32_t left[Shape::pieces][4];
            float weight[2][2];
            SIMT_UNROLL
            for (int half = 0; half < 2; ++half)
                load(weights + k * kPiece + half * 8 + simt::lane() % 4 * 2, weight[half]);
            SIMT_UNROLL
            for (int i = 0; i < Shape::pieces; ++i) {
                simt::loadMatricesTransposed(left[i], columnsFirst(x, k * kPiece, column + i * kPiece));
                SIMT_UNROLL
                for (int j = 0; j < 4; ++j) {
                    left[i][j] = scalePair<T>(left[i][j], weight[j / 2][0], weight[j / 2][1]);
                }
            }
            SIMT_UNROLL
            for (int n = 0; n < kStatePieces; ++n) {
                if (!has(n)) continue;
                std::uint32_t right[4];
                simt::loadMatricesTransposed(right, rowsFirst(B, k * kPiece, n * kPiece));
                SIMT_UNROLL
                for (int i = 0; i < Shape::pieces; ++i) {
                    simt::mma<T>(m_h[i][2 * n], left[i], {right[0], right[1]});
                    simt::mma<T>(m_h[i][2 * n + 1], left[i], {right[2], right[3]});
                }
            }
        }
    }

private:
    /// Calls work(two neighbouring states, where they lie in (slice, N)).
    template <class Work>
    SIMT_DEVICE void each(const Work& work) {
        SIMT_UNROLL
        for (int i = 0; i < Shape::pieces; ++i) {
            SIMT_UNROLL
            for (int n = 0; n < 2 * kStatePieces; ++n) {
                SIMT_UNROLL
                for (int half = 0; half < 2; ++half) {
                    const std::int64_t channel = i * kPiece + half * 8 + simt::lane() / 4;
                    float values[2] = {m_h[i][n][2 * half], m_h[i][n][2 * half + 1]};
                    if (Shape::all || n * 8 < m_states) {
                        work(values, channel * m_states + n * 8 + simt::lane() % 4 * 2);
                    } else {
                        values[0] = values[1] = 0;
                    }
                    m_h[i][n][2 * half] = values[0];
                    m_h[i][n][2 * half + 1] = values[1];
                }
            }
        }
    }

    int m_states;
    float m_h[Shape::pieces][2 * kStatePieces][4];
};

// C·Bᵀ of a step, as the left operand of a product: for each piece (i, j) on and below the diagonal 32 lanes × 4
// registers.
inline constexpr int kCbPieces = kPieces * (kPieces + 1) / 2;
inline constexpr int kCbWords = kCbPieces * simt::kWarp * 4;

template <class T>
SIMT_DEVICE std::uint32_t* cbOfStep(const SsdParams<T>& p, std::int64_t b, std::int64_t step, std::int64_t group) {
    const std::int64_t steps = p.at.paddedLength() / kStep;
    return reinterpret_cast<std::uint32_t*>(p.cb) + ((b * steps + step) * p.at.groups + group) * kCbWords;
}
/// Of this lane.
SIMT_BOTH constexpr int cbPiece(int i, int j) {
    return (i * (i + 1) / 2 + j) * simt::kWarp * 4;
}

/// Whether walks can do it, on this device.
bool ssdWalks(const SsdOp& op);
/// Tokens of a chunk such that the blocks of all chunks fill the device once.
std::int64_t ssdWalkChunk(const SsdOp& op);
template <class T>
void walkPrepare(void* stream, const SsdParams<T>& p);  // Δ, c and C·Bᵀ
template <class T>
void walkStates(void* stream, const SsdParams<T>& p);
template <class T>
void walkOutputs(void* stream, const SsdParams<T>& p);

}  // namespace perfmamba::kernels::cuda
