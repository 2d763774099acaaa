// The kernels behind selectiveScan(): many tokens, very many, and one.
#pragma once

#include "kernels/cuda/ops/common.h"

namespace perfmamba::kernels::cuda {

/// SelectiveScanOp with its element type.
template <class T>
struct ScanParams {
    std::int64_t length, channels, states;
    const T* x;
    const T* dt;
    const float* dt_bias;
    const float* A;
    const T* B;
    const T* C;
    std::int64_t bc_stride;
    const float* D;
    const T* z;
    std::int64_t z_stride;
    float* h;
    T* y;
};

template <class T>
ScanParams<T> scanParams(const SelectiveScanOp& op) {
    assert(op.dt.type == op.x.type && op.B.type == op.x.type && op.C.type == op.x.type && op.y.type == op.x.type);
    return {op.length,
            op.channels,
            op.states,
            pointer<T>(op.x),
            pointer<T>(op.dt),
            op.dt_bias,
            op.A,
            pointer<T>(op.B),
            pointer<T>(op.C),
            op.bc_stride,
            op.D,
            pointer<T>(op.z),
            op.z_stride,
            op.h,
            pointer<T>(op.y)};
}

/// One token. Defined for float, Half and BFloat16.
template <class T>
void scanStep(void* stream, std::int64_t batch, const ScanParams<T>& params);

/// Many tokens, where they are so many that this is the faster way. Returns whether it went. Defined for the same.
template <class T>
bool scanWave(void* stream, std::int64_t batch, const ScanParams<T>& params);

/// Of n tokens, n states of each, turned: the tokens of state k go to `to(k)`.
template <class T, int n, class To>
SIMT_DEVICE void storeTurned(const Packed<T, n> (&tokens)[n], const To& to) {
    float values[n][n];
    SIMT_UNROLL
    for (int i = 0; i < n; ++i) unpack<T>(tokens[i], values[i]);
    SIMT_UNROLL
    for (int k = 0; k < n; ++k) {
        float column[n];
        SIMT_UNROLL
        for (int i = 0; i < n; ++i) column[i] = values[i][k];
        store(to(k), column);
    }
}

/// y of row `row` and channel `d` from Σ_n C·h: what stands after the scan.
template <class T>
SIMT_DEVICE float finishScan(const ScanParams<T>& p, std::int64_t row, std::int64_t d, float sum) {
    const float y = sum + p.D[d] * toFloat(p.x[row * p.channels + d]);
    return p.z ? y * silu(toFloat(p.z[row * p.z_stride + d])) : y;
}

}  // namespace perfmamba::kernels::cuda
