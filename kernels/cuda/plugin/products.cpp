#include "kernels/cuda/plugin/products.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "kernels/error.h"

namespace perfmamba::kernels::cuda {
namespace {

cudaDataType_t typeOf(DType type) {
    switch (type) {
        case DType::F32: return CUDA_R_32F;
        case DType::F16: return CUDA_R_16F;
        case DType::BF16: return CUDA_R_16BF;
    }
    return CUDA_R_32F;
}

/// The largest power of two up to 256 that the address, and the rows after the first, are aligned to.
std::int64_t alignmentOf(ConstElements matrix, std::int64_t row) {
    const auto address = reinterpret_cast<std::uintptr_t>(matrix.data);
    const std::uintptr_t bits = address | static_cast<std::uintptr_t>(row) * sizeOf(matrix.type) | 256U;
    return static_cast<std::int64_t>(bits & (~bits + 1));
}

}  // namespace

/// cublasLt's descriptions of one product, and the algorithm it chose.
struct Products::Plan {
    explicit Plan(const BlasLibrary& of) : library(of) {}
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;
    ~Plan() {
        if (operation) library.MatmulDescDestroy(operation);
        for (cublasLtMatrixLayout_t layout : {weight, x, y}) {
            if (layout) library.MatrixLayoutDestroy(layout);
        }
        if (preference) library.MatmulPreferenceDestroy(preference);
    }

    const BlasLibrary& library;
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t weight = nullptr, x = nullptr, y = nullptr;
    cublasLtMatmulPreference_t preference = nullptr;
    cublasLtMatmulAlgo_t algorithm{};
};

Products::Products(const BlasLibrary& library) : m_library(library) {
    verify(m_library.Create(&m_handle), "starting");
}

Products::~Products() {
    m_plans.clear();
    if (m_handle) m_library.Destroy(m_handle);
}

void Products::multiply(const Gemm& gemm, cudaStream_t stream) {
    if (gemm.rows == 0 || gemm.outputs == 0) return;
    // Prompts of many lengths leave many plans, each some kilobytes.
    constexpr std::size_t kMostPlans = 1024;
    const Shape shape = shapeOf(gemm);
    auto found = m_plans.find(shape);
    if (found == m_plans.end()) {
        if (m_plans.size() >= kMostPlans) m_plans.clear();
        found = m_plans.emplace(shape, plan(gemm, shape)).first;
    }
    const Plan& plan = *found->second;
    const float one = 1;
    const float before = gemm.accumulate ? 1 : 0;
    verify(m_library.Matmul(m_handle, plan.operation, &one, gemm.weight.data, plan.weight, gemm.x.data, plan.x, &before,
                            gemm.y.data, plan.y, gemm.y.data, plan.y, &plan.algorithm, gemm.workspace,
                            gemm.workspace_bytes, stream),
           "a product");
}

Products::Shape Products::shapeOf(const Gemm& g) {
    return {g.rows,
            g.inputs,
            g.outputs,
            g.x_stride,
            static_cast<std::int64_t>(g.x.type),
            static_cast<std::int64_t>(g.y.type),
            g.accumulate ? 1 : 0,
            alignmentOf(g.weight, g.inputs),
            alignmentOf(g.x, g.x_stride),
            alignmentOf(g.y, g.outputs)};
}

/// cublasLt counts columns first. Read so, our row-major y is (N, M), x is (K, M) and the weight (K, N):
/// y = weightᵀ · x, both operands contiguous along K.
std::unique_ptr<Products::Plan> Products::plan(const Gemm& g, const Shape& shape) {
    auto plan = std::make_unique<Plan>(m_library);
    const auto set = [&](cublasLtMatmulDescAttributes_t attribute, cublasOperation_t value) {
        verify(m_library.MatmulDescSetAttribute(plan->operation, attribute, &value, sizeof value), "a plan");
    };
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
        verify(m_library.MatmulPreferenceSetAttribute(plan->preference, attribute, &value, sizeof value), "a plan");
    };
    const auto describe = [&](cublasLtMatrixLayout_t& layout, DType type, std::int64_t rows, std::int64_t columns,
                              std::int64_t stride) {
        verify(m_library.MatrixLayoutCreate(&layout, typeOf(type), static_cast<std::uint64_t>(rows),
                                            static_cast<std::uint64_t>(columns), stride),
               "a plan");
    };
    verify(m_library.MatmulDescCreate(&plan->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a plan");
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
    describe(plan->weight, g.weight.type, g.inputs, g.outputs, g.inputs);
    describe(plan->x, g.x.type, g.inputs, g.rows, g.x_stride);
    describe(plan->y, g.y.type, g.outputs, g.rows, g.outputs);
    verify(m_library.MatmulPreferenceCreate(&plan->preference), "a plan");
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, g.workspace_bytes);
    // Where the inputs are divided, the parts' sums stay in float32, too.
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(shape[7]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(shape[8]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(shape[9]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(shape[9]));
    cublasLtMatmulHeuristicResult_t result{};
    int count = 0;
    const cublasStatus_t status = m_library.MatmulAlgoGetHeuristic(
        m_handle, plan->operation, plan->weight, plan->x, plan->y, plan->y, plan->preference, 1, &result, &count);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && count == 0)) {
        throw Error("cublasLt", fmt::format("has no algorithm for a product of {} × {} × {} in {}", g.rows, g.inputs,
                                            g.outputs, name(g.x.type)));
    }
    verify(status, "a plan");
    plan->algorithm = result.algo;
    return plan;
}

void Products::verify(cublasStatus_t status, const char* doing) const {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw Error("cublasLt",
                fmt::format("{} failed: {} ({})", doing, m_library.GetStatusString(status), static_cast<int>(status)));
}

}  // namespace perfmamba::kernels::cuda
