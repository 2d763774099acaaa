// The interface between the engine and a device: memory, the clock, and one function per component operation.
//
// The matrices of products and the embedding are of the device's precision (DeviceInfo), and activations of its type
// for these. The residual, what a sequence carries from token to token, logits and all other parameters are float32.
// Activations are token-major: (B, L, channels) with the channels contiguous. A row stride counts elements from one
// token to the next, so that an operation can read its slice of a wider projection in place.
//
// Symbols: B batch, L tokens, M = B·L rows, K inputs or convolution width, N states, Di d_inner, H heads, P head_dim,
// G groups, Q chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/component.h"
#include "kernels/elements.h"
#include "kernels/memory.h"
#include "kernels/observation.h"
#include "kernels/tensor.h"
#include "kernels/trace/counters.h"
#include "kernels/trace/device_reading.h"
#include "kernels/trace/run.h"

namespace perfmamba::kernels {

class Backend;

/// A block of device memory, charged to the ledger until it is destroyed. Contents start undefined.
class Buffer {
public:
    Buffer() = default;
    Buffer(Backend* backend, void* data, std::size_t bytes, MemoryKind kind, DType type = DType::F32)
        : m_backend(backend), m_data(data), m_bytes(bytes), m_kind(kind), m_type(type) {}
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        swap(other);
        return *this;
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer();

    [[nodiscard]] Elements view() const { return {m_data, m_type}; }
    /// Of a float32 block.
    [[nodiscard]] float* data() const { return view().f32(); }
    [[nodiscard]] std::size_t bytes() const { return m_bytes; }
    [[nodiscard]] std::size_t elements() const { return m_bytes / sizeOf(m_type); }
    [[nodiscard]] MemoryKind kind() const { return m_kind; }
    explicit operator bool() const { return m_data != nullptr; }

private:
    void swap(Buffer& other) noexcept {
        std::swap(m_backend, other.m_backend);
        std::swap(m_data, other.m_data);
        std::swap(m_bytes, other.m_bytes);
        std::swap(m_kind, other.m_kind);
        std::swap(m_type, other.m_type);
    }

    Backend* m_backend = nullptr;
    void* m_data = nullptr;
    std::size_t m_bytes = 0;
    MemoryKind m_kind = MemoryKind::Activations;
    DType m_type = DType::F32;
};

/// What a parameter is for, which decides its type on the device.
enum class WeightUse : std::uint8_t {
    Matrix,     // of a product: the device's precision
    Table,      // the embedding that is the head's matrix, too: the same, in rows
    Lookup,     // an embedding that is not: the same, in rows
    Parameter,  // norms, biases, convolution, A, D: float32
};

/// How a matrix lies in its device's memory.
enum class WeightOrder : std::uint8_t {
    Rows,          // as stored: an output's weights after the other's
    Blocks,        // of 64 outputs each: an input's weights for all of them after the other's
    PairedBlocks,  // the same, by pairs of inputs: both weights of an output side by side
};

/// A parameter on the device. A matrix is (rows, cols) as stored, (out, in); a vector has rows = 1.
struct Weight {
    ConstElements data;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    WeightOrder order = WeightOrder::Rows;
    std::shared_ptr<const void> owner;  // keeps the mapping or the buffer alive

    explicit operator bool() const { return static_cast<bool>(data); }
    [[nodiscard]] const float* f32() const { return data.f32(); }
};

struct DeviceInfo {
    std::string id;                 // as named on the command line: "cpu"
    std::string name;               // "AMD EPYC 9654"
    std::string instructions;       // the instruction set in use: "AVX2"
    int threads = 1;                // of the host; 0: that is no measure of this device
    std::int64_t memory_bytes = 0;  // in all
    DType precision = DType::F32;   // of matrices
    DType activations = DType::F32;
    std::int64_t chunk = 0;          // of the SSD, where one was asked for
    std::int64_t longest_chunk = 0;  // of the SSD, that pays; 0: any
    int multiprocessors = 0;         // of a GPU
    double clock_mhz = 0;            // of a GPU's multiprocessors, at most; 0 where not known
    std::int64_t cache_bytes = 0;    // the last cache before memory; 0 where not known
};

/// What one recorded pass left: its spans in order of their begin, its allocations, its length. Where the device was
/// traced a kernel at a time, a span lasts from its first kernel's begin to its last one's end, and its time is what
/// its kernels took.
struct PassRecord {
    double total_us = 0;
    std::vector<Span> spans;
    TraceStatus trace;               // who recorded it
    TraceCounts counts;              // where it was traced a kernel at a time
    std::vector<KernelRun> kernels;  // in order of their begin
    std::vector<MemoryEvent> memory;
    MemoryUse memory_at_start;
    MemoryUse memory_peak;
};

/// Causal depthwise convolution with SiLU:
/// y_t[c] = silu(bias[c] + Σ_{j<K} weight[j, c] · x_{t−K+1+j}[c]); before the first token stand the state's inputs.
struct Conv1dArgs {
    std::int64_t batch = 0, length = 0, channels = 0, kernel = 0;
    ConstElements x;  // (B, L, C), row stride x_stride
    std::int64_t x_stride = 0;
    const float* weight = nullptr;  // (K, C): transposed, so that neighbouring channels are contiguous
    const float* bias = nullptr;    // (C,) or null
    float* state = nullptr;         // (B, K − 1, C): the last inputs, oldest first; read, then replaced
    Elements y;                     // (B, L, C), dense
};

/// Selective scan of Mamba-1 (Gu & Dao 2023, algorithm 2):
/// Δ = softplus(dt + dt_bias); h_t[n,d] = exp(Δ_t[d]·A[n,d])·h_{t−1}[n,d] + Δ_t[d]·B_t[n]·x_t[d];
/// y_t[d] = Σ_n C_t[n]·h_t[n,d] + D[d]·x_t[d]. N may be 0: then A, B, C and h are not read.
struct SelectiveScanArgs {
    std::int64_t batch = 0, length = 0, channels = 0, states = 0;
    ConstElements x;                 // (B, L, Di), dense
    ConstElements dt;                // (B, L, Di), dense, before bias and softplus
    const float* dt_bias = nullptr;  // (Di,) or null
    const float* A = nullptr;        // (N, Di): −exp(A_log) transposed, so that neighbouring channels are contiguous
    ConstElements B;                 // (B, L, N), row stride bc_stride
    ConstElements C;                 // (B, L, N), row stride bc_stride
    std::int64_t bc_stride = 0;
    const float* D = nullptr;  // (Di,)
    float* h = nullptr;        // (B, N, Di): read, then replaced
    Elements y;                // (B, L, Di), dense
};

/// SSD of Mamba-2 (Dao & Gu 2024, section 6), in chunks of Q. Head i belongs to group g = i / (H/G):
/// Δ = clamp(softplus(dt + dt_bias), dt_min, dt_max);
/// h_t[i,p,n] = exp(Δ_t[i]·A[i])·h_{t−1}[i,p,n] + Δ_t[i]·B_t[g,n]·x_t[i,p];
/// y_t[i,p] = Σ_n C_t[g,n]·h_t[i,p,n] + D[i,p]·x_t[i,p]. N may be 0: then B, C and h are not read.
struct SsdArgs {
    std::int64_t batch = 0, length = 0, heads = 0, head_dim = 0, groups = 0, states = 0, chunk = 0;
    std::int32_t layer = kNoLayer;  // for the spans of the stages
    ConstElements x;                // (B, L, H, P), row stride xbc_stride
    ConstElements B;                // (B, L, G, N), row stride xbc_stride
    ConstElements C;                // (B, L, G, N), row stride xbc_stride
    std::int64_t xbc_stride = 0;
    ConstElements dt;  // (B, L, H), row stride dt_stride, before bias and softplus
    std::int64_t dt_stride = 0;
    const float* dt_bias = nullptr;  // (H,)
    const float* A = nullptr;        // (H,): −exp(A_log)
    const float* D = nullptr;        // (Di,): one number a channel
    float dt_min = 0, dt_max = 0;
    float* h = nullptr;  // (B, H, P, N): read, then replaced
    Elements y;          // (B, L, H, P), row stride y_stride
    std::int64_t y_stride = 0;
};

/// An RMS norm without weights. The divisor is the width, but where columns were pruned that were part of the mean.
struct PlainNorm {
    std::int64_t width = 0;
    std::int64_t divisor = 0;
    float eps = 0;
};

/// A product of one token's activations for each sequence, y (M, N) = x (M, K) · weightᵀ (+ bias), with its neighbours.
/// Where there is a norm, x is float32, and RMSNorm(x) · norm over each of `groups` parts of a row takes its place.
/// Where there is a convolution, its channels are outputs from conv_first on, its newest inputs, and y has its results.
struct LinearStepArgs {
    std::int64_t rows = 0;
    ConstElements x;
    std::int64_t x_stride = 0;
    const Weight* norm = nullptr;  // (K,)
    std::int64_t groups = 1;
    float eps = 0;
    const Weight* weight = nullptr;  // (N, K)
    const Weight* bias = nullptr;    // (N,); null or empty
    Elements y;                      // (M, N), dense
    bool accumulate = false;         // y, float32, += instead
    std::int64_t conv_first = 0;
    Conv1dArgs conv;  // channels, kernel, weight, bias and state only
};
/// dt = dt_weight · low, and the scan of one token, gated: y · silu(z).
struct Mamba1StepArgs {
    SelectiveScanArgs scan;             // but for dt
    std::int64_t x_stride = 0;          // of scan.x
    ConstElements low;                  // (B, R), row stride scan.bc_stride
    const Weight* dt_weight = nullptr;  // (Di, R)
    ConstElements z;                    // (B, Di)
    std::int64_t z_stride = 0;
};
/// The SSD of one token, gated and in float32: y · silu(z).
struct Mamba2StepArgs {
    SsdArgs ssd;      // but for y
    ConstElements z;  // (B, H, P), row stride z_stride
    std::int64_t z_stride = 0;
    float* y = nullptr;  // (B, H, P), dense
};

/// What a backend may offer for decoding, where starting a kernel costs as much as what it does: several components in
/// one. Each call is charged to the component that takes the most of it.
class FusedSteps {
public:
    /// Taps of a convolution at most.
    static constexpr std::int64_t kMostTaps = 4;

    virtual void linearStep(const LinearStepArgs& args) = 0;
    virtual void mamba1Step(const Mamba1StepArgs& args) = 0;
    virtual void mamba2Step(const Mamba2StepArgs& args) = 0;

protected:
    ~FusedSteps() = default;
};

/// All that a pass's launches depend on but its tokens: addresses, extents, and the number of the mask.
using ReplayKey = std::vector<std::uint64_t>;

/// A device that runs the model. One thread owns it and calls everything on it.
class Backend {
public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    virtual ~Backend() = default;

    [[nodiscard]] virtual const DeviceInfo& device() const = 0;

    // Memory -----------------------------------------------------------------------------------------------------

    /// Throws Error when there is not enough memory, naming what was asked for.
    [[nodiscard]] virtual Buffer allocate(MemoryKind kind, std::size_t elements, DType type) = 0;
    [[nodiscard]] Buffer allocate(MemoryKind kind, std::size_t elements) {
        return allocate(kind, elements, DType::F32);
    }
    /// Told before a model is loaded, how many parameters it has: by that, a backend which could use matrices where
    /// they lie in the file decides whether to copy them. Where times will be compared with those of another backend,
    /// `beside`, it does as that one does.
    virtual void expectParameters(std::int64_t /*count*/, const Backend* /*beside*/) {}
    [[nodiscard]] virtual bool copiesMatrices() const { return true; }
    /// Puts a parameter on the device in the type for its use. `rows` of 1 for vectors.
    [[nodiscard]] virtual Weight load(const HostTensor& tensor, WeightUse use) = 0;
    virtual void fillZero(Buffer& buffer) = 0;
    virtual void copy(const Buffer& source, Buffer& target) = 0;
    virtual void toHost(const float* source, std::span<float> target) = 0;
    /// Gives cached free blocks back to the system.
    virtual void trim() = 0;
    [[nodiscard]] virtual const MemoryLedger& ledger() const = 0;
    /// Bytes held from the system: in use by the ledger, and cached for the next allocation.
    [[nodiscard]] virtual std::int64_t reserved_bytes() const = 0;
    /// Bytes that could still be allocated, about.
    [[nodiscard]] virtual std::int64_t available_bytes() const = 0;

    // The clock --------------------------------------------------------------------------------------------------

    /// Starts a pass. Without `record`, only its total time is taken: the pass to compare with for the overhead.
    virtual void beginPass(bool record) = 0;
    /// Waits until the device has finished, and hands out what was recorded.
    virtual PassRecord endPass() = 0;
    virtual void beginSpan(Component component, Stage stage, std::int32_t layer) = 0;
    virtual void endSpan() = 0;
    /// How passes are recorded from now on, between passes. Off: passes are begun without `record`, nothing else
    /// changes. Throws Error where Cupti is asked for and cannot be had; Auto takes what there is.
    virtual void setTrace(TraceMode mode);
    [[nodiscard]] virtual TraceStatus traceStatus() const { return {"host clock", TraceDetail::Components, {}}; }
    /// Has the device's own counters count the kernels that `pass` launches, between its beginPass() and endPass().
    /// `pass` is called twice, the second time with each kernel alone on the device; nothing is replayed in either, and
    /// nothing else is recorded. Throws Error with why the device does not count, or may not, and what `pass` throws.
    [[nodiscard]] virtual CountedPass count(const std::function<void()>& pass);
    /// What the device's sensors say; costs microseconds. Any thread.
    [[nodiscard]] virtual DeviceReading reading() const { return {}; }

    // Replaying --------------------------------------------------------------------------------------------------

    /// Whether replay() saves time: then decode steps and short prompts go through it.
    [[nodiscard]] virtual bool replays() const { return false; }
    /// Runs `work`, which embeds `tokens` and else puts the same on the device at every call of an equal key; the
    /// backend may launch again what it launched before, without calling `work`. What outlives `work` (state, logits)
    /// is allocated by the caller, and its addresses are part of the key; what is allocated in it is released in it.
    virtual void replay(const ReplayKey& key, std::span<const std::int32_t> tokens, const std::function<void()>& work);

    /// For steps of so many sequences whose products have up to `inputs` inputs; null where single components do
    /// better.
    [[nodiscard]] virtual FusedSteps* fusedSteps(std::int64_t /*rows*/, std::int64_t /*inputs*/) { return nullptr; }

    // Operations -------------------------------------------------------------------------------------------------

    /// out (M, D) = rows of `table` (V, D) at `tokens` (M), which the caller has checked.
    virtual void embed(std::span<const std::int32_t> tokens, const Weight& table, float* out) = 0;
    /// residual += delta where delta is not null; out = residual / sqrt(mean(residual²) + eps) · weight. (M, D) each.
    virtual void addRmsNorm(float* residual, ConstElements delta, const Weight& weight, float eps, Elements out,
                            std::int64_t rows) = 0;
    /// y (M, out) = x (M, in; row stride x_stride) · weightᵀ (+ bias), summed in float32. y is dense; its type may be
    /// wider than x's, for logits.
    virtual void linear(ConstElements x, std::int64_t x_stride, const Weight& weight, const Weight& bias, Elements y,
                        std::int64_t rows) = 0;
    virtual void conv1d(const Conv1dArgs& args) = 0;
    virtual void selectiveScan(const SelectiveScanArgs& args) = 0;
    /// Whether its y may lie where dt does.
    [[nodiscard]] virtual bool scansInPlace() const { return false; }
    virtual void ssd(const SsdArgs& args) = 0;
    /// Adds what the states do in a scan to the sums of `observation`. Reads args.h as the state before the first token
    /// and works the states out again for itself: h and y stay as they are, so it is called before the scan, with its
    /// arguments. With several groups, `binned` holds their states one group after the other.
    virtual void observe(const SelectiveScanArgs& args, const Observation& observation) = 0;
    virtual void observe(const SsdArgs& args, const Observation& observation) = 0;
    /// x (rows, width; row stride x_stride) = x / sqrt(Σ x² / divisor + eps) of each row, in place.
    virtual void plainRmsNorm(Elements x, std::int64_t x_stride, std::int64_t rows, const PlainNorm& norm) = 0;
    /// Zeroes the columns of x (rows, keep.size(); row stride x_stride) whose flag is 0.
    virtual void maskColumns(Elements x, std::int64_t x_stride, std::int64_t rows,
                             std::span<const std::uint8_t> keep) = 0;
    /// y (M, Di) *= silu(z), z with row stride z_stride.
    virtual void gate(Elements y, ConstElements z, std::int64_t z_stride, std::int64_t rows, std::int64_t width) = 0;
    /// y (M, Di) = RMSNorm(y · silu(z)) · weight, the norm over each of `groups` parts of a row.
    virtual void gatedRmsNorm(Elements y, ConstElements z, std::int64_t z_stride, const Weight& weight, float eps,
                              std::int64_t groups, std::int64_t rows) = 0;

private:
    friend class Buffer;
    virtual void release(void* data, std::size_t bytes, MemoryKind kind) noexcept = 0;
};

/// Opens and closes a span; a scope of the engine's code is a scope in the timeline.
class SpanScope {
public:
    SpanScope(Backend& backend, Component component, std::int32_t layer, Stage stage = Stage::Whole)
        : m_backend(backend) {
        m_backend.beginSpan(component, stage, layer);
    }
    ~SpanScope() { m_backend.endSpan(); }
    SpanScope(const SpanScope&) = delete;
    SpanScope& operator=(const SpanScope&) = delete;

private:
    Backend& m_backend;
};

inline Buffer::~Buffer() {
    if (m_data) m_backend->release(m_data, m_bytes, m_kind);
}

}  // namespace perfmamba::kernels
