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
    int norm_width;  // inputs that a norm is over
    float eps;
    const T* weight;
    const float* bias;
    Y* y;
    bool accumulate;
    int conv_first, conv_channels, conv_kernel;
    const float* conv_weight;
    const float* conv_bias;
    float* conv_state;
};

/// How the work is laid out: vectors of n inputs, M rows of x against R rows of the weight in each warp, all warps of a
/// block on the same R where `shared` (each then takes a part of the inputs), and room for `stages` vectors of every
/// row of the weight in each lane. M and R are powers of two, at most 32 together.
template <int n_, int M_, int R_, int warps_, bool shared_, int stages_>
struct LinearTile {
    static constexpr int n = n_, M = M_, R = R_, warps = warps_, stages = stages_;
    static constexpr bool shared = shared_;
    static constexpr int threads = warps * simt::kWarp;
    static constexpr int sums = M * R;
    static constexpr int parts = shared ? warps : 1;         // warps that divide the inputs
    static constexpr int block_outputs = R * warps / parts;  // of a block
    static constexpr int step = parts * simt::kWarp * n;     // inputs that one vector of each lane covers
};

/// Where the inputs, as T, and what has come of the weight lie in shared memory.
template <class T, class Tile>
SIMT_BOTH std::int64_t linearInputBytes(int inputs) {
    return roundUp(std::int64_t{Tile::M} * inputs * static_cast<std::int64_t>(sizeof(T)), 16);
}
template <class T, class Tile>
SIMT_BOTH std::int64_t linearSharedBytes(int inputs) {
    constexpr int kStages = Tile::n == 1 ? 0 : Tile::stages;
    return linearInputBytes<T, Tile>(inputs) + std::int64_t{Tile::threads} * kStages * Tile::R * 16;
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

/// Rows of x, as they are.
template <class Tile, class T, class Y>
SIMT_DEVICE void copyInputs(const LinearStepParams<T, T, Y>& p, int first_row, T* to) {
    using Part = Vector<T, Tile::n>;
    SIMT_UNROLL
    for (int m = 0; m < Tile::M; ++m) {
        const T* x = p.x + simt::lesser(first_row + m, p.rows - 1) * p.x_stride;
        for (int k = simt::threadIndex() * Tile::n; k < p.inputs; k += Tile::threads * Tile::n) {
            simt::storeAs(to + m * p.inputs + k, simt::loadAs<Part>(x + k));
        }
    }
}

/// Rows of x, normalized. The warps divide the rows among them, or share them.
template <class Tile, class T, class Y>
SIMT_DEVICE void normalizeInputs(const LinearStepParams<T, float, Y>& p, int first_row, float (&partial)[Tile::warps],
                                 T* to) {
    constexpr int v = Tile::n == 1 ? 1 : 4;
    constexpr int kHeld = 4;  // vectors of a lane that stay in registers: all, at one row and widths of models
    constexpr int kTeams = Tile::M < Tile::warps ? Tile::M : Tile::warps;
    constexpr int kTeam = Tile::warps / kTeams;  // warps on one row
    constexpr int kStep = kTeam * simt::kWarp * v;
    const int own = (simt::warp() % kTeam * simt::kWarp + simt::lane()) * v;
    for (int m = simt::warp() / kTeam; m < Tile::M; m += kTeams) {
        const float* x = p.x + simt::lesser(first_row + m, p.rows - 1) * p.x_stride;
        for (int begin = 0; begin < p.inputs; begin += p.norm_width) {
            const int end = begin + p.norm_width;
            float held[kHeld][v] = {};
            float weight[kHeld][v] = {};
            SIMT_UNROLL
            for (int i = 0; i < kHeld; ++i) {
                const int k = begin + own + i * kStep;
                if (k >= end) continue;
                load(x + k, held[i]);
                load(p.norm_weight + k, weight[i]);
            }
            float squares = 0;
            SIMT_UNROLL
            for (int i = 0; i < kHeld; ++i) {
                SIMT_UNROLL
                for (int j = 0; j < v; ++j) squares += held[i][j] * held[i][j];
            }
            for (int k = begin + own + kHeld * kStep; k < end; k += kStep) {
                float values[v];
                load(x + k, values);
                SIMT_UNROLL
                for (int j = 0; j < v; ++j) squares += values[j] * values[j];
            }
            float sum = simt::warpSum(squares);
            if constexpr (kTeam > 1) {
                if (begin > 0 || m >= kTeams) simt::syncBlock();
                if (simt::lane() == 0) partial[simt::warp()] = sum;
                simt::syncBlock();
                sum = 0;
                SIMT_UNROLL
                for (int i = 0; i < kTeam; ++i) sum += partial[simt::warp() / kTeam * kTeam + i];
            }
            const float scale = 1.0F / std::sqrt(sum / static_cast<float>(p.norm_width) + p.eps);
            const auto write = [&](int k, const float(&values)[v], const float(&weights)[v]) {
                float result[v];
                SIMT_UNROLL
                for (int j = 0; j < v; ++j) result[j] = values[j] * scale * weights[j];
                store(to + m * p.inputs + k, result);
            };
            SIMT_UNROLL
            for (int i = 0; i < kHeld; ++i) {
                const int k = begin + own + i * kStep;
                if (k < end) write(k, held[i], weight[i]);
            }
            for (int k = begin + own + kHeld * kStep; k < end; k += kStep) {
                float values[v];
                float weights[v];
                load(x + k, values);
                load(p.norm_weight + k, weights);
                write(k, values, weights);
            }
        }
    }
}

/// What becomes of one sum, in the lane that has it: bias, the convolution or the addition to what was there. What
/// that takes from memory is asked for beforehand.
template <class T, class X, class Y>
class LinearOutput {
public:
    SIMT_DEVICE LinearOutput(const LinearStepParams<T, X, Y>& params, int output, int row)
        : p(params), m_output(output), m_row(row), m_channel(output - p.conv_first) {
        m_exists = output < p.outputs && row < p.rows;
        if (!m_exists) return;
        if (p.bias) m_bias = p.bias[output];
        if (p.accumulate) m_before = toFloat(*y());
        m_convolved = m_channel >= 0 && m_channel < p.conv_channels;
        if (!m_convolved) return;
        if (p.conv_bias) m_conv_bias = p.conv_bias[m_channel];
        SIMT_UNROLL
        for (int j = 0; j < kMostStepTaps; ++j) {
            if (j < p.conv_kernel) m_weight[j] = p.conv_weight[j * p.conv_channels + m_channel];
            if (j + 1 < p.conv_kernel) m_state[j] = *state(j);
        }
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
SIMT_KERNEL(Tile::threads, 512 / Tile::threads)
void linearStepKernel(LinearStepParams<T, X, Y> p) {
    constexpr int n = Tile::n, M = Tile::M, R = Tile::R;
    using Squares = float[Tile::warps];
    using Sums = float[Tile::parts][Tile::sums];
    SIMT_SHARED(Squares, squares);
    SIMT_SHARED(Sums, all_sums);
    auto* x = reinterpret_cast<T*>(simt::dynamicShared());
    const int team = simt::blockX() * (Tile::warps / Tile::parts) + (Tile::shared ? 0 : simt::warp());
    const int part = Tile::shared ? simt::warp() : 0;
    const int first_output = team * R;
    const int first_row = simt::blockY() * M;

    WeightRows<T, Tile> weight(p, simt::dynamicShared() + linearInputBytes<T, Tile>(p.inputs), first_output, part);
    const bool writes = part == 0 && simt::lane() < Tile::sums;
    const LinearOutput<T, X, Y> output(p, writes ? first_output + simt::lane() / M : p.outputs,
                                       first_row + simt::lane() % M);
    if constexpr (normed) {
        normalizeInputs<Tile>(p, first_row, squares, x);
    } else {
        copyInputs<Tile>(p, first_row, x);
    }
    simt::syncBlock();

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
    if constexpr (Tile::shared) {
        if (simt::lane() < Tile::sums) all_sums[part][simt::lane()] = sum;
        simt::syncBlock();
        sum = 0;
        SIMT_UNROLL
        for (int i = 0; i < Tile::parts; ++i) sum += all_sums[i][simt::lane() % Tile::sums];
    }
    output.write(sum);
}

}  // namespace perfmamba::kernels::cuda
