// CUPTI's activity records as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/cuda/cupti/api.h"
#include "kernels/trace/records.h"

namespace perfmamba::kernels::cuda::cupti {

/// A function's name as its author wrote it; as it is, where it is not a mangled one.
std::string demangled(const char* name);

/// Appends what a completed buffer holds. Names are copied, and C++ names demangled: nothing points into CUPTI's
/// memory. Any thread. `next` is cuptiActivityGetNextRecord.
void parse(decltype(&::cuptiActivityGetNextRecord) next, std::uint8_t* buffer, std::size_t bytes,
           trace::Records& records);

}  // namespace perfmamba::kernels::cuda::cupti
