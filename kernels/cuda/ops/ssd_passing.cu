// The two stages of the SSD (Dao & Gu 2024, section 6) that are no matrix products, and the layout of its workspace:
//   cumsum         see ssd_cumsum.h; a walk (ssd_walk.h) has C·Bᵀ computed beside it
//   state passing  turns each chunk's own S into the state before it: h' = exp(c_last)·h + S
//   S (B, chunks, H, P, N); h (B, H, P, N)
//
// State passing: a thread takes four neighbours of one head's state through all chunks, in registers. What it reads
// does not depend on what it computes, but the compiler cannot know that of the stores: it reads many chunks at once,
// before it stores. Floor: 8·P·N·H bytes a chunk over the bandwidth.
#include <cstddef>

#include "kernels/cuda/ops/ssd.h"
#include "kernels/cuda/ops/ssd_cumsum.h"
#include "kernels/cuda/ops/ssd_walk.h"
#include "kernels/cuda/ops/ssd_warpgroups.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kHeads = 8;  // of a block
constexpr int kCumsumThreads = kHeads * simt::kWarp;

template <class T>
SIMT_KERNEL(kCumsumThreads)
void ssdCumsumKernel(SsdParams<T> p) {
    const std::int64_t head = static_cast<std::int64_t>(simt::blockY()) * kHeads + simt::warp();
    if (head >= p.at.heads) return;
    cumulate(p, simt::blockX() / p.at.chunks, simt::blockX() % p.at.chunks, head);
}

constexpr int kPassingThreads = 128;
constexpr int kAhead = 16;
/// Where there are so few, more blocks fit.
constexpr int kFewAhead = 8;
/// Where there are more chunks, a thread takes half as much of the state and reads twice as far ahead.
constexpr int kFarAhead = 32;

/// n neighbours a thread, the states and decays of `ahead` chunks at once, of each head or slice.
template <class T, int n, int ahead>
SIMT_KERNEL(kPassingThreads)
void ssdStatePassingKernel(SsdParams<T> p) {
    simt::letNextBegin();
    simt::awaitKernelsBefore();
    const std::int64_t extent = p.at.warpgroups ? kSlice * p.at.states : p.at.headState();
    const std::int64_t i = (static_cast<std::int64_t>(simt::blockX()) * kPassingThreads + simt::threadIndex()) * n;
    if (i >= extent) return;
    const std::int64_t row = simt::blockY();
    const std::int64_t b = simt::blockZ();
    const SsdStates all = p.at.warpgroups ? p.statesOfSlice(simt::blockZ(), simt::blockY()) : p.statesOfHead(b, row);
    if (p.at.warpgroups && all.added == 0) return;
    float* state = p.h + b * p.at.heads * p.at.headState() + row * extent;
    float* own = all.first + i;  // of the next chunk, and its decay
    const float* own_decay = all.decay;
    float h[n];
    if (n > 1 && p.at.warpgroups) {
        SIMT_UNROLL
        for (int k = 0; k < n; k += 2) {
            load(state + GroupStateOrder::natural(static_cast<int>(i) + k, p.at.states), part<2>(h, k));
        }
    } else {
        load(state + i, h);
    }
    for (std::int64_t first = 0; first < all.count; first += ahead) {
        const auto left = static_cast<int>(simt::lesser<std::int64_t>(all.count - first, ahead));
        const auto added_left = static_cast<int>(simt::lesser<std::int64_t>(all.added - first, ahead));
        float added[ahead][n];
        float decay[ahead];
        const float* from = own;
        SIMT_UNROLL
        for (int j = 0; j < ahead; ++j) {
            if (j < added_left) {
                load(from, added[j]);
                decay[j] = *own_decay;
            }
            from += all.stride;
            own_decay += all.decay_stride;
        }
        SIMT_UNROLL
        for (int j = 0; j < ahead; ++j) {
            if (j < left) store(own, h);
            own += all.stride;
            if (j >= added_left) continue;
            SIMT_UNROLL
            for (int k = 0; k < n; ++k) h[k] = decay[j] * h[k] + added[j][k];
        }
    }
    if (!p.at.walks) store(state + i, h);
}

/// The workspace, a part after the other, each at a multiple of 256 bytes.
class Workspace {
public:
    explicit Workspace(void* begin) : m_begin(static_cast<std::byte*>(begin)) {}

    template <class V>
    V* take(std::int64_t elements) {
        std::byte* at = m_begin ? m_begin + m_bytes : nullptr;
        m_bytes += static_cast<std::size_t>(roundUp(elements * static_cast<std::int64_t>(sizeof(V)), 256));
        return reinterpret_cast<V*>(at);
    }
    [[nodiscard]] std::size_t bytes() const { return m_bytes; }

private:
    std::byte* m_begin;
    std::size_t m_bytes = 0;
};

/// Sets the pointers into the workspace, and returns its size.
template <class T>
std::size_t divideWorkspace(void* begin, SsdParams<T>& p) {
    Workspace workspace(begin);
    const std::int64_t chunks = p.at.batch * p.at.chunks;
    const std::int64_t per_head = p.at.batch * p.at.heads * p.at.paddedLength();
    if (p.at.warpgroups) {
        const SsdLine& line = p.at.line;
        if (!line.cut()) return 0;
        const std::int64_t states = std::int64_t{line.pieces() + line.chains} * line.chain_slices;
        p.chunk_decay = workspace.take<float>(states);
        p.chunk_state = workspace.take<float>(states * kSlice * p.at.states);
        return workspace.bytes();
    }
    p.chunk_decay = workspace.take<float>(chunks * p.at.heads);
    if (p.at.walks && p.at.chunks > 1) p.chunk_state = workspace.take<float>(chunks * p.at.heads * p.at.headState());
    p.delta = workspace.take<float>(per_head);
    p.cumulated = workspace.take<Cumulated>(per_head);
    if (p.at.walks) {
        p.cb = reinterpret_cast<T*>(
            workspace.take<std::uint32_t>(p.at.batch * p.at.paddedLength() / kStep * p.at.groups * kCbWords));
    } else {
        p.chunk_state = workspace.take<float>(chunks * p.at.heads * p.at.headState());
        p.cb = workspace.take<T>(chunks * p.at.groups * p.at.chunk * p.at.cb_stride);
    }
    return workspace.bytes();
}

}  // namespace

SsdLayout ssdLayout(const SsdOp& op) {
    SsdLayout at{};
    at.batch = op.batch, at.length = op.length, at.groups = op.groups, at.states = op.states;
    at.heads = op.heads, at.head_dim = op.head_dim;
    at.warpgroups = suitsWarpgroups(op);
    at.walks = at.warpgroups || ssdWalks(op);
    if (at.warpgroups) {
        divideForWarpgroups(at);
        return at;
    }
    at.chunk = at.walks ? ssdWalkChunk(op) : simt::lesser(op.chunk, op.length);
    at.chunks = divideUp(op.length, at.chunk);
    at.summed = at.walks ? kStep : at.chunk;
    at.cb_stride = roundUp(at.chunk, 8);
    return at;
}

template <class T>
SsdParams<T> ssdParams(const SsdOp& op) {
    assert(op.B.type == op.x.type && op.C.type == op.x.type && op.dt.type == op.x.type && op.y.type == op.x.type);
    SsdParams<T> p{};
    p.at = ssdLayout(op);
    p.x = pointer<T>(op.x);
    p.B = pointer<T>(op.B);
    p.C = pointer<T>(op.C);
    p.xbc_stride = op.xbc_stride;
    p.dt = pointer<T>(op.dt);
    p.dt_stride = op.dt_stride;
    p.dt_bias = op.dt_bias;
    p.A = op.A;
    p.D = op.D;
    p.dt_min = op.dt_min;
    p.dt_max = op.dt_max;
    p.h = op.h;
    p.y = pointer<T>(op.y);
    p.y_stride = op.y_stride;
    divideWorkspace(op.workspace, p);
    return p;
}
template SsdParams<float> ssdParams(const SsdOp&);
template SsdParams<Half> ssdParams(const SsdOp&);
template SsdParams<BFloat16> ssdParams(const SsdOp&);

bool ssdHasStages(const SsdOp& op) {
    return op.length > 1 && op.states > 0 && op.batch > 0 && op.heads > 0 && op.head_dim > 0;
}

std::size_t ssdWorkspaceBytes(const SsdOp& op) {
    if (!ssdHasStages(op)) return 0;
    std::size_t bytes = 0;
    withType(op.x.type, [&]<class T>() {
        SsdParams<T> p{};
        p.at = ssdLayout(op);
        bytes = divideWorkspace(nullptr, p);
    });
    return bytes;
}

void ssdCumsum(void* stream, const SsdOp& op) {
    withType(op.x.type, [&]<class T>() {
        const SsdParams<T> p = ssdParams<T>(op);
        if (p.at.warpgroups) return;
        if (p.at.walks) return walkPrepare(stream, p);
        simt::launch(stream, {{p.at.batch * p.at.chunks, divideUp(p.at.heads, kHeads)}, kCumsumThreads},
                     ssdCumsumKernel<T>, p);
    });
}

void ssdStatePassing(void* stream, const SsdOp& op) {
    withType(op.x.type, [&]<class T>() {
        const SsdParams<T> p = ssdParams<T>(op);
        const SsdLine& line = p.at.line;
        if (p.at.warpgroups ? !line.passes : p.at.walks && p.at.chunks == 1) return;
        const std::int64_t slices = p.at.heads * p.at.head_dim / kSlice;
        const std::int64_t rows = p.at.warpgroups ? slices : p.at.heads;
        const std::int64_t most = p.at.warpgroups ? divideUp(line.steps, line.piece) + 1 : p.at.chunks;
        const auto start = [&]<int n, int ahead>() {
            const std::int64_t extent = p.at.heads * p.at.headState() / rows;
            const std::int64_t blocks = divideUp(extent, std::int64_t{kPassingThreads} * n);
            simt::launch(stream, {{blocks, rows, p.at.batch}, kPassingThreads, 0, p.at.warpgroups},
                         ssdStatePassingKernel<T, n, ahead>, p);
        };
        if (!p.at.warpgroups && (p.at.headState() % 4 != 0 || !aligned(4 * sizeof(float), p.h))) {
            start.template operator()<1, kAhead>();
        } else if (most > kAhead) {
            start.template operator()<2, kFarAhead>();
        } else if (most <= kFewAhead) {
            start.template operator()<4, kFewAhead>();
        } else {
            start.template operator()<4, kAhead>();
        }
    });
}

}  // namespace perfmamba::kernels::cuda
