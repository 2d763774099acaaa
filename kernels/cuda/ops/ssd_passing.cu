// The two stages of the SSD (Dao & Gu 2024, section 6) that are no matrix products:
//   cumsum         Δ_t = clamp(softplus(dt_t + dt_bias)), and c_t = Σ_{s≤t} Δ_s·A within its chunk
//   state passing  turns each chunk's own S into the state before it: h' = exp(c_last)·h + S
//   dt (B, L, H) with a row stride; Δ, c (B, H, L); S (B, chunks, H, P, N); h (B, H, P, N)
//
// cumsum: a warp walks the chunks of one head, 32 tokens at a time, and sums in double, of which the stages that follow
// get the upper and the lower half (ops/ssd.h). Neighbouring warps take neighbouring heads, which share the sectors of
// dt. State passing: a thread takes four neighbours of one head's state through all chunks, in registers; loads of the
// next chunks do not depend on it. Floor: 8·P·N·H bytes a chunk over the bandwidth.
#include "kernels/cuda/ops/ssd.h"

#include <cstddef>

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kHeads = 8;  // of a block
constexpr int kCumsumThreads = kHeads * simt::kWarp;
constexpr double kLog2eDouble = 1.4426950408889634;

template <class T>
SIMT_KERNEL(kCumsumThreads)
void ssdCumsumKernel(SsdParams<T> p) {
    const std::int64_t head = static_cast<std::int64_t>(simt::blockY()) * kHeads + simt::warp();
    if (head >= p.at.heads) return;
    const std::int64_t b = simt::blockX() / p.at.chunks;
    const std::int64_t chunk = simt::blockX() % p.at.chunks;
    const std::int64_t tokens = p.at.tokens(chunk);
    const T* dt = p.dt + (b * p.at.length + chunk * p.at.chunk) * p.dt_stride + head;
    const double A = static_cast<double>(p.A[head]) * kLog2eDouble;
    double carry = 0;
    for (std::int64_t first = 0; first < tokens; first += simt::kWarp) {
        const std::int64_t t = first + simt::lane();
        const bool inside = t < tokens;
        const float delta = inside ? stepOf(toFloat(dt[t * p.dt_stride]), p.dt_bias[head], p.dt_min, p.dt_max) : 0.0F;
        double sum = static_cast<double>(delta) * A;
        SIMT_UNROLL
        for (int distance = 1; distance < simt::kWarp; distance *= 2) {
            const double below = simt::shuffleUp(sum, distance);
            if (simt::lane() >= distance) sum += below;
        }
        sum += carry;
        carry = simt::shuffle(sum, simt::kWarp - 1);
        if (!inside) continue;
        const auto high = static_cast<float>(sum);
        p.delta[p.perHead(b, head, chunk) + t] = delta;
        p.cumulated[p.perHead(b, head, chunk) + t] = {high, static_cast<float>(sum - static_cast<double>(high))};
    }
}

constexpr int kPassingThreads = 256;

template <class T, int n>
SIMT_KERNEL(kPassingThreads)
void ssdStatePassingKernel(SsdParams<T> p) {
    const std::int64_t i = (static_cast<std::int64_t>(simt::blockX()) * kPassingThreads + simt::threadIndex()) * n;
    if (i >= p.at.headState()) return;
    const std::int64_t head = simt::blockY();
    const std::int64_t b = simt::blockZ();
    float* state = p.h + (b * p.at.heads + head) * p.at.headState() + i;
    float h[n];
    load(state, h);
    for (std::int64_t chunk = 0; chunk < p.at.chunks; ++chunk) {
        float* own = p.chunkState(b, chunk, head) + i;
        float added[n];
        load(own, added);
        store(own, h);
        const Cumulated last = p.cumulated[p.perHead(b, head, chunk) + p.at.tokens(chunk) - 1];
        const float decay = simt::fastExp2(last.high + last.low);
        SIMT_UNROLL
        for (int j = 0; j < n; ++j) h[j] = decay * h[j] + added[j];
    }
    store(state, h);
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
    p.delta = workspace.take<float>(p.at.batch * p.at.heads * p.at.length);
    p.cumulated = workspace.take<Cumulated>(p.at.batch * p.at.heads * p.at.length);
    p.chunk_state = workspace.take<float>(p.at.batch * p.at.chunks * p.at.heads * p.at.headState());
    p.cb = workspace.take<T>(p.at.batch * p.at.chunks * p.at.groups * p.at.chunk * p.at.cb_stride);
    return workspace.bytes();
}

}  // namespace

SsdLayout ssdLayout(const SsdOp& op) {
    const std::int64_t chunk = simt::lesser(op.chunk, op.length);
    return {op.batch,         op.length, op.heads, op.head_dim, op.groups, op.states, chunk, divideUp(op.length, chunk),
            roundUp(chunk, 8)};
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
        simt::launch(stream, {{p.at.batch * p.at.chunks, divideUp(p.at.heads, kHeads)}, kCumsumThreads},
                     ssdCumsumKernel<T>, p);
    });
}

void ssdStatePassing(void* stream, const SsdOp& op) {
    withType(op.x.type, [&]<class T>() {
        const SsdParams<T> p = ssdParams<T>(op);
        const bool vectors = p.at.headState() % 4 == 0 && aligned(4 * sizeof(float), p.h);
        const std::int64_t block = std::int64_t{kPassingThreads} * (vectors ? 4 : 1);
        simt::launch(stream, {{divideUp(p.at.headState(), block), p.at.heads, p.at.batch}, kPassingThreads},
                     vectors ? ssdStatePassingKernel<T, 4> : ssdStatePassingKernel<T, 1>, p);
    });
}

}  // namespace perfmamba::kernels::cuda
