#include "kernels/reference/reference.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace perfmamba::kernels::reference {
namespace {

using loops::at;
using loops::softplus;

/// One state of one channel at one token: each Statistic, then A_log²·h².
using Moment = std::array<double, kStatisticCount + 1>;

Moment momentOf(double delta, double A, double B, double C, double x, double h) {
    return {delta * std::abs(B), std::abs(delta * B * x), -std::expm1(delta * A),       std::abs(h),
            std::abs(C * h),     C * h * C * h,           std::pow(std::log(-A) * h, 2)};
}

/// Adds moments up. `rows` rows of `states` each, in `groups` groups.
class Adder {
public:
    Adder(std::int64_t rows, std::int64_t states, std::int64_t groups, const Bins& bins)
        : m_rows(rows), m_states(states), m_groups(groups), m_bins(bins) {
        m_observed.sum.resize(kStatisticCount * at(rows * states));
        m_observed.most.resize(kStatisticCount * at(rows * states));
        m_observed.binned.resize((kStatisticCount + 1) * at(bins.count * groups * states));
    }

    void add(std::int64_t t, std::int64_t row, std::int64_t n, const Moment& mean, const Moment& most) {
        const std::int64_t bin = std::min((m_bins.position + t) / m_bins.tokens, m_bins.count - 1);
        const std::int64_t state = row / (m_rows / m_groups) * m_states + n;
        for (std::size_t k = 0; k <= kStatisticCount; ++k) {
            m_observed.binned[(k * at(m_bins.count) + at(bin)) * at(m_groups * m_states) + at(state)] += mean[k];
            if (k == kStatisticCount) continue;
            const std::size_t cell = (k * at(m_rows) + at(row)) * at(m_states) + at(n);
            m_observed.sum[cell] += mean[k];
            m_observed.most[cell] = std::max(m_observed.most[cell], most[k]);
        }
    }
    [[nodiscard]] const Observed& observed() const { return m_observed; }

private:
    std::int64_t m_rows, m_states, m_groups;
    Bins m_bins;
    Observed m_observed;
};

}  // namespace

Values addRmsNorm(Values& residual, const Values& delta, const Values& weight, double eps) {
    return loops::addRmsNorm(residual, delta, weight, eps);
}
Values linear(const Values& x, const Values& weight, const Values& bias, std::int64_t inputs, std::int64_t outputs) {
    return loops::linear(x, weight, bias, inputs, outputs);
}
Values conv1d(const Conv1d& args, Values& state) {
    return loops::conv1d(args, state);
}
Values selectiveScan(const SelectiveScan& args, Values& h) {
    return loops::selectiveScan(args, h);
}
Values ssd(const Ssd& args, Values& h) {
    return loops::ssd(args, h);
}
Values gate(const Values& y, const Values& z) {
    return loops::gate(y, z);
}
Values gatedRmsNorm(const Values& y, const Values& z, const Values& weight, double eps, std::int64_t groups) {
    return loops::gatedRmsNorm(y, z, weight, eps, groups);
}

Observed observe(const SelectiveScan& a, Values h, const Bins& bins) {
    Adder adder(a.channels, a.states, 1, bins);
    for (std::int64_t b = 0; b < a.batch; ++b) {
        for (std::int64_t t = 0; t < a.length; ++t) {
            const std::int64_t row = b * a.length + t;
            for (std::int64_t d = 0; d < a.channels; ++d) {
                const double x = a.x[at(row * a.channels + d)];
                const double delta = softplus(a.dt[at(row * a.channels + d)] + a.dt_bias[at(d)]);
                for (std::int64_t n = 0; n < a.states; ++n) {
                    const double A = a.A[at(n * a.channels + d)];
                    const double B = a.B[at(row * a.states + n)];
                    double& state = h[at((b * a.states + n) * a.channels + d)];
                    state = std::exp(delta * A) * state + delta * B * x;
                    const Moment moment = momentOf(delta, A, B, a.C[at(row * a.states + n)], x, state);
                    adder.add(t, d, n, moment, moment);
                }
            }
        }
    }
    return adder.observed();
}

Observed observe(const Ssd& a, Values h, const Bins& bins) {
    Adder adder(a.heads, a.states, a.groups, bins);
    for (std::int64_t b = 0; b < a.batch; ++b) {
        for (std::int64_t t = 0; t < a.length; ++t) {
            const std::int64_t row = b * a.length + t;
            for (std::int64_t i = 0; i < a.heads; ++i) {
                const double step = softplus(a.dt[at(row * a.heads + i)] + a.dt_bias[at(i)]);
                const double delta = std::clamp(step, a.dt_min, a.dt_max);
                const std::int64_t group = row * a.groups + i / (a.heads / a.groups);
                for (std::int64_t n = 0; n < a.states; ++n) {
                    const double B = a.B[at(group * a.states + n)];
                    Moment mean{};
                    Moment most{};
                    for (std::int64_t p = 0; p < a.head_dim; ++p) {
                        const std::int64_t channel = i * a.head_dim + p;
                        const double x = a.x[at(row * a.heads * a.head_dim + channel)];
                        double& state = h[at((b * a.heads * a.head_dim + channel) * a.states + n)];
                        state = std::exp(delta * a.A[at(i)]) * state + delta * B * x;
                        const Moment moment = momentOf(delta, a.A[at(i)], B, a.C[at(group * a.states + n)], x, state);
                        for (std::size_t k = 0; k < moment.size(); ++k) {
                            mean[k] += moment[k] / static_cast<double>(a.head_dim);
                            most[k] = std::max(most[k], moment[k]);
                        }
                    }
                    adder.add(t, i, n, mean, most);
                }
            }
        }
    }
    return adder.observed();
}

Values plainRmsNorm(const Values& x, std::int64_t width, double divisor, double eps) {
    Values out(x.size());
    for (std::size_t row = 0; row < x.size(); row += at(width)) {
        double squares = 0;
        for (std::size_t i = 0; i < at(width); ++i) squares += x[row + i] * x[row + i];
        for (std::size_t i = 0; i < at(width); ++i) out[row + i] = x[row + i] / std::sqrt(squares / divisor + eps);
    }
    return out;
}

}  // namespace perfmamba::kernels::reference
