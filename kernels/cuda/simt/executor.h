// Runs kernels on the host as a device would: a fiber for each thread of a block, block after block.
//
// A warp runs until all of its lanes wait at a barrier of the block, or pause; then the next warp does. Between two
// collectives its lanes run one after the other. Both go in the order that setOrder() says: a kernel that lacks a
// barrier gives other results in one order or the other, or reads shared memory that nobody has written yet, which is
// NaN. Lanes that wait at different places, lanes that have left while others wait, warps that pause for ever, and
// misaligned vectors stop the run with a Fault.
// AddressSanitizer sees what leaves a shared variable. Not seen: races that both orders hide, what a kernel that
// overlaps writes too early or reads of the last but one, and the speed. Each host thread has executors of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <string>

namespace perfmamba::simt::host {

/// What a device would hang, fault or compute nonsense on.
class Fault : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

enum class Order : std::uint8_t { Forward, Backward };
/// The order of the warps of a block, and of the lanes of a warp, for the calling thread.
void setOrder(Order order);

/// Of the device, for the calling thread. Few: what a launcher divides among them is divided even where a test is
/// small.
inline thread_local int multiprocessors = 4;

/// Bytes of dynamic shared memory that a block may ask for: compute capability 9.0's.
inline constexpr std::int64_t kMostShared = 227 * 1024;

struct Block {
    std::int64_t x = 1, y = 1, z = 1;
};

struct Launch {
    Block grid;
    int threads = 0;
    std::int64_t dynamic_shared = 0;
    bool overlaps = false;       // with what was launched before it
    std::function<void()> body;  // of each thread
};
/// Runs it. Throws Fault.
void run(const Launch& launch);

/// While this lives, of this host thread's launches every second one waits for the next to begin: the first block of
/// one that overlaps runs up to its waitForLaunchesBefore() before, and sees there what it has no right to read.
/// `first`: which of each two waits. end() runs what still waits.
class Overlapping {
public:
    explicit Overlapping(bool first);
    ~Overlapping();
    Overlapping(const Overlapping&) = delete;
    Overlapping& operator=(const Overlapping&) = delete;
    void end();
};
/// Runs what waits, before anything else is done to memory.
void catchUp();

// For host.h, from inside a kernel -------------------------------------------------------------------------------

/// The thread that runs now.
struct Current {
    int thread = 0;
    Block block;
};
inline thread_local Current current;

/// Where in the source a thread waits.
struct Site {
    const char* what = nullptr;
    std::source_location at;
};
void waitForBlock(const Site& site);
void waitForLaunchesBefore(const Site& site);
void waitForWarp(const Site& site);
/// Lets the block's other warps go on. All lanes of the warp pause together.
void pause(const Site& site);

/// Room for what a lane shows the others: an operand of a matrix product at most.
inline constexpr std::size_t kShownBytes = 48;
/// This lane's room for the next collective. It stays readable until the collective after it.
std::byte* show();
/// What `lane` of this warp showed in the collective just passed.
const std::byte* shown(int lane);

/// Ends the run with a Fault: so many bytes, and what is wrong with them.
[[noreturn]] void stop(std::size_t bytes, const char* why);
std::byte* dynamicShared();
/// The block's variable of that key, made when the first thread asks for it.
void* sharedVariable(const void* key, std::size_t bytes);

template <class T>
T& sharedVariable(const void* key) {
    return *static_cast<T*>(sharedVariable(key, sizeof(T)));
}

template <class T>
T exchange(T value, int from, const Site& site) {
    static_assert(sizeof(T) <= kShownBytes);
    std::memcpy(show(), &value, sizeof value);
    waitForWarp(site);
    T other;
    std::memcpy(&other, shown(from % 32), sizeof other);
    return other;
}

inline void checkAligned(const void* address, std::size_t bytes) {
    if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0) {
        stop(bytes, "bytes accessed as one, but not aligned");
    }
}

}  // namespace perfmamba::simt::host
