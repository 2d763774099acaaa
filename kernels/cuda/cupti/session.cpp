#include "kernels/cuda/cupti/session.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "kernels/error.h"

namespace perfmamba::kernels::cuda::cupti {
namespace {

// CONCURRENT_KERNEL, for KERNEL would run kernels one at a time.
constexpr std::array kKinds = {
    CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,  CUPTI_ACTIVITY_KIND_MEMSET,
    CUPTI_ACTIVITY_KIND_OVERHEAD,          CUPTI_ACTIVITY_KIND_MEMORY2, CUPTI_ACTIVITY_KIND_MEMORY_POOL,
};

struct Call {
    CUpti_CallbackDomain domain;
    CUpti_CallbackId id;
    bool kernel;  // launches exactly one kernel
};

// The call that launched a run tells its component: the call's correlation number is the run's. CUPTI's external ids
// would need activity records of calls, all of the RUNTIME and DRIVER kinds; the callbacks of these few cost less. The
// driver's are for libraries that launch past the runtime, cuBLASLt first.
constexpr std::array kLaunches = {
    Call{CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernel_v7000, true},
    Call{CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernelExC_v11060, true},
    Call{CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID___cudaLaunchKernel_v13000, true},
    Call{CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_cudaGraphLaunch_v10000, false},
    Call{CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_cudaMemcpyAsync_v3020, false},
    Call{CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_cudaMemsetAsync_v3020, false},
    Call{CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel, true},
    Call{CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx, true},
};

constexpr CUpti_CallbackId kLeaveCall = CUPTI_DRIVER_TRACE_CBID_cuDriverGetVersion;
constexpr std::array kNodes = {CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED, CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED};

}  // namespace

std::unique_ptr<Session> Session::take(std::shared_ptr<const Api> api, Listener& listener, Watch what) {
    std::unique_ptr<Session> session(new Session(std::move(api), listener));
    session->subscribe(what);
    return session;
}

void Session::subscribe(Watch what) {
    std::array<char, CUPTI_OLD_SUBSCRIBER_NAME_MIN_LEN> holder{};
    CUpti_SubscriberParams params{};
    params.structSize = CUpti_SubscriberParams_STRUCT_SIZE;
    params.subscriberName = "PerfMamba Explorer";
    params.oldSubscriberName = holder.data();
    params.oldSubscriberSize = holder.size();
    const CUptiResult subscribed = m_api->subscribe(&m_subscriber, &Session::call, this, &params);
    if (subscribed != CUPTI_SUCCESS) {
        m_left = true;  // nothing was taken
        holder.back() = '\0';
        throw Error("kernel tracing", explain(*m_api, "subscribing", subscribed, holder.data()));
    }
    for (const auto id : kNodes) {
        const CUptiResult enabled = m_api->enableCallback(1, m_subscriber, CUPTI_CB_DOMAIN_RESOURCE, id);
        if (enabled != CUPTI_SUCCESS) throw Error("kernel tracing", explain(*m_api, "following graphs", enabled));
    }
    if (const std::string refusal = watch(what); !refusal.empty()) throw Error("kernel tracing", refusal);
}

std::string Session::watch(Watch what) {
    const Watch before = std::exchange(m_watch, what);
    const bool records = what == Watch::LaunchesAndRecords;
    const bool launches = what != Watch::Nothing;
    for (const CUpti_ActivityKind kind : kKinds) {
        if (records == (before == Watch::LaunchesAndRecords)) break;
        const CUptiResult result = records ? m_api->enable(kind) : m_api->disable(kind);
        if (result != CUPTI_SUCCESS && records) {
            return explain(*m_api, fmt::format("recording (kind {})", static_cast<int>(kind)), result);
        }
    }
    for (const Call& launch : kLaunches) {
        if (launches == (before != Watch::Nothing)) break;
        const CUptiResult result = m_api->enableCallback(launches ? 1 : 0, m_subscriber, launch.domain, launch.id);
        if (result != CUPTI_SUCCESS && launches) return explain(*m_api, "following launches", result);
    }
    return {};
}

void Session::call(void* session, CUpti_CallbackDomain domain, CUpti_CallbackId id, const void* data) {
    auto* self = static_cast<Session*>(session);
    if (domain == CUPTI_CB_DOMAIN_RESOURCE) {
        self->resource(id, *static_cast<const CUpti_ResourceData*>(data));
    } else if (domain == CUPTI_CB_DOMAIN_RUNTIME_API || domain == CUPTI_CB_DOMAIN_DRIVER_API) {
        self->apiCall(domain, id, *static_cast<const CUpti_CallbackData*>(data));
    }
}

void Session::apiCall(CUpti_CallbackDomain domain, CUpti_CallbackId id, const CUpti_CallbackData& data) {
    const bool at_end = data.callbackSite == CUPTI_API_EXIT;
    if (domain == CUPTI_CB_DOMAIN_DRIVER_API && id == kLeaveCall) {
        if (m_leaving && at_end && !std::exchange(m_left, true)) (void)m_api->finalize();
        return;
    }
    if (!at_end) {
        m_listener.launching();
        return;
    }
    for (const Call& launch : kLaunches) {
        if (launch.domain == domain && launch.id == id)
            m_listener.launched(data.correlationId, launch.kernel, data.symbolName);
    }
}

void Session::resource(CUpti_CallbackId id, const CUpti_ResourceData& data) {
    const auto* graph = static_cast<const CUpti_GraphData*>(data.resourceDescriptor);
    if (!graph) return;
    if (id == CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED) m_listener.nodeCreated(graph->node);
    if (id == CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED) m_listener.nodeCloned(graph->originalNode, graph->node);
}

/// CUPTI can be left safely only at the end of a call to the driver: one of no effect is made for it. Without leaving,
/// launches stay slower for the rest of the process.
void Session::leave() noexcept {
    m_leaving = true;
    int version = 0;
    const CUptiResult asked = m_api->enableCallback(1, m_subscriber, CUPTI_CB_DOMAIN_DRIVER_API, kLeaveCall);
    if (asked == CUPTI_SUCCESS && m_api->driverVersion) (void)m_api->driverVersion(&version);
    if (std::exchange(m_left, true)) return;
    (void)m_api->unsubscribe(m_subscriber);
    (void)m_api->finalize();
}

Session::~Session() {
    if (m_left) return;
    (void)watch(Watch::Nothing);
    leave();
}

}  // namespace perfmamba::kernels::cuda::cupti
