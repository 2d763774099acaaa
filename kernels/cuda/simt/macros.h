// The words that stand before a kernel, a device function and a shared variable, for nvcc and for g++.
#pragma once

#ifdef __CUDACC__

/// SIMT_KERNEL(threads of a block [, blocks that a multiprocessor should hold]) void name(Params params)
#define SIMT_KERNEL(...) __global__ __launch_bounds__(__VA_ARGS__)
#define SIMT_DEVICE __device__ __forceinline__
#define SIMT_BOTH __host__ __device__ inline
/// SIMT_SHARED(type, name); an array type has a name: using Tile = float[8][33].
#define SIMT_SHARED(type, name) __shared__ type name
#define SIMT_UNROLL _Pragma("unroll")
#define SIMT_PRAGMA(text) _Pragma(#text)
#define SIMT_UNROLL_BY(count) SIMT_PRAGMA(unroll count)
/// A loop that stays one, for its registers' and its code's sake.
#define SIMT_ROLLED _Pragma("unroll 1")

#else

#define SIMT_KERNEL(...)
#define SIMT_DEVICE inline
#define SIMT_BOTH inline
#define SIMT_SHARED(type, name) \
    static char name##_key;     \
    type& name = ::perfmamba::simt::host::sharedVariable<type>(&name##_key)
#define SIMT_UNROLL
#define SIMT_UNROLL_BY(count)
#define SIMT_ROLLED

#endif
