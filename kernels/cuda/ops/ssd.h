// What the kernels of the SSD share: the arguments with their element type, and where the workspace keeps what passes
// from one stage to the next.
#pragma once

#include "kernels/cuda/ops/common.h"

namespace perfmamba::kernels::cuda {

/// c = Σ Δ·A·log₂e from the start of a chunk, as the unevaluated sum of two floats. Differences of two such numbers are
/// as precise as if they had been summed on their own, however large c is: float alone loses what a difference is about
/// once c is large (Δ·A·log₂e of 20 a token makes c 5000 over a chunk, in steps of 0.0005).
struct Cumulated {
    float high, low;
};
SIMT_DEVICE float difference(Cumulated a, Cumulated b) {
    return (a.high - b.high) + (a.low - b.low);
}

/// The tokens that a walk (ssd_walk.h) takes at a time.
inline constexpr std::int64_t kStep = 64;
/// The channels of a head that a warpgroup takes.
inline constexpr int kSlice = 64;

/// How ssd_warpgroups.h divides a call. A chain is the slices that a block takes together, over a whole sequence. The
/// chains' steps lie one chain behind the other on a line, which is cut into pieces, one a block.
struct SsdLine {
    int steps;  // of a chain
    int slices_of_group, chain_slices, chains_of_group;
    int chains;   // of all sequences
    int extent;   // steps from one chain's first to the next one's; those behind its own are nobody's
    int piece;    // steps
    bool passes;  // whether state passing comes between; else who goes on with a chain sums up what was added before

    [[nodiscard]] SIMT_BOTH int pieces() const { return (chains * extent + piece - 1) / piece; }
    [[nodiscard]] SIMT_BOTH int firstPiece(int chain) const { return chain * extent / piece; }
    [[nodiscard]] SIMT_BOTH int lastPiece(int chain) const { return (chain * extent + steps - 1) / piece; }
    /// Whether pieces end within chains.
    [[nodiscard]] SIMT_BOTH bool cut() const { return piece % extent != 0; }
};

/// Extents of a call, and where things lie in the workspace.
struct SsdLayout {
    std::int64_t batch, length, heads, head_dim, groups, states;
    bool walks;       // whether the kernels of ssd_walk.h or of ssd_warpgroups.h do it
    bool warpgroups;  // the latter
    std::int64_t
        chunk;  // tokens between two states that are kept; a walk's, of whole steps, may be more than there are
    std::int64_t chunks;     // of a sequence
    std::int64_t summed;     // tokens from one start of c to the next
    std::int64_t cb_stride;  // a row of C·Bᵀ
    SsdLine line;            // of ssd_warpgroups.h, which has no chunks

    /// Of one head: Δ and c have whole steps.
    [[nodiscard]] SIMT_BOTH std::int64_t paddedLength() const { return roundUp(length, kStep); }
    /// Chunks whose own state is needed: after its last chunk a walk has the state itself.
    [[nodiscard]] SIMT_BOTH std::int64_t chunkStates() const { return walks ? chunks - 1 : chunks; }
    [[nodiscard]] SIMT_BOTH std::int64_t headState() const { return head_dim * states; }
    [[nodiscard]] SIMT_BOTH std::int64_t headsOfGroup() const { return heads / groups; }
    /// Tokens of a chunk; the last one may be short.
    [[nodiscard]] SIMT_BOTH std::int64_t tokens(std::int64_t chunk_index) const {
        return simt::lesser(chunk, length - chunk_index * chunk);
    }
};

/// What state passing goes through, of a head or slice: the state before the first part of a sequence, what that adds,
/// and so on.
struct SsdStates {
    float* first;
    std::int64_t stride;
    const float* decay;
    std::int64_t decay_stride;
    std::int64_t count, added;  // the last part may add nothing
};

template <class T>
struct SsdParams {
    SsdLayout at;
    const T* x;
    const T* B;
    const T* C;
    std::int64_t xbc_stride;
    const T* dt;
    std::int64_t dt_stride;
    const float* dt_bias;
    const float* A;
    const float* D;
    float dt_min, dt_max;
    float* h;
    T* y;
    std::int64_t y_stride;
    // The workspace.
    float* delta;          // (B, H, padded length): Δ, 0 where no token is
    Cumulated* cumulated;  // (B, H, padded length)
    float* chunk_state;    // (B, chunks, H, P, N): what each chunk adds; after state passing, the state before it
    float* chunk_decay;    // (B, chunks, H): exp(c) over the chunk; both also of pieces, see pieceState()
    T* cb;                 // C·Bᵀ, blocks on and below the diagonal only: (B, chunks, G, Q, cb_stride), or a walk's

    /// Into delta and cumulated: the first token of a chunk.
    [[nodiscard]] SIMT_DEVICE std::int64_t perHead(std::int64_t b, std::int64_t head, std::int64_t chunk) const {
        return (b * at.heads + head) * at.paddedLength() + chunk * at.chunk;
    }
    [[nodiscard]] SIMT_DEVICE float& chunkDecay(std::int64_t b, std::int64_t chunk, std::int64_t head) const {
        return chunk_decay[(b * at.chunks + chunk) * at.heads + head];
    }
    [[nodiscard]] SIMT_DEVICE float* chunkState(std::int64_t b, std::int64_t chunk, std::int64_t head) const {
        return chunk_state + ((b * at.chunks + chunk) * at.heads + head) * at.headState();
    }
    /// Of a slice of what a piece has of a chain. Both are counted along the line: no other two have the same sum.
    [[nodiscard]] SIMT_DEVICE float* pieceState(int piece, int chain, int slice) const {
        return chunk_state + ((piece + chain) * at.line.chain_slices + slice) * kSlice * at.states;
    }
    [[nodiscard]] SIMT_DEVICE float& pieceDecay(int piece, int chain, int slice) const {
        return chunk_decay[(piece + chain) * at.line.chain_slices + slice];
    }
    [[nodiscard]] SIMT_DEVICE SsdStates statesOfHead(std::int64_t b, std::int64_t head) const {
        return {chunkState(b, 0, head), at.heads * at.headState(), &chunkDecay(b, 0, head), at.heads, at.chunks,
                at.chunkStates()};
    }
    /// `slice`: of all groups' side by side.
    [[nodiscard]] SIMT_DEVICE SsdStates statesOfSlice(int b, int slice) const {
        const SsdLine& line = at.line;
        const int group = slice / line.slices_of_group;
        const int within = slice % line.slices_of_group;
        const int chain = (b * static_cast<int>(at.groups) + group) * line.chains_of_group + within / line.chain_slices;
        const int of_chain = within % line.chain_slices;
        const int first = line.firstPiece(chain);
        const int last = line.lastPiece(chain);
        return {pieceState(first, chain, of_chain),
                line.chain_slices * kSlice * at.states,
                &pieceDecay(first, chain, of_chain),
                line.chain_slices,
                last - first + 1,
                last - first};
    }
    /// Into x, B and C: the first token of a chunk.
    [[nodiscard]] SIMT_DEVICE std::int64_t row(std::int64_t b, std::int64_t chunk) const {
        return (b * at.length + chunk * at.chunk) * xbc_stride;
    }
    [[nodiscard]] SIMT_DEVICE T* cbRows(std::int64_t b, std::int64_t chunk, std::int64_t group) const {
        return cb + ((b * at.chunks + chunk) * at.groups + group) * at.chunk * at.cb_stride;
    }
};

SsdLayout ssdLayout(const SsdOp& op);

template <class T>
SsdParams<T> ssdParams(const SsdOp& op);

/// Whether vectors of kWidest<T> elements may be used for x, B, C, y and the states.
template <class T>
bool ssdInVectors(const SsdParams<T>& p) {
    constexpr int n = kWidest<T>;
    return p.at.head_dim % n == 0 && p.at.states % n == 0 && p.xbc_stride % n == 0 &&
           aligned(n * sizeof(T), p.x, p.B, p.C);
}

/// Δ of a head.
SIMT_DEVICE float stepOf(float dt, float bias, float least, float most) {
    return simt::lesser(simt::greater(softplus(dt + bias), least), most);
}

}  // namespace perfmamba::kernels::cuda
