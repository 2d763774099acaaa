#include "core/profile/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

namespace perfmamba::profile {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Below this even the whole range covers the median with less than 95 %: 1 − 2·2⁻⁵ = 93.75 %.
constexpr std::size_t kFewestForInterval = 6;
constexpr double kTail = 0.025;

std::vector<double> sorted(std::span<const double> values) {
    std::vector<double> result(values.begin(), values.end());
    std::ranges::sort(result);
    return result;
}

double quantileOfSorted(std::span<const double> values, double q) {
    if (values.empty()) return kNaN;
    const double at = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    if (below + 1 >= values.size()) return values.back();
    const double part = at - static_cast<double>(below);
    // Without the branch an infinite neighbour would turn an exact hit into NaN.
    return part == 0 ? values[below] : values[below] + part * (values[below + 1] - values[below]);
}

/// How many order statistics to leave out at each end, so that the rest covers the median with at least 95 %: the
/// largest d with P(Bin(n, ½) < d) ≤ 2.5 %. In logarithms, for 2⁻ⁿ is 0 beyond n = 1074.
std::size_t leftOut(std::size_t n) {
    if (n < kFewestForInterval) return 0;
    const auto count = static_cast<double>(n);
    double log_mass = -count * std::log(2.0);  // of exactly d
    double below = 0;
    std::size_t d = 0;
    while (d < n / 2) {
        below += std::exp(log_mass);
        if (below > kTail) break;
        log_mass += std::log((count - static_cast<double>(d)) / (static_cast<double>(d) + 1));
        ++d;
    }
    // P(Bin < d) ≤ 2.5 % holds for the interval from the d-th smallest to the d-th largest, counted from 1.
    return d == 0 ? 0 : d - 1;
}

std::pair<double, double> medianInterval(std::span<const double> values) {
    if (values.empty()) return {kNaN, kNaN};
    const std::size_t skip = leftOut(values.size());
    return {values[skip], values[values.size() - 1 - skip]};
}

}  // namespace

double Summary::relativeError() const {
    if (n() < kFewestForInterval) return std::numeric_limits<double>::infinity();
    return (ci_high - ci_low) / 2 / median;
}

Summary summarise(std::vector<double> samples) {
    const std::vector<double> values = sorted(samples);
    Summary summary;
    summary.median = quantileOfSorted(values, 0.5);
    summary.p5 = quantileOfSorted(values, 0.05);
    summary.p95 = quantileOfSorted(values, 0.95);
    std::tie(summary.ci_low, summary.ci_high) = medianInterval(values);

    std::vector<double> deviations(values.size());
    std::ranges::transform(values, deviations.begin(), [&](double value) { return std::abs(value - summary.median); });
    summary.mad = quantile(deviations, 0.5);
    summary.samples = std::move(samples);
    return summary;
}

double quantile(std::span<const double> samples, double q) {
    return quantileOfSorted(sorted(samples), q);
}

double correlationTime(const Summary& summary) {
    const std::size_t n = summary.n();
    // Small whole numbers: their products are summed many at a time.
    std::vector<std::int16_t> sides(n);  // of the median
    std::ranges::transform(summary.samples, sides.begin(), [&](double sample) -> std::int16_t {
        return sample > summary.median ? 1 : sample < summary.median ? -1 : 0;
    });
    std::vector<std::int32_t> sums(n + 1, 0);  // of the first so many
    std::inclusive_scan(sides.begin(), sides.end(), sums.begin() + 1, std::plus<>(), std::int32_t{0});
    const double mean = n > 0 ? sums[n] / static_cast<double>(n) : 0;
    // Of the sides less their mean, which ties with the median can move away from 0.
    const auto covariance = [&](std::size_t lag) {
        const std::int32_t products =
            std::inner_product(sides.data(), sides.data() + (n - lag), sides.data() + lag, std::int32_t{0});
        return products - mean * (sums[n - lag] + sums[n] - sums[lag]) + static_cast<double>(n - lag) * mean * mean;
    };
    const double variance = n > 0 ? covariance(0) : 0;
    if (!(variance > 0)) return 1;
    // Sums of two neighbouring lags fall to 0; from where they do not, they are noise.
    double time = -1;
    double last = std::numeric_limits<double>::infinity();
    for (std::size_t lag = 0; lag + 1 <= n / 2; lag += 2) {
        const double pair = (covariance(lag) + covariance(lag + 1)) / variance;
        if (pair <= 0) break;
        last = std::min(last, pair);
        time += 2 * last;
    }
    return std::max(time, 1.0);
}

double studentT(std::size_t degrees) {
    constexpr std::array kQuantiles = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
    return degrees <= kQuantiles.size() ? kQuantiles[degrees - 1] : 1.96 + 2.5 / static_cast<double>(degrees);
}

std::vector<std::size_t> calmPasses(std::span<const double> times) {
    constexpr std::size_t kFewest = 6;
    std::vector<std::size_t> passes(times.size());
    std::iota(passes.begin(), passes.end(), std::size_t{0});
    if (times.size() < kFewest) return passes;
    const double median = quantile(times, 0.5);
    std::ranges::sort(passes, {}, [&](std::size_t pass) { return std::abs(times[pass] - median); });
    passes.resize((passes.size() + 1) / 2);
    return passes;
}

Ratio ratioOf(std::span<const double> a, std::span<const double> b) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        const double ratio = a[i] / b[i];
        if (!std::isnan(ratio)) ratios.push_back(ratio);
    }
    std::ranges::sort(ratios);
    Ratio result;
    result.median = quantileOfSorted(ratios, 0.5);
    std::tie(result.ci_low, result.ci_high) = medianInterval(ratios);
    result.pairs = ratios.size();
    return result;
}

}  // namespace perfmamba::profile
