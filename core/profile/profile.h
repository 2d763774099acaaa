// What a profile holds: plain values, built once by the profiler or read from a report, never changed afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/model/config.h"
#include "core/profile/ceilings.h"
#include "core/profile/statistics.h"
#include "kernels/component.h"
#include "kernels/memory.h"
#include "kernels/trace/counters.h"
#include "kernels/trace/run.h"

namespace perfmamba::profile {

enum class Mode : std::uint8_t { Prefill, Decode };
/// "prefill", "decode".
std::string_view name(Mode mode);
std::optional<Mode> modeFromName(std::string_view name);

/// The lengths the product is about; offered everywhere.
inline constexpr std::array<std::int64_t, 9> kLengths = {64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};

/// One component's cost at one length: of one layer, or summed over all layers (layer = kNoLayer).
/// Times are of one forward pass; a decode pass is one token for each sequence of the batch.
struct ComponentCost {
    Component component = Component::Other;
    std::int32_t layer = kNoLayer;
    Summary time;                              // µs
    double share = 0;                          // of the pass, 0 … 1, over the calm passes: shares add up to 1
    std::int64_t calls = 0;                    // runs in one pass
    double flops = 0;                          // from the cost model; NaN of 'other'
    double bytes = 0;                          // least bytes moved, from the cost model; NaN of 'other'
    double exponentials = Ceilings::kUnknown;  // from the cost model; not in reports before version 4
    double floor_us = Ceilings::kUnknown;      // what a pass needs at least, by the ceilings
    Bound bound = Bound::None;                 // what makes it so
    std::int64_t peak_bytes = 0;  // most bytes of activations, workspace and logits in use while it ran, by the ledger
};

/// Time of a stage inside a component, summed over the layers.
struct StageCost {
    Component component = Component::Ssm;
    Stage stage = Stage::Whole;
    Summary time;      // µs
    double share = 0;  // as ComponentCost's
};

/// Memory at one length.
struct MemoryProfile {
    MemoryUse peak;                               // by kind, at the moment of the largest total
    std::int64_t reserved_bytes = 0;              // what the backend held from the system at most
    std::int64_t process_peak_bytes = 0;          // the process's own figure (resident set), 0 where not known
    Component peak_component = Component::Other;  // what was running at the peak
    std::int32_t peak_layer = kNoLayer;
    MemoryUse at_start;               // in use when the last pass began
    std::vector<MemoryEvent> events;  // of the last pass
};

/// What the device's sensors said while a length was measured. NaN where not known.
struct DeviceUse {
    static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

    std::string source;           // "NVML, driver 580.65.06"; empty: the device has no sensors that can be read
    std::string missing;          // what is not known, and why; may be empty
    double clock_mhz = kUnknown;  // median of the readings
    double clock_min_mhz = kUnknown;
    double clock_max_mhz = kUnknown;
    double memory_clock_mhz = kUnknown;    // median
    double power_w = kUnknown;             // mean
    double temperature_c = kUnknown;       // highest
    double energy_j_per_token = kUnknown;  // mean power × median pass / tokens of a pass
    std::int64_t readings = 0;
};

/// Everything measured at one length.
struct Point {
    std::int64_t length = 0;  // tokens of the prompt; for decode the context before the token that is timed
    Summary total;            // µs a pass, recorded passes
    Summary untraced;         // µs a pass with recording off; taken in turn with the recorded ones, or before them
    Ratio overhead;           // recorded / not recorded
    double tokens_per_second = 0;
    bool converged = false;                 // the stop rule's bound was reached before its budget
    bool cut_short = false;                 // the run was stopped while this length was measured
    std::vector<ComponentCost> components;  // summed over layers, in order of the pass; 'other' last
    std::vector<ComponentCost> layers;      // one for each (layer, component), in order of the pass
    std::vector<StageCost> stages;
    std::vector<Span> last_pass;  // the timeline of the last recorded pass
    double last_pass_us = 0;
    std::vector<KernelRun> last_kernels;  // what the device ran in it; empty where it was not traced so finely
    TraceStatus trace;                    // who recorded the last pass
    TraceCounts counts;                   // numbers of all recorded passes, times of the last
    DeviceUse device_use;
    CountedPass counted;  // by the device's own counters, where asked for; kernels of a component, stage, layer and
                          // name are one
    MemoryProfile memory;

    /// The row of that component summed over layers (layer = kNoLayer) or of that layer; null where there is none.
    [[nodiscard]] const ComponentCost* find(Component component, std::int32_t layer = kNoLayer) const;
    /// The whole pass as a row: sums over its components, not known where none was recorded, and with everything in use
    /// at the peak.
    [[nodiscard]] ComponentCost whole() const;
    /// What was counted of a component, or of one stage of it, in all layers (layer = kNoLayer) or in one. No kernels:
    /// nothing was.
    [[nodiscard]] KernelCounts countsOf(Component component, std::int32_t layer = kNoLayer,
                                        Stage stage = Stage::Whole) const;
};

/// Passes at a length at most, where no number is asked for: 1000 know a median well enough, and what holds all
/// samples, the report and the window, stays small.
inline constexpr std::size_t kMostPasses = 1000;

/// Why measuring ended at points where the bound was not reached: "when the time for it was spent", "when 1000 passes
/// were taken", "when the run was ended"; "when measuring ended" where they differ.
std::string whyEnded(const std::vector<const Point*>& points);
/// Whether a longer budget would have gone on there.
bool outOfTime(const Point& point);

/// What was asked for.
struct Options {
    Mode mode = Mode::Prefill;
    std::int64_t batch = 1;
    std::vector<std::int64_t> lengths = {64, 256, 1024};
    int threads = 0;                    // 0: as many as the machine has cores
    int repeat = 0;                     // recorded passes at each length; 0: until the bound or the budget
    double bound = 0.01;                // half width of the median's 95 % interval, relative
    double budget_s = 5;                // at each length, warm-up included; at least kMinimumPasses passes are taken
    std::uint64_t seed = 1;             // of the token ids
    TraceMode trace = TraceMode::Auto;  // how passes are recorded; Off: only their total time is taken
    bool counters = false;              // one more pass at each length, in which the device's own counters count
};

/// How and on what it was taken.
struct Provenance {
    std::string creator;       // program and version
    std::string created;       // ISO 8601, UTC
    std::string command;       // as one would type it again
    std::string device;        // "AMD EPYC 9654"
    std::string device_id;     // "cpu"
    std::string instructions;  // "AVX2"
    std::string host;
    std::string operating_system;
    int threads = 0;
    std::string tracer;   // who recorded the passes: "CUPTI 13.0", "host clock"; empty: nobody, or not known
    std::string sensors;  // whose readings: "NVML, driver 580.65.06"; empty: none, or not known
    std::optional<Ceilings> ceilings;  // of the device; none: floors are not known
    double clock_begin_mhz = 0;        // 0 where not known
    double clock_end_mhz = 0;
};

/// Which model. `hash` identifies configuration and weights' headers, so that runs can be told apart.
struct ModelSummary {
    std::string name;  // the folder's name
    std::string path;
    std::string hash;  // 16 hex digits
    model::Config config;
    std::int64_t parameters = 0;
    std::int64_t file_bytes = 0;
    std::string stored_type;         // "bfloat16"; what nearly all parameters are; else "mixed"
    std::string compute_type;        // "float32"
    std::int64_t compute_chunk = 0;  // tokens of a chunk of the SSD as it ran; 0: Mamba-1, or not known
};

/// One run of the profiler. While it is under way `points` grows: each snapshot is a new value.
struct Profile {
    ModelSummary model;
    Provenance provenance;
    Options options;
    std::vector<Point> points;  // in the order of options.lengths
    bool complete = false;      // false: under way, or cancelled

    /// Lengths that were measured as was asked for; one more may have been cut short.
    [[nodiscard]] std::size_t measured() const;
};

}  // namespace perfmamba::profile
