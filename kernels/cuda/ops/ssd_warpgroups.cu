// The kernels of ssd_warpgroups.h: what a chunk adds to the state, and y.
//   x (B, L, H, P), B and C (B, L, G, N) with a row stride, y (B, L, H, P) with its own
//
// What a chunk adds to the state takes its steps last to first, so that every token's weight is final when it comes.
// Floor: (2·P + 4·N)·P·H + 2·Q·N·G FLOP a token on tensor cores with Q = 64 / 2, or the bytes, (2·P·H + 2·G·N)·size.
#include "kernels/cuda/ops/ssd_warpgroups.h"

#include <type_traits>

namespace perfmamba::kernels::cuda {
namespace {

// What a chunk adds --------------------------------------------------------------------------------------------------

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

// y -------------------------------------------------------------------------------------------------------------------

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

bool suitsWarpgroups(const SsdOp& op) {
    if (sizeOf(op.x.type) != 2) return false;
    return simt::limits().wgmma && op.states % 8 == 0 && op.states <= kMostGroupStates && op.head_dim % kSlice == 0 &&
           op.xbc_stride % 8 == 0 && op.y_stride % 8 == 0 && aligned(16, op.x.data, op.B.data, op.C.data, op.y.data) &&
           aligned(8, op.h);
}

/// The chunks that take the least time. A multiprocessor has one block at a time, so that blocks come in waves. In
/// units of what a step adds to the state, 0.6 µs, an H200 takes 2 for a step's outputs, 7.5 and 7 to begin a wave of
/// the two kernels, and for the passing 2.5 and 1/48 a slice and chunk: within 15 % of what was measured of 24 and 80
/// heads from 64 to 16384 tokens.
std::int64_t warpgroupChunk(const SsdOp& op) {
    constexpr std::int64_t kMostChunks = 16;
    const std::int64_t slices = op.heads / op.groups * op.head_dim / kSlice;
    const std::int64_t groups = op.batch * op.groups;
    const std::int64_t steps = divideUp(op.length, kStep);
    const auto waves = [](std::int64_t blocks) {
        return static_cast<double>(divideUp(blocks, simt::limits().multiprocessors));
    };
    std::int64_t best = steps;
    double best_cost = waves(groups * slices) * (7.5 + 2 * static_cast<double>(steps));
    for (std::int64_t wanted = 2; wanted <= simt::lesser(kMostChunks, steps); ++wanted) {
        const std::int64_t chunk = divideUp(steps, wanted);
        const std::int64_t chunks = divideUp(steps, chunk);
        const auto walked = static_cast<double>(chunk);
        const double outputs = waves(groups * slices * chunks) * (7.5 + 2 * walked);
        const double states = waves(groups * divideUp(slices, std::int64_t{2}) * (chunks - 1)) * (7 + walked);
        const double passing = 2.5 + static_cast<double>(groups * slices * chunks) / 48;
        if (outputs + states + passing < best_cost) {
            best_cost = outputs + states + passing;
            best = chunk;
        }
    }
    return best * kStep;
}

template <class T>
void warpgroupStates(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        if (p.at.chunks == 1) return;
        withRoom(p, [&](auto room) { startGroupStates<T, StateShape<room>>(stream, p); });
    }
}
template <class T>
void warpgroupOutputs(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        withRoom(p, [&](auto room) { startGroupOutputs<T, OutputShape<room>>(stream, p); });
    }
}

#define PERFMAMBA_WARPGROUPS(T)                                \
    template void warpgroupStates(void*, const SsdParams<T>&); \
    template void warpgroupOutputs(void*, const SsdParams<T>&);
PERFMAMBA_WARPGROUPS(float)
PERFMAMBA_WARPGROUPS(Half)
PERFMAMBA_WARPGROUPS(BFloat16)
#undef PERFMAMBA_WARPGROUPS

}  // namespace perfmamba::kernels::cuda
