// cublasLt, loaded when the first device is used: it is half a gigabyte, and a program that uses no GPU has no need of
// it.
#pragma once

#include <cublasLt.h>

#include <string>

namespace perfmamba::kernels::cuda {

/// Its functions that are used here.
struct BlasLibrary {
#define PERFMAMBA_BLAS_FUNCTIONS(each)                                                                          \
    each(Create) each(Destroy) each(GetVersion) each(GetStatusString) each(Matmul) each(MatmulAlgoGetHeuristic) \
        each(MatmulDescCreate) each(MatmulDescDestroy) each(MatmulDescSetAttribute) each(MatrixLayoutCreate)    \
            each(MatrixLayoutDestroy) each(MatmulPreferenceCreate) each(MatmulPreferenceDestroy)                \
                each(MatmulPreferenceSetAttribute)
// NOLINTNEXTLINE(bugprone-macro-parentheses): a name
#define PERFMAMBA_BLAS_MEMBER(name) decltype(&cublasLt##name) name = nullptr;
    PERFMAMBA_BLAS_FUNCTIONS(PERFMAMBA_BLAS_MEMBER)
#undef PERFMAMBA_BLAS_MEMBER
};

/// The library, or why there is none: a sentence with what to do.
struct LoadedBlas {
    const BlasLibrary* library = nullptr;
    std::string missing;
};

/// Looks in the loader's places, where CUDA_HOME says, where this build found the toolkit, and in its usual folders.
/// Loaded once, and kept.
const LoadedBlas& blasLibrary();

}  // namespace perfmamba::kernels::cuda
