// simt.h for g++: every word goes to the executor. Included by simt.h only.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <source_location>

#include "kernels/cuda/simt/executor.h"

namespace perfmamba::simt {

inline int threadIndex() {
    return host::current.thread;
}
inline int blockX() {
    return static_cast<int>(host::current.block.x);
}
inline int blockY() {
    return static_cast<int>(host::current.block.y);
}
inline int blockZ() {
    return static_cast<int>(host::current.block.z);
}

inline void syncBlock(std::source_location at = std::source_location::current()) {
    host::waitForBlock({"syncBlock", at});
}
inline void syncWarp(std::source_location at = std::source_location::current()) {
    host::waitForWarp({"syncWarp", at});
}
inline void fenceBlock() {}
inline void letNextBegin() {}
inline void awaitKernelsBefore(std::source_location at = std::source_location::current()) {
    host::waitForLaunchesBefore({"awaitKernelsBefore", at});
}
inline void pause(std::source_location at = std::source_location::current()) {
    host::pause({"pause", at});
}
inline bool allLanes(bool value, std::source_location at = std::source_location::current()) {
    std::memcpy(host::show(), &value, sizeof value);
    host::waitForWarp({"allLanes", at});
    bool all = true;
    for (int i = 0; i < kWarp; ++i) {
        bool other = false;
        std::memcpy(&other, host::shown(i), sizeof other);
        all = all && other;
    }
    return all;
}

template <class T>
T shuffle(T value, int from, std::source_location at = std::source_location::current()) {
    return host::exchange(value, from, {"shuffle", at});
}
template <class T>
T shuffleXor(T value, int mask, std::source_location at = std::source_location::current()) {
    return host::exchange(value, threadIndex() % kWarp ^ mask, {"shuffleXor", at});
}
template <class T>
T shuffleUp(T value, int distance, std::source_location at = std::source_location::current()) {
    const int own = threadIndex() % kWarp;
    return host::exchange(value, own < distance ? own : own - distance, {"shuffleUp", at});
}
template <class T>
T shuffleDown(T value, int distance, std::source_location at = std::source_location::current()) {
    const int own = threadIndex() % kWarp;
    return host::exchange(value, own + distance < kWarp ? own + distance : own, {"shuffleDown", at});
}

inline int atomicAdd(int* target, int value) {
    const int before = *target;
    *target += value;
    return before;
}

inline std::byte* dynamicShared() {
    return host::dynamicShared();
}

/// The device faults on a misaligned access; here it is an error that stops the kernel.
template <class V, class T>
V loadAs(const T* from) {
    host::checkAligned(from, sizeof(V));
    V value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
template <class V, class T>
void storeAs(T* to, const V& value) {
    host::checkAligned(to, sizeof(V));
    std::memcpy(to, &value, sizeof value);
}
template <class T>
T loadShared(const T* from) {
    host::checkAligned(from, sizeof(T));
    return *from;
}
template <class T>
void storeShared(T* to, T value) {
    host::checkAligned(to, sizeof(T));
    *to = value;
}

inline float fastExp2(float x) {
    return x < -126.0F ? 0.0F : std::exp2(x);
}
inline float fastLog2(float x) {
    return std::log2(x);
}
inline float fastReciprocal(float x) {
    return std::fabs(x) > 0x1p126F ? 0.0F : 1.0F / x;
}
inline float fastReciprocalSqrt(float x) {
    return 1.0F / std::sqrt(x);
}

/// Without wgmma the device has the shared memory of compute capability 8.6, 8.9 and 12.0, without mma that of 7.5.
inline Limits limits() {
#if defined(PERFMAMBA_SIMT_NO_MMA)
    return {host::multiprocessors, 64 * 1024, false, false, false};
#elif defined(PERFMAMBA_SIMT_NO_WGMMA)
    return {host::multiprocessors, 99 * 1024, true, false, true};
#else
    return {host::multiprocessors, host::kMostShared, true, true, true};
#endif
}

template <class P>
void launch(void* /*stream*/, const Shape& shape, void (*kernel)(P), const P& params) {
    if (shape.dynamic_shared > limits().shared) throw host::Fault("more shared memory than the device has");
    host::run({{shape.grid.x, shape.grid.y, shape.grid.z},
               shape.threads,
               shape.dynamic_shared,
               shape.overlaps && limits().overlap,
               [kernel, params] { kernel(params); }});
}

}  // namespace perfmamba::simt
