// The tracer over CUPTI's activity records.
#pragma once

#include <memory>

#include "kernels/cuda/cupti/api.h"
#include "kernels/cuda/trace.h"

namespace perfmamba::kernels::cuda::cupti {

/// Does not start it. CUPTI is looked for at start().
std::unique_ptr<Tracer> makeTracer(Search search);

}  // namespace perfmamba::kernels::cuda::cupti
