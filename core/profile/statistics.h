// Robust summaries of repeated measurements.
#pragma once

#include <span>
#include <vector>

namespace perfmamba::profile {

/// A sample's summary. All in the samples' own unit; for n = 0 all are NaN.
struct Summary {
    double median = 0;
    double mad = 0;  // median absolute deviation, not scaled
    double p5 = 0;
    double p95 = 0;
    double ci_low = 0;   // 95 % interval of the median by order statistics (David & Nagaraja, Order Statistics, 7.1);
    double ci_high = 0;  // the whole range where n < 6
    std::vector<double> samples;  // in the order they were taken

    [[nodiscard]] std::size_t n() const { return samples.size(); }
    /// Half the interval's width over the median: what the stop rule looks at. Infinite for n < 6.
    [[nodiscard]] double relativeError() const;
};

Summary summarise(std::vector<double> samples);

/// The value below which a share `q` (0 … 1) of the samples lies, linear between neighbours. Samples need not be
/// sorted; NaN when there are none.
double quantile(std::span<const double> samples, double q);

/// How many samples in a row count as one, for they resemble their neighbours: the integrated autocorrelation time of
/// being above the median, by the initial monotone sequence (Geyer, Statistical Science 7, 1992, 473–483). At least 1;
/// 1 where the samples are independent. The variance of their median is that many times as large as their spread tells.
double correlationTime(const Summary& summary);

/// The 97.5 % quantile of Student's t, by its degrees of freedom, from 1.
double studentT(std::size_t degrees);

/// Indices of the half of the passes whose times lie nearest the median; of all below six, where none stands out.
/// Medians of parts need not add up to the median of the whole; sums over the same passes do, and a pass that something
/// disturbed is not among these.
std::vector<std::size_t> calmPasses(std::span<const double> times);

/// A ratio of two quantities measured in turn (A B A B …).
struct Ratio {
    double median = 0;  // of the pairs' ratios; NaN without pairs
    double ci_low = 0;  // 95 % interval
    double ci_high = 0;
    std::size_t pairs = 0;

    /// Whether the pairs suffice for an interval.
    [[nodiscard]] bool known() const { return pairs >= 6; }
    /// False where 1 lies inside the interval: no difference measured.
    [[nodiscard]] bool differs() const { return known() && (ci_low > 1 || ci_high < 1); }
    /// No difference measured, and the interval, wider than ±10 %, would hide a large one.
    [[nodiscard]] bool tooNoisy() const { return known() && !differs() && ci_high - ci_low > 0.2; }
};

/// Ratio a/b of samples taken in turn; the longer one's surplus is left out.
Ratio ratioOf(std::span<const double> a, std::span<const double> b);

}  // namespace perfmamba::profile
