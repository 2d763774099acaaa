#include "kernels/cuda/simt/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if !defined(PERFMAMBA_FIBER_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define PERFMAMBA_FIBER_UCONTEXT
#endif
#ifdef PERFMAMBA_FIBER_UCONTEXT
#include <ucontext.h>
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#ifndef PERFMAMBA_FIBER_UCONTEXT
// void switchStack(void** from, void* to): pushes what a call preserves, stores the stack pointer in *from, takes `to`
// as the stack pointer and pops the same from there.
extern "C" void perfmambaSwitchStack(void** from, void* to);
#endif
#if defined(PERFMAMBA_FIBER_UCONTEXT)
#elif defined(__x86_64__)
asm(R"(
.text
.globl perfmambaSwitchStack
.hidden perfmambaSwitchStack
.type perfmambaSwitchStack, @function
perfmambaSwitchStack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size perfmambaSwitchStack, .-perfmambaSwitchStack
)");
#else
asm(R"(
.text
.globl perfmambaSwitchStack
.hidden perfmambaSwitchStack
.type perfmambaSwitchStack, %function
perfmambaSwitchStack:
    sub sp, sp, #160
    stp x19, x20, [sp]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
.size perfmambaSwitchStack, .-perfmambaSwitchStack
)");
#endif

namespace perfmamba::simt {
namespace {

// Enough for a kernel's locals, with AddressSanitizer's red zones between them. Untouched pages cost nothing.
constexpr std::size_t kStackBytes = 256 * 1024;
// Without an offset, the same local of all threads would fall into one set of the cache.
constexpr std::size_t kColours = 16;
constexpr std::size_t kColourBytes = 192;

#ifdef PERFMAMBA_FIBER_UCONTEXT
using Place = ucontext_t;
void change(Place& from, Place& to) {
    swapcontext(&from, &to);
}
#else
using Place = void*;
void change(Place& from, Place& to) {
    perfmambaSwitchStack(&from, to);
}
#endif

}  // namespace

struct Fiber::Context {
    std::byte* stack = nullptr;
    std::size_t offset = 0;
    Entry entry = nullptr;
    Place place{};
#ifdef __SANITIZE_THREAD__
    void* tsan = nullptr;
#endif
};

namespace {

/// Where resume() was called.
struct Caller {
    Place place{};
    Fiber::Entry entry = nullptr;
#ifdef __SANITIZE_ADDRESS__
    const void* stack = nullptr;
    std::size_t stack_bytes = 0;
#endif
#ifdef __SANITIZE_THREAD__
    void* tsan = nullptr;
#endif
    Place* running = nullptr;
};
thread_local Caller caller;

/// The first thing on a fresh stack.
void begin() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(nullptr, &caller.stack, &caller.stack_bytes);
#endif
    caller.entry();
}

}  // namespace

Fiber::Fiber() : m_context(new Context) {
    void* memory =
        mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        delete m_context;
        throw std::bad_alloc();
    }
    static thread_local std::size_t made = 0;
    m_context->stack = static_cast<std::byte*>(memory);
    m_context->offset = made++ % kColours * kColourBytes;
#ifdef __SANITIZE_THREAD__
    m_context->tsan = __tsan_create_fiber(0);
#endif
    // Running off the end hits a page that is not there, rather than another thread's locals.
    mprotect(memory, 4096, PROT_NONE);
}

Fiber::~Fiber() {
#ifdef __SANITIZE_THREAD__
    __tsan_destroy_fiber(m_context->tsan);
#endif
    munmap(m_context->stack, kStackBytes);
    delete m_context;
}

void Fiber::restart(Entry entry) {
    m_context->entry = entry;
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(m_context->stack + 4096, kStackBytes - 4096);
#endif
    std::byte* top = m_context->stack + kStackBytes - m_context->offset - 64;
#if defined(PERFMAMBA_FIBER_UCONTEXT)
    getcontext(&m_context->place);
    m_context->place.uc_stack.ss_sp = m_context->stack;
    m_context->place.uc_stack.ss_size = static_cast<std::size_t>(top - m_context->stack);
    m_context->place.uc_link = nullptr;
    makecontext(&m_context->place, begin, 0);
#elif defined(__x86_64__)
    // As after a call: the stack is off 16 bytes by the return address, here 0, where backtraces end.
    auto* frame = reinterpret_cast<std::uint64_t*>(top) - 8;
    for (int i = 0; i < 8; ++i) frame[i] = 0;
    frame[6] = reinterpret_cast<std::uint64_t>(&begin);
    m_context->place = frame;
#else
    auto* frame = reinterpret_cast<std::uint64_t*>(top) - 20;
    for (int i = 0; i < 20; ++i) frame[i] = 0;
    frame[11] = reinterpret_cast<std::uint64_t>(&begin);
    m_context->place = frame;
#endif
}

void Fiber::resume() {
    caller.entry = m_context->entry;
    caller.running = &m_context->place;
#ifdef __SANITIZE_THREAD__
    caller.tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(m_context->tsan, 0);
#endif
#ifdef __SANITIZE_ADDRESS__
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, m_context->stack, kStackBytes);
#endif
    change(caller.place, m_context->place);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
#ifdef __SANITIZE_THREAD__
    __tsan_switch_to_fiber(caller.tsan, 0);
#endif
#ifdef __SANITIZE_ADDRESS__
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, caller.stack, caller.stack_bytes);
#endif
    change(*caller.running, caller.place);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, &caller.stack, &caller.stack_bytes);
#endif
}

}  // namespace perfmamba::simt
