// Causal depthwise convolution with SiLU, and its state:
//   y_t[c] = silu(bias[c] + Σ_{j<K} weight[j, c] · x_{t−K+1+j}[c]);  before the first token stand the state's inputs
//   x (B, L, C) with a row stride, y (B, L, C), weight (K, C), state (B, K − 1, C): the last inputs, oldest first
//
// A thread takes a vector of neighbouring channels over a tile of tokens. For the K that models have it asks for eight
// inputs at once, and keeps them and the K − 1 before them in registers: each input is read once, but for the K − 1
// before a tile. The thread of the first tile also writes the new state. It alone reads the old one, whose channels are
// its own, so that nothing has to wait.
// Floor: 2·size bytes an element over the bandwidth.
#include "kernels/cuda/ops/common.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kThreads = 128;
// Inputs on their way to a thread.
constexpr int kAhead = 8;
// Of a tile, where there are threads enough without: then less is read twice, the weights above all.
constexpr std::int64_t kMostTokens = 32;
constexpr std::int64_t kEnoughThreads = 128 * 1024;
constexpr int kAnyWidth = 0;

template <class T>
struct ConvParams {
    std::int64_t channels;
    int length, kernel;
    int tokens, tiles;  // of a tile, of a sequence
    const T* x;
    std::int64_t x_stride;
    const float* weight;
    const float* bias;
    float* state;
    T* y;
};

/// n channels of one sequence.
template <class T, int n>
struct Channels {
    const T* x;
    std::int64_t x_stride;
    const float* weight;
    const float* bias;
    float* state;
    T* y;
    std::int64_t stride;  // of all but x
    int before;           // tokens in the state

    SIMT_DEVICE Channels(const ConvParams<T>& p, std::int64_t b, std::int64_t channel)
        : x(p.x + b * p.length * p.x_stride + channel),
          x_stride(p.x_stride),
          weight(p.weight + channel),
          bias(p.bias ? p.bias + channel : nullptr),
          state(p.kernel > 1 ? p.state + b * (p.kernel - 1) * p.channels + channel : nullptr),
          y(p.y + b * p.length * p.channels + channel),
          stride(p.channels),
          before(p.kernel - 1) {}

    /// At token t; those below 0 are the state's.
    SIMT_DEVICE void input(int t, float (&v)[n]) const {
        if (t >= 0) {
            load(x + t * x_stride, v);
        } else {
            load(state + (before + t) * stride, v);
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

/// `count` tokens from `begin` on, with K known.
template <int K, class T, int n>
SIMT_DEVICE void slide(const Channels<T, n>& c, int begin, int count, int length) {
    Packed<T, n> ahead[kAhead] = {};
    const T* next = c.x + begin * c.x_stride;
    const auto ask = [&](int left) {
        SIMT_UNROLL
        for (int u = 0; u < kAhead; ++u) {
            if (u < left) ahead[u] = simt::loadAs<Packed<T, n>>(next + u * c.x_stride);
        }
        next += kAhead * c.x_stride;
    };
    ask(count);
    float window[K][n];
    SIMT_UNROLL
    for (int j = 0; j < K - 1; ++j) c.input(begin - (K - 1) + j, window[j]);
    float weight[K][n];
    SIMT_UNROLL
    for (int j = 0; j < K; ++j) load(c.weight + j * c.stride, weight[j]);
    float bias[n] = {};
    if (c.bias) load(c.bias, bias);
    if (begin == 0) {
        float last[K - 1][n];
        SIMT_UNROLL
        for (int j = 0; j < K - 1; ++j) c.input(length - (K - 1) + j, last[j]);
        SIMT_UNROLL
        for (int j = 0; j < K - 1; ++j) store(c.state + j * c.stride, last[j]);
    }
    T* y = c.y + begin * c.stride;
    for (; count > 0; count -= kAhead) {
        SIMT_UNROLL
        for (int u = 0; u < kAhead; ++u) {
            unpack<T>(ahead[u], window[K - 1]);
            float sum[n];
            SIMT_UNROLL
            for (int i = 0; i < n; ++i) sum[i] = bias[i];
            SIMT_UNROLL
            for (int j = 0; j < K; ++j) addProduct(weight[j], window[j], sum);
            if (u < count) storeSilu(y + u * c.stride, sum);
            SIMT_UNROLL
            for (int j = 0; j < K - 1; ++j) {
                SIMT_UNROLL
                for (int i = 0; i < n; ++i) window[j][i] = window[j + 1][i];
            }
        }
        y += kAhead * c.stride;
        ask(count - kAhead);
    }
}

/// The same for any K.
template <class T, int n>
SIMT_DEVICE void gather(const Channels<T, n>& c, int begin, int count, int length) {
    for (int t = begin; t < begin + count; ++t) {
        float sum[n] = {};
        if (c.bias) load(c.bias, sum);
        for (int j = 0; j <= c.before; ++j) {
            float weight[n];
            float input[n];
            load(c.weight + j * c.stride, weight);
            c.input(t - c.before + j, input);
            addProduct(weight, input, sum);
        }
        storeSilu(c.y + t * c.stride, sum);
    }
    if (begin > 0) return;
    // Later inputs lie further on: none is overwritten before it is read.
    for (int j = 0; j < c.before; ++j) {
        float v[n];
        c.input(length - c.before + j, v);
        store(c.state + j * c.stride, v);
    }
}

template <class T, int n, int K>
SIMT_KERNEL(kThreads)
void conv1dKernel(ConvParams<T> p) {
    const auto vectors = static_cast<unsigned>(p.channels / n);
    const unsigned own = static_cast<unsigned>(simt::blockX()) * kThreads + static_cast<unsigned>(simt::threadIndex());
    const int tile = static_cast<int>(own / vectors);
    if (tile >= p.tiles) return;
    const Channels<T, n> channels(p, simt::blockZ(), own % vectors * std::int64_t{n});
    const int begin = tile * p.tokens;
    const int count = simt::lesser(p.tokens, p.length - begin);
    if constexpr (K == kAnyWidth) {
        gather(channels, begin, count, p.length);
    } else {
        slide<K>(channels, begin, count, p.length);
    }
}

template <class T, int n>
void start(void* stream, const Conv1dOp& op) {
    const std::int64_t threads_a_token = op.batch * op.channels / n;
    // The first tile reads all of the old state: K − 1 tokens at least.
    const std::int64_t tokens = simt::greater(
        op.kernel - 1,
        roundUp(simt::lesser(kMostTokens, divideUp(op.length * threads_a_token, kEnoughThreads)), kAhead));
    const std::int64_t tiles = divideUp(op.length, tokens);
    const ConvParams<T> params{op.channels,
                               static_cast<int>(op.length),
                               static_cast<int>(op.kernel),
                               static_cast<int>(tokens),
                               static_cast<int>(tiles),
                               pointer<T>(op.x),
                               op.x_stride,
                               op.weight,
                               op.bias,
                               op.state,
                               pointer<T>(op.y)};
    const simt::Shape shape{{divideUp(op.channels / n * tiles, kThreads), 1, op.batch}, kThreads};
    switch (op.kernel) {
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
        if (op.channels % 4 == 0 && op.x_stride % 4 == 0 &&
            aligned(4 * sizeof(T), pointer<T>(op.x), pointer<T>(op.y)) &&
            aligned(4 * sizeof(float), op.weight, op.bias, op.state)) {
            start<T, 4>(stream, op);
        } else {
            start<T, 1>(stream, op);
        }
    });
}

}  // namespace perfmamba::kernels::cuda
