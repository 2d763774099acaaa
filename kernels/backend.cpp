#include "kernels/backend.h"

#include "kernels/error.h"

namespace perfmamba::kernels {

void Backend::setTrace(TraceMode mode) {
    if (mode != TraceMode::Cupti) return;
    throw Error("trace cupti", "CUPTI traces NVIDIA's GPUs, and " + device().id + " is none", "choose auto");
}

CountedPass Backend::count(const std::function<void()>& /*pass*/) {
    throw Error("counters", "need an NVIDIA GPU, and " + device().id + " is none");
}

void Backend::replay(const ReplayKey& /*key*/, std::span<const std::int32_t> /*tokens*/,
                     const std::function<void()>& work) {
    work();
}

}  // namespace perfmamba::kernels
