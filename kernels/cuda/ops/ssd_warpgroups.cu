// The kernels of ssd_warpgroups.h: what a piece adds to the state, and y.
//   x (B, L, H, P), B and C (B, L, G, N) with a row stride, y (B, L, H, P) with its own
//
// What a piece adds to the state takes its steps last to first, so that every token's weight is final when it comes.
// Floor: (2·P + 4·N)·P·H + 2·Q·N·G FLOP a token on tensor cores with Q = 64 / 2, or the bytes, (2·P·H + 2·G·N)·size.
//
// Measured on an H200 (N = 128, 80 heads, 16384 tokens) nothing is full: tensor cores have work for less than half of
// the time, shared memory for three quarters. In the outputs a step of two slices takes 3300 cycles, whether one block
// runs or all do. Walkers and the maker both need some 3000: 460 and 330 instructions a warp, and what they wait for
// shared memory, and the maker for its fences.
#include "kernels/cuda/ops/ssd_warpgroups.h"

#include <limits>
#include <type_traits>

namespace perfmamba::kernels::cuda {
namespace {

// What a piece adds --------------------------------------------------------------------------------------------------

template <class Shape>
struct GroupStatesShared {
    struct Stage {
        WgmmaTile B[Shape::tiles];
        WgmmaTile x[Shape::slices];
    } tiles[Shape::stages];
    TokenFactors after[Shape::stages][Shape::slices];
    Gate full[Shape::stages], empty[Shape::stages];
};

/// By a warp: puts the state before a chain into the workspace, for in h the chain's last block replaces it, maybe
/// before the others have read it.
template <class T, class Shape>
SIMT_DEVICE void keepBefore(const SsdParams<T>& p, const GroupPlace<T, Shape>& at, int slice) {
    if (p.at.line.passes || !at.begins || slice >= at.slices) return;
    const float* from = at.kept(p, slice);
    float* to = p.pieceState(p.at.line.lastPiece(at.chain), at.chain, slice);
    constexpr int kFour = GroupStateOrder::kUnit;
    SIMT_UNROLL_BY(4)
    for (int i = simt::lane() * kFour; i < kSlice * p.at.states; i += simt::kWarp * kFour) {
        float four[kFour];
        SIMT_UNROLL
        for (int k = 0; k < kFour; k += 2) load(from + GroupStateOrder::natural(i + k, p.at.states), part<2>(four, k));
        store(to + i, four);
    }
}

/// A warp a slice. Steps come last to first: `step` counts from the last one.
template <class T, class Shape>
SIMT_DEVICE void sumStates(const SsdParams<T>& p, const GroupPlace<T, Shape>& at, GroupStatesShared<Shape>& shared) {
    constexpr int kAhead = 4;  // steps whose dt is on its way
    static_assert(2 * Shape::slices <= kWarps);
    const int slice = warpOfGroup();
    if (slice >= Shape::slices) return keepBefore(p, at, slice - Shape::slices);
    if (slice >= at.slices) return;
    FactorMaker<T, kAhead> factors(p, at.first, at.head(p, slice), true);
    const auto read = [&](int slot, int step) {
        if (step < at.steps) factors.read(slot, at.steps - 1 - step, kStep);
    };
    SIMT_UNROLL
    for (int i = 0; i < kAhead; ++i) read(i, i);
    float later = 0;
    typename Shape::Stage stage;
    for (int begin = 0; begin < at.steps; begin += kAhead) {
        SIMT_UNROLL
        for (int i = 0; i < kAhead; ++i) {
            if (begin + i >= at.steps) break;
            passGate(shared.empty[stage.at], stage.round + 1);
            later += factors.makeAfter(i, shared.after[stage.at][slice], later);
            read(i, begin + i + kAhead);
            arriveAsWarp(shared.full[stage.at]);
            stage.next();
        }
    }
    if (simt::lane() == 0) p.pieceDecay(simt::blockX(), at.chain, slice) = simt::fastExp2(later);
}

template <class T, class Shape>
SIMT_KERNEL(Shape::threads, 1)
void ssdGroupStatesKernel(SsdParams<T> p) {
    if constexpr (simt::kHasWgmma) {
        auto& shared = *reinterpret_cast<GroupStatesShared<Shape>*>(simt::dynamicShared());
        simt::letNextBegin();
        const GroupPiece piece(p.at.line);
        const int extent = p.at.line.extent;
        const GroupPlace<T, Shape> at(p, simt::greater(piece.begin, (piece.end - 1) / extent * extent), piece.end);
        if (at.ends) return;
        const int role = groupOfBlock();
        if (simt::threadIndex() == 0) {
            for (int i = 0; i < Shape::stages; ++i) {
                openGate(shared.full[i], kWarpgroup + at.slices);
                openGate(shared.empty[i], kWarps * at.slices);
            }
        }
        simt::syncBlock();
        typename Shape::Stage stage;
        if (role == Shape::copier) {
            simt::leaveRegisters<Shape::copier_registers>();
            const GroupCopies<T> copies(p.xbc_stride);
            for (int step = 0; step < at.steps; ++step, stage.next()) {
                passGate(shared.empty[stage.at], stage.round + 1);
                auto& to = shared.tiles[stage.at];
                const std::int64_t row = (at.first + (at.steps - 1 - step) * kStep) * p.xbc_stride;
                copies.template states<false>(to.B, p.B + row, at.group, p.at.states, kStep);
                SIMT_UNROLL
                for (int i = 0; i < Shape::slices; ++i) {
                    if (i < at.slices) copies.start(to.x[i], p.x + row + at.channel + i * kSlice, kStep, kSlice);
                }
                arriveWithCopies(shared.full[stage.at]);
            }
            simt::waitForCopies<0>();
        } else if (role == Shape::maker) {
            simt::leaveRegisters<Shape::maker_registers>();
            sumStates(p, at, shared);
        } else {
            simt::takeRegisters<Shape::walker_registers>();
            if (role >= at.slices) return;
            GroupState<T, Shape::states> h;
            h.clear();
            const int of_lane = channelsOfLane();
            constexpr int kStageTiles = sizeof(shared.tiles[0]) / sizeof(WgmmaTile);
            const std::uint16_t* const first_x = shared.tiles[0].x[role].bits + of_lane;
            const WgmmaOperand first_B = shared.tiles[0].B;
            std::uint32_t x[kParts][4];
            const auto fetch = [&](std::uint32_t(&to)[kParts][4], const auto& from) {
                passGate(shared.full[from.at], from.round);
                loadChannels(to, first_x + from.at * kStageTiles * kTileElements);
                weigh<T>(to, shared.after[from.at][role]);
            };
            fetch(x, stage);
            for (int step = 0; step < at.steps; ++step) {
                simt::showToWgmma();
                h.add(x, first_B.ahead(stage.at * kStageTiles));
                auto next = stage;
                next.next();
                std::uint32_t next_x[kParts][4];
                if (step + 1 < at.steps) fetch(next_x, next);
                simt::wgmmaWait<0>();
                h.keep();
                for (auto& four : x) simt::keep(four);
                arriveAsWarp(shared.empty[stage.at]);
                stage = next;
                SIMT_UNROLL
                for (int k = 0; k < kParts; ++k) {
                    SIMT_UNROLL
                    for (int i = 0; i < 4; ++i) x[k][i] = next_x[k][i];
                }
            }
            h.writeOwn(at.pieceState(p, role), p.at.states);
        }
    }
}

// y -------------------------------------------------------------------------------------------------------------------

/// The tiles of a stage are there, and the factors of its step made, behind `full`; W of a step and slice is in the
/// ring behind `made`, before which the maker passed `full`. A walker leaves y of a step in place of x and stores it
/// from there in whole rows once its four warps are at `gathered`; behind that the stage is `empty`.
template <class T, class Shape>
struct GroupOutputsShared {
    static constexpr int kRing = Shape::slices + 1;
    struct Stage {
        WgmmaTile C[Shape::tiles];
        WgmmaTile B[Shape::tiles];
        WgmmaTile x[Shape::slices];
    } tiles[Shape::stages];
    WgmmaTile weights[kRing];  // W (t, s), with zeros above the diagonal
    StepFactors factors[Shape::stages][Shape::slices];
    Gate full[Shape::stages], empty[Shape::stages];
    Gate made[kRing], used[kRing];
    Gate gathered[Shape::slices];

    /// By a thread.
    SIMT_DEVICE void open() {
        for (int i = 0; i < Shape::stages; ++i) {
            openGate(full[i], kWarpgroup + Shape::slices);
            openGate(empty[i], kWarps * Shape::slices);
        }
        for (int i = 0; i < kRing; ++i) {
            openGate(made[i], kWarps);
            openGate(used[i], kWarps);
        }
        for (Gate& gate : gathered) openGate(gate, kWarps);
    }
};

/// By a warpgroup.
SIMT_DEVICE void clear(WgmmaTile& tile) {
    const Vector<std::uint32_t, 4> zeros = {};
    for (int i = simt::threadIndex() % kWarpgroup * 8; i < kStep * kSlice; i += kWarpgroup * 8) {
        simt::storeAs(tile.bits + i, zeros);
    }
}

/// Copies, and sums: each of its warps for one slice, in turn.
template <class T, class Shape>
SIMT_DEVICE void copyOutputs(const SsdParams<T>& p, const GroupPiece& piece, GroupOutputsShared<T, Shape>& shared) {
    const GroupCopies<T> copies(p.xbc_stride);
    constexpr int kTurns = kWarps / Shape::slices;
    const int slice = warpOfGroup() % Shape::slices;
    int turn = warpOfGroup() / Shape::slices;  // steps until it sums
    typename Shape::Stage stage;
    piece.each<Shape>(p, [&](const GroupPlace<T, Shape>& at) {
        const bool sums = slice < at.slices;
        FactorMaker<T, 1> factors(p, at.first, sums ? at.head(p, slice) : 0, sums);
        if (sums) factors.read(0, turn, at.tokens - turn * kStep);
        for (int step = 0; step < at.steps; ++step, stage.next()) {
            passGate(shared.empty[stage.at], stage.round + 1);
            auto& to = shared.tiles[stage.at];
            const std::int64_t row = (at.first + step * kStep) * p.xbc_stride;
            const std::int64_t tokens = at.tokens - step * kStep;
            copies.template states<true>(to.C, p.C + row, at.group, p.at.states, tokens);
            copies.template states<false>(to.B, p.B + row, at.group, p.at.states, tokens);
            SIMT_UNROLL
            for (int i = 0; i < Shape::slices; ++i) {
                if (i < at.slices) copies.start(to.x[i], p.x + row + at.channel + i * kSlice, tokens, kSlice);
            }
            arriveWithCopies(shared.full[stage.at]);
            if (turn == 0) {
                if (sums) factors.make(0, shared.factors[stage.at][slice]);
                arriveAsWarp(shared.full[stage.at]);
                if (sums) factors.read(0, step + kTurns, tokens - kTurns * kStep);
            }
            turn = turn == 0 ? kTurns - 1 : turn - 1;
        }
    });
    simt::waitForCopies<0>();
}

/// W of a head from C·Bᵀ (t, s) in registers: two times eight rows, those of warp `own`, `to` at the lane's. On the
/// diagonal of 16 tokens every element has its exponential, off it there is one for a row and one for a column.
template <class T, int own>
SIMT_DEVICE void makeRows(std::uint16_t* to, const float (&cb)[kStep / 2], const LaneFactors& factors) {
    // (g, 2t) and (g, 2t + 1) where they are not above the diagonal.
    const int g = simt::lane() / 4;
    const int pair = simt::lane() % 4 * 2;
    const std::uint32_t below = (pair <= g ? 0xffffU : 0U) | (pair + 1 <= g ? 0xffff0000U : 0U);
    SIMT_UNROLL
    for (int j = 0; j <= eightOf(own, 1) / 2; ++j) {
        std::uint32_t packed[4];
        SIMT_UNROLL
        for (int half = 0; half < 2; ++half) {
            const int rows = eightOf(own, half);
            const bool diagonal = j == rows / 2;
            const float row = j < rows / 2 ? simt::fastExp2(factors.rows[half] - factors.ends[j]) : factors.rows[half];
            SIMT_UNROLL
            for (int k = 0; k < 2; ++k) {
                const int columns = 2 * j + k;
                std::uint32_t& result = packed[2 * k + half];
                result = 0;
                if (columns > rows) continue;
                float weights[2];
                SIMT_UNROLL
                for (int i = 0; i < 2; ++i) {
                    weights[i] = diagonal ? simt::fastExp2(row - factors.less[half][2 * k + i])
                                          : row * factors.piece[j][2 * k + i];
                }
                const float* sums = cb + columns * 4 + 2 * half;
                result = simt::packPair<T>(sums[0] * weights[0], sums[1] * weights[1]);
                if (columns == rows) result &= below;
            }
        }
        simt::storeMatrices(to + ((j * 2 + simt::lane() / 16) ^ simt::lane() % 8) * 8, packed);
    }
}
template <class T>
SIMT_DEVICE void makeRows(int own, WgmmaTile& to, const float (&cb)[kStep / 2], const LaneFactors& factors) {
    std::uint16_t* of_lane = to.bits + (own * kPart + simt::lane() % 16) * simt::kTileExtent;
    if (own == 0) makeRows<T, 0>(of_lane, cb, factors);
    if (own == 1) makeRows<T, 1>(of_lane, cb, factors);
    if (own == 2) makeRows<T, 2>(of_lane, cb, factors);
    if (own == 3) makeRows<T, 3>(of_lane, cb, factors);
}

/// Makes W of every step and slice. C·Bᵀ of the next step is on its way while the last slice's W becomes known.
template <class T, class Shape>
SIMT_DEVICE void makeOutputs(const GroupPiece& piece, GroupOutputsShared<T, Shape>& shared) {
    using Shared = GroupOutputsShared<T, Shape>;
    constexpr int kStageTiles = sizeof(shared.tiles[0]) / sizeof(WgmmaTile);
    const int own = warpOfGroup();
    const WgmmaOperand first_C = shared.tiles[0].C;
    float cb[kStep / 2];
    const auto multiply = [&](int stage) {
        const WgmmaOperand C = first_C.ahead(stage * kStageTiles);
        simt::wgmmaBegin();
        simt::wgmmaTiles<T, true>(cb, C, C.ahead(Shape::tiles), 0);
        SIMT_UNROLL
        for (int n = 1; n < Shape::states / kPart; ++n) {
            simt::wgmmaTiles<T>(cb, C.ahead(n / kParts), C.ahead(Shape::tiles + n / kParts), n % kParts * kPart);
        }
        simt::wgmmaEnd();
    };
    simt::RingPlace<Shared::kRing> tile;
    typename Shape::Stage stage;
    passGate(shared.full[0], 0);
    simt::showToWgmma();
    multiply(0);
    LaneFactors factors;
    factors.read(shared.factors[0][0], own);
    for (int step = piece.begin; step < piece.end; ++step) {
        simt::wgmmaWait<0>();
        simt::keep(cb);
        SIMT_ROLLED
        for (int i = 1; i < Shape::slices; ++i, tile.next()) {
            passGate(shared.used[tile.at], tile.round + 1);
            makeRows<T>(own, shared.weights[tile.at], cb, factors);
            factors.read(shared.factors[stage.at][i], own);
            simt::showToWgmma();
            arriveAsWarp(shared.made[tile.at]);
        }
        passGate(shared.used[tile.at], tile.round + 1);
        makeRows<T>(own, shared.weights[tile.at], cb, factors);
        // The last step's C·Bᵀ is made twice: a branch would have it copied.
        if (step + 1 < piece.end) stage.next();
        passGate(shared.full[stage.at], stage.round);
        simt::showToWgmma();
        multiply(stage.at);
        arriveAsWarp(shared.made[tile.at]);
        tile.next();
        factors.read(shared.factors[stage.at][0], own);
    }
    simt::wgmmaWait<0>();
}

/// Where a walker is in the rings, from one chain to the next.
template <class T, class Shape>
struct WalkerPlace {
    typename Shape::Stage stage;
    simt::RingPlace<GroupOutputsShared<T, Shape>::kRing> tile;
    int gathered = 0;  // steps
};

/// Passes the gates in the place of a slice that does not exist.
template <class T, class Shape>
SIMT_DEVICE void walkNowhere(int steps, GroupOutputsShared<T, Shape>& shared, WalkerPlace<T, Shape>& place) {
    SIMT_ROLLED
    for (int step = 0; step < steps; ++step) {
        passGate(shared.made[place.tile.at], place.tile.round);
        arriveAsWarp(shared.used[place.tile.at]);
        if (simt::lane() == 0) arrive(shared.empty[place.stage.at]);
        place.stage.next();
        place.tile.skip(Shape::slices);
    }
}

/// Slices of a chain that is cut.
constexpr int kCutSlices = 2;

/// The state of a slice before a piece of a chain that is cut. Where nothing has passed it on, from what the pieces
/// before add: the last of them first, and none whose decay up to here is 0 in float.
template <class T, class Shape>
SIMT_DEVICE void readBefore(const SsdParams<T>& p, const GroupPlace<T, Shape>& at, int slice,
                            GroupState<T, Shape::states>& h) {
    const SsdLine& line = p.at.line;
    const int own = simt::blockX();
    const int first = line.firstPiece(at.chain);
    const int kept = line.passes ? own : line.lastPiece(at.chain);
    int before = line.passes ? 0 : own - first;  // pieces that h does not know of yet
    const auto read = [&](GroupState<T, Shape::states>& to) {
        const int piece = before > 0 ? first + before - 1 : kept;
        to.readOwn(p.pieceState(piece, at.chain, slice), p.at.states);
    };
    const float decay = simt::lane() < before ? p.pieceDecay(first + simt::lane(), at.chain, slice) : 1.0F;
    read(h);
    float scale = 1;
    SIMT_ROLLED
    while (before > 0) {
        --before;
        scale *= simt::shuffle(decay, before);
        if (scale == 0) return;
        GroupState<T, Shape::states> earlier;
        read(earlier);
        h.addScaled(scale, earlier);
    }
}

/// Walks with the state of slice `role`.
template <class T, class Shape>
SIMT_DEVICE void walkOutputs(const SsdParams<T>& p, const GroupPlace<T, Shape>& at,
                             GroupOutputsShared<T, Shape>& shared, int role, WalkerPlace<T, Shape>& place) {
    constexpr int kStageTiles = sizeof(shared.tiles[0]) / sizeof(WgmmaTile);
    auto& [stage, tile, gathered] = place;
    GroupState<T, Shape::states> h;
    if (Shape::slices != kCutSlices || (at.begins && at.ends)) {
        h.read(at.kept(p, role), p.at.states);
    } else {
        readBefore(p, at, role, h);
    }
    const int channel = at.channel + role * kSlice;
    const int own = channel + warpOfGroup() * kPart;
    const float D[2] = {p.D[own + simt::lane() / 4], p.D[own + 8 + simt::lane() / 4]};
    const int of_lane = channelsOfLane();
    // y in whole rows: a warp has 16 of them, four at a time.
    const int row = warpOfGroup() * kPart + simt::lane() / 8;
    const int of_row = row * simt::kTileExtent + (simt::lane() % 8 ^ simt::lane() / 8) * 8;
    T* y_at = p.y + (at.first + row) * p.y_stride + channel + simt::lane() % 8 * 8;
    const std::int64_t four_rows = 4 * p.y_stride;
    auto left = static_cast<int>(at.tokens) - row;
    std::uint16_t* const first_x = shared.tiles[0].x[role].bits;
    const WgmmaOperand first_C = shared.tiles[0].C;
    const WgmmaOperand first_W = shared.weights;
    std::uint32_t rounded[Shape::states / kPart][4];
    passGate(shared.full[stage.at], stage.round);
    h.round(rounded, shared.factors[stage.at][role].all);
    for (int step = 0; step < at.steps; ++step) {
        passGate(shared.made[tile.at], tile.round);
        std::uint16_t* const x_tile = first_x + stage.at * kStageTiles * kTileElements;
        const StepFactors& factors = shared.factors[stage.at][role];
        const WgmmaOperand C = first_C.ahead(stage.at * kStageTiles);
        float y[kStep / 2];
        simt::wgmmaBegin();
        simt::wgmmaRows<T, true>(y, rounded[0], C, 0);
        SIMT_UNROLL
        for (int n = 1; n < Shape::states / kPart; ++n) {
            simt::wgmmaRows<T>(y, rounded[n], C.ahead(n / kParts), n % kParts * kPart);
        }
        simt::wgmmaEnd();
        std::uint32_t weighed[kParts][4];
        loadChannels(weighed, x_tile + of_lane);
        weigh<T>(weighed, factors.after);
        h.add(weighed, C.ahead(Shape::tiles));

        // The next step's first factor, while there is time.
        auto next = stage;
        next.next();
        if (step + 1 < at.steps) passGate(shared.full[next.at], next.round);
        const float all = shared.factors[next.at][role].all;
        std::uint32_t x[kParts][4];
        loadChannels(x, x_tile + of_lane);
        simt::wgmmaWait<1>();
        simt::keep(y);
        float before[kParts][4];
        factors.before.read(before);
        SIMT_UNROLL
        for (int k = 0; k < kParts; ++k) {
            SIMT_UNROLL
            for (int i = 0; i < 4; ++i) {
                float(&of)[2] = part<2>(y, foldedPlace(2 * k + i / 2) * 4 + i % 2 * 2);
                float pair[2];
                simt::unpackPair<T>(x[k][i], pair[0], pair[1]);
                of[0] = of[0] * before[k][i / 2 * 2] + pair[0] * D[i % 2];
                of[1] = of[1] * before[k][i / 2 * 2 + 1] + pair[1] * D[i % 2];
            }
        }
        const WgmmaOperand W = first_W.ahead(tile.at);
        simt::wgmmaBegin();
        SIMT_UNROLL
        for (int k = 0; k < kParts; ++k) simt::wgmmaRows<T>(y, x[k], W, k * kPart);
        simt::wgmmaEnd();
        simt::wgmmaWait<1>();
        h.keep();
        for (auto& four : weighed) simt::keep(four);
        // No branch: it would have the state copied.
        h.round(rounded, step + 1 < at.steps ? all : 1.0F);
        simt::wgmmaWait<0>();
        simt::keep(y);
        for (auto& four : x) simt::keep(four);
        SIMT_UNROLL
        for (int k = 0; k < kParts; ++k) {
            std::uint32_t packed[4];
            SIMT_UNROLL
            for (int i = 0; i < 4; ++i) {
                const float* pair = y + foldedPlace(2 * k + i / 2) * 4 + i % 2 * 2;
                packed[i] = simt::packPair<T>(pair[0], pair[1]);
            }
            simt::storeMatricesTransposed(x_tile + of_lane + k * kPart * simt::kTileExtent, packed);
        }
        arriveAsWarp(shared.gathered[role]);
        if (simt::lane() == 0) arrive(shared.used[tile.at]);
        passGate(shared.gathered[role], gathered++);
        using Eight = Vector<std::uint32_t, 4>;
        Eight eights[kPart / 4];
        SIMT_UNROLL
        for (int i = 0; i < kPart / 4; ++i) {
            // Row 4·i of the warp's: of_row's other half of the eights where i is odd.
            eights[i] = simt::loadAs<Eight>(x_tile + (of_row ^ i % 2 * 32) + i * 4 * simt::kTileExtent);
        }
        T* to = y_at;
        SIMT_UNROLL
        for (int i = 0; i < kPart / 4; ++i) {
            if (i * 4 < left) simt::storeAs(to, eights[i]);
            to += four_rows;
        }
        arriveAsWarp(shared.empty[stage.at]);
        y_at += kStep * p.y_stride;
        left -= static_cast<int>(kStep);
        stage.next();
        tile.skip(Shape::slices);
    }
    if (at.ends) h.write(at.kept(p, role), p.at.states);
}

template <class T, class Shape>
SIMT_KERNEL(Shape::threads, 1)
void ssdGroupOutputsKernel(SsdParams<T> p) {
    if constexpr (simt::kHasWgmma) {
        auto& shared = *reinterpret_cast<GroupOutputsShared<T, Shape>*>(simt::dynamicShared());
        const GroupPiece piece(p.at.line);
        const int role = groupOfBlock();
        if (simt::threadIndex() == 0) shared.open();
        if (role == Shape::maker) {
            for (WgmmaTile& tile : shared.weights) clear(tile);
        }
        simt::syncBlock();
        if (role == Shape::copier) {
            simt::leaveRegisters<Shape::copier_registers>();
            copyOutputs(p, piece, shared);
            simt::awaitKernelsBefore();
        } else if (role == Shape::maker) {
            simt::leaveRegisters<Shape::maker_registers>();
            makeOutputs<T, Shape>(piece, shared);
            simt::awaitKernelsBefore();
        } else {
            simt::takeRegisters<Shape::walker_registers>();
            WalkerPlace<T, Shape> place;
            place.tile.skip(role);
            simt::awaitKernelsBefore();
            piece.each<Shape>(p, [&](const GroupPlace<T, Shape>& at) {
                if (role < at.slices) {
                    walkOutputs(p, at, shared, role, place);
                } else {
                    walkNowhere(at.steps, shared, place);
                }
            });
        }
    }
}

template <class T, class Shape>
void startGroupStates(void* stream, const SsdParams<T>& p) {
    simt::launch(stream, {{p.at.line.pieces()}, Shape::threads, sizeof(GroupStatesShared<Shape>)},
                 ssdGroupStatesKernel<T, Shape>, p);
}
/// What it reads before it waits for the states, nobody writes beside those.
template <class T, class Shape>
void startGroupOutputs(void* stream, const SsdParams<T>& p) {
    simt::launch(stream, {{p.at.line.pieces()}, Shape::threads, sizeof(GroupOutputsShared<T, Shape>), p.at.line.cut()},
                 ssdGroupOutputsKernel<T, Shape>, p);
}

/// Calls work(std::integral_constant: room for states).
template <class T, class Work>
void withRoom(const SsdParams<T>& p, const Work& work) {
    if (p.at.states <= simt::kTileExtent) return work(std::integral_constant<int, simt::kTileExtent>{});
    work(std::integral_constant<int, kMostGroupStates>{});
}
template <int slices, int states>
using OutputShape =
    std::conditional_t<slices == 1, GroupShape<1, states, 4, 240, 128, 136>, GroupShape<2, states, 4, 192, 80, 48>>;
template <int states>
using StateShape = GroupShape<2, states, 5, 168, 88, 88>;

/// What whole chains take on an H200, in microseconds: within 15 % of what was measured of 24 and 80 heads from 1024 to
/// 16384 tokens. A multiprocessor has one block at a time, so that blocks come in waves.
double chainsTime(const SsdLine& line) {
    const auto waves = static_cast<double>(divideUp(line.chains, simt::limits().multiprocessors));
    return waves * (line.chain_slices == 1 ? 7.6 + 1.09 * line.steps : 8 + 1.75 * line.steps);
}
/// The same of pieces, one a multiprocessor, with their states. Who goes on with a second chain waits for its state.
double piecesTime(const SsdLine& line) {
    const double states = 0.55 * simt::lesser(line.piece, line.steps) +
                          static_cast<double>(line.pieces() + line.chains) * line.chain_slices / 60;
    return 14 + 1.75 * line.piece + states + (line.piece > line.steps || line.extent % line.piece != 0 ? 8 : 0);
}

}  // namespace

bool suitsWarpgroups(const SsdOp& op) {
    if (sizeOf(op.x.type) != 2) return false;
    return simt::limits().wgmma && op.states % 8 == 0 && op.states <= kMostGroupStates && op.head_dim % kSlice == 0 &&
           op.xbc_stride % 8 == 0 && op.y_stride % 8 == 0 && aligned(16, op.x.data, op.B.data, op.C.data, op.y.data) &&
           aligned(8, op.h);
}

/// What takes the least time: whole chains, of one slice or two, or pieces of two slices' chains, as many as there are
/// multiprocessors: of every chain the same, or of the line, wherever it is cut then. Two slices of a block share C·Bᵀ,
/// C and B; where there are few blocks, one slice is done sooner.
void divideForWarpgroups(SsdLayout& at) {
    constexpr std::int64_t kMostPieces = 16;  // of a chain
    SsdLine line{};
    line.steps = line.extent = line.piece = static_cast<int>(divideUp(at.length, kStep));
    line.slices_of_group = static_cast<int>(at.headsOfGroup() * at.head_dim / kSlice);
    const auto take = [&](int slices) {
        line.chain_slices = slices;
        line.chains_of_group = static_cast<int>(divideUp(line.slices_of_group, slices));
        line.chains = static_cast<int>(at.batch * at.groups) * line.chains_of_group;
    };
    double least = std::numeric_limits<double>::max();
    const auto consider = [&](double time) {
        if (time >= least) return;
        least = time;
        at.line = line;
    };
    take(1);
    consider(chainsTime(line));
    take(kCutSlices);
    consider(chainsTime(line));
    const int blocks = simt::limits().multiprocessors;
    const auto cut = [&](std::int64_t piece, bool alike) {
        line.piece = static_cast<int>(simt::greater(piece, divideUp(line.steps, kMostPieces)));
        line.extent = alike ? static_cast<int>(roundUp(line.steps, line.piece)) : line.steps;
        if (line.cut()) consider(piecesTime(line));
    };
    cut(divideUp(line.steps, simt::greater(blocks / line.chains, 1)), true);
    cut(divideUp(std::int64_t{line.chains} * line.steps, blocks), false);
    at.line.passes = at.line.cut() && divideUp(at.line.steps, at.line.piece) > kMostSummed;
}

template <class T>
void warpgroupStates(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        if (!p.at.line.cut()) return;
        withRoom(p, [&](auto room) { startGroupStates<T, StateShape<room>>(stream, p); });
    }
}
template <class T>
void warpgroupOutputs(void* stream, const SsdParams<T>& p) {
    if constexpr (sizeof(T) == 2) {
        withRoom(p, [&](auto room) {
            if (p.at.line.chain_slices == 1) {
                startGroupOutputs<T, OutputShape<1, room>>(stream, p);
            } else {
                startGroupOutputs<T, OutputShape<2, room>>(stream, p);
            }
        });
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
