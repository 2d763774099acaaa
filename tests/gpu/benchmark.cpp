#include "tests/gpu/benchmark.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "core/profile/floors.h"
#include "core/profile/profiler.h"

namespace perfmamba::tests {
namespace {

using profile::Mode;

// What we promise, of an H200; see the table's heading.
constexpr double kScanShare = 0.6;       // of its floor's speed, from kLongPrompt on
constexpr double kSsdTimesFloor = 2.5;   // the same
constexpr double kDecodeShare = 0.7;     // of the floor's speed, for models of a billion parameters and more
constexpr double kSmallDecode_us = 250;  // a token, for smaller ones
constexpr std::int64_t kLongPrompt = 1024;
constexpr std::int64_t kLarge = 1'000'000'000;

/// One line of the table, and what it breaks.
class Row {
public:
    /// @param total_us of a pass that nobody traced
    Row(engine::Engine& engine, Mode mode, double total_us, const profile::Point& traced)
        : m_engine(engine), m_mode(mode), m_total_us(total_us), m_point(traced) {}

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
    [[nodiscard]] double ssm_floor_us() const {
        const profile::ComponentCost* ssm = m_point.find(Component::Ssm);
        return ssm ? ssm->floor_us : NAN;
    }
    [[nodiscard]] double total_floor_us() const { return profile::floorOfPass(m_point); }

    engine::Engine& m_engine;
    Mode m_mode;
    double m_total_us;
    const profile::Point& m_point;
};

}  // namespace

std::vector<std::string> benchmark(engine::Engine& engine, const profile::Ceilings& ceilings, double budget_s) {
    const auto measure = [&](Mode mode, TraceMode trace) {
        profile::Options options;
        options.mode = mode;
        options.lengths = mode == Mode::Decode ? std::vector<std::int64_t>{1024}
                                               : std::vector<std::int64_t>{64, 256, 1024, 4096, 16384};
        options.budget_s = budget_s;
        options.trace = trace;
        profile::Provenance provenance = profile::provenanceOf(engine.backend().device());
        provenance.ceilings = ceilings;
        return profile::run(engine, options, provenance);
    };
    // All whole passes first: a process that was traced stays a little slower.
    constexpr std::array kModes = {Mode::Prefill, Mode::Decode};
    std::array<std::shared_ptr<const profile::Profile>, kModes.size()> whole;
    std::ranges::transform(kModes, whole.begin(), [&](Mode mode) { return measure(mode, TraceMode::Off); });
    std::vector<std::string> broken;
    for (std::size_t i = 0; i < kModes.size(); ++i) {
        const auto traced = measure(kModes[i], TraceMode::Auto);
        for (std::size_t j = 0; j < traced->points.size(); ++j) {
            const Row row(engine, kModes[i], whole[i]->points.at(j).total.median, traced->points[j]);
            row.print();
            row.judge(broken);
        }
    }
    return broken;
}

}  // namespace perfmamba::tests
