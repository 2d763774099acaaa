// The loops of reference.h over any number: double makes them the oracle, a number that counts what is done with it
// makes them the count that the cost model is held to (tests/unit/test_cost_model.cpp). Arguments have the names,
// layouts and meanings of kernels/backend.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace perfmamba::kernels::reference::loops {

template <class Number>
struct Conv1d {
    std::int64_t batch = 0, length = 0, channels = 0, kernel = 0;
    std::vector<Number> x;       // (B, L, C)
    std::vector<Number> weight;  // (K, C)
    std::vector<Number> bias;    // (C,) or empty
};

template <class Number>
struct SelectiveScan {
    std::int64_t batch = 0, length = 0, channels = 0, states = 0;
    std::vector<Number> x, dt;    // (B, L, Di)
    std::vector<Number> dt_bias;  // (Di,)
    std::vector<Number> A;        // (N, Di)
    std::vector<Number> B, C;     // (B, L, N)
    std::vector<Number> D;        // (Di,)
};

template <class Number>
struct Ssd {
    std::int64_t batch = 0, length = 0, heads = 0, head_dim = 0, groups = 0, states = 0;
    std::vector<Number> x;           // (B, L, H, P)
    std::vector<Number> dt;          // (B, L, H)
    std::vector<Number> dt_bias, A;  // (H,)
    std::vector<Number> B, C;        // (B, L, G, N)
    std::vector<Number> D;           // (Di,)
    double dt_min = 0, dt_max = 0;
};

inline std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

template <class Number>
Number silu(const Number& a) {
    using std::exp;
    return a / (1.0 + exp(-a));
}

template <class Number>
Number softplus(const Number& a) {
    using std::exp;
    using std::log1p;
    return a > Number(20) ? a : log1p(exp(a));
}

template <class Number>
std::vector<Number> addRmsNorm(std::vector<Number>& residual, const std::vector<Number>& delta,
                               const std::vector<Number>& weight, double eps) {
    using std::sqrt;
    for (std::size_t i = 0; i < delta.size(); ++i) residual[i] += delta[i];
    const std::size_t width = weight.size();
    std::vector<Number> out(residual.size());
    for (std::size_t row = 0; row < residual.size(); row += width) {
        Number squares = 0;
        for (std::size_t i = 0; i < width; ++i) squares += residual[row + i] * residual[row + i];
        const Number scale = 1.0 / sqrt(squares / static_cast<double>(width) + eps);
        for (std::size_t i = 0; i < width; ++i) out[row + i] = residual[row + i] * scale * weight[i];
    }
    return out;
}

template <class Number>
std::vector<Number> linear(const std::vector<Number>& x, const std::vector<Number>& weight,
                           const std::vector<Number>& bias, std::int64_t inputs, std::int64_t outputs) {
    const std::int64_t rows = static_cast<std::int64_t>(x.size()) / inputs;
    std::vector<Number> y(at(rows * outputs));
    for (std::int64_t m = 0; m < rows; ++m) {
        for (std::int64_t o = 0; o < outputs; ++o) {
            Number sum = bias.empty() ? Number(0) : bias[at(o)];
            for (std::int64_t i = 0; i < inputs; ++i) sum += x[at(m * inputs + i)] * weight[at(o * inputs + i)];
            y[at(m * outputs + o)] = sum;
        }
    }
    return y;
}

template <class Number>
std::vector<Number> conv1d(const Conv1d<Number>& a, std::vector<Number>& state) {
    const std::int64_t before = a.kernel - 1;
    std::vector<Number> y(a.x.size());
    std::vector<Number> next(state.size());
    for (std::int64_t b = 0; b < a.batch; ++b) {
        for (std::int64_t c = 0; c < a.channels; ++c) {
            const auto input = [&](std::int64_t t) {
                return t >= 0 ? a.x[at((b * a.length + t) * a.channels + c)]
                              : state[at((b * before + before + t) * a.channels + c)];
            };
            for (std::int64_t t = 0; t < a.length; ++t) {
                Number sum = a.bias.empty() ? Number(0) : a.bias[at(c)];
                for (std::int64_t j = 0; j < a.kernel; ++j) {
                    sum += a.weight[at(j * a.channels + c)] * input(t - before + j);
                }
                y[at((b * a.length + t) * a.channels + c)] = silu(sum);
            }
            for (std::int64_t j = 0; j < before; ++j) {
                next[at((b * before + j) * a.channels + c)] = input(a.length - before + j);
            }
        }
    }
    state = next;
    return y;
}

template <class Number>
std::vector<Number> selectiveScan(const SelectiveScan<Number>& a, std::vector<Number>& h) {
    using std::exp;
    std::vector<Number> y(a.x.size());
    for (std::int64_t b = 0; b < a.batch; ++b) {
        for (std::int64_t t = 0; t < a.length; ++t) {
            const std::int64_t row = b * a.length + t;
            for (std::int64_t d = 0; d < a.channels; ++d) {
                const Number x = a.x[at(row * a.channels + d)];
                const Number delta = softplus(a.dt[at(row * a.channels + d)] + a.dt_bias[at(d)]);
                const Number delta_x = delta * x;
                Number sum = a.D[at(d)] * x;
                for (std::int64_t n = 0; n < a.states; ++n) {
                    Number& state = h[at((b * a.states + n) * a.channels + d)];
                    state = exp(delta * a.A[at(n * a.channels + d)]) * state + delta_x * a.B[at(row * a.states + n)];
                    sum += a.C[at(row * a.states + n)] * state;
                }
                y[at(row * a.channels + d)] = sum;
            }
        }
    }
    return y;
}

template <class Number>
std::vector<Number> ssd(const Ssd<Number>& a, std::vector<Number>& h) {
    using std::exp;
    std::vector<Number> y(a.x.size());
    for (std::int64_t b = 0; b < a.batch; ++b) {
        for (std::int64_t t = 0; t < a.length; ++t) {
            const std::int64_t row = b * a.length + t;
            for (std::int64_t i = 0; i < a.heads; ++i) {
                const Number step = softplus(a.dt[at(row * a.heads + i)] + a.dt_bias[at(i)]);
                const Number delta = std::clamp(step, Number(a.dt_min), Number(a.dt_max));
                const Number decay = exp(delta * a.A[at(i)]);
                const std::int64_t group = row * a.groups + i / (a.heads / a.groups);
                for (std::int64_t p = 0; p < a.head_dim; ++p) {
                    const std::int64_t channel = i * a.head_dim + p;
                    const Number x = a.x[at(row * a.heads * a.head_dim + channel)];
                    const Number delta_x = delta * x;
                    Number sum = a.D[at(channel)] * x;
                    for (std::int64_t n = 0; n < a.states; ++n) {
                        Number& state = h[at((b * a.heads * a.head_dim + channel) * a.states + n)];
                        state = decay * state + delta_x * a.B[at(group * a.states + n)];
                        sum += a.C[at(group * a.states + n)] * state;
                    }
                    y[at(row * a.heads * a.head_dim + channel)] = sum;
                }
            }
        }
    }
    return y;
}

template <class Number>
std::vector<Number> gate(const std::vector<Number>& y, const std::vector<Number>& z) {
    std::vector<Number> out(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) out[i] = y[i] * silu(z[i]);
    return out;
}

template <class Number>
std::vector<Number> gatedRmsNorm(const std::vector<Number>& y, const std::vector<Number>& z,
                                 const std::vector<Number>& weight, double eps, std::int64_t groups) {
    const std::vector<Number> gated = gate(y, z);
    const std::size_t part = weight.size() / at(groups);
    std::vector<Number> out(gated.size());
    for (std::size_t first = 0; first < gated.size(); first += part) {
        const auto pieceOf = [part](const std::vector<Number>& values, std::size_t from) {
            const auto begin = values.begin() + static_cast<std::ptrdiff_t>(from);
            return std::vector<Number>(begin, begin + static_cast<std::ptrdiff_t>(part));
        };
        std::vector<Number> piece = pieceOf(gated, first);
        const std::vector<Number> normed = addRmsNorm(piece, {}, pieceOf(weight, first % weight.size()), eps);
        std::ranges::copy(normed, out.begin() + static_cast<std::ptrdiff_t>(first));
    }
    return out;
}

}  // namespace perfmamba::kernels::reference::loops
