#include "kernels/cuda/plugin/nvtx.h"

#include <array>
#include <string>

#ifdef PERFMAMBA_NVTX
#include <nvtx3/nvToolsExt.h>
#endif

namespace perfmamba::kernels::cuda::nvtx {
namespace {

template <class T>
using OfEachRange = std::array<std::array<T, kStageCount>, kComponentCount>;

template <class T>
const T& at(const OfEachRange<T>& values, Component component, Stage stage) {
    return values[static_cast<std::size_t>(component)][static_cast<std::size_t>(stage)];
}

OfEachRange<std::string> makeNames() {
    OfEachRange<std::string> names;
    for (const Component component : kComponents) {
        for (std::size_t stage = 0; stage < kStageCount; ++stage) {
            std::string text(name(component));
            if (stage > 0) text += "/" + std::string(name(static_cast<Stage>(stage)));
            names[static_cast<std::size_t>(component)][stage] = text;
        }
    }
    return names;
}

#ifdef PERFMAMBA_NVTX
/// The domain and the names as the tool knows them. Null handles where none listens.
struct Registered {
    nvtxDomainHandle_t domain = nvtxDomainCreateA("PerfMamba");
    OfEachRange<nvtxStringHandle_t> names{};

    Registered() {
        if (!domain) return;
        for (const Component component : kComponents) {
            for (std::size_t stage = 0; stage < kStageCount; ++stage) {
                names[static_cast<std::size_t>(component)][stage] =
                    nvtxDomainRegisterStringA(domain, rangeName(component, static_cast<Stage>(stage)));
            }
        }
    }
};

const Registered& registered() {
    static const Registered once;
    return once;
}
#endif

}  // namespace

const char* rangeName(Component component, Stage stage) {
    static const OfEachRange<std::string> names = makeNames();
    return at(names, component, stage).c_str();
}

#ifdef PERFMAMBA_NVTX
void push(Component component, Stage stage, std::int32_t layer) noexcept {
    const Registered& tool = registered();
    if (!tool.domain) return;
    nvtxEventAttributes_t range{};
    range.version = NVTX_VERSION;
    range.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
    range.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
    range.message.registered = at(tool.names, component, stage);
    range.payloadType = NVTX_PAYLOAD_TYPE_INT32;
    range.payload.iValue = layer;
    (void)nvtxDomainRangePushEx(tool.domain, &range);
}

void pop() noexcept {
    const Registered& tool = registered();
    if (tool.domain) (void)nvtxDomainRangePop(tool.domain);
}
#else
void push(Component, Stage, std::int32_t) noexcept {}
void pop() noexcept {}
#endif

}  // namespace perfmamba::kernels::cuda::nvtx
