#include "kernels/cuda/simt/executor.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/cuda/simt/fiber.h"

namespace perfmamba::simt::host {
namespace {

constexpr int kLanes = 32;
constexpr int kMostThreads = 1024;
// Of variables: what every device gives a block without being asked.
constexpr std::int64_t kMostOfVariables = 48 * 1024;
constexpr int kPoison = 0xff;
// Rounds of a block's warps, one after the other, in each of which one paused. Far more than a kernel needs.
constexpr int kMostPauses = 100'000;
// The same, until what other warps wait for with awaitKernelsBefore() is run: so far the pausing ones get before it.
constexpr int kPausesBefore = 100;

enum class Waits : std::uint8_t { Nowhere, AtWarp, AtBlock, ForLaunches, Paused, Left };

struct Thread {
    Fiber fiber;
    Waits waits = Waits::Nowhere;
    Site site;
    // Two rooms, used in turn: a lane may be one collective ahead of those that still read.
    bool second_room = false;
    // Whether it has ended the last block's work, and waits for the next block's.
    bool at_home = false;
    // Whether it has waited for the launches before.
    bool awaited = false;
    alignas(16) std::array<std::array<std::byte, kShownBytes>, 2> rooms;
};

/// As dynamicShared() promises on the device.
constexpr std::align_val_t kAlignment{1024};
struct FreeBytes {
    void operator()(std::byte* bytes) const { ::operator delete[](bytes, kAlignment); }
};
using Bytes = std::unique_ptr<std::byte[], FreeBytes>;

/// Exactly as large as asked for, so that AddressSanitizer sees its end.
struct Shared {
    const void* key;
    std::size_t bytes;
    Bytes data;
};

std::string describe(const Site& site) {
    return std::string(site.what) + " (" + site.at.file_name() + ":" + std::to_string(site.at.line()) + ")";
}

bool same(const Site& a, const Site& b) {
    return a.at.line() == b.at.line() && std::strcmp(a.what, b.what) == 0 &&
           std::strcmp(a.at.file_name(), b.at.file_name()) == 0;
}

class Executor {
public:
    Order order = Order::Forward;

    /// `before` runs once the first block waits for it.
    void run(const Launch& launch, const std::function<void()>& before) {
        const int threads = launch.threads;
        m_launch = &launch;
        m_before = before;
        while (m_threads.size() < static_cast<std::size_t>(threads)) m_threads.push_back(std::make_unique<Thread>());
        for (std::int64_t z = 0; z < launch.grid.z; ++z) {
            for (std::int64_t y = 0; y < launch.grid.y; ++y) {
                for (std::int64_t x = 0; x < launch.grid.x; ++x) runBlock({x, y, z});
            }
        }
    }

    // From inside a fiber.
    void wait(Waits waits, const Site& site) {
        Thread& self = thread(current.thread);
        self.waits = waits;
        self.site = site;
        if (waits == Waits::AtWarp) self.second_room = !self.second_room;
        Fiber::suspend();
    }
    std::byte* show() {
        Thread& self = thread(current.thread);
        return self.rooms[self.second_room ? 1 : 0].data();
    }
    const std::byte* shown(int lane) {
        Thread& other = thread(current.thread / kLanes * kLanes + lane);
        return other.rooms[thread(current.thread).second_room ? 0 : 1].data();
    }
    [[noreturn]] void stop(std::size_t bytes, const char* why) {
        m_fault = std::to_string(bytes) + " " + why;
        for (;;) wait(Waits::Left, {"stop", std::source_location::current()});
    }
    std::byte* dynamicShared() { return m_dynamic.get(); }
    void* sharedVariable(const void* key, std::size_t bytes) {
        for (const Shared& shared : m_shared) {
            if (shared.key == key) return shared.data.get();
        }
        m_shared.push_back({key, bytes, poisoned(bytes)});
        m_shared_bytes += bytes;
        if (m_shared_bytes > static_cast<std::size_t>(kMostOfVariables)) {
            stop(m_shared_bytes, "bytes of shared memory");
        }
        return m_shared.back().data.get();
    }
    /// A thread's life: one block's work after the other's.
    [[noreturn]] void live() {
        for (;;) {
            m_launch->body();
            thread(current.thread).at_home = true;
            wait(Waits::Left, {"the end", {}});
            thread(current.thread).at_home = false;
        }
    }

private:
    [[nodiscard]] int count() const { return m_launch->threads; }
    [[nodiscard]] Thread& thread(int index) const { return *m_threads[static_cast<std::size_t>(index)]; }
    /// The i-th of `count` in the order that was asked for.
    [[nodiscard]] int inOrder(int i, int count) const { return order == Order::Forward ? i : count - 1 - i; }

    static Bytes poisoned(std::size_t bytes) {
        Bytes data(new (kAlignment) std::byte[bytes]);
        std::memset(data.get(), kPoison, bytes);
        return data;
    }
    [[nodiscard]] std::string where(int index) const {
        const Thread& at = thread(index);
        return "thread " + std::to_string(index) + (at.waits == Waits::Left ? " has left" : " waits at ") +
               (at.waits == Waits::Left ? std::string() : describe(at.site));
    }
    [[noreturn]] void diverged(int one, int other) const {
        throw Fault("threads of one " + std::string(one / kLanes == other / kLanes ? "warp" : "block") +
                    " went different ways: " + where(one) + ", " + where(other));
    }
    void requireTogether(int first, int count) const {
        for (int i = first + 1; i < first + count; ++i) {
            if (thread(i).waits != thread(first).waits || !same(thread(i).site, thread(first).site)) diverged(first, i);
        }
    }

    static void threadMain();

    void runBlock(const Block& block) {
        m_block = block;
        m_shared.clear();
        m_shared_bytes = 0;
        m_dynamic = poisoned(static_cast<std::size_t>(m_launch->dynamic_shared));
        m_fault.clear();
        for (int i = 0; i < count(); ++i) {
            thread(i).waits = Waits::Nowhere;
            thread(i).second_room = false;
            thread(i).awaited = false;
            if (!thread(i).at_home) thread(i).fiber.restart(threadMain);
        }
        const int warps = count() / kLanes;
        int pauses = 0;
        for (;;) {
            bool paused = false;
            for (int i = 0; i < warps; ++i) paused = runWarp(inOrder(i, warps) * kLanes) || paused;
            if (anyForLaunches() && (!paused || !m_before || pauses >= kPausesBefore)) {
                runWhatIsBefore();
                pauses = 0;
                continue;
            }
            if (paused) {
                if (++pauses > kMostPauses) throw Fault("warps wait for what no other does: " + wherePaused());
                continue;
            }
            pauses = 0;
            requireTogether(0, count());
            if (thread(0).waits == Waits::Left) break;
            for (int i = 0; i < count(); ++i) thread(i).waits = Waits::Nowhere;
        }
        for (int i = 0; m_launch->overlaps && i < count(); ++i) {
            if (!thread(i).awaited) throw Fault("a kernel that overlaps did not wait for those before it");
        }
    }
    [[nodiscard]] bool anyForLaunches() const {
        for (int i = 0; i < count(); i += kLanes) {
            if (thread(i).waits == Waits::ForLaunches) return true;
        }
        return false;
    }
    /// Lets those go on that wait for it, too.
    void runWhatIsBefore() {
        if (m_before) std::exchange(m_before, nullptr)();
        for (int i = 0; i < count(); ++i) {
            if (thread(i).waits != Waits::ForLaunches) continue;
            thread(i).waits = Waits::Nowhere;
            thread(i).awaited = true;
        }
    }

    /// Until all lanes wait at a barrier of the block, have left, or pause, which is the result.
    bool runWarp(int first) {
        if (thread(first).waits != Waits::Nowhere && thread(first).waits != Waits::Paused) return false;
        for (;;) {
            for (int i = 0; i < kLanes; ++i) {
                const int index = first + inOrder(i, kLanes);
                current = {index, m_block};
                thread(index).fiber.resume();
                if (!m_fault.empty()) throw Fault("thread " + std::to_string(index) + ": " + m_fault);
            }
            requireTogether(first, kLanes);
            if (thread(first).waits == Waits::Paused) return true;
            if (thread(first).waits != Waits::AtWarp) return false;
            for (int i = first; i < first + kLanes; ++i) thread(i).waits = Waits::Nowhere;
        }
    }
    [[nodiscard]] std::string wherePaused() const {
        int index = 0;
        while (thread(index).waits != Waits::Paused) index += kLanes;
        return where(index);
    }

    std::vector<std::unique_ptr<Thread>> m_threads;
    const Launch* m_launch = nullptr;
    std::function<void()> m_before;
    Block m_block;
    Bytes m_dynamic;
    std::vector<Shared> m_shared;
    std::size_t m_shared_bytes = 0;
    std::string m_fault;
};

void check(const Launch& launch) {
    constexpr std::int64_t kMostX = 0x7fffffff;
    constexpr std::int64_t kMostYZ = 65535;
    const Block& grid = launch.grid;
    if (grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.x > kMostX || grid.y > kMostYZ || grid.z > kMostYZ) {
        throw Fault("a grid of " + std::to_string(grid.x) + " × " + std::to_string(grid.y) + " × " +
                    std::to_string(grid.z) + " blocks");
    }
    if (launch.threads < kLanes || launch.threads > kMostThreads || launch.threads % kLanes != 0) {
        throw Fault("a block of " + std::to_string(launch.threads) + " threads");
    }
    if (launch.dynamic_shared > kMostShared) {
        throw Fault(std::to_string(launch.dynamic_shared) + " bytes of shared memory");
    }
}

/// One runs a launch, the other what that one waits for.
struct Executors {
    Executor of_launch, of_waiting;
    Executor* running = &of_launch;
    bool overlapping = false;
    bool next_waits = false;
    std::optional<Launch> waiting;

    void run(const Launch& launch, const std::function<void()>& before = {}) { running->run(launch, before); }
    void runWaiting() {
        if (!waiting) return;
        const Launch launch = *std::exchange(waiting, std::nullopt);
        of_waiting.order = of_launch.order;
        running = &of_waiting;
        const struct Back {
            Executors& from;
            ~Back() { from.running = &from.of_launch; }
        } back{*this};
        run(launch);
    }
};
thread_local Executors executors;

void Executor::threadMain() {
    executors.running->live();
}

}  // namespace

void setOrder(Order order) {
    executors.of_launch.order = order;
}
void run(const Launch& launch) {
    check(launch);
    if (!launch.overlaps) catchUp();
    if (executors.overlapping && std::exchange(executors.next_waits, !executors.next_waits) && !executors.waiting) {
        executors.waiting = launch;
    } else {
        executors.run(launch, [] { executors.runWaiting(); });
    }
}
void catchUp() {
    executors.runWaiting();
}
Overlapping::Overlapping(bool first) {
    executors.overlapping = true;
    executors.next_waits = first;
}
Overlapping::~Overlapping() {
    executors.overlapping = false;
    executors.waiting.reset();
}
void Overlapping::end() {
    catchUp();
}
void waitForLaunchesBefore(const Site& site) {
    executors.running->wait(Waits::ForLaunches, site);
}
void waitForBlock(const Site& site) {
    executors.running->wait(Waits::AtBlock, site);
}
void pause(const Site& site) {
    executors.running->wait(Waits::Paused, site);
}
void waitForWarp(const Site& site) {
    executors.running->wait(Waits::AtWarp, site);
}
std::byte* show() {
    return executors.running->show();
}
const std::byte* shown(int lane) {
    return executors.running->shown(lane);
}
void stop(std::size_t bytes, const char* why) {
    executors.running->stop(bytes, why);
}
std::byte* dynamicShared() {
    return executors.running->dynamicShared();
}
void* sharedVariable(const void* key, std::size_t bytes) {
    return executors.running->sharedVariable(key, bytes);
}

}  // namespace perfmamba::simt::host
