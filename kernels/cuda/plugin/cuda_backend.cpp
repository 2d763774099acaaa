#include "kernels/cuda/plugin/cuda_backend.h"

#include <algorithm>
#include <exception>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "kernels/cuda/ops.h"
#include "kernels/cuda/plugin/nvtx.h"
#include "kernels/error.h"

namespace perfmamba::kernels::cuda {
namespace {

// Large enough that a model's passes ask the device a few times, small enough that little of it lies idle.
constexpr std::size_t kSegmentBytes = 32U << 20U;

/// A flag that is set while this lives.
class Raised {
public:
    explicit Raised(bool& flag) : m_flag(flag) { m_flag = true; }
    ~Raised() { m_flag = false; }
    Raised(const Raised&) = delete;
    Raised& operator=(const Raised&) = delete;

private:
    bool& m_flag;
};

}  // namespace

CudaBackend::CudaBackend(std::unique_ptr<Runtime> runtime, std::unique_ptr<Tracer> tracer, DType precision)
    : m_runtime(std::move(runtime)),
      m_tracer(std::move(tracer)),
      m_device(m_runtime->device()),
      m_arena(*m_runtime, kSegmentBytes),
      m_events(*m_runtime),
      m_staging(*m_runtime) {
    m_device.precision = precision;
    m_device.activations = precision;
    m_pass_begin = m_runtime->makeEvent();
    if (const std::size_t bytes = m_runtime->workspaceForMultiply(); bytes > 0) m_product_workspace = workspace(bytes);
}

CudaBackend::~CudaBackend() {
    try {
        m_runtime->wait();
    } catch (const std::exception&) {
        // The device is gone, and with it all that would be waited for.
    }
    m_runtime->destroy(m_pass_begin);
}

// Memory -------------------------------------------------------------------------------------------------------------

Buffer CudaBackend::allocate(MemoryKind kind, std::size_t elements, DType type) {
    m_runtime->check();
    const std::size_t bytes = elements * sizeOf(type);
    void* data = take(bytes);
    if (!data) {
        const std::int64_t left = std::max(m_runtime->memoryLeft().free_bytes, m_arena.largestFree());
        throw Error(
            "memory",
            fmt::format("{:.1f} MB for {} are more than the {:.1f} MB that are left on {}",
                        static_cast<double>(bytes) / 1e6, name(kind), static_cast<double>(left) / 1e6, m_device.id),
            "choose a shorter length or a smaller batch");
    }
    charge(data, kind, static_cast<std::int64_t>(bytes));
    return {this, data, bytes, kind, type};
}

/// Null where there is not enough, even without the graphs.
void* CudaBackend::take(std::size_t bytes) {
    if (m_capturing) return m_capturing->memory->take(bytes);
    if (void* block = m_arena.take(bytes)) return block;
    forgetSteps();
    m_arena.trim();
    return m_arena.take(bytes);
}

Buffer CudaBackend::workspace(std::size_t bytes) {
    return allocate(MemoryKind::Workspace, (bytes + sizeof(float) - 1) / sizeof(float));
}

void CudaBackend::charge(const void* block, MemoryKind kind, std::int64_t delta_bytes) {
    m_ledger.add(kind, delta_bytes);
    if (m_recording || m_capturing) recorder().memory(block, kind, delta_bytes);
}

void CudaBackend::release(void* data, std::size_t bytes, MemoryKind kind) noexcept {
    if (!m_arena.give(data) && m_capturing) m_capturing->memory->give(data);
    charge(data, kind, -static_cast<std::int64_t>(bytes));
}

Weight CudaBackend::load(const HostTensor& tensor, WeightUse use) {
    Weight weight;
    weight.rows = tensor.shape.size() > 1 ? tensor.shape[0] : 1;
    weight.cols = weight.rows > 0 ? tensor.elements() / weight.rows : 0;
    const DType type = use == WeightUse::Parameter ? DType::F32 : m_device.precision;
    auto buffer =
        std::make_shared<Buffer>(allocate(MemoryKind::Weights, static_cast<std::size_t>(tensor.elements()), type));
    upload(tensor, buffer->view());
    weight.data = buffer->view();
    weight.owner = std::move(buffer);
    return weight;
}

/// What is stored in another type is converted on the device, a piece of rows at a time.
void CudaBackend::upload(const HostTensor& tensor, Elements target) {
    if (tensor.dtype == target.type) return m_staging.upload(target.data, tensor.data, tensor.bytes());
    const std::int64_t rows = tensor.shape.size() > 1 ? tensor.shape[0] : 1;
    const std::int64_t width = rows > 0 ? tensor.elements() / rows : 0;
    if (width == 0) return;
    const std::int64_t row_bytes = width * static_cast<std::int64_t>(sizeOf(tensor.dtype));
    const std::int64_t piece =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(Staging::kPieceBytes) / row_bytes, 1, rows);
    const Buffer raw = workspace(static_cast<std::size_t>(piece * row_bytes));
    for (std::int64_t first = 0; first < rows; first += piece) {
        const std::int64_t count = std::min(piece, rows - first);
        m_staging.upload(raw.view().data, tensor.data + first * row_bytes, static_cast<std::size_t>(count * row_bytes));
        const ConvertOp op = {count, width, {raw.view().data, tensor.dtype}, width, target + first * width, width};
        m_runtime->launch([op](void* stream) { convert(stream, op); });
    }
}

void CudaBackend::fillZero(Buffer& buffer) {
    m_runtime->zero(buffer.view().data, buffer.bytes());
}

void CudaBackend::copy(const Buffer& source, Buffer& target) {
    m_runtime->copy(target.view().data, source.view().data, std::min(source.bytes(), target.bytes()));
}

void CudaBackend::toHost(const float* source, std::span<float> target) {
    m_runtime->download(target.data(), source, target.size_bytes());
}

void CudaBackend::trim() {
    forgetSteps();
    m_arena.trim();
}

std::int64_t CudaBackend::available_bytes() const {
    return m_runtime->memoryLeft().free_bytes + m_arena.cached();
}

// The clock ----------------------------------------------------------------------------------------------------------

void CudaBackend::beginPass(bool record) {
    endTracedPass();  // one that an error left unfinished
    m_runtime->wait();
    ++m_pass;
    m_recording = record;
    m_recorder.clear();
    m_events.reset();
    m_ledger.resetPeak();
    m_memory_at_start = m_ledger.current();
    const bool traced = tracerListens();
    m_timing = !record ? Timing::None : traced ? Timing::Tracer : Timing::Events;
    m_traced = traced;
    if (traced) m_tracer->beginPass(record, m_runtime->context(), m_runtime->stream());
    m_pass_start = Clock::now();
    if (m_timing == Timing::Events) m_runtime->record(m_pass_begin);
}

/// The pass lasts on the host's clock, from before its first launch until it knows that the device has finished: what
/// somebody waits who wants the result.
PassRecord CudaBackend::endPass() {
    const bool recorded = std::exchange(m_recording, false);
    const Timing timing = std::exchange(m_timing, Timing::None);
    try {
        m_runtime->wait();
    } catch (...) {
        endTracedPass();
        throw;
    }
    PassRecord record;
    record.total_us = std::chrono::duration<double, std::micro>(Clock::now() - m_pass_start).count();
    record.memory_at_start = m_memory_at_start;
    record.memory_peak = m_ledger.peak();
    if (!std::exchange(m_traced, false) || !m_tracer->endPass(record)) record.trace = traceStatus();
    if (!recorded) return record;
    if (timing == Timing::Events) {
        fillSpans(
            m_recorder.marks(),
            [this](Runtime::Event event) { return m_runtime->microsecondsBetween(m_pass_begin, event); }, record);
    }
    fillMemory(m_recorder.marks(), record);
    return record;
}

void CudaBackend::endTracedPass() {
    if (!std::exchange(m_traced, false)) return;
    PassRecord nobody_asks_for;
    m_tracer->endPass(nobody_asks_for);
}

void CudaBackend::beginSpan(Component component, Stage stage, std::int32_t layer) {
    if (tracerListens()) m_tracer->beginSpan(component, stage, layer);
    if (m_recording || m_capturing) recorder().open(component, stage, layer, stamp());
    nvtx::push(component, stage, layer);
}

/// Called while an error passes by, too: throws nothing. A device that is lost is told of by the next call.
void CudaBackend::endSpan() {
    nvtx::pop();
    if (tracerListens()) m_tracer->endSpan();
    if (!recorder().isOpen()) return;
    Runtime::Event end = nullptr;
    try {
        end = stamp();
    } catch (const std::exception&) {
        // The span has no end then, and is left out.
    }
    recorder().close(end);
}

/// Null where spans are not timed by events.
Runtime::Event CudaBackend::stamp() {
    if (m_timing != Timing::Events) return nullptr;
    const Runtime::Event event = m_capturing ? m_capturing->events.take() : m_events.take();
    m_runtime->record(event);
    return event;
}

void CudaBackend::setTrace(TraceMode mode) {
    if (!m_tracer) return Backend::setTrace(mode);
    if (mode == TraceMode::Events || mode == TraceMode::Off) return m_tracer->stop();
    if (!m_tracer->tracing() && !m_tracer->start() && mode == TraceMode::Cupti) {
        throw Error("trace cupti", m_tracer->status().reason, "choose auto");
    }
}

CountedPass CudaBackend::count(const std::function<void()>& pass) {
    if (!m_tracer) return Backend::count(pass);
    m_runtime->wait();
    const Raised scope(m_counting);
    return m_tracer->count(m_runtime->context(), pass);
}

TraceStatus CudaBackend::traceStatus() const {
    if (m_tracer && m_tracer->tracing()) return m_tracer->status();
    return {"CUDA events", TraceDetail::Components, m_tracer ? m_tracer->status().reason : ""};
}

// Replaying ----------------------------------------------------------------------------------------------------------

/// The first time a step simply runs, which also makes all that is made once (plans of products, masks on the device).
/// The second time it is captured.
void CudaBackend::replay(const ReplayKey& key, std::span<const std::int32_t> tokens,
                         const std::function<void()>& work) {
    m_runtime->check();
    uploadTokens(tokens);
    const Raised scope(m_tokens_are_there);
    if (m_counting) return work();  // kernel by kernel
    ReplayKey whole = key;
    whole.push_back(static_cast<std::uint64_t>(m_timing));
    whole.push_back(m_tracer ? m_tracer->generation() : 0);
    Step* step = m_steps.find(whole);
    if (!step) {
        if (m_steps.full()) m_runtime->wait();
        m_steps.add(*m_runtime, whole);
        return work();
    }
    // A graph's events hold the times of its last launch only.
    const bool again = step->graph && m_timing == Timing::Events && step->pass == m_pass;
    if (step->refused || again) return work();
    if (step->graph) {
        repeatMemory(step->marks);
    } else if (!capture(*step, work)) {
        return work();
    }
    launch(*step);
}

/// False where the step cannot be captured, and never will be.
bool CudaBackend::capture(Step& step, const std::function<void()>& work) {
    constexpr std::size_t kStepSegment = 2U << 20U;
    step.memory = std::make_unique<Arena>(*m_runtime, kStepSegment, Arena::Free::Stays);
    const bool traced = m_tracer && m_tracer->tracing();
    if (traced) m_tracer->beginCapture();
    m_captured.clear();
    m_capturing = &step;
    std::exception_ptr failure;
    Runtime::Captured captured;
    try {
        m_runtime->beginCapture();
        work();
        captured = m_runtime->endCapture();
    } catch (...) {
        failure = std::current_exception();
        m_runtime->abandonCapture();
    }
    m_capturing = nullptr;
    step.graph = captured.graph;
    if (traced) step.traced = m_tracer->endCapture(captured.runs);
    step.marks = m_captured.take();
    if (!failure) return true;
    step.memory.reset();
    step.marks = {};
    try {
        std::rethrow_exception(failure);
    } catch (const Error&) {
        m_runtime->check();  // is it gone for good?
        step.refused = true;
    }
    return false;
}

void CudaBackend::launch(Step& step) {
    m_runtime->launch(step.graph);
    if (m_tracer && m_tracer->tracing()) m_tracer->graphLaunched(step.traced);
    step.pass = m_pass;
    if (m_recording) m_recorder.append(step.marks);
}

/// The ledger counts what a graph works in as if the step had asked for it.
void CudaBackend::repeatMemory(const Marks& marks) {
    for (const MemoryMark& mark : marks.memory) m_ledger.add(mark.event.kind, mark.event.delta_bytes);
}

void CudaBackend::forgetSteps() {
    if (m_steps.empty()) return;
    m_runtime->wait();
    m_steps.clear();
}

// Operations ---------------------------------------------------------------------------------------------------------

void CudaBackend::uploadTokens(std::span<const std::int32_t> tokens) {
    static_assert(sizeof(std::int32_t) == sizeof(float));
    if (m_tokens.bytes() < tokens.size_bytes()) {
        forgetSteps();  // they read the ids where they are now
        m_tokens = Buffer();
        m_tokens = allocate(MemoryKind::Workspace, tokens.size());
    }
    m_staging.upload(m_tokens.view().data, tokens.data(), tokens.size_bytes());
}

void CudaBackend::embed(std::span<const std::int32_t> tokens, const Weight& table, float* out) {
    if (!m_tokens_are_there) uploadTokens(tokens);
    const EmbedOp op = {static_cast<std::int64_t>(tokens.size()), table.cols,
                        static_cast<const std::int32_t*>(m_tokens.view().data), table.data, out};
    m_runtime->launch([op](void* stream) { cuda::embed(stream, op); });
}

void CudaBackend::addRmsNorm(float* residual, ConstElements delta, const Weight& weight, float eps, Elements out,
                             std::int64_t rows) {
    const AddRmsNormOp op = {rows, weight.cols, residual, delta, weight.f32(), eps, out};
    m_runtime->launch([op](void* stream) { cuda::addRmsNorm(stream, op); });
}

/// Few rows take a kernel of our own. For cublasLt a bias is there before the product is added: the same for every type
/// of y, and models with biases are rare.
void CudaBackend::linear(ConstElements x, std::int64_t x_stride, const Weight& weight, const Weight& bias, Elements y,
                         std::int64_t rows) {
    if (suitsLinearStep(rows, weight.cols, weight.data.type)) {
        LinearStepArgs args;
        args.rows = rows, args.x = x, args.x_stride = x_stride, args.weight = &weight, args.bias = &bias, args.y = y;
        return linearStep(args);
    }
    if (bias) {
        const ConvertOp op = {rows, weight.rows, bias.data, 0, y, weight.rows};
        m_runtime->launch([op](void* stream) { convert(stream, op); });
    }
    m_runtime->multiply({rows, weight.cols, weight.rows, x, x_stride, weight.data, y, static_cast<bool>(bias),
                         m_product_workspace.view().data, m_product_workspace.bytes()});
}

void CudaBackend::conv1d(const Conv1dArgs& a) {
    const Conv1dOp op = {a.batch, a.length, a.channels, a.kernel, a.x, a.x_stride, a.weight, a.bias, a.state, a.y};
    m_runtime->launch([op](void* stream) { cuda::conv1d(stream, op); });
}

namespace {

SelectiveScanOp opOf(const SelectiveScanArgs& a) {
    SelectiveScanOp op;
    op.batch = a.batch, op.length = a.length, op.channels = a.channels, op.states = a.states;
    op.x = a.x, op.dt = a.dt, op.dt_bias = a.dt_bias, op.A = a.A, op.B = a.B, op.C = a.C, op.bc_stride = a.bc_stride;
    op.D = a.D, op.h = a.h, op.y = a.y;
    return op;
}

SsdOp opOf(const SsdArgs& a) {
    SsdOp op;
    op.batch = a.batch, op.length = a.length, op.heads = a.heads, op.head_dim = a.head_dim, op.groups = a.groups;
    op.states = a.states, op.chunk = a.chunk;
    op.x = a.x, op.B = a.B, op.C = a.C, op.xbc_stride = a.xbc_stride, op.dt = a.dt, op.dt_stride = a.dt_stride;
    op.dt_bias = a.dt_bias, op.A = a.A, op.D = a.D, op.dt_min = a.dt_min, op.dt_max = a.dt_max;
    op.h = a.h, op.y = a.y, op.y_stride = a.y_stride;
    return op;
}

}  // namespace

void CudaBackend::selectiveScan(const SelectiveScanArgs& args) {
    m_runtime->launch([op = opOf(args)](void* stream) { cuda::selectiveScan(stream, op); });
}

void CudaBackend::ssd(const SsdArgs& args) {
    SsdOp op = opOf(args);
    if (!ssdHasStages(op)) return m_runtime->launch([op](void* stream) { ssdDirect(stream, op); });
    const Buffer scratch = workspace(ssdWorkspaceBytes(op));
    op.workspace = scratch.view().data;
    const auto stage = [&](Stage of, void (*kernel)(void*, const SsdOp&)) {
        const SpanScope span(*this, Component::Ssm, args.layer, of);
        m_runtime->launch([op, kernel](void* stream) { kernel(stream, op); });
    };
    stage(Stage::Cumsum, ssdCumsum);
    stage(Stage::ChunkState, ssdChunkState);
    stage(Stage::StatePassing, ssdStatePassing);
    stage(Stage::ChunkScan, ssdChunkScan);
}

void CudaBackend::observe(const SelectiveScanArgs& args, const Observation& observation) {
    observeAs(opOf(args), observation);
}
void CudaBackend::observe(const SsdArgs& args, const Observation& observation) {
    observeAs(opOf(args), observation);
}
template <class Op>
void CudaBackend::observeAs(const Op& op, const Observation& observation) {
    const Buffer scratch = workspace(observeWorkspaceBytes(op, observation));
    m_runtime->launch([op, observation, memory = scratch.view().data](void* stream) {
        cuda::observe(stream, op, observation, memory);
    });
}

void CudaBackend::plainRmsNorm(Elements x, std::int64_t x_stride, std::int64_t rows, const PlainNorm& norm) {
    const PlainRmsNormOp op = {rows, norm.width, norm.divisor, x, x_stride, norm.eps};
    m_runtime->launch([op](void* stream) { cuda::plainRmsNorm(stream, op); });
}

void CudaBackend::maskColumns(Elements x, std::int64_t x_stride, std::int64_t rows,
                              std::span<const std::uint8_t> keep) {
    const MaskColumnsOp op = {rows, static_cast<std::int64_t>(keep.size()), x, x_stride, flagsOnDevice(keep)};
    m_runtime->launch([op](void* stream) { cuda::maskColumns(stream, op); });
}

/// A mask stays the same for many passes, and its flags stay on the device.
const std::uint8_t* CudaBackend::flagsOnDevice(std::span<const std::uint8_t> keep) {
    // A slider that is dragged leaves one for each layer and step behind.
    constexpr std::size_t kMostMasks = 4096;
    std::string flags(keep.begin(), keep.end());
    const auto found = m_flags.find(flags);
    if (found != m_flags.end()) return static_cast<const std::uint8_t*>(found->second.view().data);
    // The step runs uncaptured then, once more.
    if (m_capturing) throw Error("mask", "is new to the device while a step is captured");
    if (m_flags.size() >= kMostMasks) {
        forgetSteps();
        m_flags.clear();
    }
    Buffer buffer = workspace(flags.size());
    m_staging.upload(buffer.view().data, flags.data(), flags.size());
    const Buffer& kept = m_flags.emplace(std::move(flags), std::move(buffer)).first->second;
    return static_cast<const std::uint8_t*>(kept.view().data);
}

void CudaBackend::gate(Elements y, ConstElements z, std::int64_t z_stride, std::int64_t rows, std::int64_t width) {
    const GateOp op = {rows, width, y, z, z_stride};
    m_runtime->launch([op](void* stream) { cuda::gate(stream, op); });
}

void CudaBackend::gatedRmsNorm(Elements y, ConstElements z, std::int64_t z_stride, const Weight& weight, float eps,
                               std::int64_t groups, std::int64_t rows) {
    const GatedRmsNormOp op = {rows, weight.cols, groups, y, z, z_stride, weight.f32(), eps};
    m_runtime->launch([op](void* stream) { cuda::gatedRmsNorm(stream, op); });
}

// Fused steps --------------------------------------------------------------------------------------------------------

FusedSteps* CudaBackend::fusedSteps(std::int64_t rows, std::int64_t inputs) {
    static_assert(kMostTaps == kMostStepTaps);
    return suitsLinearStep(rows, inputs, m_device.precision) ? this : nullptr;
}

void CudaBackend::linearStep(const LinearStepArgs& a) {
    LinearStepOp op;
    op.rows = a.rows, op.inputs = a.weight->cols, op.outputs = a.weight->rows, op.x = a.x, op.x_stride = a.x_stride;
    op.norm_weight = a.norm ? a.norm->f32() : nullptr, op.groups = a.groups, op.eps = a.eps;
    op.weight = a.weight->data, op.bias = a.bias && *a.bias ? a.bias->f32() : nullptr;
    op.y = a.y, op.accumulate = a.accumulate;
    op.conv_first = a.conv_first, op.conv_channels = a.conv.channels, op.conv_kernel = a.conv.kernel;
    op.conv_weight = a.conv.weight, op.conv_bias = a.conv.bias, op.conv_state = a.conv.state;
    m_runtime->launch([op](void* stream) { cuda::linearStep(stream, op); });
}

void CudaBackend::mamba1Step(const Mamba1StepArgs& a) {
    Mamba1StepOp op;
    op.scan = opOf(a.scan), op.x_stride = a.x_stride, op.scan.z = a.z, op.scan.z_stride = a.z_stride;
    op.low = a.low, op.dt_weight = a.dt_weight->data, op.rank = a.dt_weight->cols;
    m_runtime->launch([op](void* stream) { cuda::mamba1Step(stream, op); });
}

void CudaBackend::mamba2Step(const Mamba2StepArgs& a) {
    GatedSsdStepOp op;
    op.ssd = opOf(a.ssd), op.z = a.z, op.z_stride = a.z_stride, op.y = a.y;
    m_runtime->launch([op](void* stream) { gatedSsdStep(stream, op); });
}

}  // namespace perfmamba::kernels::cuda
