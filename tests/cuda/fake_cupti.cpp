// A CUPTI and a driver of the tests' own. It keeps one subscriber and activity buffers as CUPTI does, and
// its "kernels" are calls of fakeLaunch(). What it refuses an environment variable says.
#include <cupti.h>

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
};
State g_state;
std::mutex g_mutex;

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

void tellCall(CUpti_CallbackDomain domain, unsigned id, CUpti_ApiCallbackSite site) {
    CUpti_CallbackData data{};
    data.callbackSite = site;
    data.correlationId = g_state.correlation;
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
    tellCall(domain, id, CUPTI_API_ENTER);
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
    if (number("FAKE_CUPTI_LOSES")) {
        ++g_state.dropped;
    } else {
        keep(kernel);
    }
    tellCall(domain, id, CUPTI_API_EXIT);
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
            static_cast<int>(g_state.callbacks.size()), g_state.finalized};
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
}
