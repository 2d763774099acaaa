// The CUDA device as a Backend, over a Runtime: the same code runs on a GPU and, in tests, on the host.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "kernels/backend.h"
#include "kernels/cuda/plugin/arena.h"
#include "kernels/cuda/plugin/graphs.h"
#include "kernels/cuda/plugin/recorder.h"
#include "kernels/cuda/plugin/runtime.h"
#include "kernels/cuda/plugin/staging.h"
#include "kernels/cuda/trace.h"

namespace perfmamba::kernels::cuda {

/// One stream. Nothing waits for it but toHost(), beginPass() and endPass(); nothing comes to the host but what
/// toHost() is asked for. After a fault that the device does not recover from, everything throws the same Error.
class CudaBackend final : public Backend, private FusedSteps {
public:
    /// @param tracer may be null: then spans are timed by events
    CudaBackend(std::unique_ptr<Runtime> runtime, std::unique_ptr<Tracer> tracer, DType precision);
    ~CudaBackend() override;

    [[nodiscard]] const DeviceInfo& device() const override { return m_device; }

    using Backend::allocate;
    [[nodiscard]] Buffer allocate(MemoryKind kind, std::size_t elements, DType type) override;
    [[nodiscard]] Weight load(const HostTensor& tensor, WeightUse use) override;
    void fillZero(Buffer& buffer) override;
    void copy(const Buffer& source, Buffer& target) override;
    void toHost(const float* source, std::span<float> target) override;
    void trim() override;
    [[nodiscard]] const MemoryLedger& ledger() const override { return m_ledger; }
    [[nodiscard]] std::int64_t reserved_bytes() const override { return m_arena.reserved() + m_steps.reserved(); }
    [[nodiscard]] std::int64_t available_bytes() const override;

    void beginPass(bool record) override;
    PassRecord endPass() override;
    void beginSpan(Component component, Stage stage, std::int32_t layer) override;
    void endSpan() override;
    void setTrace(TraceMode mode) override;
    [[nodiscard]] TraceStatus traceStatus() const override;
    [[nodiscard]] CountedPass count(const std::function<void()>& pass) override;
    [[nodiscard]] DeviceReading reading() const override { return m_runtime->reading(); }

    [[nodiscard]] bool replays() const override { return true; }
    void replay(const ReplayKey& key, std::span<const std::int32_t> tokens, const std::function<void()>& work) override;

    [[nodiscard]] FusedSteps* fusedSteps(std::int64_t rows, std::int64_t inputs) override;

    void embed(std::span<const std::int32_t> tokens, const Weight& table, float* out) override;
    void addRmsNorm(float* residual, ConstElements delta, const Weight& weight, float eps, Elements out,
                    std::int64_t rows) override;
    void linear(ConstElements x, std::int64_t x_stride, const Weight& weight, const Weight& bias, Elements y,
                std::int64_t rows) override;
    void conv1d(const Conv1dArgs& args) override;
    void selectiveScan(const SelectiveScanArgs& args) override;
    void ssd(const SsdArgs& args) override;
    void observe(const SelectiveScanArgs& args, const Observation& observation) override;
    void observe(const SsdArgs& args, const Observation& observation) override;
    void plainRmsNorm(Elements x, std::int64_t x_stride, std::int64_t rows, const PlainNorm& norm) override;
    void maskColumns(Elements x, std::int64_t x_stride, std::int64_t rows, std::span<const std::uint8_t> keep) override;
    void gate(Elements y, ConstElements z, std::int64_t z_stride, std::int64_t rows, std::int64_t width) override;
    void gatedRmsNorm(Elements y, ConstElements z, std::int64_t z_stride, const Weight& weight, float eps,
                      std::int64_t groups, std::int64_t rows) override;

private:
    using Clock = std::chrono::steady_clock;
    /// Who times the spans of the pass under way.
    enum class Timing : std::uint8_t { None, Events, Tracer };

    void linearStep(const LinearStepArgs& args) override;
    void mamba1Step(const Mamba1StepArgs& args) override;
    void mamba2Step(const Mamba2StepArgs& args) override;

    void release(void* data, std::size_t bytes, MemoryKind kind) noexcept override;
    void charge(const void* block, MemoryKind kind, std::int64_t delta_bytes);
    void* take(std::size_t bytes);
    [[nodiscard]] Buffer workspace(std::size_t bytes);
    void upload(const HostTensor& tensor, Elements target);
    void forgetSteps();

    void uploadTokens(std::span<const std::int32_t> tokens);
    const std::uint8_t* flagsOnDevice(std::span<const std::uint8_t> keep);
    [[nodiscard]] Runtime::Event stamp();
    void endTracedPass();
    [[nodiscard]] bool tracerListens() const { return m_tracer && (m_counting || m_tracer->tracing()); }
    Recorder& recorder() { return m_capturing ? m_captured : m_recorder; }
    bool capture(Step& step, const std::function<void()>& work);
    void launch(Step& step);
    void repeatMemory(const Marks& marks);
    template <class Op>
    void observeAs(const Op& op, const Observation& observation);

    std::unique_ptr<Runtime> m_runtime;
    std::unique_ptr<Tracer> m_tracer;
    DeviceInfo m_device;
    MemoryLedger m_ledger;
    Recorder m_recorder;
    Recorder m_captured;
    Arena m_arena;
    EventPool m_events;
    StepCache m_steps;
    Staging m_staging;
    Buffer m_product_workspace;
    Buffer m_tokens;                        // int32
    std::map<std::string, Buffer> m_flags;  // masks on the device, by what they say

    Timing m_timing = Timing::None;
    Step* m_capturing = nullptr;
    bool m_tokens_are_there = false;  // inside replay()
    std::uint64_t m_pass = 0;
    bool m_recording = false;
    bool m_traced = false;  // the tracer was told of the pass under way
    bool m_counting = false;
    Runtime::Event m_pass_begin = nullptr;
    Clock::time_point m_pass_start;
    MemoryUse m_memory_at_start;
};

}  // namespace perfmamba::kernels::cuda
