#include "kernels/cpu/cpu_backend.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "kernels/cpu/block_cache.h"
#include "kernels/cpu/dot_products.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/observe.h"
#include "kernels/cpu/ssd.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/cpu/vector_ops.h"
#include "kernels/cpu/weight_blocks.h"
#include "kernels/error.h"

namespace perfmamba::kernels::cpu {
namespace {

using Clock = std::chrono::steady_clock;

// Elements that one task of a row-wise loop takes: some microseconds, enough to hide the cost of handing it out.
constexpr std::int64_t kTaskElements = 16384;

// Weights are copied where they take no larger part of the machine's memory, and of what is free: a study holds two
// models.
constexpr std::int64_t kCopiedPart = 4;
constexpr std::int64_t kFreePart = 2;

int usableCores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::string processorName() {
    std::ifstream cpuinfo("/proc/cpuinfo");
    for (std::string line; std::getline(cpuinfo, line);) {
        const std::size_t colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "CPU";
}

/// The largest cache of the first processor, by the kernel's own list; 0 where there is none.
std::int64_t lastCacheBytes() {
    std::int64_t most = 0;
    for (int i = 0;; ++i) {
        std::ifstream size(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", i));
        std::int64_t kilobytes = 0;
        char unit = 0;
        if (!(size >> kilobytes >> unit) || unit != 'K') return most;
        most = std::max(most, kilobytes * 1024);
    }
}

/// Spans and allocations of the pass under way, by the steady clock.
class Recorder {
public:
    void begin(bool record, const MemoryUse& now) {
        m_record = record;
        m_pass = {};
        m_open.clear();
        m_owners.clear();
        m_pass.memory_at_start = now;
        m_start = Clock::now();
    }
    PassRecord end(const MemoryUse& peak) {
        m_pass.total_us = microseconds();
        m_pass.memory_peak = peak;
        m_record = false;
        return std::move(m_pass);
    }
    void beginSpan(Component component, Stage stage, std::int32_t layer) {
        if (!m_record) return;
        m_open.push_back(m_pass.spans.size());
        m_pass.spans.push_back({component, stage, layer, microseconds(), 0});
    }
    void endSpan() {
        if (!m_record || m_open.empty()) return;
        m_pass.spans[m_open.back()].end_us = microseconds();
        m_open.pop_back();
    }
    /// `block` tells a release whose allocation it ends.
    void memory(const void* block, MemoryKind kind, std::int64_t delta_bytes) {
        if (!m_record || delta_bytes == 0) return;
        Span owner;
        if (delta_bytes > 0) {
            if (!m_open.empty()) owner = m_pass.spans[m_open.back()];
            m_owners[block] = owner;
        } else if (const auto found = m_owners.find(block); found != m_owners.end()) {
            owner = found->second;
            m_owners.erase(found);
        }
        m_pass.memory.push_back({microseconds(), kind, owner.component, owner.layer, delta_bytes});
    }

private:
    [[nodiscard]] double microseconds() const {
        return std::chrono::duration<double, std::micro>(Clock::now() - m_start).count();
    }

    bool m_record = false;
    Clock::time_point m_start;
    PassRecord m_pass;
    std::vector<std::size_t> m_open;                 // indices of the spans that have not ended
    std::unordered_map<const void*, Span> m_owners;  // of the blocks allocated in this pass
};

class CpuBackend final : public Backend {
public:
    explicit CpuBackend(const BackendOptions& options) : m_device(describe(options.threads)), m_pool(m_device.threads) {
        m_device.precision = options.precision;
        m_device.chunk = options.chunk;
        m_device.longest_chunk = kBestChunk;
    }

    [[nodiscard]] const DeviceInfo& device() const override { return m_device; }

    using Backend::allocate;
    [[nodiscard]] Buffer allocate(MemoryKind kind, std::size_t elements, DType type) override {
        const std::size_t bytes = elements * sizeOf(type);
        void* data = m_blocks.take(bytes);
        if (!data) {
            throw Error(
                "memory",
                fmt::format("{:.1f} MB for {} are more than the {:.1f} MB that are left",
                            static_cast<double>(bytes) / 1e6, name(kind), static_cast<double>(availableMemory()) / 1e6),
                "choose a shorter length or a smaller batch");
        }
        charge(data, kind, static_cast<std::int64_t>(bytes));
        return {this, data, bytes, kind, type};
    }

    /// For all matrices, so that layers of one shape cost the same.
    void expectParameters(std::int64_t count, const Backend* beside) override {
        const std::int64_t bytes = count * static_cast<std::int64_t>(sizeOf(m_device.precision));
        m_copies = beside ? beside->copiesMatrices()
                          : bytes <= std::min(m_device.memory_bytes / kCopiedPart, availableMemory() / kFreePart);
    }
    [[nodiscard]] bool copiesMatrices() const override { return m_copies; }

    [[nodiscard]] Weight load(const HostTensor& tensor, WeightUse use) override {
        Weight weight;
        weight.rows = tensor.shape.size() > 1 ? tensor.shape[0] : 1;
        weight.cols = weight.rows > 0 ? tensor.elements() / weight.rows : 0;
        const DType type = use == WeightUse::Parameter ? DType::F32 : m_device.precision;
        if (use == WeightUse::Matrix) weight.order = bestOrder(type, weight.rows, weight.cols);
        const std::int64_t elements = orderedElements(weight.order, weight.rows, weight.cols);
        const bool usable = tensor.dtype == type && reinterpret_cast<std::uintptr_t>(tensor.data) % sizeOf(type) == 0;
        const bool copies = m_copies && (use == WeightUse::Matrix || use == WeightUse::Table);
        if (usable && !copies) {
            weight.order = WeightOrder::Rows;
            weight.data = {tensor.data, type};
            const auto bytes = static_cast<std::int64_t>(tensor.bytes());
            charge(tensor.data, MemoryKind::Weights, bytes);
            weight.owner = std::shared_ptr<const void>(
                tensor.data,
                [this, bytes, owner = tensor.owner](const void* data) { charge(data, MemoryKind::Weights, -bytes); });
        } else {
            auto copy =
                std::make_shared<Buffer>(allocate(MemoryKind::Weights, static_cast<std::size_t>(elements), type));
            putInOrder(m_pool, tensor, weight.order, copy->view());
            weight.data = copy->view();
            weight.owner = std::move(copy);
        }
        return weight;
    }

    void fillZero(Buffer& buffer) override { std::memset(buffer.view().data, 0, buffer.bytes()); }
    void copy(const Buffer& source, Buffer& target) override {
        std::memcpy(target.view().data, source.view().data, std::min(source.bytes(), target.bytes()));
    }
    void toHost(const float* source, std::span<float> target) override {
        std::memcpy(target.data(), source, target.size_bytes());
    }
    void trim() override { m_blocks.trim(); }
    [[nodiscard]] const MemoryLedger& ledger() const override { return m_ledger; }
    [[nodiscard]] std::int64_t reserved_bytes() const override { return m_blocks.reserved(); }
    [[nodiscard]] std::int64_t available_bytes() const override { return availableMemory(); }

    void beginPass(bool record) override {
        m_ledger.resetPeak();
        m_recorder.begin(record, m_ledger.current());
    }
    PassRecord endPass() override { return m_recorder.end(m_ledger.peak()); }
    void beginSpan(Component component, Stage stage, std::int32_t layer) override {
        m_recorder.beginSpan(component, stage, layer);
    }
    void endSpan() override { m_recorder.endSpan(); }

    void embed(std::span<const std::int32_t> tokens, const Weight& table, float* out) override {
        const std::int64_t width = table.cols;
        eachRow(static_cast<std::int64_t>(tokens.size()), width, [&](std::int64_t row) {
            widenRow(table.data + tokens[static_cast<std::size_t>(row)] * width, out + row * width, width);
        });
    }

    void addRmsNorm(float* residual, ConstElements delta, const Weight& weight, float eps, Elements out,
                    std::int64_t rows) override {
        const std::int64_t width = weight.cols;
        eachRow(rows, width, [&](std::int64_t row) {
            addRmsNormRow(residual + row * width, delta ? delta.f32() + row * width : nullptr, weight.f32(), eps,
                          out.f32() + row * width, width);
        });
    }

    void linear(ConstElements x, std::int64_t x_stride, const Weight& weight, const Weight& bias, Elements y,
                std::int64_t rows) override {
        cpu::linear(
            *this, m_pool,
            {x.f32(), x_stride, weight.data, bias.f32(), y.f32(), rows, weight.cols, weight.rows, weight.order});
    }

    void conv1d(const Conv1dArgs& args) override {
        const std::int64_t before = args.kernel - 1;
        eachRow(args.batch * args.length, args.channels, [&](std::int64_t row) {
            const std::int64_t b = row / args.length;
            const std::int64_t t = row % args.length;
            constexpr std::int64_t kFewInputs = 16;
            const float* few[kFewInputs];
            std::vector<const float*> many;
            const float** inputs = few;
            if (args.kernel > kFewInputs) {
                many.resize(static_cast<std::size_t>(args.kernel));
                inputs = many.data();
            }
            for (std::int64_t j = 0; j < args.kernel; ++j) {
                const std::int64_t source = t - before + j;
                inputs[j] = source >= 0 ? args.x.f32() + (b * args.length + source) * args.x_stride
                                        : args.state + (b * before + before + source) * args.channels;
            }
            conv1dRow(inputs, args.weight, args.bias, args.y.f32() + row * args.channels, args.kernel, args.channels);
        });
        for (std::int64_t b = 0; b < args.batch; ++b) keepLastInputs(args, b);
    }

    void selectiveScan(const SelectiveScanArgs& args) override {
        const bool step = args.length == 1;
        const std::int64_t width = step ? kStepChannels : kScanBlock;
        const std::int64_t blocks = (args.channels + width - 1) / width;
        for (std::int64_t begin = 0; begin < args.length; begin += kScanStretch) {
            const std::int64_t tokens = std::min(kScanStretch, args.length - begin);
            m_pool.run(args.batch * blocks, [&](std::int64_t i) {
                const std::int64_t first = i % blocks * width;
                const std::int64_t count = std::min(width, args.channels - first);
                if (step) {
                    selectiveScanStep(args, i / blocks, first, count);
                } else {
                    selectiveScanBlock(args, {i / blocks, begin, tokens, first, count});
                }
            });
        }
    }

    /// A block's y goes into lines that it has just read: they need not be fetched again to be written.
    [[nodiscard]] bool scansInPlace() const override { return true; }

    void ssd(const SsdArgs& args) override { cpu::ssd(*this, m_pool, args); }

    void observe(const SelectiveScanArgs& args, const Observation& observation) override {
        cpu::observe(*this, m_pool, args, observation);
    }
    void observe(const SsdArgs& args, const Observation& observation) override {
        cpu::observe(*this, m_pool, args, observation);
    }

    void plainRmsNorm(Elements x, std::int64_t x_stride, std::int64_t rows, const PlainNorm& norm) override {
        if (norm.width == 0) return;
        eachRow(rows, norm.width, [&](std::int64_t row) {
            float* values = x.f32() + row * x_stride;
            double squares = 0;
            for (std::int64_t i = 0; i < norm.width; ++i) squares += double{values[i]} * double{values[i]};
            const double mean = squares / static_cast<double>(norm.divisor);
            const auto scale = static_cast<float>(1 / std::sqrt(mean + double{norm.eps}));
            for (std::int64_t i = 0; i < norm.width; ++i) values[i] *= scale;
        });
    }

    void maskColumns(Elements x, std::int64_t x_stride, std::int64_t rows,
                     std::span<const std::uint8_t> keep) override {
        const auto width = static_cast<std::int64_t>(keep.size());
        eachRow(rows, width, [&](std::int64_t row) {
            float* values = x.f32() + row * x_stride;
            for (std::int64_t i = 0; i < width; ++i) {
                if (keep[static_cast<std::size_t>(i)] == 0) values[i] = 0;
            }
        });
    }

    void gate(Elements y, ConstElements z, std::int64_t z_stride, std::int64_t rows, std::int64_t width) override {
        eachRow(rows, width,
                [&](std::int64_t row) { gateRow(y.f32() + row * width, z.f32() + row * z_stride, width); });
    }

    void gatedRmsNorm(Elements y, ConstElements z, std::int64_t z_stride, const Weight& weight, float eps,
                      std::int64_t groups, std::int64_t rows) override {
        const std::int64_t width = weight.cols;
        eachRow(rows, width, [&](std::int64_t row) {
            gatedRmsNormRow(y.f32() + row * width, z.f32() + row * z_stride, weight.f32(), eps, groups, width);
        });
    }

private:
    template <class Task>
    void eachRow(std::int64_t rows, std::int64_t width, const Task& task) {
        const std::int64_t rows_per_task = std::max<std::int64_t>(1, kTaskElements / width);
        m_pool.run((rows + rows_per_task - 1) / rows_per_task, [&](std::int64_t i) {
            const std::int64_t end = std::min(rows, (i + 1) * rows_per_task);
            for (std::int64_t row = i * rows_per_task; row < end; ++row) task(row);
        });
    }

    /// The state after the call: the last K − 1 inputs, some of them still from before when L < K − 1.
    static void keepLastInputs(const Conv1dArgs& args, std::int64_t b) {
        const std::int64_t before = args.kernel - 1;
        const std::size_t row_bytes = static_cast<std::size_t>(args.channels) * sizeof(float);
        float* state = args.state + b * before * args.channels;
        for (std::int64_t j = 0; j < before; ++j) {
            const std::int64_t source = args.length - before + j;
            const float* input = source >= 0 ? args.x.f32() + (b * args.length + source) * args.x_stride
                                             : state + (before + source) * args.channels;
            std::memcpy(state + j * args.channels, input, row_bytes);
        }
    }

    void charge(const void* block, MemoryKind kind, std::int64_t delta_bytes) {
        m_ledger.add(kind, delta_bytes);
        m_recorder.memory(block, kind, delta_bytes);
    }

    void release(void* data, std::size_t bytes, MemoryKind kind) noexcept override {
        m_blocks.give(data);
        charge(data, kind, -static_cast<std::int64_t>(bytes));
    }

    DeviceInfo m_device;
    bool m_copies = true;  // of matrices
    ThreadPool m_pool;
    BlockCache m_blocks;
    MemoryLedger m_ledger;
    Recorder m_recorder;
};

}  // namespace

DeviceInfo describe(int threads) {
    DeviceInfo info;
    info.id = "cpu";
    info.name = processorName();
    info.instructions = instructionSet();
    info.threads = threads > 0 ? threads : usableCores();
    info.cache_bytes = lastCacheBytes();
    info.memory_bytes = static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
    return info;
}

std::unique_ptr<Backend> makeBackend(const BackendOptions& options) {
    return std::make_unique<CpuBackend>(options);
}

}  // namespace perfmamba::kernels::cpu
