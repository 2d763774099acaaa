// What a device ran during a recorded pass, and how well its tracer saw it: plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/component.h"

namespace perfmamba {

/// What kind of work a record is of. `Overhead` is the tracer's own and the driver's (flushing buffers, patching or
/// loading a kernel): it takes the host's time, not the device's, and is charged to no component.
enum class RunKind : std::uint8_t { Kernel, Copy, Fill, Overhead };
inline constexpr std::array kRunKinds = {RunKind::Kernel, RunKind::Copy, RunKind::Fill, RunKind::Overhead};
/// "kernel", "copy", "fill", "overhead".
std::string_view name(RunKind kind);
std::optional<RunKind> runKindFromName(std::string_view name);

/// One kernel, copy or fill, in microseconds from the start of the pass. Component `Other`: no component launched it.
struct KernelRun {
    std::string name;
    RunKind kind = RunKind::Kernel;
    Component component = Component::Other;
    Stage stage = Stage::Whole;
    std::int32_t layer = kNoLayer;
    double begin_us = 0;
    double end_us = 0;
    std::array<std::int64_t, 3> grid{};   // blocks; 0 where it is no kernel
    std::array<std::int64_t, 3> block{};  // threads
    std::int64_t registers = 0;           // a thread
    std::int64_t shared_bytes = 0;        // a block, static and dynamic
    std::int64_t bytes = 0;               // copied or filled

    [[nodiscard]] double duration_us() const { return end_us - begin_us; }
};

/// How finely passes can be seen: not at all, a component at a time, or a kernel at a time.
enum class TraceDetail : std::uint8_t { Off, Components, Kernels };
inline constexpr std::array kTraceDetails = {TraceDetail::Off, TraceDetail::Components, TraceDetail::Kernels};
/// "off", "components", "kernels".
std::string_view name(TraceDetail detail);
std::optional<TraceDetail> traceDetailFromName(std::string_view name);

/// Who records the passes and, where it is not the finest there could be, why not: one sentence for the user.
struct TraceStatus {
    std::string tracer;  // "CUPTI 13.0", "CUDA events", "host clock"
    TraceDetail detail = TraceDetail::Components;
    std::string reason;  // empty where nothing is missing
};

/// What the records of one pass do not say, and where its time went that no kernel took. Times in microseconds.
struct TraceCounts {
    std::int64_t dropped = 0;    // records the tracer had no room for
    std::int64_t missing = 0;    // launches whose record never came
    std::int64_t untimed = 0;    // records without a time
    std::int64_t outside = 0;    // records from before or after the pass
    std::int64_t foreign = 0;    // records of another stream, launched by no component
    std::int64_t uncharged = 0;  // runs that no component launched; their time is in 'other'

    double overhead_us = 0;      // of the tracer itself, on the host
    double before_first_us = 0;  // until the first kernel began
    double host_wait_us = 0;     // the device idle, the next kernel not yet launched
    double launch_us = 0;        // the device idle, the next kernel launched but not begun
    double between_us = 0;       // the device idle, the time of the launch not known
    double after_last_us = 0;    // from the last kernel's end to the end of the pass

    std::int64_t allocated_bytes = 0;  // by the device's allocator during the pass, whoever asked

    /// True where the pass's runs are not all there, or not all its own.
    [[nodiscard]] bool incomplete() const { return dropped + missing + untimed > 0; }
    [[nodiscard]] double idle_us() const {
        return before_first_us + host_wait_us + launch_us + between_us + after_last_us;
    }
};

/// For each run the time in it that no earlier one has covered, in microseconds, 0 for overhead: these add up to the
/// time that the device was busy, even where runs overlap. `runs` in order of their begin.
std::vector<double> exclusiveTimes(std::span<const KernelRun> runs);

/// What the user asks for: the finest there is, CUPTI or nothing, the device's events, or no recording.
enum class TraceMode : std::uint8_t { Auto, Cupti, Events, Off };
inline constexpr std::array kTraceModes = {TraceMode::Auto, TraceMode::Cupti, TraceMode::Events, TraceMode::Off};
/// "auto", "cupti", "events", "off".
std::string_view name(TraceMode mode);
std::optional<TraceMode> traceModeFromName(std::string_view name);

}  // namespace perfmamba
