// What stands where in a scaling study's report, as layout.h for a profile's. The parts of all cells' points stand in
// one table each, whose column `cell` says whose they are.
#pragma once

#include <string>

#include "core/profile/floors.h"
#include "core/report/layout.h"
#include "core/study/scaling.h"

namespace perfmamba::report::layout {

/// Attributes of the group `scaling`.
template <class Study, class Visit>
void visitScaling(Study& study, Visit&& visit) {
    visit("identity", study.identity);
    visit("shard", study.shard);
    visit("shards", study.shards);
}

/// `lengths`, `modes`, `batches`, `precisions`, `devices` and `states` are datasets beside them.
template <class Options, class Visit>
void visitScalingOptions(Options& options, Visit&& visit) {
    visit("threads", options.threads);
    visit("repeat", options.repeat);
    visit("bound", options.bound);
    visit("budget_s", options.budget_s);
    visit("seed", options.seed);
}

// Tables ---------------------------------------------------------------------------------------------------------

/// A cell, and what is not stored of it as such.
struct ScalingRow {
    study::ScalingCell cell;
    profile::Summary time;  // point.total
    double pass_floor_us = profile::Ceilings::kUnknown;
    std::int64_t peak_bytes = 0;

    ScalingRow() = default;
    explicit ScalingRow(const study::ScalingCell& of)
        : cell(of),
          time(of.point.total),
          pass_floor_us(profile::floorOfPass(of.point)),
          peak_bytes(of.point.memory.peak.total()) {}
};

/// Of a cell's point: the unrecorded passes, and one row of its tables.
struct UnrecordedRow {
    std::int64_t cell = 0;
    profile::Summary time;
};
struct CellComponent : profile::ComponentCost {
    std::int64_t cell = 0;
};
struct CellStage : profile::StageCost {
    std::int64_t cell = 0;
};
struct CellMemory : MemoryRow {
    std::int64_t cell = 0;
};
struct CellTrace {
    std::int64_t cell = 0;
    TraceStatus trace;
    TraceCounts counts;
};
struct CellDeviceUse : profile::DeviceUse {
    std::int64_t cell = 0;
};

inline constexpr About kModesAbout{"", "modes asked for"};
inline constexpr About kBatchesAbout{"1", "batches asked for"};
inline constexpr About kPrecisionsAbout{"", "precisions asked for"};
inline constexpr About kDevicesAbout{"", "devices asked for"};
inline constexpr About kStatesAskedAbout{"1", "numbers of states N asked for; 0: the model's own"};

template <class Visit>
void visitCell(Visit&& visit) {
    visit(
        "cell", About{"1", "row of the table cells"}, [](auto& row) -> auto& { return row.cell; });
}

template <>
struct Columns<ScalingRow> {
    static constexpr bool kFlatSamples = true;

    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "model", About{"1", "number of the model in `models`"},
            [](auto& row) -> auto& { return row.cell.series.model; });
        visit(
            "device", About{"", "device, as asked for"}, [](auto& row) -> auto& { return row.cell.series.device; });
        visit(
            "precision", About{"", "what is computed in"},
            [](auto& row) -> auto& { return row.cell.series.precision; });
        visit(
            "mode", About{"", "prefill: a pass over the prompt; decode: one token after it"},
            [](auto& row) -> auto& { return row.cell.series.mode; });
        visit(
            "batch", About{"1", "sequences at once"}, [](auto& row) -> auto& { return row.cell.series.batch; });
        visit(
            "states", About{"1", "states N of every group; 0: as the model has them"},
            [](auto& row) -> auto& { return row.cell.series.states; });
        visit(
            "length", About{"token", "tokens of the prompt"}, [](auto& row) -> auto& { return row.cell.length; });
        visit(
            "state", About{"", "waiting, measured or failed"}, [](auto& row) -> auto& { return row.cell.state; });
        visit(
            "failure", About{"", "why it failed"}, [](auto& row) -> auto& { return row.cell.failure; });
        visit(
            "provenance", About{"1", "number in `provenances`, where measured"},
            [](auto& row) -> auto& { return row.cell.provenance; });
        visitTime(visit);
        visitPoint(visit);
        visitMemory(visit);
    }

private:
    template <class Visit>
    static void visitPoint(Visit&& visit) {
        visit(
            "tokens_per_second", About{"1", "tokens of all sequences a second"},
            [](auto& row) -> auto& { return row.cell.point.tokens_per_second; });
        visit(
            "floor_us", About{"us", "least time of a pass, by cost model and ceilings; NaN: not known"},
            [](auto& row) -> auto& { return row.pass_floor_us; });
        visit(
            "converged", About{"1", "1: the bound was reached before the budget was spent"},
            [](auto& row) -> auto& { return row.cell.point.converged; });
        visit(
            "overhead_median", About{"1", "time of recorded over unrecorded passes, median of the pairs"},
            [](auto& row) -> auto& { return row.cell.point.overhead.median; });
        visit(
            "overhead_ci_low", About{"1", "lower end of its 95 % interval"},
            [](auto& row) -> auto& { return row.cell.point.overhead.ci_low; });
        visit(
            "overhead_ci_high", About{"1", "upper end of its 95 % interval"},
            [](auto& row) -> auto& { return row.cell.point.overhead.ci_high; });
        visit(
            "overhead_pairs", About{"1", "pairs of passes"},
            [](auto& row) -> auto& { return row.cell.point.overhead.pairs; });
        visit(
            "last_pass_us", About{"us", "time of the last recorded pass"},
            [](auto& row) -> auto& { return row.cell.point.last_pass_us; });
    }
    template <class Visit>
    static void visitMemory(Visit&& visit) {
        visit(
            "peak_bytes", About{"byte", "most in use over a pass; by kind in the table memory"},
            [](auto& row) -> auto& { return row.peak_bytes; });
        visit(
            "reserved_bytes", About{"byte", "most that was held from the system"},
            [](auto& row) -> auto& { return row.cell.point.memory.reserved_bytes; });
        visit(
            "process_peak_bytes", About{"byte", "the process's own figure; 0: not known"},
            [](auto& row) -> auto& { return row.cell.point.memory.process_peak_bytes; });
        visit(
            "peak_component", About{"", "component that ran at the peak"},
            [](auto& row) -> auto& { return row.cell.point.memory.peak_component; });
        visit(
            "peak_layer", About{"1", "layer that ran at the peak; -1: no layer"},
            [](auto& row) -> auto& { return row.cell.point.memory.peak_layer; });
    }
};

template <>
struct Columns<UnrecordedRow> {
    static constexpr bool kFlatSamples = true;

    template <class Visit>
    static void visit(Visit&& visit) {
        visitCell(visit);
        visitTime(visit);
    }
};

template <>
struct Columns<CellComponent> {
    static constexpr bool kFlatSamples = true;

    template <class Visit>
    static void visit(Visit&& visit) {
        visitCell(visit);
        Columns<profile::ComponentCost>::visit(visit);
    }
    template <class Visit>
    static void visitFloor(Visit&& visit) {
        Columns<profile::ComponentCost>::visitFloor(visit);
    }
};

template <>
struct Columns<CellStage> {
    static constexpr bool kFlatSamples = true;

    template <class Visit>
    static void visit(Visit&& visit) {
        visitCell(visit);
        Columns<profile::StageCost>::visit(visit);
    }
};

template <>
struct Columns<CellMemory> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visitCell(visit);
        Columns<MemoryRow>::visit(visit);
    }
};

template <>
struct Columns<CellTrace> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visitCell(visit);
        visit(
            "tracer", About{"", "who recorded the passes"}, [](auto& row) -> auto& { return row.trace.tracer; });
        visit(
            "detail", About{"", "off, components or kernels"}, [](auto& row) -> auto& { return row.trace.detail; });
        visit(
            "reason", About{"", "why not more finely"}, [](auto& row) -> auto& { return row.trace.reason; });
        visitRecords(visit);
        visitIdle(visit);
    }

private:
    template <class Visit>
    static void visitRecords(Visit&& visit) {
        visit(
            "dropped", About{"1", "records lost, in all recorded passes"},
            [](auto& row) -> auto& { return row.counts.dropped; });
        visit(
            "missing", About{"1", "launches without a record"}, [](auto& row) -> auto& { return row.counts.missing; });
        visit(
            "untimed", About{"1", "records without a time"}, [](auto& row) -> auto& { return row.counts.untimed; });
        visit(
            "outside", About{"1", "records of another pass"}, [](auto& row) -> auto& { return row.counts.outside; });
        visit(
            "foreign", About{"1", "records of another stream"}, [](auto& row) -> auto& { return row.counts.foreign; });
        visit(
            "uncharged", About{"1", "runs that no component launched"},
            [](auto& row) -> auto& { return row.counts.uncharged; });
    }
    template <class Visit>
    static void visitIdle(Visit&& visit) {
        visit(
            "overhead_us", About{"us", "the tracer's own time on the host, in the last pass"},
            [](auto& row) -> auto& { return row.counts.overhead_us; });
        visit(
            "before_first_us", About{"us", "the device idle before its first kernel"},
            [](auto& row) -> auto& { return row.counts.before_first_us; });
        visit(
            "host_wait_us", About{"us", "the device idle, the next kernel not yet launched"},
            [](auto& row) -> auto& { return row.counts.host_wait_us; });
        visit(
            "launch_us", About{"us", "the device idle, the next kernel launched but not begun"},
            [](auto& row) -> auto& { return row.counts.launch_us; });
        visit(
            "between_us", About{"us", "the device idle, the time of the launch not known"},
            [](auto& row) -> auto& { return row.counts.between_us; });
        visit(
            "after_last_us", About{"us", "from the last kernel's end to the end of the pass"},
            [](auto& row) -> auto& { return row.counts.after_last_us; });
        visit(
            "allocated_bytes", About{"byte", "what the device's allocator gave out in the last pass"},
            [](auto& row) -> auto& { return row.counts.allocated_bytes; });
    }
};

template <>
struct Columns<CellDeviceUse> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visitCell(visit);
        visit(
            "source", About{"", "who read the sensors"}, [](auto& row) -> auto& { return row.source; });
        visit(
            "missing", About{"", "what is not known, and why"}, [](auto& row) -> auto& { return row.missing; });
        visit(
            "clock_mhz", About{"MHz", "median clock"}, [](auto& row) -> auto& { return row.clock_mhz; });
        visit(
            "clock_min_mhz", About{"MHz", "lowest clock"}, [](auto& row) -> auto& { return row.clock_min_mhz; });
        visit(
            "clock_max_mhz", About{"MHz", "highest clock"}, [](auto& row) -> auto& { return row.clock_max_mhz; });
        visit(
            "memory_clock_mhz", About{"MHz", "median clock of the memory"},
            [](auto& row) -> auto& { return row.memory_clock_mhz; });
        visit(
            "power_w", About{"W", "mean power"}, [](auto& row) -> auto& { return row.power_w; });
        visit(
            "temperature_c", About{"Cel", "highest temperature"}, [](auto& row) -> auto& { return row.temperature_c; });
        visit(
            "energy_j_per_token", About{"J", "mean power x median pass / tokens of a pass"},
            [](auto& row) -> auto& { return row.energy_j_per_token; });
        visit(
            "readings", About{"1", "readings"}, [](auto& row) -> auto& { return row.readings; });
    }
};

}  // namespace perfmamba::report::layout
