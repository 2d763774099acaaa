// Measures what a device reaches.
#pragma once

#include <stop_token>

#include "core/profile/ceilings.h"
#include "core/profile/profiler.h"
#include "kernels/backend.h"

namespace perfmamba::profile {

/// How much is moved and computed. The defaults take about three seconds; tests take less.
struct CeilingSizes {
    std::size_t stream_bytes = std::size_t{512} << 20;  // copied: far more than caches hold
    std::int64_t edge = 8192;                           // of the largest matrix
    double pass_s = 0.05;                               // what is timed at once lasts so long at least
    int passes = 5;                                     // of which the best counts
};

/// Whose ceilings those of this device would be; no rates.
Ceilings ceilingsOf(const kernels::Backend& backend);

using CeilingObserver = std::function<void(const Progress&)>;

/// Runs the backend's own operations, and takes the best rate that one of them reaches:
/// - bytes: copying, gating in place, and one row times a large matrix, over more than caches hold
/// - FLOPs: square products in the device's precision, of growing size
/// - exponentials: gating and scanning within caches; on a GPU its special function units, 16 a clock and
///   multiprocessor, where its clock is known and no operation is faster
///
/// No pass may be under way on `backend`. Throws Cancelled, and Error where there is too little memory.
Ceilings measureCeilings(kernels::Backend& backend, const CeilingSizes& sizes = {},
                         const CeilingObserver& observer = {}, const std::stop_token& stop = {});

}  // namespace perfmamba::profile
