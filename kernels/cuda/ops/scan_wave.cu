// The selective scan of scan.cu where there is much of it, up to 16 states: the sequence's chunks go as a wave.
//
// A warp's task is a chunk for a group of 4 channels, each with 8 lanes along the time, and all states one after the
// other. As in scan.cu a lane composes its 16 tokens' maps, the 8 lanes scan theirs by shuffles, and each then applies
// its tokens' maps to the h that it now knows. But Δ, Δ·x and the sums over the states stay in the lane.
// - A block takes some groups, as many as leave the busiest multiprocessor the least. Its computing warps take the next
//   task as they become free, chunk by chunk, and no barrier stands between them. Only h goes from a chunk's warp to
//   the next chunk's, state by state: one word of shared memory with h and the number of the chunk that it stands
//   before, for which the next warp asks. So a chunk is a state or more behind the one before it.
// - Two more warps bring x, dt, z, B and C, as many chunks ahead as shared memory has room for.
// The floor is scan.cu's. What is between, as profiled of a variant of the same structure: of its time with the states
// a warp waits 28 % for shuffles, probably behind the other warps' exponentials; and the first chunk comes late, so
// that scan.cu is the faster where there is less to do.
#include "kernels/cuda/ops/scan.h"
#include "kernels/cuda/simt/tiles.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kComputing = 14;  // warps
constexpr int kBringing = 2;
constexpr int kThreads = (kComputing + kBringing) * simt::kWarp;
constexpr int kOwn = 4;     // channels of a group
constexpr int kTime = 8;    // lanes along the time, for each of them
constexpr int kItems = 16;  // tokens of a lane
constexpr int kChunk = kTime * kItems;
constexpr int kStates = 16;
constexpr int kFloats = kWidest<float>;
constexpr int kMostGroups = 12;  // more would leave room for few chunks
constexpr int kMostSlots = 16;
/// (t, d) for each multiprocessor. On an H200, with 16 states, the wave lost with 12,000 and won with 40,000.
constexpr std::int64_t kMuch = 32'768;

/// B and C of a chunk: B's states, then C's. Rows begin with the first vectors of all lanes side by side, then their
/// second ones: a warp's access touches every bank once. Lane i has the tokens [i·kItems, (i + 1)·kItems).
constexpr int kRow = kChunk + kFloats;
using StateTile = float[2 * kStates][kRow];

/// x, dt and z of a group's chunk as they are in memory, and y in x's place: the tokens of each lane, and four elements
/// more, which move the next lane's to other banks.
template <class T>
struct alignas(16) GroupTile {
    T rows[3][kTime][kItems * kOwn + kOwn];
};
enum Which : int { kX, kDt, kZ };

/// h before chunk number `chunk`, read and written as one.
struct Carry {
    float h;
    int chunk;
};

struct Plan {
    int groups;  // of a block
    int slots;   // chunks that lie in shared memory
};

template <class T>
struct Params {
    ScanParams<T> scan;
    Plan plan;
};

/// A block's shared memory, one array behind the other.
template <class T>
struct Shared {
    StateTile* states;     // (slots)
    GroupTile<T>* inputs;  // (slots, groups)
    Carry* carries;        // (groups, kStates, 4)
    float* A;              // (groups, kStates, 4), times log2(e)
    float* dt_bias;        // (groups, 4)
    float* D;              // (groups, 4)
    int* brought;          // (slots): how many chunks up to the last that was brought there
    int* used;             // (slots): tasks that have ended there
    int* task;             // the next one
    int* end;

    SIMT_DEVICE Shared(std::byte* memory, const Plan& plan)
        : states(reinterpret_cast<StateTile*>(memory)),
          inputs(reinterpret_cast<GroupTile<T>*>(states + plan.slots)),
          carries(reinterpret_cast<Carry*>(inputs + plan.slots * plan.groups)),
          A(reinterpret_cast<float*>(carries + plan.groups * kStates * kOwn)),
          dt_bias(A + plan.groups * kStates * kOwn),
          D(dt_bias + plan.groups * kOwn),
          brought(reinterpret_cast<int*>(D + plan.groups * kOwn)),
          used(brought + plan.slots),
          task(used + plan.slots),
          end(task + 1) {}
};
template <class T>
std::int64_t sharedBytes(std::int64_t groups, std::int64_t slots) {
    constexpr std::int64_t kOfSlot = sizeof(StateTile) + 2 * sizeof(int);
    constexpr std::int64_t kOfGroup = kOwn * (kStates * (sizeof(Carry) + sizeof(float)) + 2 * sizeof(float));
    return slots * (kOfSlot + groups * static_cast<std::int64_t>(sizeof(GroupTile<T>))) + groups * kOfGroup +
           static_cast<std::int64_t>(sizeof(int));
}

template <class T>
class WaveBlock {
public:
    SIMT_DEVICE explicit WaveBlock(const Params<T>& params)
        : p(params.scan),
          m_plan(params.plan),
          m(simt::dynamicShared(), params.plan),
          m_chunks(static_cast<int>(divideUp(params.scan.length, kChunk))),
          m_first(static_cast<std::int64_t>(simt::blockX()) * params.plan.groups * kOwn),
          m_row(simt::blockY() * params.scan.length) {
        m_groups = simt::lesser(m_plan.groups, static_cast<int>(divideUp(p.channels - m_first, kOwn)));
    }

    SIMT_DEVICE void run() {
        for (int i = simt::threadIndex(); m.brought + i < m.end; i += kThreads) m.brought[i] = 0;
        simt::syncBlock();
        if (simt::warp() < kComputing) {
            computeAll();
        } else {
            bringAll();
        }
    }

private:
    /// The barrier of those who compute and those who bring: when there is something to compute, and at the end.
    SIMT_DEVICE static void meet() { simt::syncBlock(); }

    SIMT_DEVICE static void await(const int* counter, int least) {
        while (!simt::allLanes(simt::loadShared(counter) >= least)) simt::pause();
        simt::fenceBlock();
    }

    // What the bringing warps do --------------------------------------------------------------------------------------

    SIMT_DEVICE void bringAll() {
        const int first = simt::warp() - kComputing;
        if (first < m_chunks) bring(first);
        meet();
        for (int chunk = first + kBringing; chunk < m_chunks; chunk += kBringing) bring(chunk);
        meet();
    }

    SIMT_DEVICE void bring(int chunk) {
        const int slot = chunk % m_plan.slots;
        const int left = static_cast<int>(p.length) - chunk * kChunk;
        // A thread has four tokens and four states at a time: a warp reads whole rows of B and C, and writes without
        // bank conflicts.
        constexpr int kOfWarp = simt::kWarp / (2 * kStates / kFloats);  // vectors of tokens
        constexpr int kRounds = kChunk / kFloats / kOfWarp;
        constexpr int kAhead = kRounds * 2 / static_cast<int>(sizeof(T));  // as many as registers have room for
        const int row = simt::lane() / kOfWarp * kFloats;
        const int state = row % kStates;
        const T* from = (row < kStates ? p.B : p.C) + (m_row + chunk * kChunk) * p.bc_stride + state;
        for (int first = 0; first < kRounds; first += kAhead) {
            Packed<T, kFloats> packed[kAhead][kFloats] = {};
            SIMT_UNROLL
            for (int round = 0; round < kAhead; ++round) {
                const int vector = (first + round) * kOfWarp + simt::lane() % kOfWarp;
                const int t = vector % kTime * kItems + vector / kTime * kFloats;
                SIMT_UNROLL
                for (int i = 0; i < kFloats; ++i) {
                    if (t + i < left && state < p.states) {
                        packed[round][i] = simt::loadAs<Packed<T, kFloats>>(from + (t + i) * p.bc_stride);
                    }
                }
            }
            if (first == 0) {
                await(m.used + slot, chunk / m_plan.slots * m_groups);
                bringInputs(chunk, slot, left);
            }
            SIMT_UNROLL
            for (int round = 0; round < kAhead; ++round) {
                const int vector = (first + round) * kOfWarp + simt::lane() % kOfWarp;
                float values[kFloats][kFloats];
                SIMT_UNROLL
                for (int i = 0; i < kFloats; ++i) unpack<T>(packed[round][i], values[i]);
                SIMT_UNROLL
                for (int n = 0; n < kFloats; ++n) {
                    float column[kFloats];
                    SIMT_UNROLL
                    for (int i = 0; i < kFloats; ++i) column[i] = values[i][n];
                    store(m.states[slot][row + n] + vector * kFloats, column);
                }
            }
        }
        simt::waitForCopies<0>();
        simt::syncWarp();
        simt::fenceBlock();
        if (simt::lane() == 0) simt::storeShared(m.brought + slot, chunk + 1);
    }

    /// Neighbouring lanes have neighbouring groups.
    SIMT_DEVICE void bringInputs(int chunk, int slot, int left) {
        const int step = simt::kWarp / m_plan.groups;  // tokens at a time
        const int group = simt::lane() % m_plan.groups;
        int t = simt::lane() / m_plan.groups;
        if (t < step) {
            const std::int64_t row = m_row + chunk * kChunk + t;
            const std::int64_t d = m_first + group * kOwn;
            const T* x = p.x + row * p.channels + d;
            const T* dt = p.dt + row * p.channels + d;
            const T* z = p.z ? p.z + row * p.z_stride + d : nullptr;
            GroupTile<T>& to = m.inputs[slot * m_plan.groups + group];
            for (; t < kChunk; t += step) {
                const bool inside = t < left && group < m_groups;
                bringFour(to, kX, t, x, inside);
                bringFour(to, kDt, t, dt, inside);
                if (z) bringFour(to, kZ, t, z, inside);
                x += step * p.channels;
                dt += step * p.channels;
                if (z) z += step * p.z_stride;
            }
        }
        simt::endCopies();
    }
    SIMT_DEVICE void bringFour(GroupTile<T>& to, Which which, int t, const T* from, bool inside) const {
        constexpr int kBytes = kOwn * static_cast<int>(sizeof(T));
        simt::copyAsync<kBytes>(to.rows[which][t / kItems] + t % kItems * kOwn, inside ? from : p.x, inside);
    }

    // What the computing warps do -------------------------------------------------------------------------------------

    /// Calls work(index, whether there is such a state, its place in A) for the block's carries.
    template <class Work>
    SIMT_DEVICE void eachCarry(const Work& work) const {
        for (int i = simt::threadIndex(); i < m_groups * kStates * kOwn; i += kComputing * simt::kWarp) {
            const int n = i / kOwn % kStates;
            const std::int64_t d = m_first + i / (kOwn * kStates) * kOwn + i % kOwn;
            work(i, n < p.states, n * p.channels + d);
        }
    }

    SIMT_DEVICE void computeAll() {
        float* h = p.h + simt::blockY() * p.states * p.channels;
        eachCarry([&](int i, bool inside, std::int64_t at) {
            m.carries[i] = {inside ? h[at] : 0.0F, 0};
            m.A[i] = inside ? p.A[at] * kLog2e : 0.0F;
        });
        for (int i = simt::threadIndex(); i < m_groups * kOwn; i += kComputing * simt::kWarp) {
            m.dt_bias[i] = p.dt_bias ? p.dt_bias[m_first + i] : 0.0F;
            m.D[i] = p.D[m_first + i];
        }
        meet();
        for (;;) {
            int task = 0;
            if (simt::lane() == 0) task = simt::atomicAdd(m.task, 1);
            task = simt::shuffle(task, 0);
            if (task >= m_chunks * m_groups) break;
            compute(task / m_groups, task % m_groups);
        }
        meet();
        eachCarry([&](int i, bool inside, std::int64_t at) {
            if (inside) h[at] = m.carries[i].h;
        });
    }

    using Items = float[kItems];

    SIMT_DEVICE void compute(int chunk, int group) {
        const int channel = simt::lane() % kOwn;
        const int time = simt::lane() / kOwn;
        const int slot = chunk % m_plan.slots;
        const int left = static_cast<int>(p.length) - chunk * kChunk;
        await(m.brought + slot, chunk + 1);
        GroupTile<T>& tile = m.inputs[slot * m_plan.groups + group];
        Items delta;
        Items dx;
        stage(tile, m.dt_bias[group * kOwn + channel], left - time * kItems, delta, dx);
        float delta_all = delta[0];
        SIMT_UNROLL
        for (int i = 1; i < kItems; ++i) delta_all += delta[i];
        const float* rows = m.states[slot][0] + time * kFloats;
        Items y = {};
        const int states = static_cast<int>(p.states);
        SIMT_UNROLL_BY(2)
        for (int n = 0; n < states; ++n) {
            const int i = (group * kStates + n) * kOwn + channel;
            advance(rows + n * kRow, m.carries + i, m.A[i], chunk, delta, delta_all, dx, y);
        }
        finish(tile, m.D[group * kOwn + channel], y);
        simt::syncWarp();
        storeY(tile, chunk, group, left);
        simt::syncWarp();
        simt::fenceBlock();
        if (simt::lane() == 0) simt::atomicAdd(m.used + slot, 1);
    }

    /// Of the lane's tokens the first `left` are inside. Past them Δ is 0: the map that changes nothing.
    SIMT_DEVICE static void stage(const GroupTile<T>& tile, float dt_bias, int left, Items& delta, Items& dx) {
        const int channel = simt::lane() % kOwn;
        const int time = simt::lane() / kOwn;
        SIMT_UNROLL
        for (int i = 0; i < kItems; ++i) {
            delta[i] = softplus(toFloat(tile.rows[kDt][time][i * kOwn + channel]) + dt_bias);
            dx[i] = delta[i] * toFloat(tile.rows[kX][time][i * kOwn + channel]);
        }
        if (simt::allLanes(left >= kItems)) return;
        SIMT_UNROLL
        for (int i = 0; i < kItems; ++i) {
            if (i >= left) delta[i] = dx[i] = 0;
        }
    }

    SIMT_DEVICE static void loadOwn(const float* row, Items& values) {
        SIMT_UNROLL
        for (int i = 0; i < kItems; i += kFloats) load(row + i * kTime, part<kFloats>(values, i));
    }

    /// One state, in the lane's channel and tokens. `row` begins at the lane's first vector of B.
    SIMT_DEVICE static void advance(const float* row, Carry* link, float A, int chunk, const Items& delta,
                                    float delta_all, const Items& dx, Items& y) {
        const int time = simt::lane() / kOwn;
        Carry carry = simt::loadShared(link);
        Items a;
        Items b;
        loadOwn(row, b);
        float after = 0;
        SIMT_UNROLL
        for (int i = 0; i < kItems; ++i) {
            a[i] = simt::fastExp2(delta[i] * A);
            b[i] *= dx[i];
            after = i == 0 ? b[i] : a[i] * after + b[i];
        }
        const float all = simt::fastExp2(delta_all * A);
        SIMT_ROLLED
        while (!simt::allLanes(carry.chunk == chunk)) {
            simt::pause();
            carry = simt::loadShared(link);
        }
        scanLanes(all, carry.h, after);
        if (time == kTime - 1) simt::storeShared(link, Carry{after, chunk + 1});
        float h = simt::shuffleUp(after, kOwn);
        if (time == 0) h = carry.h;
        Items c;
        loadOwn(row + kStates * kRow, c);
        SIMT_UNROLL
        for (int i = 0; i < kItems; ++i) {
            h = a[i] * h + b[i];
            y[i] += c[i] * h;
        }
    }

    /// From this lane's map (a, after) and the state before the chunk to the state after this lane's tokens.
    SIMT_DEVICE static void scanLanes(float a, float carry, float& after) {
        const int time = simt::lane() / kOwn;
        if (time == 0) after += a * carry;
        SIMT_UNROLL
        for (int distance = 1; distance < kTime; distance *= 2) {
            const float below = simt::shuffleUp(after, distance * kOwn);
            if (time >= distance) after += a * below;
            if (2 * distance < kTime) {
                const float a_below = simt::shuffleUp(a, distance * kOwn);
                if (time >= distance) a *= a_below;
            }
        }
    }

    /// y of the lane's channel and tokens, in x's place.
    SIMT_DEVICE void finish(GroupTile<T>& tile, float D, const Items& sums) const {
        const int channel = simt::lane() % kOwn;
        const int time = simt::lane() / kOwn;
        SIMT_UNROLL
        for (int i = 0; i < kItems; ++i) {
            T& x = tile.rows[kX][time][i * kOwn + channel];
            float y = sums[i] + D * toFloat(x);
            if (p.z) y *= silu(toFloat(tile.rows[kZ][time][i * kOwn + channel]));
            x = fromFloat<T>(y);
        }
    }
    SIMT_DEVICE void storeY(const GroupTile<T>& tile, int chunk, int group, int left) const {
        T* to = p.y + (m_row + chunk * kChunk) * p.channels + m_first + group * kOwn;
        SIMT_UNROLL
        for (int round = 0; round < kChunk / simt::kWarp; ++round) {
            const int t = round * simt::kWarp + simt::lane();
            if (t >= left) continue;
            const T* from = tile.rows[kX][t / kItems] + t % kItems * kOwn;
            simt::storeAs(to + t * p.channels, simt::loadAs<Packed<T, kOwn>>(from));
        }
    }

    const ScanParams<T>& p;
    const Plan& m_plan;
    Shared<T> m;
    int m_chunks;
    std::int64_t m_first;  // channel
    std::int64_t m_row;
    int m_groups;  // of the plan's, as many as there are channels for
};

template <class T>
SIMT_KERNEL(kThreads, 1)
void scanWaveKernel(Params<T> p) {
    WaveBlock<T>(p).run();
}

}  // namespace

template <class T>
bool scanWave(void* stream, std::int64_t batch, const ScanParams<T>& p) {
    const bool wide = aligned(kOwn * sizeof(T), p.x, p.dt, p.y, p.z, p.B, p.C) && p.channels % kOwn == 0 &&
                      p.states % kFloats == 0 && p.bc_stride % kFloats == 0 && (!p.z || p.z_stride % kOwn == 0);
    const int multiprocessors = simt::limits().multiprocessors;
    if (!wide || p.states > kStates || batch * p.length * p.channels < kMuch * multiprocessors) return false;
    const std::int64_t groups = p.channels / kOwn;
    const std::int64_t chunks = divideUp(p.length, kChunk);
    Plan plan{};
    std::int64_t least = 0;  // groups that the busiest multiprocessor takes
    for (int of_block = 1; of_block <= kMostGroups; ++of_block) {
        const std::int64_t taken = divideUp(divideUp(groups, of_block) * batch, multiprocessors) * of_block;
        const std::int64_t free = simt::limits().shared - sharedBytes<T>(of_block, 0);
        const std::int64_t slots = free / (sharedBytes<T>(of_block, 1) - sharedBytes<T>(of_block, 0));
        if (slots < 2 || (plan.groups > 0 && taken > least)) continue;
        least = taken;
        plan = {of_block, static_cast<int>(simt::lesser(simt::lesser<std::int64_t>(slots, kMostSlots), chunks))};
    }
    if (plan.groups == 0) return false;
    const simt::Shape shape{{divideUp(groups, plan.groups), batch}, kThreads, sharedBytes<T>(plan.groups, plan.slots)};
    simt::launch(stream, shape, scanWaveKernel<T>, Params<T>{p, plan});
    return true;
}

template bool scanWave(void*, std::int64_t, const ScanParams<float>&);
template bool scanWave(void*, std::int64_t, const ScanParams<Half>&);
template bool scanWave(void*, std::int64_t, const ScanParams<BFloat16>&);

}  // namespace perfmamba::kernels::cuda
