// Causal depthwise convolution with SiLU, and its state:
//   y_t[c] = silu(bias[c] + Σ_{j<K} weight[j, c] · x_{t−K+1+j}[c]);  before the first token stand the state's inputs
//   x (B, L, C) with a row stride, y (B, L, C), weight (K, C), state (B, K − 1, C): the last inputs, oldest first
//
// A thread takes four neighbouring channels over a tile of tokens, and keeps the last K inputs in registers for the K
// that models have: each input is read once, but for the K − 1 before a tile. The thread of the first tile also writes
// the new state. It alone reads the old one, whose channels are its own, so that nothing has to wait.
// Floor: 2·size bytes an element over the bandwidth.
#include "kernels/cuda/ops/common.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kThreads = 128;
// Tokens a thread computes: enough threads for short sequences against 3 inputs in 16 read twice.
constexpr std::int64_t kTokens = 16;
constexpr int kAnyWidth = 0;

template <class T>
struct ConvParams {
    std::int64_t length, channels, tokens;  // tokens of a tile, K − 1 at least
    int kernel;
    const T* x;
    std::int64_t x_stride;
    const float* weight;
    const float* bias;
    float* state;
    T* y;
};

/// The inputs of n channels of one sequence.
template <class T, int n>
struct Inputs {
    const T* x;
    std::int64_t x_stride;
    float* state;
    std::int64_t state_stride;
    std::int64_t before;  // tokens in the state

    /// At token t; those below 0 are the state's.
    SIMT_DEVICE void at(std::int64_t t, float (&v)[n]) const {
        if (t >= 0) {
            load(x + t * x_stride, v);
        } else {
            load(state + (before + t) * state_stride, v);
        }
    }
    /// Later inputs lie further on: none is overwritten before it is read.
    SIMT_DEVICE void replaceState(std::int64_t length) const {
        for (std::int64_t j = 0; j < before; ++j) {
            float v[n];
            at(length - before + j, v);
            store(state + j * state_stride, v);
        }
    }
};

template <int n>
SIMT_DEVICE void addProduct(const float (&a)[n], const float (&b)[n], float (&sum)[n]) {
    SIMT_UNROLL
    for (int i = 0; i < n; ++i) sum[i] += a[i] * b[i];
}

template <class T, int n>
SIMT_DEVICE void storeSilu(T* to, float (&sum)[n]) {
    SIMT_UNROLL
    for (int i = 0; i < n; ++i) sum[i] = silu(sum[i]);
    store(to, sum);
}

/// Tokens [begin, end) with K known: weights and the last K − 1 inputs stay in registers.
template <int K, class T, int n>
SIMT_DEVICE void slide(const ConvParams<T>& p, const Inputs<T, n>& inputs, const float (&bias)[n],
                       const float* weight_at, T* y, std::int64_t begin, std::int64_t end) {
    float weight[K][n];
    float window[K][n];
    SIMT_UNROLL
    for (int j = 0; j < K; ++j) load(weight_at + j * p.channels, weight[j]);
    SIMT_UNROLL
    for (int j = 0; j < K - 1; ++j) inputs.at(begin - (K - 1) + j, window[j]);
    for (std::int64_t t = begin; t < end; ++t) {
        load(inputs.x + t * inputs.x_stride, window[K - 1]);
        float sum[n];
        SIMT_UNROLL
        for (int i = 0; i < n; ++i) sum[i] = bias[i];
        SIMT_UNROLL
        for (int j = 0; j < K; ++j) addProduct(weight[j], window[j], sum);
        storeSilu(y + t * p.channels, sum);
        SIMT_UNROLL
        for (int j = 0; j < K - 1; ++j) {
            SIMT_UNROLL
            for (int i = 0; i < n; ++i) window[j][i] = window[j + 1][i];
        }
    }
}

/// The same for any K.
template <class T, int n>
SIMT_DEVICE void gather(const ConvParams<T>& p, const Inputs<T, n>& inputs, const float (&bias)[n],
                        const float* weight_at, T* y, std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
        float sum[n];
        SIMT_UNROLL
        for (int i = 0; i < n; ++i) sum[i] = bias[i];
        for (int j = 0; j < p.kernel; ++j) {
            float weight[n];
            float input[n];
            load(weight_at + j * p.channels, weight);
            inputs.at(t - inputs.before + j, input);
            addProduct(weight, input, sum);
        }
        storeSilu(y + t * p.channels, sum);
    }
}

template <class T, int n, int K>
SIMT_KERNEL(kThreads)
void conv1dKernel(ConvParams<T> p) {
    const std::int64_t channel = (static_cast<std::int64_t>(simt::blockX()) * kThreads + simt::threadIndex()) * n;
    if (channel >= p.channels) return;
    const std::int64_t b = simt::blockZ();
    const std::int64_t begin = simt::blockY() * p.tokens;
    const std::int64_t end = simt::lesser(begin + p.tokens, p.length);
    const std::int64_t before = p.kernel - 1;
    const Inputs<T, n> inputs{p.x + b * p.length * p.x_stride + channel, p.x_stride,
                              before > 0 ? p.state + b * before * p.channels + channel : nullptr, p.channels, before};
    T* y = p.y + b * p.length * p.channels + channel;
    float bias[n] = {};
    if (p.bias) load(p.bias + channel, bias);
    if constexpr (K == kAnyWidth) {
        gather(p, inputs, bias, p.weight + channel, y, begin, end);
    } else {
        slide<K>(p, inputs, bias, p.weight + channel, y, begin, end);
    }
    if (begin == 0) inputs.replaceState(p.length);
}

template <class T, int n>
void start(void* stream, std::int64_t batch, const ConvParams<T>& params) {
    const simt::Shape shape{
        {divideUp(params.channels, std::int64_t{kThreads} * n), divideUp(params.length, params.tokens), batch},
        kThreads};
    switch (params.kernel) {
        case 2: return simt::launch(stream, shape, conv1dKernel<T, n, 2>, params);
        case 3: return simt::launch(stream, shape, conv1dKernel<T, n, 3>, params);
        case 4: return simt::launch(stream, shape, conv1dKernel<T, n, 4>, params);
        default: return simt::launch(stream, shape, conv1dKernel<T, n, kAnyWidth>, params);
    }
}

}  // namespace

void conv1d(void* stream, const Conv1dOp& op) {
    if (op.batch == 0 || op.length == 0 || op.channels == 0) return;
    withType(op.x.type, [&]<class T>() {
        assert(op.y.type == op.x.type);
        const ConvParams<T> params{op.length,
                                   op.channels,
                                   simt::greater(kTokens, op.kernel - 1),
                                   static_cast<int>(op.kernel),
                                   pointer<T>(op.x),
                                   op.x_stride,
                                   op.weight,
                                   op.bias,
                                   op.state,
                                   pointer<T>(op.y)};
        if (op.channels % 4 == 0 && op.x_stride % 4 == 0 && aligned(4 * sizeof(T), params.x, params.y) &&
            aligned(4 * sizeof(float), op.weight, op.bias, op.state)) {
            start<T, 4>(stream, op.batch, params);
        } else {
            start<T, 1>(stream, op.batch, params);
        }
    });
}

}  // namespace perfmamba::kernels::cuda
