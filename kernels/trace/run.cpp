#include "kernels/trace/run.h"

#include <algorithm>

namespace perfmamba {
namespace {

template <class Enum, std::size_t Count>
std::optional<Enum> find(const std::array<Enum, Count>& values, std::string_view text) {
    const auto found = std::ranges::find_if(values, [&](Enum value) { return name(value) == text; });
    return found == values.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::string_view name(RunKind kind) {
    switch (kind) {
        case RunKind::Kernel: return "kernel";
        case RunKind::Copy: return "copy";
        case RunKind::Fill: return "fill";
        case RunKind::Overhead: return "overhead";
    }
    return {};
}

std::string_view name(TraceDetail detail) {
    switch (detail) {
        case TraceDetail::Off: return "off";
        case TraceDetail::Components: return "components";
        case TraceDetail::Kernels: return "kernels";
    }
    return {};
}

std::string_view name(TraceMode mode) {
    switch (mode) {
        case TraceMode::Auto: return "auto";
        case TraceMode::Cupti: return "cupti";
        case TraceMode::Events: return "events";
        case TraceMode::Off: return "off";
    }
    return {};
}

std::optional<RunKind> runKindFromName(std::string_view name) {
    return find(kRunKinds, name);
}
std::optional<TraceDetail> traceDetailFromName(std::string_view name) {
    return find(kTraceDetails, name);
}
std::optional<TraceMode> traceModeFromName(std::string_view name) {
    return find(kTraceModes, name);
}

std::vector<double> exclusiveTimes(std::span<const KernelRun> runs) {
    std::vector<double> times;
    times.reserve(runs.size());
    double busy_until = 0;
    for (const KernelRun& run : runs) {
        if (run.kind == RunKind::Overhead) {
            times.push_back(0);
            continue;
        }
        times.push_back(std::max(0.0, run.end_us - std::max(run.begin_us, busy_until)));
        busy_until = std::max(busy_until, run.end_us);
    }
    return times;
}

}  // namespace perfmamba
