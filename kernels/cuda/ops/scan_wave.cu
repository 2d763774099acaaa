// The selective scan of scan.cu where there is much of it, up to 16 states: the sequence's parts go as a wave.
//
// A warp's task is a part of the sequence for a group of 8 channels, each with 4 lanes along the time, and all states
// one after the other. As in scan.cu a lane composes its 24 tokens' maps, the 4 lanes scan theirs by shuffles, and each
// then applies its tokens' maps to the h that it now knows. But Δ, Δ·x and the sums over the states stay in the lane.
// - A block takes some groups, as many as leave the busiest multiprocessor the least. Its computing warps take the next
//   task as they become free, part by part, and no barrier stands between them. Only h goes from a part's warp to the
//   next part's, state by state: one word of shared memory with h and the number of the part that it stands before, for
//   which the next warp asks. So a part is a state or more behind the one before it.
// - A lane knows the map of all tokens of its task below its own before it asks for h: what it passes on is one
//   multiply-add behind what it got. A state's maps are made while the last one's are applied, in the same registers.
// - A lane's tokens are two halves, whose chains of dependent multiply-adds run beside each other.
// - One more warp brings x, dt, z, B and C, as many parts ahead as shared memory has room for: B and C through its
//   registers, where it turns them and makes them float.
// The floor is scan.cu's. As profiled, with 40 channels a multiprocessor: the schedulers issue in 71 % of the cycles
// (the busiest 76 %) and have too few warps to fill the rest; the special function unit is busy 56 %, shared memory
// 56 %. With 1536 channels, 96 of an H200's multiprocessors have 16 each and the others none.
#include "kernels/cuda/ops/scan.h"
#include "kernels/cuda/simt/tiles.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kComputing = 11;  // warps; with the one that brings, as many as leave a thread 168 registers
constexpr int kThreads = (kComputing + 1) * simt::kWarp;
constexpr int kOwn = 8;     // channels of a group
constexpr int kTime = 4;    // lanes along the time, for each of them
constexpr int kItems = 24;  // tokens of a lane
constexpr int kHalf = kItems / 2;
constexpr int kChunk = kTime * kItems;
constexpr int kStates = 16;
constexpr int kFloats = kWidest<float>;
constexpr int kMostGroups = 6;  // more would leave room for few chunks
constexpr int kMostSlots = 16;
/// (t, d) for each multiprocessor. On an H200, with 16 states, the wave lost with 12,000 and won with 40,000: the one
/// before this, of groups of 4 channels.
constexpr std::int64_t kMuch = 32'768;

/// B and C of a chunk: B's states, then C's. Rows begin with the first vectors of all lanes side by side, then their
/// second ones. Lane i has the tokens [i·kItems, (i + 1)·kItems). From one row to the next it is 12 banks, so that
/// those who write four rows' vectors at a time meet in none.
constexpr int kRow = kChunk + 12;
using StateTile = float[2 * kStates][kRow];

/// x, dt and perhaps z of a group's chunk as they are in memory, and y in x's place: the tokens of each lane, and as
/// much as one token more, which moves the next lane's to other banks.
template <class T>
using Rows = T[kTime][kItems * kOwn + kOwn];
enum Which : int { kX, kDt, kZ };

/// h before chunk number `chunk`, read and written as one.
struct Carry {
    float h;
    int chunk;
};

struct Plan {
    int groups;               // of a block
    int slots;                // chunks that lie in shared memory
    int rows;                 // of a group's chunk: 3 with z, else 2
    std::uint32_t of_groups;  // see quotient()
    std::uint32_t of_slots;
};
SIMT_BOTH std::uint32_t reciprocal(int n) {
    return n == 1 ? 0 : ~std::uint32_t{0} / static_cast<std::uint32_t>(n) + 1;
}
/// i / n, where `of` is n's reciprocal.
SIMT_BOTH int quotient(int i, std::uint32_t of) {
    return of == 0 ? i : static_cast<int>(std::uint64_t{static_cast<std::uint32_t>(i)} * of >> 32);
}

template <class T>
struct Params {
    ScanParams<T> scan;
    Plan plan;
};

/// A block's shared memory, one array behind the other.
template <class T>
struct Shared {
    StateTile* states;  // (slots)
    Rows<T>* inputs;    // (slots, groups, rows)
    Carry* carries;     // (groups, kStates, kOwn)
    float* A;           // (groups, kStates, kOwn), times log2(e)
    float* dt_bias;     // (groups, kOwn)
    float* D;           // (groups, kOwn)
    int* brought;       // (slots): how many chunks up to the last that was brought there
    int* used;          // (slots): tasks that have ended there
    int* task;          // the next one
    int* end;

    SIMT_DEVICE Shared(std::byte* memory, const Plan& plan)
        : states(reinterpret_cast<StateTile*>(memory)),
          inputs(reinterpret_cast<Rows<T>*>(states + plan.slots)),
          carries(reinterpret_cast<Carry*>(inputs + plan.slots * plan.groups * plan.rows)),
          A(reinterpret_cast<float*>(carries + plan.groups * kStates * kOwn)),
          dt_bias(A + plan.groups * kStates * kOwn),
          D(dt_bias + plan.groups * kOwn),
          brought(reinterpret_cast<int*>(D + plan.groups * kOwn)),
          used(brought + plan.slots),
          task(used + plan.slots),
          end(task + 1) {}
};
template <class T>
std::int64_t sharedBytes(std::int64_t groups, std::int64_t slots, int rows) {
    constexpr std::int64_t kOfSlot = sizeof(StateTile) + 2 * sizeof(int);
    constexpr std::int64_t kOfGroup = kOwn * (kStates * (sizeof(Carry) + sizeof(float)) + 2 * sizeof(float));
    return slots * (kOfSlot + groups * rows * static_cast<std::int64_t>(sizeof(Rows<T>))) + groups * kOfGroup +
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

    SIMT_DEVICE int slotOf(int chunk) const { return chunk - roundOf(chunk) * m_plan.slots; }
    SIMT_DEVICE int roundOf(int chunk) const { return quotient(chunk, m_plan.of_slots); }
    SIMT_DEVICE Rows<T>* rowsOf(int slot, int group) const {
        return m.inputs + (slot * m_plan.groups + group) * m_plan.rows;
    }

    // What the bringing warp does -------------------------------------------------------------------------------------

    SIMT_DEVICE void bringAll() {
        constexpr int kBehind = 2;  // chunks on their way while another is asked for
        int next = 0;               // to be handed over
        States states;
        loadStates(0, states);
        for (int chunk = 0; chunk < m_chunks; ++chunk) {
            const int* used = m.used + slotOf(chunk);
            const int least = roundOf(chunk) * m_groups;
            if (!simt::allLanes(simt::loadShared(used) >= least)) {
                simt::waitForCopies<0>();
                for (; next < chunk; ++next) handOver(next);
            }
            await(used, least);
            bringInputs(chunk);
            storeStates(states, m.states[slotOf(chunk)]);
            loadStates(chunk + 1, states);
            if (chunk == 0) meet();
            if (chunk - next < kBehind) continue;
            simt::waitForCopies<kBehind>();
            handOver(next++);
        }
        simt::waitForCopies<0>();
        for (; next < m_chunks; ++next) handOver(next);
        meet();
    }

    /// B and C of four tokens and four states, for each of a lane's four-token vectors.
    using States = Packed<T, kFloats>[kItems / kFloats][kFloats];
    SIMT_DEVICE static int stateTime() { return simt::lane() % kTime; }
    SIMT_DEVICE static int firstState() { return simt::lane() / kTime * kFloats; }  // B's are followed by C's

    /// Of a chunk, zeros behind the end; while the one before is worked on.
    SIMT_DEVICE void loadStates(int chunk, States& states) const {
        const int first = stateTime() * kItems;
        const int left = static_cast<int>(p.length) - chunk * kChunk - first;
        const int n = firstState() % kStates;
        const T* from = (firstState() < kStates ? p.B : p.C) + (m_row + chunk * kChunk + first) * p.bc_stride + n;
        SIMT_UNROLL
        for (int v = 0; v < kItems / kFloats; ++v) {
            SIMT_UNROLL
            for (int i = 0; i < kFloats; ++i) {
                states[v][i] = {};
                if (n < p.states && v * kFloats + i < left) states[v][i] = simt::loadAs<Packed<T, kFloats>>(from);
                from += p.bc_stride;
            }
        }
    }
    SIMT_DEVICE static void storeStates(const States& states, StateTile& tile) {
        static_assert(2 * kStates * kTime == kFloats * simt::kWarp);
        SIMT_UNROLL
        for (int v = 0; v < kItems / kFloats; ++v) {
            storeTurned<T, kFloats>(
                states[v], [&](int n) { return tile[firstState() + n] + (v * kTime + stateTime()) * kFloats; });
        }
    }

    SIMT_DEVICE void bringInputs(int chunk) {
        const int left = static_cast<int>(p.length) - chunk * kChunk;
        if (m_groups == m_plan.groups && left >= kChunk) {
            bringInputs<true>(chunk, left);
        } else {
            bringInputs<false>(chunk, left);
        }
        simt::endCopies();
    }

    /// `whole`: all of the chunk's tokens and the plan's groups are there.
    /// Neighbouring lanes have neighbouring groups.
    template <bool whole>
    SIMT_DEVICE void bringInputs(int chunk, int left) {
        const int first = quotient(simt::lane(), m_plan.of_groups);
        const int step = quotient(simt::kWarp, m_plan.of_groups);  // tokens at a time
        const int group = simt::lane() - first * m_plan.groups;
        if (first >= step) return;
        const std::int64_t row = m_row + chunk * kChunk + first;
        const std::int64_t d = m_first + group * kOwn;
        const T* x = p.x + row * p.channels + d;
        const T* dt = p.dt + row * p.channels + d;
        Rows<T>* to = rowsOf(slotOf(chunk), group);
        SIMT_UNROLL_BY(4)
        for (int t = first; t < kChunk; t += step) {
            const bool inside = whole || (t < left && group < m_groups);
            bringOwn(to[kX], t, x, inside);
            bringOwn(to[kDt], t, dt, inside);
            x += step * p.channels;
            dt += step * p.channels;
        }
        if (!p.z) return;
        const T* z = p.z + row * p.z_stride + d;
        SIMT_UNROLL_BY(4)
        for (int t = first; t < kChunk; t += step) {
            bringOwn(to[kZ], t, z, whole || (t < left && group < m_groups));
            z += step * p.z_stride;
        }
    }
    SIMT_DEVICE void bringOwn(Rows<T>& to, int t, const T* from, bool inside) const {
        T* own = to[t / kItems] + t % kItems * kOwn;
        SIMT_UNROLL
        for (int i = 0; i < kOwn; i += kWidest<T>) simt::copyAsync<16>(own + i, inside ? from + i : p.x, inside);
    }

    /// What has arrived of a chunk is there for all.
    SIMT_DEVICE void handOver(int chunk) {
        simt::syncWarp();
        simt::fenceBlock();
        if (simt::lane() == 0) simt::storeShared(m.brought + slotOf(chunk), chunk + 1);
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
        // The last block may have fewer groups.
        const std::uint32_t of_groups = m_groups == m_plan.groups ? m_plan.of_groups : reciprocal(m_groups);
        int next = takeTask();
        for (;;) {
            const int task = simt::shuffle(next, 0);
            if (task >= m_chunks * m_groups) break;
            const int chunk = quotient(task, of_groups);
            compute(chunk, task - chunk * m_groups, next);
        }
        meet();
        eachCarry([&](int i, bool inside, std::int64_t at) {
            if (inside) h[at] = m.carries[i].h;
        });
    }

    /// In lane 0.
    SIMT_DEVICE int takeTask() const { return simt::lane() == 0 ? simt::atomicAdd(m.task, 1) : 0; }

    using Items = float[kItems];

    SIMT_DEVICE static int channel() { return simt::lane() % kOwn; }
    SIMT_DEVICE static int time() { return simt::lane() / kOwn; }

    /// Δ and Δ·x of a lane's tokens, and the sums of its halves' Δ.
    struct Steps {
        Items delta;
        Items dx;
        float first;
        float second;
    };
    /// What a lane knows of a state before the state of the sequence comes: its tokens' maps, and those of its first
    /// half, of all tokens of the task below its own, and of these and its own.
    struct Maps {
        Items a;
        Items b;
        float a_first, b_first;
        float a_below, b_below;
        float a_all, b_all;
    };

    /// `next`: the task after this one, taken before this one's end.
    SIMT_DEVICE void compute(int chunk, int group, int& next) {
        const int slot = slotOf(chunk);
        const int left = static_cast<int>(p.length) - chunk * kChunk;
        await(m.brought + slot, chunk + 1);
        Rows<T>* tile = rowsOf(slot, group);
        Steps steps;
        stage(tile, m.dt_bias[group * kOwn + channel()], left - time() * kItems, steps);
        const float* row = m.states[slot][0] + time() * kFloats;
        const int at = group * kStates * kOwn + channel();
        Carry* link = m.carries + at;
        const float* A = m.A + at;
        Items y = {};
        Maps maps;
        const int states = static_cast<int>(p.states);
        begin(row, *A, steps, maps);
        Carry carry = simt::loadShared(link);
        float next_A = A[kOwn];
        for (int n = 1; n < states; ++n) {
            const float h = take(link, carry, chunk, maps);
            A += kOwn;
            link += kOwn;
            const float own_A = next_A;
            next_A = A[kOwn];  // behind the last state something that is not used
            advance<true>(row, own_A, steps, h, maps, y);
            carry = simt::loadShared(link);
            row += kRow;
        }
        advance<false>(row, 0.0F, steps, take(link, carry, chunk, maps), maps, y);
        next = takeTask();
        finish(tile, m.D[group * kOwn + channel()], y);
        simt::syncWarp();
        storeY(tile[kX], chunk, group, left);
        simt::syncWarp();
        simt::fenceBlock();
        if (simt::lane() == 0) simt::atomicAdd(m.used + slot, 1);
    }

    /// Of the lane's tokens the first `left` are inside. Past them Δ is 0: the map that changes nothing.
    SIMT_DEVICE static void stage(const Rows<T>* tile, float dt_bias, int left, Steps& steps) {
        const T* dt = tile[kDt][time()] + channel();
        const T* x = tile[kX][time()] + channel();
        SIMT_UNROLL
        for (int i = 0; i < kItems; ++i) {
            steps.delta[i] = softplus(toFloat(dt[i * kOwn]) + dt_bias);
            steps.dx[i] = steps.delta[i] * toFloat(x[i * kOwn]);
        }
        if (!simt::allLanes(left >= kItems)) {
            SIMT_UNROLL
            for (int i = 0; i < kItems; ++i) {
                if (i >= left) steps.delta[i] = steps.dx[i] = 0;
            }
        }
        steps.first = steps.second = 0;
        SIMT_UNROLL
        for (int i = 0; i < kHalf; ++i) {
            steps.first += steps.delta[i];
            steps.second += steps.delta[kHalf + i];
        }
    }

    /// The maps of the first state. `row` begins at the lane's first vector of B.
    SIMT_DEVICE static void begin(const float* row, float A, const Steps& steps, Maps& maps) {
        float after[2] = {};
        SIMT_UNROLL
        for (int v = 0; v < kHalf; v += kFloats) {
            SIMT_UNROLL
            for (int half = 0; half < 2; ++half) {
                float b[kFloats];
                load(row + (v + half * kHalf) * kTime, b);
                SIMT_UNROLL
                for (int i = 0; i < kFloats; ++i) makeMap(steps, v + half * kHalf + i, A, b[i], maps, after[half]);
            }
        }
        compose(steps, A, after, maps);
    }
    SIMT_DEVICE static void makeMap(const Steps& steps, int i, float A, float b, Maps& maps, float& after) {
        maps.a[i] = simt::fastExp2(steps.delta[i] * A);
        maps.b[i] = b * steps.dx[i];
        after = i % kHalf == 0 ? maps.b[i] : maps.a[i] * after + maps.b[i];
    }

    /// Waits for the state before the task and passes the one after it on. Returns the one before the lane's tokens.
    SIMT_DEVICE static float take(Carry* link, Carry carry, int chunk, const Maps& maps) {
        SIMT_ROLLED
        while (!simt::allLanes(carry.chunk == chunk)) {
            simt::pause();
            carry = simt::loadShared(link);
        }
        if (time() == kTime - 1) simt::storeShared(link, Carry{maps.a_all * carry.h + maps.b_all, chunk + 1});
        return maps.a_below * carry.h + maps.b_below;
    }

    /// Applies a state's maps to h, which stands before the lane's tokens, and where there is `more` puts the next
    /// state's in their place. `row` begins at the lane's first vector of the state's B.
    template <bool more>
    SIMT_DEVICE static void advance(const float* row, float A, const Steps& steps, float before, Maps& maps, Items& y) {
        float h[2] = {before, maps.a_first * before + maps.b_first};
        float after[2] = {};
        SIMT_UNROLL
        for (int v = 0; v < kHalf; v += kFloats) {
            float c[2][kFloats];
            float b[2][kFloats];
            SIMT_UNROLL
            for (int half = 0; half < 2; ++half) {
                load(row + kStates * kRow + (v + half * kHalf) * kTime, c[half]);
                if constexpr (more) load(row + kRow + (v + half * kHalf) * kTime, b[half]);
            }
            SIMT_UNROLL
            for (int k = 0; k < kFloats; ++k) {
                SIMT_UNROLL
                for (int half = 0; half < 2; ++half) {
                    const int i = v + half * kHalf + k;
                    h[half] = maps.a[i] * h[half] + maps.b[i];
                    y[i] += c[half][k] * h[half];
                    if constexpr (more) makeMap(steps, i, A, b[half][k], maps, after[half]);
                }
            }
        }
        if constexpr (more) compose(steps, A, after, maps);
    }

    /// `after`: what each half makes of 0.
    SIMT_DEVICE static void compose(const Steps& steps, float A, const float (&after)[2], Maps& maps) {
        maps.a_first = simt::fastExp2(steps.first * A);
        maps.b_first = after[0];
        const float a_second = simt::fastExp2(steps.second * A);
        const float a = maps.a_first * a_second;
        const float b = a_second * after[0] + after[1];
        // From one lane below, from two and from three: none of these waits for another.
        float a_below = simt::shuffleUp(a, kOwn);
        float b_below = simt::shuffleUp(b, kOwn);
        if (time() == 0) {
            a_below = 1;
            b_below = 0;
        }
        static_assert(kTime == 4);
        SIMT_UNROLL
        for (int distance = 2; distance < kTime; ++distance) {
            const float a_more = simt::shuffleUp(a, distance * kOwn);
            const float b_more = simt::shuffleUp(b, distance * kOwn);
            if (time() >= distance) {
                b_below += a_below * b_more;
                a_below *= a_more;
            }
        }
        maps.a_below = a_below;
        maps.b_below = b_below;
        maps.a_all = a * a_below;
        maps.b_all = a * b_below + b;
    }

    /// y of the lane's channel and tokens, in x's place.
    SIMT_DEVICE void finish(Rows<T>* tile, float D, const Items& sums) const {
        SIMT_UNROLL
        for (int i = 0; i < kItems; ++i) {
            T& x = tile[kX][time()][i * kOwn + channel()];
            float y = sums[i] + D * toFloat(x);
            if (p.z) y *= silu(toFloat(tile[kZ][time()][i * kOwn + channel()]));
            x = fromFloat<T>(y);
        }
    }
    SIMT_DEVICE void storeY(const Rows<T>& tile, int chunk, int group, int left) const {
        constexpr int kOfRow = kOwn / kWidest<T>;
        static_assert(kChunk * kOfRow % simt::kWarp == 0);
        T* to = p.y + (m_row + chunk * kChunk) * p.channels + m_first + group * kOwn;
        SIMT_UNROLL
        for (int first = 0; first < kChunk * kOfRow; first += simt::kWarp) {
            const int t = (first + simt::lane()) / kOfRow;
            const int d = (first + simt::lane()) % kOfRow * kWidest<T>;
            if (t >= left) continue;
            const T* from = tile[t / kItems] + t % kItems * kOwn + d;
            simt::storeAs(to + t * p.channels + d, simt::loadAs<Packed<T, kWidest<T>>>(from));
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
    const bool wide = aligned(16, p.x, p.dt, p.y, p.z) && aligned(kFloats * sizeof(T), p.B, p.C) &&
                      p.channels % kOwn == 0 && p.states % kFloats == 0 && p.bc_stride % kFloats == 0 &&
                      (!p.z || p.z_stride % kWidest<T> == 0);
    const int multiprocessors = simt::limits().multiprocessors;
    if (!wide || p.states > kStates || batch * p.length * p.channels < kMuch * multiprocessors) return false;
    const std::int64_t groups = p.channels / kOwn;
    const std::int64_t chunks = divideUp(p.length, kChunk);
    const int rows = p.z ? 3 : 2;
    Plan plan{};
    std::int64_t least = 0;  // groups that the busiest multiprocessor takes
    for (int of_block = 1; of_block <= kMostGroups; ++of_block) {
        const std::int64_t taken = divideUp(divideUp(groups, of_block) * batch, multiprocessors) * of_block;
        const std::int64_t free = simt::limits().shared - sharedBytes<T>(of_block, 0, rows);
        const std::int64_t fit = free / (sharedBytes<T>(of_block, 1, rows) - sharedBytes<T>(of_block, 0, rows));
        if (fit < 2 || (plan.groups > 0 && taken > least)) continue;
        least = taken;
        const int slots = static_cast<int>(simt::lesser(simt::lesser<std::int64_t>(fit, kMostSlots), chunks));
        plan = {of_block, slots, rows, reciprocal(of_block), reciprocal(slots)};
    }
    if (plan.groups == 0) return false;
    const simt::Shape shape{
        {divideUp(groups, plan.groups), batch}, kThreads, sharedBytes<T>(plan.groups, plan.slots, rows)};
    simt::launch(stream, shape, scanWaveKernel<T>, Params<T>{p, plan});
    return true;
}

template bool scanWave(void*, std::int64_t, const ScanParams<float>&);
template bool scanWave(void*, std::int64_t, const ScanParams<Half>&);
template bool scanWave(void*, std::int64_t, const ScanParams<BFloat16>&);

}  // namespace perfmamba::kernels::cuda
