// A Runtime without a device: kernels run in the SIMT executor, on the caller's thread, at once. For tests: slow, exact
// about what a device would be asked, and able to fail like one.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "kernels/cuda/plugin/runtime.h"

namespace perfmamba::kernels::cuda {

class HostRuntime final : public Runtime {
public:
    struct Options {
        std::int64_t memory_bytes = std::int64_t{4} << 30;
        /// Things put on the stream until the device is lost; negative: it never is.
        std::int64_t lost_after = -1;
    };
    explicit HostRuntime(const Options& options);
    ~HostRuntime() override;

    /// Launches of graphs so far.
    [[nodiscard]] std::int64_t graphLaunches() const { return m_graph_launches; }
    void loseAfter(std::int64_t calls) { m_options.lost_after = calls; }
    void setMemory(std::int64_t bytes) { m_options.memory_bytes = bytes; }

    [[nodiscard]] const DeviceInfo& device() const override { return m_device; }
    [[nodiscard]] void* context() const override { return nullptr; }
    [[nodiscard]] void* stream() const override { return nullptr; }
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
    [[nodiscard]] std::size_t workspaceForMultiply() const override { return 0; }
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
    void onLaunch() override { step(); }
    [[noreturn]] void refuse(int code) override;

private:
    struct HostEvent;
    struct HostGraph;
    template <class Work>
    void enqueue(const Work& work);
    void step();
    void forbidInCapture(const char* what) const;

    Options m_options;
    DeviceInfo m_device;
    std::map<void*, std::size_t> m_blocks;
    std::int64_t m_used = 0;
    std::int64_t m_graph_launches = 0;
    HostGraph* m_capture = nullptr;
};

}  // namespace perfmamba::kernels::cuda
