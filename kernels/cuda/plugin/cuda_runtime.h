// A GPU as a Runtime: the CUDA runtime library, and cublasLt for products. The only file besides its neighbours here
// that calls CUDA; every call goes through checked().
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <vector>

#include "kernels/cuda/nvml/sampler.h"
#include "kernels/cuda/plugin/products.h"
#include "kernels/cuda/plugin/runtime.h"
#include "kernels/devices.h"

namespace perfmamba::kernels::cuda {

/// A line for each GPU, or the one line that says why there is none. Never throws for what a machine lacks.
std::vector<DeviceChoice> listDevices();

class CudaRuntime final : public Runtime {
public:
    /// Throws Error where the GPU of that number cannot be used.
    explicit CudaRuntime(int index);
    ~CudaRuntime() override;

    [[nodiscard]] const DeviceInfo& device() const override { return m_device; }
    [[nodiscard]] DeviceReading reading() const override { return m_sensors->latest(); }
    [[nodiscard]] void* context() const override { return m_context; }
    [[nodiscard]] void* stream() const override { return m_stream; }
    [[nodiscard]] void* allocate(std::size_t bytes) override;
    void release(void* block) noexcept override;
    [[nodiscard]] void* allocatePinned(std::size_t bytes) override;
    void releasePinned(void* block) noexcept override;
    [[nodiscard]] MemoryLeft memoryLeft() override;
    void zero(void* target, std::size_t bytes) override;
    void copy(void* target, const void* source, std::size_t bytes) override;
    void upload(void* target, const void* source, std::size_t bytes) override;
    void download(void* target, const void* source, std::size_t bytes) override;
    void wait() override;
    void multiply(const Gemm& gemm) override;
    [[nodiscard]] std::size_t workspaceForMultiply() const override;
    [[nodiscard]] Event makeEvent() override;
    void destroy(Event event) noexcept override;
    void record(Event event) override;
    void waitFor(Event event) override;
    [[nodiscard]] double microsecondsBetween(Event begin, Event end) override;
    void beginCapture() override;
    [[nodiscard]] Captured endCapture() override;
    void abandonCapture() noexcept override;
    void launch(Graph graph) override;
    void destroyGraph(Graph graph) noexcept override;
    using Runtime::launch;

protected:
    [[noreturn]] void refuse(int code) override;

private:
    /// Throws for anything but success: once for all where the device is gone.
    void checked(const char* doing, cudaError_t code);
    [[nodiscard]] std::int64_t runsOf(cudaGraph_t graph);

    DeviceInfo m_device;
    void* m_context = nullptr;
    cudaStream_t m_stream = nullptr;
    std::unique_ptr<Products> m_products;
    std::unique_ptr<nvml::Sampler> m_sensors;
    bool m_capturing = false;
};

}  // namespace perfmamba::kernels::cuda
