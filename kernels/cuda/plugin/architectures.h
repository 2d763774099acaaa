// Which GPUs a build has code for.
#pragma once

#include <string>
#include <string_view>

namespace perfmamba::kernels::cuda {

/// Why kernels that were compiled for `architectures` cannot run on a GPU of that compute capability, and what to do;
/// empty where they can, and where the list is none of numbers ("native", "all").
/// @param architectures  as CMake has them, between commas: "75-virtual" can be translated for later GPUs, "80-real"
/// runs on 8.x from 8.0 on, "90a-real" on 9.0 alone, "120" is both
std::string whyNoCode(std::string_view architectures, int major, int minor);

}  // namespace perfmamba::kernels::cuda
