// Matrix products by cublasLt: one plan for each shape, made when it is first met.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "kernels/cuda/plugin/blas_library.h"
#include "kernels/cuda/plugin/runtime.h"

namespace perfmamba::kernels::cuda {

/// float32 products in full float32 (no TF32), 16-bit ones summed in float32. One thread.
class Products {
public:
    /// Throws Error where cublasLt cannot be had.
    explicit Products(const BlasLibrary& library);
    ~Products();
    Products(const Products&) = delete;
    Products& operator=(const Products&) = delete;

    /// Puts the product on the stream. Throws Error, with cublasLt's reason.
    void multiply(const Gemm& gemm, cudaStream_t stream);

private:
    struct Plan;
    /// rows, inputs, outputs, x_stride, types, whether it adds, and the alignments, which the algorithm depends on.
    using Shape = std::array<std::int64_t, 10>;

    static Shape shapeOf(const Gemm& gemm);
    std::unique_ptr<Plan> plan(const Gemm& gemm, const Shape& shape);
    void verify(cublasStatus_t status, const char* doing) const;

    const BlasLibrary& m_library;
    cublasLtHandle_t m_handle = nullptr;
    std::map<Shape, std::unique_ptr<Plan>> m_plans;
};

}  // namespace perfmamba::kernels::cuda
