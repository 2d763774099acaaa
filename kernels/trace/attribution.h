// Charges a pass's raw records to components, stages and layers. Pure functions; no device.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/backend.h"
#include "kernels/trace/records.h"
#include "kernels/trace/span_book.h"

namespace perfmamba::kernels::trace {

/// The pass that records are charged to, on the tracer's clock.
struct PassWindow {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    std::optional<std::uint32_t> stream;  // the pass's own, where known
    std::int64_t expected_runs = 0;       // launches and graph nodes that were counted on the host
};

struct Attribution {
    std::vector<Span> spans;         // of components and of their stages that ran something, in order of their begin
    std::vector<KernelRun> kernels;  // in order of their begin, the tracer's overhead among them
    TraceCounts counts;
};

/// A run belongs to the pass when the call that launched it was made under one of the pass's span numbers, or, where
/// that is not known, when it ran within the window. It is charged to the span its graph node was captured in, else to
/// the span that was open at the call, else to `Other`.
Attribution attribute(const Records& records, const SpanBook& book, const PassWindow& window);

/// Puts it into the record of the pass; its total stays.
void merge(Attribution&& attribution, PassRecord& record);

}  // namespace perfmamba::kernels::trace
