// A CUPTI and a driver of the tests' own. It keeps one subscriber and activity buffers as CUPTI does, and
// its "kernels" are calls of fakeLaunch(). What it refuses an environment variable says.
#include <cupti.h>
#include <cupti_profiler_host.h>
#include <cupti_range_profiler.h>
#include <cupti_target.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/cuda/fake_cupti.h"

namespace {

struct State {
    CUpti_CallbackFunc callback = nullptr;
    void* user = nullptr;
    std::set<std::pair<int, unsigned>> callbacks;
    std::set<CUpti_ActivityKind> kinds;
    CUpti_BuffersCallbackRequestFunc request = nullptr;
    CUpti_BuffersCallbackCompleteFunc complete = nullptr;
    std::vector<std::vector<std::uint8_t>> pending;  // records that no buffer holds yet
    std::uint64_t time = 1'000'000;
    std::uint32_t correlation = 0;
    std::size_t dropped = 0;
    int finalized = 0;

    bool enabled = false;  // the range profiler
    bool counting = false;
    std::size_t room = 0;                // kernels
    std::size_t dropped_ranges = 0;      //
    std::vector<std::uint64_t> counted;  // kernels' times, ns
};
State g_state;

/// What a host object was made for.
struct CountersHost {
    std::vector<std::string> metrics;
};

const std::set<std::string> kMetrics = {
    "gpu__time_duration.sum",
    "dram__bytes_op_read.sum",
    "dram__bytes_write.sum",
    "dram__throughput.avg.pct_of_peak_sustained_elapsed",
    "sm__warps_active.avg.pct_of_peak_sustained_active",
    "sm__inst_executed_pipe_tensor.sum",
    "smsp__inst_executed.sum",
};
std::mutex g_mutex;

/// "cuptiRangeProfilerStart:35" in FAKE_COUNTERS_FAIL: that function returns it.
CUptiResult refusal(const char* function) {
    const char* value = std::getenv("FAKE_COUNTERS_FAIL");
    if (!value) return CUPTI_SUCCESS;
    const std::string text = value;
    const std::size_t colon = text.find(':');
    if (text.substr(0, colon) != function) return CUPTI_SUCCESS;
    return static_cast<CUptiResult>(std::atoi(text.c_str() + colon + 1));
}

int number(const char* variable) {
    const char* value = std::getenv(variable);
    return value ? std::atoi(value) : 0;
}

template <class Record>
void keep(const Record& record) {
    if (!g_state.kinds.contains(record.kind)) return;
    std::vector<std::uint8_t> bytes(sizeof record);
    std::memcpy(bytes.data(), &record, sizeof record);
    g_state.pending.push_back(std::move(bytes));
}

void tell(CUpti_CallbackDomain domain, unsigned id, const void* data) {
    if (g_state.callback && g_state.callbacks.contains({domain, id})) g_state.callback(g_state.user, domain, id, data);
}

void tellCall(CUpti_CallbackDomain domain, unsigned id, CUpti_ApiCallbackSite site, const char* name = nullptr) {
    CUpti_CallbackData data{};
    data.callbackSite = site;
    data.correlationId = g_state.correlation;
    data.symbolName = name;
    tell(domain, id, &data);
}

std::size_t sizeOf(CUpti_ActivityKind kind) {
    switch (kind) {
        case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: return sizeof(CUpti_ActivityKernel10);
        case CUPTI_ACTIVITY_KIND_OVERHEAD: return sizeof(CUpti_ActivityOverhead3);
        default: return 0;
    }
}

}  // namespace

extern "C" {

// The driver ------------------------------------------------------------------------------------------------------

CUresult CUDAAPI cuInit(unsigned) {
    return static_cast<CUresult>(number("FAKE_DRIVER_FAILS"));
}
CUresult CUDAAPI cuCtxGetDevice(CUdevice* device) {
    *device = 0;
    return CUDA_SUCCESS;
}
#undef cuDriverGetVersion
CUresult CUDAAPI cuDriverGetVersion(int* version) {
    *version = 13000;
    tellCall(CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_cuDriverGetVersion, CUPTI_API_ENTER);
    tellCall(CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_cuDriverGetVersion, CUPTI_API_EXIT);
    return CUDA_SUCCESS;
}

// What the tests do with it ---------------------------------------------------------------------------------------

void fakeLaunch(const char* name, unsigned long long node, int through_driver) {
    const auto domain = through_driver ? CUPTI_CB_DOMAIN_DRIVER_API : CUPTI_CB_DOMAIN_RUNTIME_API;
    const unsigned id = through_driver ? static_cast<unsigned>(CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx)
                        : node         ? static_cast<unsigned>(CUPTI_RUNTIME_TRACE_CBID_cudaGraphLaunch_v10000)
                                       : static_cast<unsigned>(CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernel_v7000);
    ++g_state.correlation;
    tellCall(domain, id, CUPTI_API_ENTER, name);
    if (!through_driver && !node) {  // the runtime calls the driver
        tellCall(CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel, CUPTI_API_ENTER);
        tellCall(CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel, CUPTI_API_EXIT);
    }
    const std::lock_guard lock(g_mutex);
    CUpti_ActivityKernel10 kernel{};
    kernel.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
    kernel.name = name;
    kernel.correlationId = g_state.correlation;
    kernel.graphNodeId = node;
    kernel.streamId = 7;
    kernel.start = g_state.time += 1000;
    kernel.end = g_state.time += 2000;
    kernel.gridX = 2;
    kernel.blockX = 64;
    kernel.registersPerThread = 32;
    if (g_state.counting && !number("FAKE_COUNTERS_LOSE")) {
        if (g_state.counted.size() < g_state.room) {
            g_state.counted.push_back(1000 * (g_state.counted.size() + 1));
        } else {
            ++g_state.dropped_ranges;
        }
    }
    if (number("FAKE_CUPTI_LOSES")) {
        ++g_state.dropped;
    } else {
        keep(kernel);
    }
    tellCall(domain, id, CUPTI_API_EXIT, name);
}

void fakeNode(unsigned long long original, unsigned long long node) {
    CUpti_GraphData graph{};
    graph.node = reinterpret_cast<CUgraphNode>(node);
    graph.originalNode = reinterpret_cast<CUgraphNode>(original);
    CUpti_ResourceData data{};
    data.resourceDescriptor = &graph;
    tell(CUPTI_CB_DOMAIN_RESOURCE,
         original ? CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED : CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED, &data);
}

FakeCuptiState fakeState() {
    return {g_state.callback != nullptr, static_cast<int>(g_state.kinds.size()),
            static_cast<int>(g_state.callbacks.size()), g_state.finalized, g_state.enabled || g_state.counting};
}

// CUPTI -----------------------------------------------------------------------------------------------------------

CUptiResult CUPTIAPI cuptiGetVersion(uint32_t* version) {
    *version = number("FAKE_CUPTI_VERSION") ? static_cast<uint32_t>(number("FAKE_CUPTI_VERSION")) : CUPTI_API_VERSION;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetResultString(CUptiResult, const char** text) {
    *text = "CUPTI_ERROR_OF_THE_TEST";
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiSubscribe_v2(CUpti_SubscriberHandle* subscriber, CUpti_CallbackFunc callback, void* user,
                                       CUpti_SubscriberParams* params) {
    if (const int fails = number("FAKE_CUPTI_SUBSCRIBE_FAILS")) {
        if (fails == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED) {
            std::strncpy(params->oldSubscriberName, "CUPTI for Nsight Systems", params->oldSubscriberSize);
        }
        return static_cast<CUptiResult>(fails);
    }
    g_state.callback = callback;
    g_state.user = user;
    *subscriber = reinterpret_cast<CUpti_SubscriberHandle>(&g_state);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiUnsubscribe(CUpti_SubscriberHandle) {
    g_state.callback = nullptr;
    g_state.callbacks.clear();
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiEnableCallback(uint32_t on, CUpti_SubscriberHandle, CUpti_CallbackDomain domain,
                                         CUpti_CallbackId id) {
    if (on) {
        g_state.callbacks.insert({domain, id});
    } else {
        g_state.callbacks.erase({domain, id});
    }
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetTimestamp(uint64_t* time) {
    *time = g_state.time += 100;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                                    CUpti_BuffersCallbackCompleteFunc complete) {
    g_state.request = request;
    g_state.complete = complete;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityEnable(CUpti_ActivityKind kind) {
    if (const int fails = number("FAKE_CUPTI_ENABLE_FAILS")) return static_cast<CUptiResult>(fails);
    g_state.kinds.insert(kind);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityDisable(CUpti_ActivityKind kind) {
    g_state.kinds.erase(kind);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityFlushAll(uint32_t) {
    if (const int fails = number("FAKE_CUPTI_FLUSH_FAILS")) return static_cast<CUptiResult>(fails);
    const std::lock_guard lock(g_mutex);
    if (g_state.pending.empty() && g_state.dropped == 0) return CUPTI_SUCCESS;
    std::uint8_t* buffer = nullptr;
    std::size_t size = 0;
    std::size_t most = 0;
    g_state.request(&buffer, &size, &most);
    std::size_t used = 0;
    for (const auto& record : g_state.pending) {
        if (used + record.size() > size) break;
        std::memcpy(buffer + used, record.data(), record.size());
        used += record.size();
    }
    g_state.pending.clear();
    g_state.complete(nullptr, 0, buffer, size, used);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityGetNextRecord(uint8_t* buffer, size_t bytes, CUpti_Activity** record) {
    std::size_t offset = 0;
    if (*record)
        offset = static_cast<std::size_t>(reinterpret_cast<uint8_t*>(*record) - buffer) + sizeOf((*record)->kind);
    if (offset >= bytes) return CUPTI_ERROR_MAX_LIMIT_REACHED;
    *record = reinterpret_cast<CUpti_Activity*>(buffer + offset);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityGetNumDroppedRecords(CUcontext, uint32_t, size_t* dropped) {
    *dropped = std::exchange(g_state.dropped, 0);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetGraphNodeId(CUgraphNode node, uint64_t* id) {
    *id = reinterpret_cast<uint64_t>(node);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetStreamIdEx(CUcontext, CUstream, uint8_t, uint32_t* id) {
    *id = 7;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiFinalize() {
    ++g_state.finalized;
    g_state.callback = nullptr;
    g_state.callbacks.clear();
    g_state.kinds.clear();
    return CUPTI_SUCCESS;
}

// Counting --------------------------------------------------------------------------------------------------------

CUptiResult CUPTIAPI cuptiProfilerInitialize(CUpti_Profiler_Initialize_Params*) {
    return refusal("cuptiProfilerInitialize");
}
CUptiResult CUPTIAPI cuptiProfilerDeviceSupported(CUpti_Profiler_DeviceSupported_Params* params) {
    params->isSupported = CUPTI_PROFILER_CONFIGURATION_SUPPORTED;
    if (number("FAKE_COUNTERS_CONFIDENTIAL")) {
        params->isSupported = CUPTI_PROFILER_CONFIGURATION_UNSUPPORTED;
        params->architecture = CUPTI_PROFILER_CONFIGURATION_SUPPORTED;
        params->confidentialCompute = CUPTI_PROFILER_CONFIGURATION_UNSUPPORTED;
    }
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiDeviceGetChipName(CUpti_Device_GetChipName_Params* params) {
    const char* name = std::getenv("FAKE_CHIP");
    params->pChipName = name ? name : "GH100";
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiProfilerGetCounterAvailability(CUpti_Profiler_GetCounterAvailability_Params* params) {
    params->counterAvailabilityImageSize = 3;
    if (params->pCounterAvailabilityImage) std::memcpy(params->pCounterAvailabilityImage, "all", 3);
    return refusal("cuptiProfilerGetCounterAvailability");
}
CUptiResult CUPTIAPI cuptiProfilerHostInitialize(CUpti_Profiler_Host_Initialize_Params* params) {
    if (params->pChipName != std::string("GH100")) return CUPTI_ERROR_INVALID_CHIP_NAME;
    params->pHostObject = reinterpret_cast<CUpti_Profiler_Host_Object*>(new CountersHost);
    return refusal("cuptiProfilerHostInitialize");
}
CUptiResult CUPTIAPI cuptiProfilerHostDeinitialize(CUpti_Profiler_Host_Deinitialize_Params* params) {
    delete reinterpret_cast<CountersHost*>(params->pHostObject);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiProfilerHostGetSupportedChips(CUpti_Profiler_Host_GetSupportedChips_Params* params) {
    static const char* const chips[] = {"GH100"};
    params->numChips = 1;
    params->ppChipNames = chips;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiProfilerHostConfigAddMetrics(CUpti_Profiler_Host_ConfigAddMetrics_Params* params) {
    auto* host = reinterpret_cast<CountersHost*>(params->pHostObject);
    for (std::size_t i = 0; i < params->numMetrics; ++i) {
        if (!kMetrics.contains(params->ppMetricNames[i])) return CUPTI_ERROR_INVALID_METRIC_NAME;
        host->metrics.emplace_back(params->ppMetricNames[i]);
    }
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiProfilerHostGetConfigImageSize(CUpti_Profiler_Host_GetConfigImageSize_Params* params) {
    params->configImageSize = reinterpret_cast<CountersHost*>(params->pHostObject)->metrics.size();
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiProfilerHostGetConfigImage(CUpti_Profiler_Host_GetConfigImage_Params* params) {
    std::memset(params->pConfigImage, 1, params->configImageSize);
    return CUPTI_SUCCESS;
}
/// FAKE_COUNTERS_A_PASS metrics fit one.
CUptiResult CUPTIAPI cuptiProfilerHostGetNumOfPasses(CUpti_Profiler_Host_GetNumOfPasses_Params* params) {
    const int fit = number("FAKE_COUNTERS_A_PASS");
    params->numOfPasses = fit > 0 && params->configImageSize > static_cast<std::size_t>(fit) ? 2 : 1;
    return CUPTI_SUCCESS;
}
/// The first metric is the time, the others are it times their place.
CUptiResult CUPTIAPI cuptiProfilerHostEvaluateToGpuValues(CUpti_Profiler_Host_EvaluateToGpuValues_Params* params) {
    for (std::size_t i = 0; i < params->numMetrics; ++i) {
        params->pMetricValues[i] = static_cast<double>(g_state.counted[params->rangeIndex] * (i + 1));
    }
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiRangeProfilerEnable(CUpti_RangeProfiler_Enable_Params* params) {
    if (const CUptiResult fails = refusal("cuptiRangeProfilerEnable")) return fails;
    if (!g_state.kinds.empty()) return CUPTI_ERROR_INVALID_OPERATION;  // records and counts are not had together
    g_state.enabled = true;
    g_state.counted.clear();
    g_state.dropped_ranges = 0;
    params->pRangeProfilerObject = reinterpret_cast<CUpti_RangeProfiler_Object*>(&g_state);
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiRangeProfilerDisable(CUpti_RangeProfiler_Disable_Params*) {
    g_state.enabled = false;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiRangeProfilerGetCounterDataSize(CUpti_RangeProfiler_GetCounterDataSize_Params* params) {
    params->counterDataSize = params->maxNumOfRanges * params->numMetrics;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI
cuptiRangeProfilerCounterDataImageInitialize(CUpti_RangeProfiler_CounterDataImage_Initialize_Params*) {
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiRangeProfilerSetConfig(CUpti_RangeProfiler_SetConfig_Params* params) {
    g_state.room = params->maxRangesPerPass;
    const bool valid = params->range == CUPTI_AutoRange && params->replayMode == CUPTI_KernelReplay &&
                       params->numNestingLevels == 1 && params->configSize > 0 && params->counterDataImageSize > 0;
    return valid ? CUPTI_SUCCESS : CUPTI_ERROR_INVALID_PARAMETER;
}
CUptiResult CUPTIAPI cuptiRangeProfilerStart(CUpti_RangeProfiler_Start_Params*) {
    if (const CUptiResult fails = refusal("cuptiRangeProfilerStart")) return fails;
    g_state.counting = true;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiRangeProfilerStop(CUpti_RangeProfiler_Stop_Params*) {
    g_state.counting = false;
    return refusal("cuptiRangeProfilerStop");
}
CUptiResult CUPTIAPI cuptiRangeProfilerDecodeData(CUpti_RangeProfiler_DecodeData_Params* params) {
    params->numOfRangeDropped = g_state.dropped_ranges;
    return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiRangeProfilerGetCounterDataInfo(CUpti_RangeProfiler_GetCounterDataInfo_Params* params) {
    params->numTotalRanges = g_state.counted.size();
    return CUPTI_SUCCESS;
}
/// The last kernel lies first.
CUptiResult CUPTIAPI
cuptiRangeProfilerCounterDataGetRangeInfo(CUpti_RangeProfiler_CounterData_GetRangeInfo_Params* params) {
    static std::string name;
    name = std::to_string(g_state.counted.size() - 1 - params->rangeIndex);
    params->rangeName = name.c_str();
    return CUPTI_SUCCESS;
}
}
