#include "kernels/backend.h"

#include "kernels/error.h"

namespace perfmamba::kernels {

void Backend::setTrace(TraceMode mode) {
    if (mode != TraceMode::Cupti) return;
    throw Error("trace cupti", "CUPTI traces NVIDIA's GPUs, and " + device().id + " is none", "choose auto");
}

}  // namespace perfmamba::kernels
