// A plugin without a device behind it. FAKE_STAMP is its version, FAKE_FAILS makes it fail to answer.
#include "kernels/error.h"
#include "kernels/plugin.h"

using namespace perfmamba;
using namespace perfmamba::kernels;

namespace {

std::vector<DeviceChoice> fakeDevices() {
#ifdef FAKE_FAILS
    throw Error("CUDA", "the driver does not answer", "restart the machine");
#else
    const std::vector<DType> precisions = {DType::F32, DType::BF16};
    return {{"cuda:0", "Fake GPU, 8.0 GB", "", precisions}, {"cuda:1", "Fake GPU, 8.0 GB", "", precisions}};
#endif
}

std::unique_ptr<Backend> makeFake(const std::string& id, const BackendOptions&) {
    throw Error("device " + id, "is lost: an uncorrectable memory error", "start the program again");
}

constexpr PluginEntry kEntry = {FAKE_STAMP, fakeDevices, makeFake};

}  // namespace

#ifdef FAKE_NO_ENTRY
extern "C" const PluginEntry* some_other_library();
const PluginEntry* some_other_library() {
    return &kEntry;
}
#else
extern "C" const PluginEntry* perfmamba_plugin();
const PluginEntry* perfmamba_plugin() {
    return &kEntry;
}
#endif
