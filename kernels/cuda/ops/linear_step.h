// The kernel behind linearStep(); ops/linear_step.cu says what it computes and how.
#pragma once

#include "kernels/cuda/ops/common.h"
#include "kernels/cuda/ops/warp_sums.h"
#include "kernels/cuda/simt/tiles.h"

namespace perfmamba::kernels::cuda {

/// LinearStepOp with its element types: T of the weight, X of x, Y of y.
template <class T, class X, class Y>
struct LinearStepParams {
    int inputs, outputs, rows;
    const X* x;
    std::int64_t x_stride;
    const float* norm_weight;
    int groups, norm_width;  // norms in a row, and inputs of each
    float over_width, eps;   // 1 / norm_width
    const T* weight;
    const float* bias;
    Y* y;
    bool accumulate;
    int conv_first, conv_channels, conv_kernel;
    const float* conv_weight;
    const float* conv_bias;
    float* conv_state;
};

/// How the work is laid out: vectors of n inputs, M rows of x against R rows of the weight in each warp, `parts` warps
/// on the same R with a part of the inputs each, and room for `stages` vectors of every row of the weight in each lane.
/// M and R are powers of two, at most 32 together.
template <int n_, int M_, int R_, int warps_, int parts_, int stages_>
struct LinearTile {
    static constexpr int n = n_, M = M_, R = R_, warps = warps_, parts = parts_, stages = stages_;
    static constexpr int threads = warps * simt::kWarp;
    static constexpr int sums = M * R;
    static constexpr int resident = (M == 1 ? 768 : 512) / threads;  // blocks of a multiprocessor
    static constexpr int teams = warps / parts;                      // of a block
    static constexpr int step = parts * simt::kWarp * n;             // inputs that one vector of each lane covers
};

/// As what x lies in shared memory. Before its norm it may be beyond the numbers of Half.
template <class T, bool normed>
using LinearInput = std::conditional_t<normed && std::is_same_v<T, simt::Half>, float, T>;

/// Where x, the factors of its groups and what has come of the weight lie in shared memory.
template <class In, class Tile>
SIMT_BOTH std::int64_t linearFactors(int inputs) {
    return roundUp(std::int64_t{Tile::M} * inputs * static_cast<std::int64_t>(sizeof(In)), 16);
}
template <class In, class Tile>
SIMT_BOTH std::int64_t linearWeights(int inputs, int groups) {
    const std::int64_t factors = groups > 1 ? std::int64_t{Tile::M} * groups : 0;
    return linearFactors<In, Tile>(inputs) + roundUp(factors * static_cast<std::int64_t>(sizeof(float)), 16);
}
template <class In, class Tile>
SIMT_BOTH std::int64_t linearSharedBytes(int inputs, int groups) {
    constexpr int kStages = Tile::n == 1 ? 0 : Tile::stages;
    return linearWeights<In, Tile>(inputs, groups) + std::int64_t{Tile::threads} * kStages * Tile::R * 16;
}

/// A warp's rows of the weight, a vector of each in every lane at a step. They come through shared memory, where each
/// lane reads only what it asked for itself: registers would hold fewer, and the compiler would ask for them later.
template <class T, class Tile>
class WeightRows {
public:
    template <class Params>
    SIMT_DEVICE WeightRows(const Params& p, std::byte* memory, int first_output, int part)
        : m_inputs(p.inputs),
          m_first(part * simt::kWarp * Tile::n + simt::lane() * Tile::n),
          m_steps(first_output < p.outputs ? static_cast<int>(divideUp(p.inputs, Tile::step)) : 0),
          m_memory(memory + (simt::warp() * Tile::stages * Tile::R * simt::kWarp + simt::lane()) * 16) {
        // Outputs beyond the last are computed as the last.
        SIMT_UNROLL
        for (int r = 0; r < Tile::R; ++r) {
            m_rows[r] = p.weight + static_cast<std::int64_t>(simt::lesser(first_output + r, p.outputs - 1)) * p.inputs;
        }
        SIMT_UNROLL
        for (int step = 0; step < Tile::stages - 1; ++step) ask(step);
    }

    [[nodiscard]] SIMT_DEVICE int steps() const { return m_steps; }
    /// The first input of the lane's vector; beyond the last at the end of a row.
    [[nodiscard]] SIMT_DEVICE int input(int step) const { return m_first + step * Tile::step; }
    /// Waits for the vectors of that step, the steps taken in order.
    SIMT_DEVICE void take(int step) {
        ask(step + Tile::stages - 1);
        if constexpr (Tile::n > 1) simt::waitForCopies<Tile::stages - 1>();
    }
    SIMT_DEVICE void read(int step, int r, float (&values)[Tile::n]) const {
        if constexpr (Tile::n > 1) {
            load(reinterpret_cast<const T*>(place(step, r)), values);
        } else {
            load(m_rows[r] + input(step), values);
        }
    }

private:
    SIMT_DEVICE void ask(int step) const {
        if constexpr (Tile::n > 1) {
            SIMT_UNROLL
            for (int r = 0; r < Tile::R; ++r) {
                if (step < m_steps) simt::copyAsync(place(step, r), m_rows[r] + input(step), input(step) < m_inputs);
            }
            simt::endCopies();
        }
    }
    [[nodiscard]] SIMT_DEVICE std::byte* place(int step, int r) const {
        return m_memory +
               (static_cast<int>(static_cast<unsigned>(step) % Tile::stages) * Tile::R + r) * simt::kWarp * 16;
    }

    int m_inputs, m_first, m_steps;
    std::byte* m_memory;
    const T* m_rows[Tile::R];
};

/// Rows of x on their way to shared memory, times the norm's weight where there is a norm. Each thread's first vectors
/// of the norm's weight are asked for at once, those of x by ask().
template <class Tile, class X, class In, bool normed>
class InputRows {
public:
    template <class Params>
    SIMT_DEVICE InputRows(const Params& p, int first_row) : m_x(p.x), m_weight(p.norm_weight), m_inputs(p.inputs) {
        SIMT_UNROLL
        for (int m = 0; m < Tile::M; ++m) m_rows[m] = simt::lesser(first_row + m, p.rows - 1) * p.x_stride;
        askWeights(0);
    }

    SIMT_DEVICE void ask() { askRows(0); }

    /// `factor` (row, input) is what else a norm multiplies with. `squares`: the thread's sums of x².
    template <class Factor>
    SIMT_DEVICE void write(In* to, float (&squares)[Tile::M], const Factor& factor) {
        for (int first = 0; first < m_inputs; first += kAtOnce * kStep) {
            if (first > 0) {
                askRows(first);
                askWeights(first);
            }
            SIMT_UNROLL
            for (int i = 0; i < kAtOnce; ++i) {
                const int k = at(first, i);
                if (k >= m_inputs) continue;
                SIMT_UNROLL
                for (int m = 0; m < Tile::M; ++m) {
                    if constexpr (normed) {
                        const float scale = factor(m, k);
                        float values[v];
                        SIMT_UNROLL
                        for (int j = 0; j < v; ++j) {
                            const float x = m_asked[i][m].at[j];
                            squares[m] += x * x;
                            values[j] = x * scale * m_weights[i].at[j];
                        }
                        store(to + m * m_inputs + k, values);
                    } else {
                        simt::storeAs(to + m * m_inputs + k, m_asked[i][m]);
                    }
                }
            }
        }
    }

private:
    static constexpr int v = Tile::n == 1 ? 1 : kWidest<X>;
    static constexpr int kAtOnce = Tile::M > 1 ? 1 : Tile::R < 4 ? 3 : 2;  // as registers allow
    static constexpr int kStep = Tile::threads * v;

    [[nodiscard]] SIMT_DEVICE static int at(int first, int i) { return first + i * kStep + simt::threadIndex() * v; }
    SIMT_DEVICE void askRows(int first) {
        SIMT_UNROLL
        for (int i = 0; i < kAtOnce; ++i) {
            const int k = at(first, i);
            if (k >= m_inputs) continue;
            SIMT_UNROLL
            for (int m = 0; m < Tile::M; ++m) m_asked[i][m] = simt::loadAs<Vector<X, v>>(m_x + m_rows[m] + k);
        }
    }
    SIMT_DEVICE void askWeights(int first) {
        if constexpr (normed) {
            SIMT_UNROLL
            for (int i = 0; i < kAtOnce; ++i) {
                const int k = at(first, i);
                if (k < m_inputs) m_weights[i] = simt::loadAs<Vector<float, v>>(m_weight + k);
            }
        }
    }

    const X* m_x;
    const float* m_weight;
    int m_inputs;
    std::int64_t m_rows[Tile::M];
    Vector<X, v> m_asked[kAtOnce][Tile::M] = {};
    Vector<float, v> m_weights[kAtOnce] = {};
};

template <class Params>
SIMT_DEVICE float normFactor(const Params& p, float squares) {
    return simt::fastReciprocalSqrt(squares * p.over_width + p.eps);
}

/// What the norm multiplies each group of each row with, a warp at a time.
template <class Tile, class Params>
SIMT_DEVICE void groupFactors(const Params& p, int first_row, float* factors) {
    for (int i = simt::warp(); i < Tile::M * p.groups; i += Tile::warps) {
        const std::int64_t row = simt::lesser(first_row + i / p.groups, p.rows - 1);
        const auto* x = p.x + row * p.x_stride + i % p.groups * p.norm_width;
        float squares = 0;
        for (int k = simt::lane(); k < p.norm_width; k += simt::kWarp) squares += x[k] * x[k];
        squares = simt::warpSum(squares);
        if (simt::lane() == 0) factors[i] = normFactor(p, squares);
    }
}

/// What becomes of one sum, in the lane that has it: bias, the convolution or the addition to what was there. What
/// that takes from memory is asked for beforehand, what was there by readBefore().
template <class T, class X, class Y>
class LinearOutput {
public:
    SIMT_DEVICE LinearOutput(const LinearStepParams<T, X, Y>& params, int output, int row)
        : p(params), m_output(output), m_row(row), m_channel(output - p.conv_first) {
        m_exists = output < p.outputs && row < p.rows;
        if (!m_exists) return;
        if (p.bias) m_bias = p.bias[output];
        m_convolved = m_channel >= 0 && m_channel < p.conv_channels;
        if (!m_convolved) return;
        if (p.conv_bias) m_conv_bias = p.conv_bias[m_channel];
        SIMT_UNROLL
        for (int j = 0; j < kMostStepTaps; ++j) {
            if (j < p.conv_kernel) m_weight[j] = p.conv_weight[j * p.conv_channels + m_channel];
            if (j + 1 < p.conv_kernel) m_state[j] = *state(j);
        }
    }

    SIMT_DEVICE void readBefore() {
        if (m_exists && p.accumulate) m_before = toFloat(*y());
    }
    SIMT_DEVICE void write(float sum) const {
        if (!m_exists) return;
        float value = m_before + sum + m_bias;
        if (m_convolved) value = convolve(toFloat(fromFloat<T>(value)));  // rounded as the product alone would be
        *y() = fromFloat<Y>(value);
    }

private:
    [[nodiscard]] SIMT_DEVICE Y* y() const { return p.y + static_cast<std::int64_t>(m_row) * p.outputs + m_output; }
    [[nodiscard]] SIMT_DEVICE float* state(int j) const {
        const std::int64_t row = static_cast<std::int64_t>(m_row) * (p.conv_kernel - 1) + j;
        return p.conv_state + row * p.conv_channels + m_channel;
    }
    /// The output is the newest input of its channel, whose state nobody else reads or writes.
    [[nodiscard]] SIMT_DEVICE float convolve(float input) const {
        float sum = m_conv_bias;
        SIMT_UNROLL
        for (int j = 0; j < kMostStepTaps; ++j) {
            if (j >= p.conv_kernel) continue;
            const float in = j + 1 == p.conv_kernel ? input : m_state[j];
            sum += m_weight[j] * in;
            if (j > 0) *state(j - 1) = in;
        }
        return silu(sum);
    }

    const LinearStepParams<T, X, Y>& p;
    int m_output, m_row, m_channel;
    bool m_exists = false, m_convolved = false;
    float m_bias = 0, m_before = 0, m_conv_bias = 0;
    float m_weight[kMostStepTaps] = {};
    float m_state[kMostStepTaps] = {};
};

/// X is float where x is normalized first, else T.
template <class T, class X, class Y, bool normed, class Tile>
SIMT_KERNEL(Tile::threads, Tile::resident)
void linearStepKernel(LinearStepParams<T, X, Y> p) {
    constexpr int n = Tile::n, M = Tile::M, R = Tile::R;
    using In = LinearInput<T, normed>;
    using Squares = float[Tile::warps][M];
    using Sums = float[Tile::warps][Tile::sums];
    SIMT_SHARED(Squares, all_squares);
    SIMT_SHARED(Sums, all_sums);
    const int groups = normed ? p.groups : 1;
    auto* x = reinterpret_cast<In*>(simt::dynamicShared());
    auto* factors = reinterpret_cast<float*>(simt::dynamicShared() + linearFactors<In, Tile>(p.inputs));
    const int part = simt::warp() % Tile::parts;
    const int first_output = (simt::blockX() * Tile::teams + simt::warp() / Tile::parts) * R;
    const int first_row = simt::blockY() * M;

    simt::letNextBegin();
    WeightRows<T, Tile> weight(p, simt::dynamicShared() + linearWeights<In, Tile>(p.inputs, groups), first_output,
                               part);
    const bool writes = part == 0 && simt::lane() < Tile::sums;
    LinearOutput<T, X, Y> output(p, writes ? first_output + simt::lane() / M : p.outputs, first_row + simt::lane() % M);
    InputRows<Tile, X, In, normed> inputs(p, first_row);
    simt::awaitKernelsBefore();
    inputs.ask();
    output.readBefore();
    float squares[M] = {};
    if constexpr (normed) {
        if (groups > 1) {
            groupFactors<Tile>(p, first_row, factors);
            simt::syncBlock();
        }
    }
    inputs.write(x, squares, [&](int m, int k) { return groups > 1 ? factors[m * groups + k / p.norm_width] : 1.0F; });
    if constexpr (normed) {
        const float own = warpSums(squares);
        if (simt::lane() < M) all_squares[simt::warp()][simt::lane()] = own;
    }
    simt::syncBlock();

    float factor = 1;
    if constexpr (normed) {
        float row = 0;
        SIMT_UNROLL
        for (int i = 0; i < Tile::warps; ++i) row += all_squares[i][simt::lane() % M];
        if (groups == 1) factor = normFactor(p, row);
    }

    float sums[Tile::sums] = {};
    for (int step = 0; step < weight.steps(); ++step) {
        weight.take(step);
        const int k = weight.input(step);
        if (k >= p.inputs) continue;
        float values[R][n];
        SIMT_UNROLL
        for (int r = 0; r < R; ++r) weight.read(step, r, values[r]);
        SIMT_UNROLL
        for (int m = 0; m < M; ++m) {
            float in[n];
            load(x + m * p.inputs + k, in);
            SIMT_UNROLL
            for (int r = 0; r < R; ++r) {
                SIMT_UNROLL
                for (int j = 0; j < n; ++j) sums[r * M + m] += values[r][j] * in[j];
            }
        }
    }
    float sum = warpSums(sums);
    if constexpr (Tile::parts > 1) {
        if (simt::lane() < Tile::sums) all_sums[simt::warp()][simt::lane()] = sum;
        simt::syncBlock();
        sum = 0;
        SIMT_UNROLL
        for (int i = 0; i < Tile::parts; ++i) {
            sum += all_sums[simt::warp() / Tile::parts * Tile::parts + i][simt::lane() % Tile::sums];
        }
    }
    output.write(sum * factor);
}

}  // namespace perfmamba::kernels::cuda
