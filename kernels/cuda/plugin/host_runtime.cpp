#include "kernels/cuda/plugin/host_runtime.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "kernels/cuda/simt/executor.h"
#include "kernels/cuda/simt/numbers.h"

namespace perfmamba::kernels::cuda {
namespace {

constexpr std::size_t kAlignment = 256;
// A NaN in every type: whoever reads what nobody has written shows it.
constexpr int kUnwritten = 0xff;

std::vector<float> toFloats(ConstElements from, std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    convertToFloat(from.type, static_cast<const std::byte*>(from.data), values.size(), values.data());
    return values;
}

void storeFloat(Elements to, float value) {
    switch (to.type) {
        case DType::F32: *to.f32() = value; return;
        case DType::F16: *static_cast<simt::Half*>(to.data) = simt::fromFloat<simt::Half>(value); return;
        case DType::BF16: *static_cast<simt::BFloat16*>(to.data) = simt::fromFloat<simt::BFloat16>(value); return;
    }
}

void multiplyPlainly(const Gemm& g) {
    const std::vector<float> weight = toFloats(g.weight, g.outputs * g.inputs);
    for (std::int64_t row = 0; row < g.rows; ++row) {
        const std::vector<float> x = toFloats(g.x + row * g.x_stride, g.inputs);
        for (std::int64_t out = 0; out < g.outputs; ++out) {
            const Elements y = g.y + (row * g.outputs + out);
            float sum = g.accumulate ? toFloats(y, 1)[0] : 0;
            const float* w = weight.data() + out * g.inputs;
            for (std::int64_t i = 0; i < g.inputs; ++i) sum += x[static_cast<std::size_t>(i)] * w[i];
            storeFloat(y, sum);
        }
    }
}

}  // namespace

struct HostRuntime::HostEvent {
    std::chrono::steady_clock::time_point time;
};

struct HostRuntime::HostGraph {
    std::vector<std::function<void()>> work;
};

HostRuntime::HostRuntime(const Options& options) : m_options(options) {
    m_device.id = "cuda:0";
    m_device.name = "SIMT executor";
    m_device.instructions = "host";
    m_device.threads = 0;
    m_device.memory_bytes = options.memory_bytes;
}

HostRuntime::~HostRuntime() {
    delete m_capture;
    for (const auto& [block, bytes] : m_blocks) std::free(block);
}

void* HostRuntime::allocate(std::size_t bytes) {
    check();
    const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (m_used + static_cast<std::int64_t>(rounded) > m_options.memory_bytes) return nullptr;
    void* block = std::aligned_alloc(kAlignment, rounded);
    if (!block) return nullptr;
    std::memset(block, kUnwritten, rounded);
    m_blocks.emplace(block, rounded);
    m_used += static_cast<std::int64_t>(rounded);
    return block;
}

void HostRuntime::release(void* block) noexcept {
    const auto found = m_blocks.find(block);
    if (found == m_blocks.end()) return;
    m_used -= static_cast<std::int64_t>(found->second);
    m_blocks.erase(found);
    std::free(block);
}

void* HostRuntime::allocatePinned(std::size_t bytes) {
    return std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
}

void HostRuntime::releasePinned(void* block) noexcept {
    std::free(block);
}

MemoryLeft HostRuntime::memoryLeft() {
    check();
    return {m_options.memory_bytes - m_used, m_options.memory_bytes};
}

/// One more thing on the stream.
void HostRuntime::step() {
    check();
    if (m_options.lost_after == 0) lose("an illegal memory access was met");
    if (m_options.lost_after > 0) --m_options.lost_after;
}

template <class Work>
void HostRuntime::enqueue(const Work& work) {
    if (m_deferred) {
        return m_deferred->push_back([work] {
            simt::host::catchUp();
            work();
        });
    }
    step();
    work();
}

/// What a stream that captures does not take.
void HostRuntime::forbidInCapture(const char* what) const {
    if (m_capture) throw Error("capture", fmt::format("{} while a graph is captured", what));
}

void HostRuntime::zero(void* target, std::size_t bytes) {
    enqueue([=] { std::memset(target, 0, bytes); });
}

void HostRuntime::copy(void* target, const void* source, std::size_t bytes) {
    enqueue([=] { std::memcpy(target, source, bytes); });
}

void HostRuntime::upload(void* target, const void* source, std::size_t bytes) {
    enqueue([=] { std::memcpy(target, source, bytes); });
}

void HostRuntime::download(void* target, const void* source, std::size_t bytes) {
    forbidInCapture("a copy to the host");
    step();
    std::memcpy(target, source, bytes);
}

void HostRuntime::wait() {
    forbidInCapture("waiting");
    check();
}

void HostRuntime::multiply(const Gemm& gemm) {
    enqueue([gemm] { multiplyPlainly(gemm); });
}

Runtime::Event HostRuntime::makeEvent() {
    check();
    return new HostEvent;
}

void HostRuntime::destroy(Event event) noexcept {
    delete static_cast<HostEvent*>(event);
}

void HostRuntime::record(Event event) {
    enqueue([event] { static_cast<HostEvent*>(event)->time = std::chrono::steady_clock::now(); });
}

void HostRuntime::waitFor(Event /*event*/) {
    forbidInCapture("waiting for an event");
    check();
}

double HostRuntime::microsecondsBetween(Event begin, Event end) {
    check();
    return std::chrono::duration<double, std::micro>(static_cast<HostEvent*>(end)->time -
                                                     static_cast<HostEvent*>(begin)->time)
        .count();
}

void HostRuntime::beginCapture() {
    check();
    m_capture = new HostGraph;
    m_deferred = &m_capture->work;
}

Runtime::Captured HostRuntime::endCapture() {
    check();
    m_deferred = nullptr;
    const auto runs = static_cast<std::int64_t>(m_capture->work.size());
    return {std::exchange(m_capture, nullptr), runs};
}

void HostRuntime::abandonCapture() noexcept {
    m_deferred = nullptr;
    delete std::exchange(m_capture, nullptr);
}

void HostRuntime::launch(Graph graph) {
    simt::host::Overlapping kernels(m_graph_launches++ % 2 == 0);
    for (const std::function<void()>& work : static_cast<HostGraph*>(graph)->work) {
        step();
        work();
    }
    kernels.end();
}

void HostRuntime::destroyGraph(Graph graph) noexcept {
    delete static_cast<HostGraph*>(graph);
}

void HostRuntime::refuse(int code) {
    throw Error("device cuda:0", fmt::format("refused to start a kernel ({})", code));
}

}  // namespace perfmamba::kernels::cuda
