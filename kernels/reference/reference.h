// Every kernel as plain loops in double: the oracle that tests hold the backends to. Arguments have the names, layouts
// and meanings of kernels/backend.h, where the recurrences stand; nothing here is fast.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/observation.h"
#include "kernels/reference/loops.h"

namespace perfmamba::kernels::reference {

using Values = std::vector<double>;

/// residual += delta (may be empty); returns residual / sqrt(mean(residual²) + eps) · weight. (M, D).
Values addRmsNorm(Values& residual, const Values& delta, const Values& weight, double eps);

/// x (M, inputs) · weightᵀ + bias (may be empty), weight (outputs, inputs).
Values linear(const Values& x, const Values& weight, const Values& bias, std::int64_t inputs, std::int64_t outputs);

using Conv1d = loops::Conv1d<double>;
/// Reads and replaces `state` (B, K − 1, C).
Values conv1d(const Conv1d& args, Values& state);

using SelectiveScan = loops::SelectiveScan<double>;
/// Reads and replaces `h` (B, N, Di).
Values selectiveScan(const SelectiveScan& args, Values& h);

using Ssd = loops::Ssd<double>;
/// The plain recurrence, no chunks. Reads and replaces `h` (B, H, P, N).
Values ssd(const Ssd& args, Values& h);

/// Bins along a sequence, as in Observation.
struct Bins {
    std::int64_t count = 1;
    std::int64_t tokens = 1;    // of a bin
    std::int64_t position = 0;  // of the first token in its sequence
};
/// The sums of kernels/observation.h.
struct Observed {
    Values sum, most;  // (statistic, row, N)
    Values binned;     // (statistic + 1, bin, N of group 0, of group 1, …)
};
/// What the states do from `h` on. In Mamba-2 a head's value is the mean over its channels, `most` the largest of them.
Observed observe(const SelectiveScan& args, Values h, const Bins& bins);
Observed observe(const Ssd& args, Values h, const Bins& bins);

/// x (M, width) / sqrt(Σ x² / divisor + eps) of each row.
Values plainRmsNorm(const Values& x, std::int64_t width, double divisor, double eps);

/// y · silu(z).
Values gate(const Values& y, const Values& z);

/// RMSNorm(y · silu(z)) · weight over each of `groups` parts of a row.
Values gatedRmsNorm(const Values& y, const Values& z, const Values& weight, double eps, std::int64_t groups);

}  // namespace perfmamba::kernels::reference
