#include "tests/gpu/benchmark.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "core/profile/cost_model.h"
#include "core/profile/profiler.h"

namespace perfmamba::tests {
namespace {

using kernels::Backend;
using kernels::Buffer;
using profile::Mode;

constexpr double kMicro = 1e-6;

// What we promise, of an H200; see the table's heading.
constexpr double kScanShare = 0.6;       // of its floor's speed, from kLongPrompt on
constexpr double kSsdTimesFloor = 2.5;   // the same
constexpr double kDecodeShare = 0.7;     // of the floor's speed, for models of a billion parameters and more
constexpr double kSmallDecode_us = 250;  // a token, for smaller ones
constexpr std::int64_t kLongPrompt = 1024;
constexpr std::int64_t kLarge = 1'000'000'000;

/// Seconds of one call, the best of some passes of many.
template <class Work>
double secondsOf(Backend& backend, int calls, const Work& work) {
    double best = HUGE_VAL;
    for (int pass = 0; pass < 5; ++pass) {
        backend.beginPass(false);
        for (int i = 0; i < calls; ++i) work();
        best = std::min(best, backend.endPass().total_us * kMicro / calls);
    }
    return best;
}

/// The matrix products of the SSD over chunks of Q: FLOPs a token and layer = Q·(2·N + D) + 4·N·D, one group.
double ssdFlops(const model::Config& c, std::int32_t layer, std::int64_t length) {
    const auto q = static_cast<double>(std::min(c.chunk_size, length));
    const auto n = static_cast<double>(c.states(layer));
    const auto d = static_cast<double>(c.d_inner);
    return static_cast<double>(length) * (q * (2 * n + d) + 4 * n * d);
}

double layerFloor(Component component, const model::Config& c, std::int32_t layer, std::int64_t length,
                  profile::Precision precision, const Ceilings& ceilings) {
    const profile::Cost cost = profile::costOf(component, c, layer, 1, length, precision);
    const double by_bytes = cost.bytes / ceilings.bytes_per_s;
    switch (component) {
        case Component::InProj:
        case Component::XProj:
        case Component::DtProj:
        case Component::OutProj:
        case Component::LmHead: return std::max(by_bytes, cost.flops / ceilings.flops_per_s);
        case Component::Ssm: break;
        default: return by_bytes;
    }
    if (c.architecture == model::Architecture::Mamba2) {
        return length == 1 ? by_bytes : std::max(by_bytes, ssdFlops(c, layer, length) / ceilings.flops_per_s);
    }
    const double exponentials = static_cast<double>(length * c.d_inner) * static_cast<double>(c.states(layer) + 4);
    return ceilings.exps_per_s > 0 ? std::max(by_bytes, exponentials / ceilings.exps_per_s) : by_bytes;
}

bool isInLayers(Component component) {
    switch (component) {
        case Component::Embedding:
        case Component::NormF:
        case Component::LmHead:
        case Component::Other: return false;
        default: return true;
    }
}

/// One line of the table, and what it breaks.
class Row {
public:
    /// @param total_us of a pass that nobody traced
    Row(engine::Engine& engine, const Ceilings& ceilings, Mode mode, double total_us, const profile::Point& traced)
        : m_engine(engine), m_ceilings(ceilings), m_mode(mode), m_total_us(total_us), m_point(traced) {}

    void print() const {
        const double ssm = ssm_us();
        fmt::print("{:16} {:7} {:6} | {:10.1f} {:10.1f} {:5.2f} | {:10.1f} {:10.1f} {:5.2f}\n",
                   m_engine.checkpoint().name(), profile::name(m_mode), m_point.length, m_total_us, total_floor_us(),
                   total_floor_us() / m_total_us, ssm, ssm_floor_us(), ssm_floor_us() / ssm);
    }

    void judge(std::vector<std::string>& broken) const {
        const auto promise = [&](bool kept, const std::string& what) {
            if (kept) return;
            broken.push_back(fmt::format("{}, {} {}: {}", m_engine.checkpoint().name(), profile::name(m_mode),
                                         m_point.length, what));
        };
        if (m_mode == Mode::Decode) {
            if (m_engine.checkpoint().parameters() >= kLarge) {
                promise(total_floor_us() >= kDecodeShare * m_total_us,
                        fmt::format("a token takes {:.0f} µs, its floor is "
                                    "{:.0f}",
                                    m_total_us, total_floor_us()));
            } else {
                promise(m_total_us < kSmallDecode_us, fmt::format("a token takes {:.0f} µs", m_total_us));
            }
            return;
        }
        if (m_point.length < kLongPrompt) return;
        const bool mamba1 = m_engine.config().architecture == model::Architecture::Mamba1;
        const double allowed = mamba1 ? ssm_floor_us() / kScanShare : ssm_floor_us() * kSsdTimesFloor;
        promise(ssm_us() <= allowed, fmt::format("{} takes {:.0f} µs, its floor is {:.0f}", mamba1 ? "the scan" : "SSD",
                                                 ssm_us(), ssm_floor_us()));
    }

private:
    [[nodiscard]] double ssm_us() const {
        const profile::ComponentCost* ssm = m_point.find(Component::Ssm);
        return ssm ? ssm->time.median : NAN;
    }
    [[nodiscard]] double floor_us(Component component) const {
        return floorOf(component, m_engine.config(), m_mode, m_point.length,
                       profile::precisionOf(m_engine.backend().device()), m_ceilings) /
               kMicro;
    }
    [[nodiscard]] double ssm_floor_us() const { return floor_us(Component::Ssm); }
    [[nodiscard]] double total_floor_us() const {
        double sum = 0;
        for (const Component component : kComponents) sum += floor_us(component);
        return sum;
    }

    engine::Engine& m_engine;
    const Ceilings& m_ceilings;
    Mode m_mode;
    double m_total_us;
    const profile::Point& m_point;
};

}  // namespace

Ceilings measureCeilings(Backend& backend) {
    constexpr std::size_t kFloats = std::size_t{256} << 20;  // a gigabyte: no cache holds it
    constexpr std::int64_t kEdge = 4096;
    Ceilings ceilings;
    {
        Buffer from = backend.allocate(MemoryKind::Workspace, kFloats);
        Buffer to = backend.allocate(MemoryKind::Workspace, kFloats);
        backend.fillZero(from);
        const double seconds = secondsOf(backend, 20, [&] { backend.copy(from, to); });
        ceilings.bytes_per_s = 2.0 * static_cast<double>(from.bytes()) / seconds;
    }
    const DType precision = backend.device().precision;
    std::vector<float> values(static_cast<std::size_t>(kEdge * kEdge));
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(i * 2654435761U % 1000) / 1000 - 0.5F;
    const kernels::Weight matrix =
        backend.load(HostTensor::fromFloat("matrix", {kEdge, kEdge}, std::move(values)), kernels::WeightUse::Matrix);
    const Buffer y = backend.allocate(MemoryKind::Workspace, static_cast<std::size_t>(kEdge * kEdge), precision);
    const double seconds =
        secondsOf(backend, 50, [&] { backend.linear(matrix.data, kEdge, matrix, {}, y.view(), kEdge); });
    ceilings.flops_per_s = 2.0 * std::pow(static_cast<double>(kEdge), 3) / seconds;
    const kernels::DeviceInfo& device = backend.device();
    ceilings.exps_per_s = device.multiprocessors * 16.0 * device.clock_mhz * 1e6;
    return ceilings;
}

double floorOf(Component component, const model::Config& config, Mode mode, std::int64_t length,
               profile::Precision precision, const Ceilings& ceilings) {
    const std::int64_t tokens = mode == Mode::Decode ? 1 : length;
    if (!isInLayers(component)) return layerFloor(component, config, kNoLayer, tokens, precision, ceilings);
    double sum = 0;
    for (std::int32_t layer = 0; layer < config.n_layer; ++layer) {
        sum += layerFloor(component, config, layer, tokens, precision, ceilings);
    }
    return sum;
}

std::vector<std::string> benchmark(engine::Engine& engine, const Ceilings& ceilings, double budget_s) {
    const auto measure = [&](Mode mode, TraceMode trace) {
        profile::Options options;
        options.mode = mode;
        options.lengths = mode == Mode::Decode ? std::vector<std::int64_t>{1024}
                                               : std::vector<std::int64_t>{64, 256, 1024, 4096, 16384};
        options.budget_s = budget_s;
        options.trace = trace;
        return profile::run(engine, options, profile::provenanceOf(engine.backend().device()));
    };
    // All whole passes first: a process that was traced stays a little slower.
    constexpr std::array kModes = {Mode::Prefill, Mode::Decode};
    std::array<std::shared_ptr<const profile::Profile>, kModes.size()> whole;
    std::ranges::transform(kModes, whole.begin(), [&](Mode mode) { return measure(mode, TraceMode::Off); });
    std::vector<std::string> broken;
    for (std::size_t i = 0; i < kModes.size(); ++i) {
        const auto traced = measure(kModes[i], TraceMode::Auto);
        for (std::size_t j = 0; j < traced->points.size(); ++j) {
            const Row row(engine, ceilings, kModes[i], whole[i]->points.at(j).total.median, traced->points[j]);
            row.print();
            row.judge(broken);
        }
    }
    return broken;
}

}  // namespace perfmamba::tests
