// A tracer's raw records as plain values: what CUPTI delivers, without its types. Times are nanoseconds on the tracer's
// clock. A correlation number joins what one call on the host caused; 0 is none.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/trace/run.h"

namespace perfmamba::kernels::trace {

/// A span's number, unique for a tracer's life. 0 is none.
using SpanId = std::uint64_t;

/// A kernel, copy or fill on the device.
struct RunRecord {
    RunKind kind = RunKind::Kernel;
    std::string name;
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    std::uint32_t correlation = 0;
    std::uint32_t stream = 0;
    std::uint64_t graph_node = 0;  // 0: launched on a stream
    std::array<std::int64_t, 3> grid{};
    std::array<std::int64_t, 3> block{};
    std::int64_t registers = 0;
    std::int64_t shared_bytes = 0;
    std::int64_t bytes = 0;
};

/// A call of the host's that launched something: when it returned, and the span that was open then.
struct LaunchRecord {
    std::uint32_t correlation = 0;
    std::uint64_t time_ns = 0;
    SpanId span = 0;
};

/// The tracer's own work. It may carry a correlation; it is nobody's all the same.
struct OverheadRecord {
    std::string name;  // "flushing buffers"
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
};

/// The device's allocator: bytes taken, or given back where negative.
struct AllocationRecord {
    std::uint64_t time_ns = 0;
    std::int64_t delta_bytes = 0;
};

struct Records {
    std::vector<RunRecord> runs;
    std::vector<LaunchRecord> launches;
    std::vector<OverheadRecord> overheads;
    std::vector<AllocationRecord> allocations;
    std::int64_t dropped = 0;  // records that are lost
    std::int64_t unknown = 0;  // records of kinds nobody asked for

    void append(Records&& more);
    [[nodiscard]] bool empty() const;
};

}  // namespace perfmamba::kernels::trace
