// What each chunk adds to the state (the SSD's second stage):
//   S (P, N) = Σ_s exp(c_last − c_s)·Δ_s·x_s ⊗ B_s
//   x (B, L, H, P), B (B, L, G, N) with a row stride; S (B, chunks, H, P, N) in float
//
// A product of depth Q, scaled on its way into shared memory; a block takes 64 × 64 of P × N. The decays are
// differences of c, never sums of its own. Floor: 2·P·N·H FLOP a token on tensor cores, or the bytes, 4·P·N·H/Q + (P·H
// + G·N)·size.
#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/ops/ssd_walk.h"
#include "kernels/cuda/ops/ssd_warpgroups.h"
#include "kernels/cuda/ops/tile_product.h"

namespace perfmamba::kernels::cuda {
namespace {

template <class T, int n>
SIMT_KERNEL(kTileThreads)
void ssdChunkStateKernel(SsdParams<T> p) {
    SIMT_SHARED(Operand<T>, xs);
    SIMT_SHARED(Operand<T>, Bs);
    const std::int64_t across = divideUp(p.at.states, kTile);
    const std::int64_t tiles = across * divideUp(p.at.head_dim, kTile);
    const std::int64_t first_n = simt::blockX() % across * kTile;
    const std::int64_t first_p = simt::blockX() % tiles / across * kTile;
    const std::int64_t b = simt::blockX() / tiles / p.at.chunks;
    const std::int64_t chunk = simt::blockX() / tiles % p.at.chunks;
    const std::int64_t head = simt::blockY();
    const std::int64_t tokens = p.at.tokens(chunk);
    const T* x = p.x + p.row(b, chunk) + head * p.at.head_dim + first_p;
    const T* B = p.B + p.row(b, chunk) + head / p.at.headsOfGroup() * p.at.states + first_n;
    const float* delta = p.delta + p.perHead(b, head, chunk);
    const Cumulated* c = p.cumulated + p.perHead(b, head, chunk);
    const Cumulated last = c[tokens - 1];
    if (first_n == 0 && first_p == 0 && simt::threadIndex() == 0) {
        p.chunkDecay(b, chunk, head) = simt::fastExp2(last.high + last.low);
    }

    TileProduct<T> sum;
    for (std::int64_t begin = 0; begin < tokens; begin += kDepth<T>) {
        stageTransposed<n>(xs, [&](int k, int row, float(&v)[n]) {
            const std::int64_t s = begin + k;
            clear(v);
            if (s >= tokens || first_p + row >= p.at.head_dim) return;
            load(x + s * p.xbc_stride + row, v);
            const float weight = simt::fastExp2(difference(last, c[s])) * delta[s];
            SIMT_UNROLL
            for (int i = 0; i < n; ++i) v[i] *= weight;
        });
        stageTransposed<n>(Bs, [&](int k, int row, float(&v)[n]) {
            clear(v);
            if (begin + k < tokens && first_n + row < p.at.states) load(B + (begin + k) * p.xbc_stride + row, v);
        });
        simt::syncBlock();
        sum.add(xs, Bs);
        simt::syncBlock();
    }
    float* state = p.chunkState(b, chunk, head);
    sum.each([&](int row, int column, float value) {
        const std::int64_t channel = first_p + row;
        if (channel >= p.at.head_dim || first_n + column >= p.at.states) return;
        state[channel * p.at.states + first_n + column] = value;
    });
}

}  // namespace

void ssdChunkState(void* stream, const SsdOp& op) {
    withType(op.x.type, [&]<class T>() {
        const SsdParams<T> p = ssdParams<T>(op);
        if (p.at.warpgroups) return warpgroupStates(stream, p);
        if (p.at.walks) return walkStates(stream, p);
        const std::int64_t tiles = divideUp(op.states, kTile) * divideUp(op.head_dim, kTile);
        simt::launch(stream, {{p.at.batch * p.at.chunks * tiles, p.at.heads}, kTileThreads},
                     ssdInVectors(p) ? ssdChunkStateKernel<T, kWidest<T>> : ssdChunkStateKernel<T, 1>, p);
    });
}

}  // namespace perfmamba::kernels::cuda
