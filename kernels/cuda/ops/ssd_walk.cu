// The kernels of ssd_walk.h: C·Bᵀ of every step, what a chunk adds to the state, and y.
//   x (B, L, H, P), B and C (B, L, G, N) with a row stride, y (B, L, H, P) with its own
//
// The walk that has y also has the state after its chunk; so only chunks that others follow add theirs, and where one
// chunk is the whole sequence it is all that runs. Chunks are as long as the number of blocks allows: every chunk but
// the last costs its states' bytes and 2·P·N·H FLOP a token more. Floor: (2·P + 4·N)·P·H + 2·Q·N·G FLOP a token on
// tensor cores with Q = 64 / 2, or the bytes, (2·P·H + 2·G·N)·size.
#include "kernels/cuda/ops/ssd_walk.h"

#include <type_traits>

#include "kernels/cuda/ops/ssd_cumsum.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kPrepareThreads = kPieces * simt::kWarp;

template <class T>
struct ProductTiles {
    StepTile<T, kMostWalkStates> C;
    StepTile<T, kMostWalkStates> B;
};

/// Blocks of heads have a warp take 64 tokens of a head; those that follow, one a group, compute C·Bᵀ, 16 tokens t a
/// warp.
template <class T>
SIMT_KERNEL(kPrepareThreads)
void ssdWalkPrepareKernel(SsdParams<T> p) {
    if constexpr (simt::kHasMma) {
        const std::int64_t step = simt::blockX();
        const std::int64_t b = simt::blockZ();
        const std::int64_t group = simt::blockY() - divideUp(p.at.heads, kPieces);
        if (group < 0) {
            const std::int64_t head = simt::blockY() * kPieces + simt::warp();
            if (head < p.at.heads) cumulate(p, b, step, head);
            return;
        }
        auto& tiles = *reinterpret_cast<ProductTiles<T>*>(simt::dynamicShared());
        const std::int64_t tokens = p.at.length - step * kStep;
        const int states = static_cast<int>(p.at.states);
        const std::int64_t offset = (b * p.at.length + step * kStep) * p.xbc_stride + group * p.at.states;
        using Copies = TileCopies<T, kMostWalkStates, kPrepareThreads>;
        Copies(p.C + offset, p.xbc_stride, states).start(tiles.C, 0, tokens);
        Copies(p.B + offset, p.xbc_stride, states).start(tiles.B, 0, tokens);
        simt::endCopies();
        simt::waitForCopies<0>();
        simt::syncBlock();

        const int i = simt::warp();
        float sums[kPieces][2][4] = {};
        SIMT_UNROLL
        for (int n = 0; n < kStatePieces; ++n) {
            if (n * kPiece >= states) continue;
            std::uint32_t left[4];
            simt::loadMatrices(left, rowsFirst(tiles.C, i * kPiece, n * kPiece));
            SIMT_UNROLL
            for (int j = 0; j < kPieces; ++j) {
                if (j > i) continue;
                std::uint32_t right[4];
                simt::loadMatrices(right, rowsFirst(tiles.B, j * kPiece, n * kPiece));
                simt::mma<T>(sums[j][0], left, {right[0], right[2]});
                simt::mma<T>(sums[j][1], left, {right[1], right[3]});
            }
        }
        std::uint32_t* to = cbOfStep(p, b, step, group) + simt::lane() * 4;
        SIMT_UNROLL
        for (int j = 0; j < kPieces; ++j) {
            if (j > i) continue;
            Vector<std::uint32_t, 4> operand;
            SIMT_UNROLL
            for (int k = 0; k < 4; ++k)
                operand.at[k] = simt::packPair<T>(sums[j][k / 2][k % 2 * 2], sums[j][k / 2][k % 2 * 2 + 1]);
            simt::storeAs(to + cbPiece(i, j), operand);
        }
    }
}

template <class T, class Shape>
struct StateStage {
    StepTile<T, kMostWalkStates> B;
    StepTile<T, Shape::channels> x;
    StepDecays decays[Shape::warps];
};
template <class T, class Shape, int stages>
struct StateShared {
    StateStage<T, Shape> stages_[stages];
    float weights[Shape::warps][kStep];
};

template <class T, class Shape, int stages, int blocks>
SIMT_KERNEL(Shape::threads, blocks)
void ssdWalkStatesKernel(SsdParams<T> p) {
    if constexpr (simt::kHasMma) {
        auto& shared = *reinterpret_cast<StateShared<T, Shape, stages>*>(simt::dynamicShared());
        const WalkPlace<T, Shape> at(p);
        const int states = static_cast<int>(p.at.states);
        const TileCopies<T, kMostWalkStates, Shape::threads> B(p.B + at.row(p) + at.group * states, p.xbc_stride,
                                                               states);
        const TileCopies<T, Shape::channels, Shape::threads> x(p.x + at.row(p) + at.block_channel, p.xbc_stride,
                                                               at.channels);
        const std::int64_t decays_at = p.perHead(at.b, at.head, at.chunk);
        const auto copy = [&](int step) {
            if (step < at.steps) {
                auto& to = shared.stages_[step % stages];
                const std::int64_t tokens = p.at.length - at.first - step * kStep;
                B.start(to.B, step, tokens);
                x.start(to.x, step, tokens);
                copyDecays(to.decays[simt::warp()], p, decays_at + step * kStep);
            }
            simt::endCopies();
        };
        SIMT_UNROLL
        for (int step = 0; step < stages - 1; ++step) copy(step);

        SliceState<T, Shape> state(p.at.states);
        state.clear();
        float decay = 1;
        auto& weights = shared.weights[simt::warp()];
        for (int step = 0; step < at.steps; ++step) {
            simt::waitForCopies<stages - 2>();
            simt::syncBlock();
            copy(step + stages - 1);
            if (!at.works) continue;
            const auto& stage = shared.stages_[step % stages];
            const StepDecays& decays = stage.decays[simt::warp()];
            weigh(weights, decays);
            const float own = simt::fastExp2(decays.c[kStep - 1].high + decays.c[kStep - 1].low);
            decay *= own;
            state.add(own, stage.x, simt::warp() * Shape::slice, weights, stage.B);
        }
        if (!at.works) return;
        const int channel = at.headChannel(p);
        state.write(p.chunkState(at.b, at.chunk, at.head) + channel * p.at.states);
        if (channel == 0 && simt::lane() == 0) p.chunkDecay(at.b, at.chunk, at.head) = decay;
    }
}

template <class T, class Shape>
struct OutputStage {
    StepTile<T, kMostWalkStates> C;
    StepTile<T, kMostWalkStates> B;
    StepTile<T, Shape::channels> x;
    StepDecays decays[Shape::warps];
    alignas(16) std::uint32_t cb[kCbWords];
};
template <class T, class Shape>
struct OutputShared {
    OutputStage<T, Shape> stages_[2];
    StepWeights weights[Shape::warps];
    float D[Shape::channels];
};

constexpr int kPassPieces = 2;  // of the tokens of a pass

/// y of a pass, kPassPieces pieces of a step's tokens from piece `begin` on, and of a warp's slice: token (begin +
/// piece) · 16 + half · 8 + g, channel n · 8 + 2t + i in [piece][n][half · 2 + i].
template <class T, class Shape>
class SliceOutputs {
public:
    static constexpr int kAcross = Shape::slice / 8;
    SIMT_DEVICE SliceOutputs(const SliceState<T, Shape>& state, const StepTile<T, kMostWalkStates>& C,
                             const StepWeights& weights, int begin) {
        SIMT_UNROLL
        for (auto& piece : m_y)
            for (auto& four : piece)
                for (float& value : four) value = 0;
        SIMT_UNROLL
        for (int n = 0; n < kStatePieces; ++n) {
            if (!state.has(n)) continue;
            std::uint32_t left[kPassPieces][4];
            SIMT_UNROLL
            for (int i = 0; i < kPassPieces; ++i)
                simt::loadMatrices(left[i], rowsFirst(C, (begin + i) * kPiece, n * kPiece));
            std::uint32_t right[kAcross][2];
            state.operand(n, right);
            SIMT_UNROLL
            for (int i = 0; i < kPassPieces; ++i) {
                SIMT_UNROLL
                for (int j = 0; j < kAcross; ++j) simt::mma<T>(m_y[i][j], left[i], right[j]);
            }
        }
        SIMT_UNROLL
        for (int i = 0; i < kPassPieces; ++i) {
            SIMT_UNROLL
            for (int half = 0; half < 2; ++half) {
                const float decay = weights.of_piece[tokenOf(begin + i, half)] * weights.between[begin + i][0];
                SIMT_UNROLL
                for (int j = 0; j < kAcross; ++j) {
                    m_y[i][j][2 * half] *= decay;
                    m_y[i][j][2 * half + 1] *= decay;
                }
            }
        }
    }
    template <int columns>
    SIMT_DEVICE void addTokens(const std::uint32_t* cb, const StepTile<T, columns>& x, int column,
                               const StepDecays& decays, const StepWeights& weights, int begin) {
        cb += simt::lane() * 4;
        SIMT_ROLLED
        for (int j = 0; j < begin; ++j) addPiece<0, false>(cb, x, column, decays, weights, begin, j);
        addPiece<0, true>(cb, x, column, decays, weights, begin, begin);
        addPiece<1, true>(cb, x, column, decays, weights, begin, begin + 1);
    }
    template <int columns>
    SIMT_DEVICE void store(T* y, std::int64_t stride, std::int64_t tokens, const float* D,
                           const StepTile<T, columns>& x, int column, int begin) {
        const int pair = simt::lane() % 4 * 2;
        const bool odd = simt::lane() % 2 != 0;
        T* row = y + tokenOf(begin, 0) * stride + (odd ? 8 + pair - 2 : pair);
        float skip[kAcross][2];
        SIMT_UNROLL
        for (int j = 0; j < kAcross; ++j) load(D + j * 8 + pair, skip[j]);
        SIMT_UNROLL
        for (int i = 0; i < kPassPieces; ++i) {
            std::uint32_t own[Shape::pieces][4];
            SIMT_UNROLL
            for (int n = 0; n < Shape::pieces; ++n)
                simt::loadMatrices(own[n], rowsFirst(x, (begin + i) * kPiece, column + n * kPiece));
            SIMT_UNROLL
            for (int half = 0; half < 2; ++half) {
                SIMT_UNROLL
                for (int n = 0; n < Shape::pieces; ++n) {
                    std::uint32_t packed[2];
                    SIMT_UNROLL
                    for (int k = 0; k < 2; ++k) {
                        float first = 0, second = 0;
                        unpackPair<T>(own[n][2 * k + half], first, second);
                        const float* sum = &m_y[i][2 * n + k][2 * half];
                        packed[k] = simt::packPair<T>(sum[0] + skip[2 * n + k][0] * first,
                                                      sum[1] + skip[2 * n + k][1] * second);
                    }
                    const std::uint32_t other = simt::shuffleXor(odd ? packed[0] : packed[1], 1);
                    const Vector<std::uint32_t, 2> four = {{odd ? other : packed[0], odd ? packed[1] : other}};
                    if (tokenOf(begin + i, half) < tokens) simt::storeAs(row + n * kPiece, four);
                }
                row += 8 * stride;
            }
        }
    }

private:
    [[nodiscard]] SIMT_DEVICE static int tokenOf(int piece, int half) {
        return piece * kPiece + half * 8 + simt::lane() / 4;
    }
    template <int from, bool diagonal, int columns>
    SIMT_DEVICE void addPiece(const std::uint32_t* cb, const StepTile<T, columns>& x, int column,
                              const StepDecays& decays, const StepWeights& weights, int begin, int j) {
        Vector<std::uint32_t, 4> operand[kPassPieces];
        SIMT_UNROLL
        for (int i = from; i < kPassPieces; ++i)
            operand[i] = simt::loadAs<Vector<std::uint32_t, 4>>(cb + cbPiece(begin + i, j));
        std::uint32_t right[Shape::pieces][4];
        SIMT_UNROLL
        for (int n = 0; n < Shape::pieces; ++n)
            simt::loadMatricesTransposed(right[n], rowsFirst(x, j * kPiece, column + n * kPiece));
        float weight[2][2];
        SIMT_UNROLL
        for (int half = 0; half < 2; ++half)
            load(weights.to_piece + j * kPiece + half * 8 + simt::lane() % 4 * 2, weight[half]);
        SIMT_UNROLL
        for (int i = from; i < kPassPieces; ++i) {
            std::uint32_t left[4];
            if (diagonal && i == from) {
                weighDiagonal(operand[i], j, decays, weights, left);
            } else {
                SIMT_UNROLL
                for (int half = 0; half < 2; ++half) {
                    const float decay = weights.of_piece[tokenOf(begin + i, half)] * weights.between[begin + i][j + 1];
                    left[half] = scalePair<T>(operand[i].at[half], decay * weight[0][0], decay * weight[0][1]);
                    left[half + 2] = scalePair<T>(operand[i].at[half + 2], decay * weight[1][0], decay * weight[1][1]);
                }
            }
            SIMT_UNROLL
            for (int n = 0; n < Shape::pieces; ++n) {
                simt::mma<T>(m_y[i][2 * n], left, {right[n][0], right[n][1]});
                simt::mma<T>(m_y[i][2 * n + 1], left, {right[n][2], right[n][3]});
            }
        }
    }
    SIMT_DEVICE static void weighDiagonal(const Vector<std::uint32_t, 4>& operand, int piece, const StepDecays& decays,
                                          const StepWeights& weights, std::uint32_t (&to)[4]) {
        SIMT_UNROLL
        for (int right = 0; right < 2; ++right) {
            const int s = piece * kPiece + right * 8 + simt::lane() % 4 * 2;
            SIMT_UNROLL
            for (int half = 0; half < 2; ++half) {
                if (right > half) continue;
                const int t = tokenOf(piece, half);
                float weight[2];
                SIMT_UNROLL
                for (int k = 0; k < 2; ++k) {
                    const bool below = right < half || s + k <= t;
                    const float w = simt::fastExp2(weights.within[t] - weights.within[s + k]) * decays.delta[s + k];
                    weight[k] = below ? w : 0.0F;
                }
                to[half + 2 * right] = scalePair<T>(operand.at[half + 2 * right], weight[0], weight[1]);
            }
        }
        to[2] = 0;
    }
    float m_y[kPassPieces][kAcross][4];
};

template <class T, class Shape, int blocks>
SIMT_KERNEL(Shape::threads, blocks)
void ssdWalkOutputsKernel(SsdParams<T> p) {
    if constexpr (simt::kHasMma) {
        auto& shared = *reinterpret_cast<OutputShared<T, Shape>*>(simt::dynamicShared());
        const WalkPlace<T, Shape> at(p);
        const int states = static_cast<int>(p.at.states);
        const TileCopies<T, kMostWalkStates, Shape::threads> C(p.C + at.row(p) + at.group * states, p.xbc_stride,
                                                               states);
        const TileCopies<T, kMostWalkStates, Shape::threads> B(p.B + at.row(p) + at.group * states, p.xbc_stride,
                                                               states);
        const TileCopies<T, Shape::channels, Shape::threads> x(p.x + at.row(p) + at.block_channel, p.xbc_stride,
                                                               at.channels);
        const std::int64_t decays_at = p.perHead(at.b, at.head, at.chunk);
        const auto copy = [&](int step) {
            auto& to = shared.stages_[step % 2];
            const std::int64_t tokens = p.at.length - at.first - step * kStep;
            C.start(to.C, step, tokens);
            B.start(to.B, step, tokens);
            x.start(to.x, step, tokens);
            copyDecays(to.decays[simt::warp()], p, decays_at + step * kStep);
            const std::uint32_t* cb = cbOfStep(p, at.b, at.first / kStep + step, at.group);
            SIMT_UNROLL
            for (int first = 0; first < kCbWords; first += 4 * Shape::threads) {
                const int i = first + 4 * simt::threadIndex();
                if (i < kCbWords) simt::copyAsync(to.cb + i, cb + i, true);
            }
            simt::endCopies();
        };
        copy(0);
        for (int i = simt::threadIndex(); i < at.channels; i += Shape::threads) {
            shared.D[i] = p.D[at.block_channel + i];
        }

        const int channel = at.headChannel(p);
        float* kept = p.h + (at.b * p.at.heads + at.head) * p.at.headState() + channel * p.at.states;
        SliceState<T, Shape> state(p.at.states);
        if (at.works) {
            state.read(p.at.chunks == 1 ? kept : p.chunkState(at.b, at.chunk, at.head) + channel * p.at.states);
        }
        const int column = simt::warp() * Shape::slice;
        StepWeights& weights = shared.weights[simt::warp()];
        for (int step = 0; step < at.steps; ++step) {
            simt::waitForCopies<0>();
            simt::syncBlock();
            if (step + 1 < at.steps) copy(step + 1);
            if (!at.works) continue;
            const auto& stage = shared.stages_[step % 2];
            const StepDecays& decays = stage.decays[simt::warp()];
            weigh(weights, decays);
            const std::int64_t first = at.first + step * kStep;
            T* y = p.y + (at.b * p.at.length + first) * p.y_stride + at.channel;
            SIMT_ROLLED
            for (int begin = 0; begin < kPieces; begin += kPassPieces) {
                SliceOutputs<T, Shape> sums(state, stage.C, weights, begin);
                sums.addTokens(stage.cb, stage.x, column, decays, weights, begin);
                sums.store(y, p.y_stride, p.at.length - first, shared.D + column, stage.x, column, begin);
            }
            state.add(weights.between[kPieces][0], stage.x, column, weights.to_end, stage.B);
        }
        if (at.works && at.chunk == p.at.chunks - 1) state.write(kept);
    }
}

/// Blocks that share a group's B and C are neighbours.
template <class T, class Shape>
simt::Extent gridOf(const SsdParams<T>& p, std::int64_t chunks) {
    return {p.at.groups * divideUp(p.at.headsOfGroup() * p.at.head_dim, Shape::channels), chunks, p.at.batch};
}

template <class T, class Shape, int stages, int blocks>
void startStates(void* stream, const SsdParams<T>& p) {
    if (p.at.chunks == 1) return;
    simt::launch(stream,
                 {gridOf<T, Shape>(p, p.at.chunkStates()), Shape::threads, sizeof(StateShared<T, Shape, stages>)},
                 ssdWalkStatesKernel<T, Shape, stages, blocks>, p);
}
template <class T, class Shape, int blocks>
void startOutputs(void* stream, const SsdParams<T>& p) {
    simt::launch(stream, {gridOf<T, Shape>(p, p.at.chunks), Shape::threads, sizeof(OutputShared<T, Shape>)},
                 ssdWalkOutputsKernel<T, Shape, blocks>, p);
}

// Wide blocks read B and C from the L2 cache once for 256 channels, and fill a multiprocessor each; narrow ones are for
// devices with less shared memory, and where wide ones would leave most multiprocessors without any.
template <bool all>
using WideShape = WalkShape<8, 2, all>;
template <bool all>
using NarrowShape = WalkShape<4, 2, all>;
template <bool all>
using NarrowOutputs = WalkShape<4, 1, all>;
constexpr int kNarrowBlocks = 2;  // of a multiprocessor

template <class T>
bool isWide(const SsdParams<T>& p) {
    constexpr auto kShared = static_cast<std::int64_t>(sizeof(OutputShared<T, WideShape<true>>));
    const simt::Extent blocks = gridOf<T, WideShape<true>>(p, p.at.chunks);
    return simt::limits().shared >= kShared && 2 * blocks.x * blocks.y * blocks.z >= simt::limits().multiprocessors;
}

/// Calls work(std::bool_constant: whether there are as many states as there can be).
template <class T, class Work>
void withAllStates(const SsdParams<T>& p, const Work& work) {
    p.at.states == kMostWalkStates ? work(std::true_type{}) : work(std::false_type{});
}

}  // namespace

bool ssdWalks(const SsdOp& op) {
    if (sizeOf(op.x.type) != 2) return false;
    constexpr auto kShared = static_cast<std::int64_t>(sizeof(OutputShared<BFloat16, NarrowOutputs<true>>));
    return simt::limits().mma && simt::limits().shared >= kShared && op.states % 8 == 0 &&
           op.states <= kMostWalkStates && op.head_dim % NarrowShape<true>::slice == 0 && op.xbc_stride % 8 == 0 &&
           op.y_stride % 4 == 0 && aligned(16, op.x.data, op.B.data, op.C.data) && aligned(8, op.y.data, op.h);
}

std::int64_t ssdWalkChunk(const SsdOp& op) {
    const std::int64_t blocks =
        op.batch * op.groups * divideUp(op.heads / op.groups * op.head_dim, NarrowShape<true>::channels);
    const std::int64_t chunks = simt::greater<std::int64_t>(simt::limits().multiprocessors * kNarrowBlocks / blocks, 1);
    return divideUp(divideUp(op.length, kStep), chunks) * kStep;
}

template <class T>
void walkPrepare(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        const std::int64_t steps = p.at.paddedLength() / kStep;
        simt::launch(stream,
                     {{steps, divideUp(p.at.heads, kPieces) + p.at.groups, p.at.batch},
                      kPrepareThreads,
                      sizeof(ProductTiles<T>)},
                     ssdWalkPrepareKernel<T>, p);
    }
}
template <class T>
void walkStates(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        if (p.at.chunks == 1) return;
        withAllStates(p, [&](auto all) {
            if (isWide(p)) {
                startStates<T, WideShape<all>, 3, 1>(stream, p);
            } else {
                startStates<T, NarrowShape<all>, 2, kNarrowBlocks>(stream, p);
            }
        });
    }
}
template <class T>
void walkOutputs(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        withAllStates(p, [&](auto all) {
            if (isWide(p)) {
                startOutputs<T, WideShape<all>, 1>(stream, p);
            } else {
                startOutputs<T, NarrowOutputs<all>, kNarrowBlocks>(stream, p);
            }
        });
    }
}

#define PERFMAMBA_WALK(T)                                  \
    template void walkPrepare(void*, const SsdParams<T>&); \
    template void walkStates(void*, const SsdParams<T>&);  \
    template void walkOutputs(void*, const SsdParams<T>&);
PERFMAMBA_WALK(float)
PERFMAMBA_WALK(Half)
PERFMAMBA_WALK(BFloat16)
#undef PERFMAMBA_WALK

}  // namespace perfmamba::kernels::cuda
