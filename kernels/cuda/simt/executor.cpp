#include "kernels/cuda/simt/executor.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
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

enum class Waits : std::uint8_t { Nowhere, AtWarp, AtBlock, Paused, Left };

struct Thread {
    Fiber fiber;
    Waits waits = Waits::Nowhere;
    Site site;
    // Two rooms, used in turn: a lane may be one collective ahead of those that still read.
    bool second_room = false;
    // Whether it has ended the last block's work, and waits for the next block's.
    bool at_home = false;
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

    void run(const Block& grid, int threads, std::int64_t dynamic_shared, const std::function<void()>& body) {
        if (threads < kLanes || threads > kMostThreads || threads % kLanes != 0) {
            throw Fault("a block of " + std::to_string(threads) + " threads");
        }
        checkGrid(grid);
        if (dynamic_shared > kMostShared) throw Fault(std::to_string(dynamic_shared) + " bytes of shared memory");
        while (m_threads.size() < static_cast<std::size_t>(threads)) m_threads.push_back(std::make_unique<Thread>());
        m_count = threads;
        m_body = &body;
        m_dynamic_bytes = static_cast<std::size_t>(dynamic_shared);
        for (std::int64_t z = 0; z < grid.z; ++z) {
            for (std::int64_t y = 0; y < grid.y; ++y) {
                for (std::int64_t x = 0; x < grid.x; ++x) {
                    current.block = {x, y, z};
                    runBlock();
                }
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
            (*m_body)();
            thread(current.thread).at_home = true;
            wait(Waits::Left, {"the end", {}});
            thread(current.thread).at_home = false;
        }
    }

private:
    [[nodiscard]] Thread& thread(int index) const { return *m_threads[static_cast<std::size_t>(index)]; }
    /// The i-th of `count` in the order that was asked for.
    [[nodiscard]] int inOrder(int i, int count) const { return order == Order::Forward ? i : count - 1 - i; }

    static Bytes poisoned(std::size_t bytes) {
        Bytes data(new (kAlignment) std::byte[bytes]);
        std::memset(data.get(), kPoison, bytes);
        return data;
    }
    static void checkGrid(const Block& grid) {
        constexpr std::int64_t kMostX = 0x7fffffff;
        constexpr std::int64_t kMostYZ = 65535;
        if (grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.x > kMostX || grid.y > kMostYZ || grid.z > kMostYZ) {
            throw Fault("a grid of " + std::to_string(grid.x) + " × " + std::to_string(grid.y) + " × " +
                        std::to_string(grid.z) + " blocks");
        }
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

    void runBlock() {
        m_shared.clear();
        m_shared_bytes = 0;
        m_dynamic = poisoned(m_dynamic_bytes);
        m_fault.clear();
        for (int i = 0; i < m_count; ++i) {
            thread(i).waits = Waits::Nowhere;
            thread(i).second_room = false;
            if (!thread(i).at_home) thread(i).fiber.restart(threadMain);
        }
        const int warps = m_count / kLanes;
        int pauses = 0;
        for (;;) {
            bool paused = false;
            for (int i = 0; i < warps; ++i) paused = runWarp(inOrder(i, warps) * kLanes) || paused;
            if (paused) {
                if (++pauses > kMostPauses) throw Fault("warps wait for what no other does: " + wherePaused());
                continue;
            }
            pauses = 0;
            requireTogether(0, m_count);
            if (thread(0).waits == Waits::Left) return;
            for (int i = 0; i < m_count; ++i) thread(i).waits = Waits::Nowhere;
        }
    }

    /// Until all lanes wait at a barrier of the block, have left, or pause, which is the result.
    bool runWarp(int first) {
        if (thread(first).waits == Waits::AtBlock || thread(first).waits == Waits::Left) return false;
        for (;;) {
            for (int i = 0; i < kLanes; ++i) {
                const int index = first + inOrder(i, kLanes);
                current.thread = index;
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
    int m_count = 0;
    const std::function<void()>* m_body = nullptr;
    std::size_t m_dynamic_bytes = 0;
    Bytes m_dynamic;
    std::vector<Shared> m_shared;
    std::size_t m_shared_bytes = 0;
    std::string m_fault;
};

thread_local Executor executor;

void Executor::threadMain() {
    executor.live();
}

}  // namespace

void setOrder(Order order) {
    executor.order = order;
}
void run(const Block& grid, int threads, std::int64_t dynamic_shared, const std::function<void()>& body) {
    executor.run(grid, threads, dynamic_shared, body);
}
void waitForBlock(const Site& site) {
    executor.wait(Waits::AtBlock, site);
}
void pause(const Site& site) {
    executor.wait(Waits::Paused, site);
}
void waitForWarp(const Site& site) {
    executor.wait(Waits::AtWarp, site);
}
std::byte* show() {
    return executor.show();
}
const std::byte* shown(int lane) {
    return executor.shown(lane);
}
void stop(std::size_t bytes, const char* why) {
    executor.stop(bytes, why);
}
std::byte* dynamicShared() {
    return executor.dynamicShared();
}
void* sharedVariable(const void* key, std::size_t bytes) {
    return executor.sharedVariable(key, bytes);
}

}  // namespace perfmamba::simt::host
