// What the CUDA backend needs of a device: memory, one stream, events, graphs and matrix products. No CUDA type stands
// here. CudaRuntime (cuda_runtime.h) is the device; HostRuntime (host_runtime.h) runs the same backend on the host,
// kernel by kernel in the SIMT executor, for tests.
//
// One thread. Everything on the stream runs in order; only wait(), download() and waitFor() wait. All but what is
// noexcept throws Error for what the device refuses. A fault that the device does not recover from (an illegal access,
// a device that fell off the bus) is told by the call that meets it, and by every call after it in the same words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/ops.h"
#include "kernels/error.h"

namespace perfmamba::kernels::cuda {

/// y (M, N) = x (M, K; row stride x_stride) · weight (N, K)ᵀ, summed in float32. y is dense, of x's type or float32.
struct Gemm {
    std::int64_t rows = 0, inputs = 0, outputs = 0;
    ConstElements x;
    std::int64_t x_stride = 0;
    ConstElements weight;
    Elements y;
    bool accumulate = false;  // y += instead
    void* workspace = nullptr;
    std::size_t workspace_bytes = 0;
};

struct MemoryLeft {
    std::int64_t free_bytes = 0;
    std::int64_t total_bytes = 0;
};

class Runtime {
public:
    using Event = void*;
    using Graph = void*;
    struct Captured {
        Graph graph = nullptr;
        std::int64_t runs = 0;  // kernels, copies and fills in it
    };

    Runtime() = default;
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;
    virtual ~Runtime() = default;

    /// Without a precision: that is the backend's.
    [[nodiscard]] virtual const DeviceInfo& device() const = 0;
    /// What the device's sensors say. Any thread.
    [[nodiscard]] virtual DeviceReading reading() const { return {}; }
    /// The CUcontext and cudaStream_t, for the tracer; null on the host.
    [[nodiscard]] virtual void* context() const = 0;
    [[nodiscard]] virtual void* stream() const = 0;

    /// Null where there is not enough memory. Aligned to 256 bytes at least.
    [[nodiscard]] virtual void* allocate(std::size_t bytes) = 0;
    virtual void release(void* block) noexcept = 0;
    /// Memory of the host that the device copies from without the host's help.
    [[nodiscard]] virtual void* allocatePinned(std::size_t bytes) = 0;
    virtual void releasePinned(void* block) noexcept = 0;
    [[nodiscard]] virtual MemoryLeft memoryLeft() = 0;

    virtual void zero(void* target, std::size_t bytes) = 0;
    virtual void copy(void* target, const void* source, std::size_t bytes) = 0;
    /// From pinned memory, which has to stay as it is until the stream has come past.
    virtual void upload(void* target, const void* source, std::size_t bytes) = 0;
    /// Waits for the stream, and then for the copy.
    virtual void download(void* target, const void* source, std::size_t bytes) = 0;
    virtual void wait() = 0;
    virtual void multiply(const Gemm& gemm) = 0;
    /// What multiply() does best with.
    [[nodiscard]] virtual std::size_t workspaceForMultiply() const = 0;
    /// Calls `work(stream)`, which launches kernels (ops.h).
    template <class Work>
    void launch(const Work& work) {
        check();
        if (m_deferred) return m_deferred->push_back([work] { work(nullptr); });
        onLaunch();
        try {
            work(stream());
        } catch (const LaunchError& refused) {
            refuse(refused.code);
        }
    }

    [[nodiscard]] virtual Event makeEvent() = 0;
    virtual void destroy(Event event) noexcept = 0;
    /// On the stream. Inside a capture the event is recorded by every launch of the graph.
    virtual void record(Event event) = 0;
    virtual void waitFor(Event event) = 0;
    /// Both have happened.
    [[nodiscard]] virtual double microsecondsBetween(Event begin, Event end) = 0;

    /// Until endCapture() what is put on the stream is not run, but becomes a graph.
    virtual void beginCapture() = 0;
    [[nodiscard]] virtual Captured endCapture() = 0;
    /// Ends a capture and forgets it.
    virtual void abandonCapture() noexcept = 0;
    virtual void launch(Graph graph) = 0;
    virtual void destroyGraph(Graph graph) noexcept = 0;

    /// Whether the device is gone for good.
    [[nodiscard]] bool lost() const { return m_lost.has_value(); }
    /// Throws where it is.
    void check() const {
        if (m_lost) throw Error(*m_lost);
    }

protected:
    /// Before each launch, for a runtime that watches them.
    virtual void onLaunch() {}
    /// Throws for a launch that was refused.
    [[noreturn]] virtual void refuse(int code) = 0;
    /// Remembers that the device is gone, and throws.
    [[noreturn]] void lose(const std::string& how) {
        m_lost = Error("device " + device().id, "is lost: " + how, "start the program again, or choose 'cpu'");
        throw Error(*m_lost);
    }

    /// Where launches are kept while a runtime without graphs of its own captures.
    std::vector<std::function<void()>>* m_deferred = nullptr;

private:
    std::optional<Error> m_lost;
};

}  // namespace perfmamba::kernels::cuda
