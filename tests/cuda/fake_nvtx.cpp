// A tool that listens to NVTX, as Nsight does: the program loads it by NVTX_INJECTION64_PATH.
#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/cuda/fake_nvtx.h"

namespace {

int g_pushed = 0;
int g_popped = 0;
int g_deepest = 0;
std::string g_domain;
std::string g_last;
std::set<std::string> g_names;

nvtxDomainHandle_t NVTX_API createDomain(const char* name) {
    g_domain = name;
    return reinterpret_cast<nvtxDomainHandle_t>(&g_domain);
}
nvtxStringHandle_t NVTX_API registerString(nvtxDomainHandle_t, const char* text) {
    return reinterpret_cast<nvtxStringHandle_t>(const_cast<std::string*>(&*g_names.insert(text).first));
}
int NVTX_API push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* range) {
    ++g_pushed;
    g_deepest = std::max(g_deepest, g_pushed - g_popped);
    if (range->messageType != NVTX_MESSAGE_TYPE_REGISTERED || range->payloadType != NVTX_PAYLOAD_TYPE_INT32) return -1;
    g_last = *reinterpret_cast<std::string*>(domain) + ": " +
             *reinterpret_cast<std::string*>(range->message.registered) + ' ' + std::to_string(range->payload.iValue);
    return 0;
}
int NVTX_API pop(nvtxDomainHandle_t) {
    ++g_popped;
    return 0;
}

template <class Function>
NvtxFunctionPointer asPointer(Function function) {
    return reinterpret_cast<NvtxFunctionPointer>(function);
}

}  // namespace

extern "C" {

int NVTX_API InitializeInjectionNvtx2(NvtxGetExportTableFunc_t tables) {
    const auto* callbacks = static_cast<const NvtxExportTableCallbacks*>(tables(NVTX_ETID_CALLBACKS));
    NvtxFunctionTable functions = nullptr;
    unsigned size = 0;
    if (!callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &functions, &size)) return 0;
    *functions[NVTX_CBID_CORE2_DomainCreateA] = asPointer(createDomain);
    *functions[NVTX_CBID_CORE2_DomainRegisterStringA] = asPointer(registerString);
    *functions[NVTX_CBID_CORE2_DomainRangePushEx] = asPointer(push);
    *functions[NVTX_CBID_CORE2_DomainRangePop] = asPointer(pop);
    return 1;
}

FakeNvtxState fakeNvtx() {
    return {g_pushed, g_popped, g_deepest, g_last.c_str()};
}
}
