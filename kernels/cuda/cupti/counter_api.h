// CUPTI's functions that counting needs, found at run time. Tracing does without them.
#pragma once

#include <cupti_profiler_host.h>
#include <cupti_profiler_target.h>
#include <cupti_range_profiler.h>
#include <cupti_target.h>

#include "kernels/cuda/dynamic_library.h"

namespace perfmamba::kernels::cuda::cupti {

// member, CUPTI's function
#define PERFMAMBA_CUPTI_COUNTER_FUNCTIONS(X)                             \
    X(hostInitialize, cuptiProfilerHostInitialize)                       \
    X(hostDeinitialize, cuptiProfilerHostDeinitialize)                   \
    X(hostSupportedChips, cuptiProfilerHostGetSupportedChips)            \
    X(hostAddMetrics, cuptiProfilerHostConfigAddMetrics)                 \
    X(hostImageSize, cuptiProfilerHostGetConfigImageSize)                \
    X(hostImage, cuptiProfilerHostGetConfigImage)                        \
    X(hostPasses, cuptiProfilerHostGetNumOfPasses)                       \
    X(hostEvaluate, cuptiProfilerHostEvaluateToGpuValues)                \
    X(initialize, cuptiProfilerInitialize)                               \
    X(deviceSupported, cuptiProfilerDeviceSupported)                     \
    X(availability, cuptiProfilerGetCounterAvailability)                 \
    X(chipName, cuptiDeviceGetChipName)                                  \
    X(rangeEnable, cuptiRangeProfilerEnable)                             \
    X(rangeDisable, cuptiRangeProfilerDisable)                           \
    X(rangeSetConfig, cuptiRangeProfilerSetConfig)                       \
    X(rangeStart, cuptiRangeProfilerStart)                               \
    X(rangeStop, cuptiRangeProfilerStop)                                 \
    X(rangeDecode, cuptiRangeProfilerDecodeData)                         \
    X(rangeDataSize, cuptiRangeProfilerGetCounterDataSize)               \
    X(rangeDataInitialize, cuptiRangeProfilerCounterDataImageInitialize) \
    X(rangeDataInfo, cuptiRangeProfilerGetCounterDataInfo)               \
    X(rangeInfo, cuptiRangeProfilerCounterDataGetRangeInfo)

struct CounterApi {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a name
#define PERFMAMBA_CUPTI_MEMBER(member, function) decltype(&::function) member = nullptr;
    PERFMAMBA_CUPTI_COUNTER_FUNCTIONS(PERFMAMBA_CUPTI_MEMBER)
#undef PERFMAMBA_CUPTI_MEMBER
};

}  // namespace perfmamba::kernels::cuda::cupti
