// A stack of its own that runs a function and can be left and entered again: what the SIMT executor runs a CUDA thread
// on.
//
// On x86-64 and aarch64 a switch saves the registers that a call preserves and nothing else: not the rounding mode nor
// other control words, which the kernels never change. Elsewhere, or with PERFMAMBA_FIBER_UCONTEXT, it is ucontext's.
// AddressSanitizer and ThreadSanitizer are told of every switch. Used by one thread.
#pragma once

#include <cstddef>

namespace perfmamba::simt {

class Fiber {
public:
    using Entry = void (*)();

    Fiber();  // throws std::bad_alloc where there is no memory for a stack
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Makes the next resume() begin `entry`, wherever the fiber was. `entry` never returns: it ends in suspend().
    void restart(Entry entry);
    /// Runs the fiber until it suspends. Not called from inside a fiber.
    void resume();
    /// Goes back to where the running fiber was resumed.
    static void suspend();

private:
    struct Context;
    Context* m_context;
};

}  // namespace perfmamba::simt
