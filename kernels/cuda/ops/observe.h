// What the two observation kernels share: where their partial sums lie, how a sequence is divided, and the second
// reduction.
//
// Sums are of float over at most kStretch tokens of one bin, of double beyond. Each block has partial sums of its own,
// which the second reduction adds in the order of the blocks: no atomics, and the same bits every time.
#pragma once

#include "kernels/cuda/ops/common.h"

namespace perfmamba::kernels::cuda {

inline constexpr int kStatistics = static_cast<int>(kStatisticCount);
inline constexpr int kPlanes = kStatistics + 1;  // the last one: h², weighted with A_log² at the end
inline constexpr int kStretch = 32;              // tokens

/// The workspace of one call. A slice is a part of the batch; a block owns rows: some channels, or a head.
struct ObserveParts {
    std::int64_t batch, length, rows, states, groups;
    std::int64_t slices, blocks;
    std::int64_t first_bin, bins;  // that this call touches
    std::int64_t last_bin;         // what lies beyond it counts in it
    std::int64_t bin_tokens, position;
    double* row_parts;  // (slice, 2·statistics: sums, then the largest; row, N)
    double* bin_parts;  // (slice, block, plane, bin, N)

    [[nodiscard]] SIMT_BOTH std::int64_t binOf(std::int64_t t) const {
        return simt::lesser((position + t) / bin_tokens, last_bin);
    }
    /// The end of the stretch that begins at token t: it lies in one bin.
    [[nodiscard]] SIMT_DEVICE std::int64_t endOfStretch(std::int64_t t) const {
        const std::int64_t bin = binOf(t);
        const std::int64_t end = simt::lesser(t + kStretch, length);
        return bin < last_bin ? simt::lesser(end, (bin + 1) * bin_tokens - position) : end;
    }
    [[nodiscard]] SIMT_DEVICE double& rowPart(std::int64_t slice, int which, std::int64_t row, std::int64_t n) const {
        return row_parts[((slice * 2 * kStatistics + which) * rows + row) * states + n];
    }
    [[nodiscard]] SIMT_DEVICE double& binPart(std::int64_t slice, std::int64_t block, int plane, std::int64_t bin,
                                              std::int64_t n) const {
        return bin_parts[(((slice * blocks + block) * kPlanes + plane) * bins + bin - first_bin) * states + n];
    }
};

/// `blocks` own the rows. Its pointers are into `workspace`, which may be null: then only bytes() is of use.
ObserveParts observeParts(std::int64_t batch, std::int64_t length, std::int64_t rows, std::int64_t states,
                          std::int64_t groups, std::int64_t blocks, const Observation& observation, void* workspace);
std::size_t observeBytes(const ObserveParts& parts);

/// Adds the partial sums to the observation's.
void finishObservation(void* stream, const ObserveParts& parts, const Observation& observation);

/// The state's share of the votes of SparseSSM: A_log².
SIMT_DEVICE double squareOfLog(float A) {
    const auto a_log = static_cast<double>(std::log(-A));
    return a_log * a_log;
}

}  // namespace perfmamba::kernels::cuda
