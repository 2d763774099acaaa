// The second reduction of the observation: the blocks' partial sums (ops/observe.h), added to the sums that a layer
// keeps from pass to pass. A thread takes one sum and goes through its parts in their order.
#include "kernels/cuda/ops/observe.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr int kThreads = 128;
// Parts of the batch that are worked on at the same time: each costs partial sums.
constexpr std::int64_t kMostSlices = 4;

struct ReduceParams {
    ObserveParts parts;
    Observation to;
};

SIMT_KERNEL(kThreads) void reduceRowsKernel(ReduceParams p) {
    const ObserveParts& parts = p.parts;
    const std::int64_t i = static_cast<std::int64_t>(simt::blockX()) * kThreads + simt::threadIndex();
    if (i >= parts.rows * parts.states) return;
    const int k = simt::blockY();
    const std::int64_t row = i / parts.states;
    const std::int64_t n = i % parts.states;
    double sum = 0;
    double most = 0;
    for (std::int64_t slice = 0; slice < parts.slices; ++slice) {
        sum += parts.rowPart(slice, k, row, n);
        most = simt::greater(most, parts.rowPart(slice, kStatistics + k, row, n));
    }
    const std::int64_t to = k * p.to.plane + row * p.to.row_stride + n;
    p.to.sum[to] += sum;
    p.to.most[to] = simt::greater(p.to.most[to], most);
}

SIMT_KERNEL(kThreads) void reduceBinsKernel(ReduceParams p) {
    const ObserveParts& parts = p.parts;
    const std::int64_t i = static_cast<std::int64_t>(simt::blockX()) * kThreads + simt::threadIndex();
    if (i >= parts.groups * parts.states) return;
    const int plane = simt::blockY();
    const std::int64_t bin = parts.first_bin + simt::blockZ();
    const std::int64_t group_blocks = parts.blocks / parts.groups;
    const std::int64_t first_block = i / parts.states * group_blocks;
    double sum = 0;
    for (std::int64_t slice = 0; slice < parts.slices; ++slice) {
        for (std::int64_t block = first_block; block < first_block + group_blocks; ++block) {
            sum += parts.binPart(slice, block, plane, bin, i % parts.states);
        }
    }
    p.to.binned[plane * p.to.bin_plane + bin * p.to.bin_stride + i] += sum;
}

}  // namespace

ObserveParts observeParts(std::int64_t batch, std::int64_t length, std::int64_t rows, std::int64_t states,
                          std::int64_t groups, std::int64_t blocks, const Observation& observation, void* workspace) {
    ObserveParts parts{};
    parts.batch = batch;
    parts.length = length;
    parts.rows = rows;
    parts.states = states;
    parts.groups = groups;
    parts.slices = simt::lesser(batch, kMostSlices);
    parts.blocks = blocks;
    parts.last_bin = observation.bins - 1;
    parts.bin_tokens = observation.bin_tokens;
    parts.position = observation.position;
    parts.first_bin = parts.binOf(0);
    parts.bins = parts.binOf(length - 1) - parts.first_bin + 1;
    parts.row_parts = static_cast<double*>(workspace);
    if (workspace) parts.bin_parts = parts.row_parts + parts.slices * 2 * kStatistics * rows * states;
    return parts;
}

std::size_t observeBytes(const ObserveParts& parts) {
    const std::int64_t in_rows = 2 * kStatistics * parts.rows * parts.states;
    const std::int64_t in_bins = parts.blocks * kPlanes * parts.bins * parts.states;
    return static_cast<std::size_t>(parts.slices * (in_rows + in_bins)) * sizeof(double);
}

void finishObservation(void* stream, const ObserveParts& parts, const Observation& observation) {
    const ReduceParams params{parts, observation};
    simt::launch(stream, {{divideUp(parts.rows * parts.states, kThreads), kStatistics}, kThreads}, reduceRowsKernel,
                 params);
    simt::launch(stream, {{divideUp(parts.groups * parts.states, kThreads), kPlanes, parts.bins}, kThreads},
                 reduceBinsKernel, params);
}

}  // namespace perfmamba::kernels::cuda
