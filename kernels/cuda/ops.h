// The launchers of the device kernels: one function per operation, without a CUDA type, so that the plugin (compiled by
// nvcc) and the tests (compiled by g++, run by the SIMT executor) call the same ones.
//
// Pointers are the device's. `stream` is a cudaStream_t, ignored by the executor. A launch is asynchronous and
// allocates nothing: scratch is the caller's, of at least the size that the function beside it names, aligned to 256
// bytes. Recurrences, layouts and symbols are those of kernels/backend.h. All ConstElements and Elements of one
// operation have the same type, float32, float16 or bfloat16; what is a float pointer is float32 always. Extents of 0
// launch nothing.
//
// Throws LaunchError where the device refuses a launch. What a kernel does wrong while it runs shows at the next wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

#include "kernels/elements.h"
#include "kernels/observation.h"

namespace perfmamba::kernels::cuda {

/// A refused launch; `code` is a cudaError_t.
class LaunchError : public std::exception {
public:
    explicit LaunchError(int error) : code(error) {}
    [[nodiscard]] const char* what() const noexcept override { return "the device refused to start a kernel"; }
    int code;
};

/// out (M, D) = rows of `table` (V, D) at `tokens` (M).
struct EmbedOp {
    std::int64_t rows = 0, width = 0;
    const std::int32_t* tokens = nullptr;
    ConstElements table;
    float* out = nullptr;
};
void embed(void* stream, const EmbedOp& op);

/// residual += delta (may be null); out = residual / sqrt(mean(residual²) + eps) · weight. (M, D) each, dense.
struct AddRmsNormOp {
    std::int64_t rows = 0, width = 0;
    float* residual = nullptr;
    ConstElements delta;
    const float* weight = nullptr;  // (D,)
    float eps = 0;
    Elements out;
};
void addRmsNorm(void* stream, const AddRmsNormOp& op);

/// to (M, D) = from (M, D), rounded to nearest even. The two types may differ. Row strides in elements.
struct ConvertOp {
    std::int64_t rows = 0, width = 0;
    ConstElements from;
    std::int64_t from_stride = 0;
    Elements to;
    std::int64_t to_stride = 0;
};
void convert(void* stream, const ConvertOp& op);

/// x (M, D), row stride x_stride: columns whose flag is 0 become 0.
struct MaskColumnsOp {
    std::int64_t rows = 0, width = 0;
    Elements x;
    std::int64_t x_stride = 0;
    const std::uint8_t* keep = nullptr;  // (D,), on the device
};
void maskColumns(void* stream, const MaskColumnsOp& op);

/// x (M, D), row stride x_stride: divided by sqrt(Σ x² / divisor + eps) of its row, in place.
struct PlainRmsNormOp {
    std::int64_t rows = 0, width = 0, divisor = 0;
    Elements x;
    std::int64_t x_stride = 0;
    float eps = 0;
};
void plainRmsNorm(void* stream, const PlainRmsNormOp& op);

/// y (M, Di) *= silu(z), z with row stride z_stride.
struct GateOp {
    std::int64_t rows = 0, width = 0;
    Elements y;
    ConstElements z;
    std::int64_t z_stride = 0;
};
void gate(void* stream, const GateOp& op);

/// y (M, Di) = RMSNorm(y · silu(z)) · weight, the norm over each of `groups` parts of a row.
struct GatedRmsNormOp {
    std::int64_t rows = 0, width = 0, groups = 1;
    Elements y;
    ConstElements z;
    std::int64_t z_stride = 0;
    const float* weight = nullptr;  // (Di,)
    float eps = 0;
};
void gatedRmsNorm(void* stream, const GatedRmsNormOp& op);

/// As Conv1dArgs, any kernel width.
struct Conv1dOp {
    std::int64_t batch = 0, length = 0, channels = 0, kernel = 0;
    ConstElements x;  // (B, L, C), row stride x_stride
    std::int64_t x_stride = 0;
    const float* weight = nullptr;  // (K, C)
    const float* bias = nullptr;    // (C,) or null
    float* state = nullptr;         // (B, K − 1, C): read, then replaced
    Elements y;                     // (B, L, C), dense
};
void conv1d(void* stream, const Conv1dOp& op);

/// As SelectiveScanArgs. Where z is not null, y is gated as well: y · silu(z).
struct SelectiveScanOp {
    std::int64_t batch = 0, length = 0, channels = 0, states = 0;
    ConstElements x;                 // (B, L, Di), dense
    ConstElements dt;                // (B, L, Di), dense
    const float* dt_bias = nullptr;  // (Di,) or null
    const float* A = nullptr;        // (N, Di)
    ConstElements B;                 // (B, L, N), row stride bc_stride
    ConstElements C;                 // (B, L, N), row stride bc_stride
    std::int64_t bc_stride = 0;
    const float* D = nullptr;  // (Di,)
    ConstElements z;           // (B, L, Di), row stride z_stride, or null
    std::int64_t z_stride = 0;
    float* h = nullptr;  // (B, N, Di): read, then replaced
    Elements y;          // (B, L, Di), dense
};
/// Any length; one token takes the decode step, which reads and writes h once.
void selectiveScan(void* stream, const SelectiveScanOp& op);

/// As SsdArgs.
struct SsdOp {
    std::int64_t batch = 0, length = 0, heads = 0, head_dim = 0, groups = 0, states = 0, chunk = 0;
    ConstElements x;  // (B, L, H, P), row stride xbc_stride
    ConstElements B;  // (B, L, G, N), row stride xbc_stride
    ConstElements C;  // (B, L, G, N), row stride xbc_stride
    std::int64_t xbc_stride = 0;
    ConstElements dt;  // (B, L, H), row stride dt_stride
    std::int64_t dt_stride = 0;
    const float* dt_bias = nullptr;  // (H,)
    const float* A = nullptr;        // (H,)
    const float* D = nullptr;        // (Di,)
    float dt_min = 0, dt_max = 0;
    float* h = nullptr;  // (B, H, P, N): read, then replaced
    Elements y;          // (B, L, H, P), row stride y_stride
    std::int64_t y_stride = 0;
    void* workspace = nullptr;  // ssdWorkspaceBytes(op); the same for all stages of one call
};
/// Whether the operation goes through the stages below. If not (one token, or no states), call ssdDirect() alone; it
/// needs no workspace.
[[nodiscard]] bool ssdHasStages(const SsdOp& op);
[[nodiscard]] std::size_t ssdWorkspaceBytes(const SsdOp& op);
/// The stages, to be called in this order.
void ssdCumsum(void* stream, const SsdOp& op);
void ssdChunkState(void* stream, const SsdOp& op);
void ssdStatePassing(void* stream, const SsdOp& op);
void ssdChunkScan(void* stream, const SsdOp& op);
/// The decode step (one token: h is read and written once), or y = D·x where there are no states.
void ssdDirect(void* stream, const SsdOp& op);

// One token, with what stands around it in the model
// --------------------------------------------------------------------

/// y (M, N) = x (M, K) · weightᵀ for few rows M, y dense. Where there is a norm_weight, x is float32 and is normalized
/// first: RMSNorm over each of `groups` parts of a row · norm_weight. Where there is a convolution, the outputs from
/// conv_first on are its newest inputs, one token of each sequence, and y has its results instead. `accumulate`: y +=.
struct LinearStepOp {
    std::int64_t rows = 0, inputs = 0, outputs = 0;
    ConstElements x;
    std::int64_t x_stride = 0;
    const float* norm_weight = nullptr;  // (K,) or null
    std::int64_t groups = 1;
    float eps = 0;
    ConstElements weight;         // (N, K)
    const float* bias = nullptr;  // (N,) or null
    Elements y;                   // of the weight's type, or float32
    bool accumulate = false;
    std::int64_t conv_first = 0, conv_channels = 0, conv_kernel = 0;  // kernel: kMostStepTaps at most
    const float* conv_weight = nullptr;                               // (kernel, channels)
    const float* conv_bias = nullptr;                                 // (channels,) or null
    float* conv_state = nullptr;  // (M, kernel − 1, channels): read, then replaced
};
inline constexpr std::int64_t kMostStepTaps = 4;
void linearStep(void* stream, const LinearStepOp& op);
/// Whether rows of `inputs` elements of that type are few enough to take this way instead of a product of matrices.
[[nodiscard]] bool suitsLinearStep(std::int64_t rows, std::int64_t inputs, DType type);

/// Mamba-1 from x_proj to the gate: dt = dt_weight · low, then `scan` of one token. scan.dt is not looked at.
struct Mamba1StepOp {
    SelectiveScanOp scan;
    std::int64_t x_stride = 0;  // of scan.x
    std::int64_t rank = 0;
    ConstElements low;        // (B, R), row stride scan.bc_stride
    ConstElements dt_weight;  // (Di, R)
};
void mamba1Step(void* stream, const Mamba1StepOp& op);

/// Mamba-2 from the convolution to the gate: y (B, Di; row stride ssd.y_stride) = SSD step · silu(z), in float32. ssd.y
/// is not looked at.
struct GatedSsdStepOp {
    SsdOp ssd;
    ConstElements z;  // (B, Di), row stride z_stride
    std::int64_t z_stride = 0;
    float* y = nullptr;
};
void gatedSsdStep(void* stream, const GatedSsdStepOp& op);

/// Adds what the states do to the sums of `observation` (its pointers are the device's), as Backend::observe(). Reads
/// op.h and writes nothing of `op`; y, z and workspace of the op are not looked at. Bit for bit repeatable.
[[nodiscard]] std::size_t observeWorkspaceBytes(const SelectiveScanOp& op, const Observation& observation);
[[nodiscard]] std::size_t observeWorkspaceBytes(const SsdOp& op, const Observation& observation);
void observe(void* stream, const SelectiveScanOp& op, const Observation& observation, void* workspace);
void observe(void* stream, const SsdOp& op, const Observation& observation, void* workspace);

}  // namespace perfmamba::kernels::cuda
