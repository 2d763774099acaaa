#include "core/profile/measure_ceilings.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/profile/system_info.h"
#include "kernels/error.h"

namespace perfmamba::profile {
namespace {

using kernels::Backend;
using kernels::Buffer;
using kernels::Weight;

// Of what is measured below: one more where kept ceilings are to be measured again.
constexpr int kRevision = 2;

// A GPU's special function units, results a clock of a multiprocessor (CUDA C++ Programming Guide, throughput of native
// arithmetic instructions, compute capability 7.x to 10.0).
constexpr double kSpecialFunctionsPerClock = 16;
// Of what is left: a device that is nearly full is not filled up for the sake of its ceilings.
constexpr std::int64_t kShareOfMemory = 4;
// A product is large when it takes this long; a larger one would only take longer.
constexpr double kLargeProduct_s = 0.1;
constexpr std::int64_t kSmallestEdge = 512;
constexpr int kMostCalls = 200;

// What is gated and scanned within caches. A task of the CPU's row-wise loops is 16 such rows.
constexpr std::int64_t kGateWidth = 1024;
constexpr std::int64_t kGateRowsPerThread = 32;
constexpr std::int64_t kGpuGateRows = 4096;
constexpr std::int64_t kScanLength = 128;
constexpr std::int64_t kScanChannels = 4096;
constexpr std::int64_t kScanStates = 64;

class Meter {
public:
    Meter(Backend& backend, const CeilingSizes& sizes, const CeilingObserver& observer, const std::stop_token& stop)
        : m_backend(backend), m_sizes(sizes), m_observer(observer), m_stop(stop) {
        const auto room = static_cast<std::size_t>(std::max<std::int64_t>(0, backend.available_bytes())) /
                          static_cast<std::size_t>(kShareOfMemory);
        m_sizes.stream_bytes = std::min(m_sizes.stream_bytes, room / 2);
        const auto element = static_cast<double>(sizeOf(backend.device().precision));
        while (m_sizes.edge > kSmallestEdge &&
               3 * element * static_cast<double>(m_sizes.edge * m_sizes.edge) > static_cast<double>(room)) {
            m_sizes.edge /= 2;
        }
    }

    Ceilings measure() {
        Ceilings ceilings = ceilingsOf(m_backend);
        say(0, "memory");
        ceilings.bytes_per_s = streaming();
        say(0.3, "preparing a matrix");
        const Weight matrix = load(kernels::WeightUse::Matrix);
        say(0.4, "memory");
        ceilings.bytes_per_s = std::max(ceilings.bytes_per_s, reading(matrix));
        say(0.5, "products");
        ceilings.flops_per_s = products(matrix);
        say(0.9, "exponentials");
        ceilings.exponentials_per_s = std::max({gating(), scanning(), specialFunctions()});
        ceilings.taken = now();
        say(1, "done");
        return ceilings;
    }

private:
    void say(double done, const std::string& what) const {
        if (m_stop.stop_requested()) throw Cancelled();
        if (!m_observer) return;
        Progress progress;
        progress.done = done;
        progress.what = "what the device can do: " + what;
        m_observer(progress);
    }

    /// Seconds of one pass of `calls`, for one call.
    template <class Work>
    double secondsOf(int calls, const Work& work) const {
        if (m_stop.stop_requested()) throw Cancelled();
        m_backend.beginPass(false);
        for (int i = 0; i < calls; ++i) work();
        return m_backend.endPass().total_us * 1e-6 / calls;
    }

    /// The best of some passes, each of as many calls as make it long enough. The first call finds everything cold.
    template <class Work>
    double best(const Work& work) const {
        (void)secondsOf(1, work);
        double seconds = secondsOf(1, work);
        const int calls = std::clamp(static_cast<int>(m_sizes.pass_s / std::max(seconds, 1e-9)), 1, kMostCalls);
        for (int pass = 0; pass < m_sizes.passes; ++pass) seconds = std::min(seconds, secondsOf(calls, work));
        return seconds;
    }

    Buffer zeros(std::int64_t elements, DType type) const {
        Buffer buffer = m_backend.allocate(MemoryKind::Workspace, static_cast<std::size_t>(elements), type);
        m_backend.fillZero(buffer);
        return buffer;
    }
    Buffer activations(std::int64_t elements) const { return zeros(elements, m_backend.device().activations); }

    double streaming() const {
        const auto rows =
            static_cast<std::int64_t>(m_sizes.stream_bytes / sizeOf(m_backend.device().activations)) / kGateWidth;
        const Buffer from = activations(rows * kGateWidth);
        Buffer to = activations(rows * kGateWidth);
        const auto bytes = static_cast<double>(from.bytes());
        const double copied = 2 * bytes / best([&] { m_backend.copy(from, to); });
        const double gated =
            3 * bytes / best([&] { m_backend.gate(to.view(), from.view(), kGateWidth, rows, kGateWidth); });
        return std::max(copied, gated);
    }

    /// Numbers that differ: some devices are faster on zeros.
    Weight load(kernels::WeightUse use) const {
        std::vector<float> values(static_cast<std::size_t>(m_sizes.edge * m_sizes.edge));
        std::uint32_t state = 1;
        for (float& value : values) {
            state = state * 1664525U + 1013904223U;  // Numerical Recipes' generator
            value = static_cast<float>(state >> 8U) / static_cast<float>(1U << 24U) - 0.5F;
        }
        return m_backend.load(HostTensor::fromFloat("matrix", {m_sizes.edge, m_sizes.edge}, std::move(values)), use);
    }

    /// One row times the matrix; 0 where caches might hold it.
    double reading(const Weight& matrix) const {
        const auto bytes = static_cast<double>(m_sizes.edge * m_sizes.edge) *
                           static_cast<double>(sizeOf(m_backend.device().precision));
        if (bytes < 2 * static_cast<double>(m_backend.device().cache_bytes)) return 0;
        const Buffer x = activations(m_sizes.edge);
        const Buffer y = activations(m_sizes.edge);
        return bytes / best([&] { m_backend.linear(x.view(), m_sizes.edge, matrix, {}, y.view(), 1); });
    }

    /// The matrix times itself; where activations are of another type, times the same in that.
    double products(const Weight& matrix) const {
        Weight same;
        if (matrix.data.type != m_backend.device().activations) same = load(kernels::WeightUse::Parameter);
        const kernels::ConstElements x = same.data ? same.data : matrix.data;
        double rate = 0;
        for (std::int64_t edge = std::min(kSmallestEdge, m_sizes.edge); edge <= m_sizes.edge; edge *= 2) {
            say(0.5 + 0.4 * static_cast<double>(edge) / static_cast<double>(2 * m_sizes.edge), "products");
            Weight part = matrix;  // its first edge² numbers
            part.rows = part.cols = edge;
            const Buffer y = activations(edge * edge);
            const double seconds = best([&] { m_backend.linear(x, edge, part, {}, y.view(), edge); });
            rate = std::max(rate, 2 * std::pow(static_cast<double>(edge), 3) / seconds);
            if (seconds > kLargeProduct_s) break;
        }
        return rate;
    }

    double gating() const {
        const int threads = m_backend.device().threads;
        const std::int64_t rows = threads > 0 ? threads * kGateRowsPerThread : kGpuGateRows;
        const Buffer y = activations(rows * kGateWidth);
        const Buffer z = activations(rows * kGateWidth);
        return static_cast<double>(rows * kGateWidth) /
               best([&] { m_backend.gate(y.view(), z.view(), kGateWidth, rows, kGateWidth); });
    }

    double scanning() const {
        const Buffer x = activations(kScanLength * kScanChannels);
        const Buffer dt = activations(kScanLength * kScanChannels);
        const Buffer y = activations(kScanLength * kScanChannels);
        const Buffer bc = activations(kScanLength * kScanStates);
        const Buffer a = zeros(kScanStates * kScanChannels, DType::F32);
        const Buffer h = zeros(kScanStates * kScanChannels, DType::F32);
        const Buffer d = zeros(kScanChannels, DType::F32);
        kernels::SelectiveScanArgs args;
        args.batch = 1;
        args.length = kScanLength;
        args.channels = kScanChannels;
        args.states = kScanStates;
        args.x = x.view();
        args.dt = dt.view();
        args.A = a.data();
        args.B = bc.view();
        args.C = bc.view();
        args.bc_stride = kScanStates;
        args.D = d.data();
        args.h = h.data();
        args.y = y.view();
        const auto exponentials = static_cast<double>(kScanLength * kScanChannels * (kScanStates + 2));
        return exponentials / best([&] { m_backend.selectiveScan(args); });
    }

    [[nodiscard]] double specialFunctions() const {
        const kernels::DeviceInfo& device = m_backend.device();
        return device.multiprocessors * kSpecialFunctionsPerClock * device.clock_mhz * 1e6;
    }

    Backend& m_backend;
    CeilingSizes m_sizes;
    const CeilingObserver& m_observer;
    const std::stop_token& m_stop;
};

}  // namespace

Ceilings ceilingsOf(const Backend& backend) {
    const kernels::DeviceInfo& device = backend.device();
    Ceilings ceilings;
    ceilings.device = device.name;
    ceilings.instructions = device.instructions;
    ceilings.driver = backend.reading().source;
    ceilings.precision = name(device.precision);
    ceilings.threads = device.threads;
    ceilings.version = PERFMAMBA_VERSION;
    ceilings.revision = kRevision;
    ceilings.cache_bytes = device.cache_bytes;
    return ceilings;
}

Ceilings measureCeilings(Backend& backend, const CeilingSizes& sizes, const CeilingObserver& observer,
                         const std::stop_token& stop) {
    backend.setTrace(TraceMode::Off);
    const Ceilings ceilings = Meter(backend, sizes, observer, stop).measure();
    backend.trim();
    return ceilings;
}

}  // namespace perfmamba::profile
