// simt.h for nvcc: every word is the device's own. Included by simt.h only.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/ops.h"
#include "kernels/cuda/simt/device_code.h"

namespace perfmamba::simt {

SIMT_DEVICE int threadIndex() {
    return static_cast<int>(threadIdx.x);
}
SIMT_DEVICE int blockX() {
    return static_cast<int>(blockIdx.x);
}
SIMT_DEVICE int blockY() {
    return static_cast<int>(blockIdx.y);
}
SIMT_DEVICE int blockZ() {
    return static_cast<int>(blockIdx.z);
}

SIMT_DEVICE void syncBlock() {
    __syncthreads();
}
SIMT_DEVICE void syncWarp() {
    __syncwarp();
}
/// Orders what this thread wrote before what it does to memory next, for the threads of its block.
SIMT_DEVICE void fenceBlock() {
    __threadfence_block();
}
/// See Shape::overlaps.
SIMT_DEVICE void letNextBegin() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}
SIMT_DEVICE void awaitKernelsBefore() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/// Where a warp asks again and again for what another warp of its block does: all lanes, between two questions.
SIMT_DEVICE void pause() {}
SIMT_DEVICE bool allLanes(bool value) {
    return __all_sync(~0U, value) != 0;
}

template <class T>
SIMT_DEVICE T shuffle(T value, int from) {
    return __shfl_sync(~0U, value, from);
}
template <class T>
SIMT_DEVICE T shuffleXor(T value, int mask) {
    return __shfl_xor_sync(~0U, value, mask);
}
/// From the lane `distance` below; the lowest lanes keep their own.
template <class T>
SIMT_DEVICE T shuffleUp(T value, int distance) {
    return __shfl_up_sync(~0U, value, static_cast<unsigned>(distance));
}
/// From the lane `distance` above; the highest lanes keep their own.
template <class T>
SIMT_DEVICE T shuffleDown(T value, int distance) {
    return __shfl_down_sync(~0U, value, static_cast<unsigned>(distance));
}

/// Returns what was there before.
SIMT_DEVICE int atomicAdd(int* target, int value) {
    return ::atomicAdd(target, value);
}

/// Aligned to 1024 bytes, as wgmma.h wants its tiles.
SIMT_DEVICE std::byte* dynamicShared() {
    extern __shared__ __align__(1024) uint4 perfmamba_dynamic_shared[];
    return reinterpret_cast<std::byte*>(perfmamba_dynamic_shared);
}

/// The plain number of as many bytes, or CUDA's vector of them.
template <std::size_t bytes>
struct Word;
template <>
struct Word<2> {
    using Type = unsigned short;
};
template <>
struct Word<4> {
    using Type = unsigned;
};
template <>
struct Word<8> {
    using Type = uint2;
};
template <>
struct Word<16> {
    using Type = uint4;
};

/// An object of 2, 4, 8 or 16 bytes read or written as one access; `from` and `to` are aligned to its size.
template <class V, class T>
SIMT_DEVICE V loadAs(const T* from) {
    using Bits = typename Word<sizeof(V)>::Type;
    const Bits bits = *reinterpret_cast<const Bits*>(from);
    return reinterpret_cast<const V&>(bits);
}
/// nvcc 13.0 splits a struct's assignment to global memory into its members, but not this function's. Which memory it
/// is is known where it is inlined; no test remains in the PTX.
template <class V, class T>
SIMT_DEVICE void storeAs(T* to, const V& value) {
    using Bits = typename Word<sizeof(V)>::Type;
    if (__isGlobal(to)) {
        __stwb(reinterpret_cast<Bits*>(to), reinterpret_cast<const Bits&>(value));
    } else {
        *reinterpret_cast<Bits*>(to) = reinterpret_cast<const Bits&>(value);
    }
}

/// An object of 4 or 8 bytes in shared memory that warps write and read without a barrier between them: in one access,
/// every time.
template <class T>
SIMT_DEVICE T loadShared(const T* from) {
    const auto at = static_cast<std::uint32_t>(__cvta_generic_to_shared(from));
    if constexpr (sizeof(T) == 4) {
        unsigned bits;
        asm volatile("ld.volatile.shared.u32 %0, [%1];" : "=r"(bits) : "r"(at));
        return reinterpret_cast<const T&>(bits);
    } else {
        static_assert(sizeof(T) == 8);
        unsigned long long bits;
        asm volatile("ld.volatile.shared.u64 %0, [%1];" : "=l"(bits) : "r"(at));
        return reinterpret_cast<const T&>(bits);
    }
}
template <class T>
SIMT_DEVICE void storeShared(T* to, T value) {
    const auto at = static_cast<std::uint32_t>(__cvta_generic_to_shared(to));
    if constexpr (sizeof(T) == 4) {
        asm volatile("st.volatile.shared.u32 [%0], %1;" ::"r"(at), "r"(reinterpret_cast<const unsigned&>(value)));
    } else {
        static_assert(sizeof(T) == 8);
        asm volatile("st.volatile.shared.u64 [%0], %1;" ::"r"(at),
                     "l"(reinterpret_cast<const unsigned long long&>(value)));
    }
}

/// 2 to the power of x by the special function unit: 2 units in the last place, below 2⁻¹²⁶ zero.
SIMT_DEVICE float fastExp2(float x) {
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}
/// The logarithm to base 2 by the special function unit: absolute error 2⁻²², of 0 minus infinity.
SIMT_DEVICE float fastLog2(float x) {
    float result;
    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}
/// 1 / x: 1 unit in the last place, and 0 for x beyond 2¹²⁶.
SIMT_DEVICE float fastReciprocal(float x) {
    float result;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}
/// 1 / sqrt(x): 2 units in the last place.
SIMT_DEVICE float fastReciprocalSqrt(float x) {
    float result;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

/// Whether there is code for sm_90a.
#ifdef PERFMAMBA_WGMMA
inline constexpr bool kWgmmaBuilt = true;
#else
inline constexpr bool kWgmmaBuilt = false;
#endif

/// What the current device has, and the code that runs on it: a plugin may hold less than the device could run.
inline const Limits& limits() {
    const auto checked = [](cudaError_t error) {
        if (error != cudaSuccess) throw kernels::cuda::LaunchError(static_cast<int>(error));
    };
    thread_local int known = -1;
    thread_local Limits limits{};
    int device = 0;
    checked(cudaGetDevice(&device));
    if (device == known) return limits;
    cudaFuncAttributes code{};
    checked(kernels::cuda::deviceCode(code));
    int multiprocessors = 0;
    int shared = 0;
    int driver = 0;
    checked(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
    checked(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
    checked(cudaDriverGetVersion(&driver));
    // A graph has overlapping kernels since CUDA 12.3.
    const bool overlap = code.ptxVersion >= 90 && driver >= 12030 && CUDART_VERSION >= 12030;
    limits = {multiprocessors, shared, code.ptxVersion >= 80, kWgmmaBuilt && code.ptxVersion == 90, overlap};
    known = device;
    return limits;
}

template <class P>
void launch(void* stream, const Shape& shape, void (*kernel)(P), const P& params) {
    const dim3 grid(static_cast<unsigned>(shape.grid.x), static_cast<unsigned>(shape.grid.y),
                    static_cast<unsigned>(shape.grid.z));
    void* arguments[] = {const_cast<P*>(&params)};
    const void* code = reinterpret_cast<const void*>(kernel);
    cudaError_t error = cudaSuccess;
    // The kernel's own variables count among what need not be asked for: far fewer than half.
    if (shape.dynamic_shared > kSharedUnasked / 2) {
        error = cudaFuncSetAttribute(code, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     static_cast<int>(shape.dynamic_shared));
    }
    if (error == cudaSuccess) {
        const dim3 threads(static_cast<unsigned>(shape.threads));
        const auto shared = static_cast<std::size_t>(shape.dynamic_shared);
        auto* const on = static_cast<cudaStream_t>(stream);
        if (shape.overlaps && limits().overlap) {
            cudaLaunchAttribute overlap{};
            overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
            overlap.val.programmaticStreamSerializationAllowed = 1;
            const cudaLaunchConfig_t config{grid, threads, shared, on, &overlap, 1};
            error = cudaLaunchKernelExC(&config, code, arguments);
        } else {
            error = cudaLaunchKernel(code, grid, threads, arguments, shared, on);
        }
    }
    if (error != cudaSuccess) throw kernels::cuda::LaunchError(static_cast<int>(error));
}

}  // namespace perfmamba::simt
