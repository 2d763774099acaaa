// What stands where in a report, once for the writer and the reader. Each visit… function names the attributes or
// columns of one kind of value; a visitor writes them or reads them.
#pragma once

#include <string>

#include "core/profile/profile.h"
#include "core/report/about.h"

namespace perfmamba::report::layout {

/// Attributes of the file's root that all reports have: which model, and how and on what it was taken. `complete`, the
/// format and, of a profile, the seed stand beside them.
template <class Model, class Visit>
void visitModelName(Model& model, Visit&& visit) {
    visit("model_name", model.name);
    visit("model_hash", model.hash);
}
template <class Provenance, class Visit>
void visitProvenance(Provenance& provenance, Visit&& visit) {
    visit("creator", provenance.creator);
    visit("created", provenance.created);
    visit("command", provenance.command);
    visit("device", provenance.device);
    visit("device_id", provenance.device_id);
    visit("instructions", provenance.instructions);
    visit("threads", provenance.threads);
    visit("clock_begin_mhz", provenance.clock_begin_mhz);
    visit("clock_end_mhz", provenance.clock_end_mhz);
    visit("host", provenance.host);
    visit("operating_system", provenance.operating_system);
}

/// The same, of reports from version 3 on.
template <class Provenance, class Visit>
void visitTracing(Provenance& provenance, Visit&& visit) {
    visit("tracer", provenance.tracer);
    visit("sensors", provenance.sensors);
}

/// Attributes of the group `ceilings`, of profiles from version 4 on and of scaling studies; members of an object in
/// ceilings.json.
template <class Ceilings, class Visit>
void visitCeilings(Ceilings& ceilings, Visit&& visit) {
    visit("device", ceilings.device);
    visit("instructions", ceilings.instructions);
    visit("driver", ceilings.driver);
    visit("precision", ceilings.precision);
    visit("threads", ceilings.threads);
    visit("version", ceilings.version);
    visit("taken", ceilings.taken);
    visit("bytes_per_s", ceilings.bytes_per_s);
    visit("flops_per_s", ceilings.flops_per_s);
    visit("exponentials_per_s", ceilings.exponentials_per_s);
    visit("cache_bytes", ceilings.cache_bytes);
}

/// `state_sizes` is a dataset beside them, where it is not empty.
template <class Model, class Visit>
void visitModel(Model& model, Visit&& visit) {
    visit("path", model.path);
    visit("parameters", model.parameters);
    visit("file_bytes", model.file_bytes);
    visit("stored_type", model.stored_type);
    visit("compute_type", model.compute_type);
    auto& config = model.config;
    visit("architecture", config.architecture);
    visit("vocab_size", config.vocab_size);
    visit("vocab_padded", config.vocab_padded);
    visit("d_model", config.d_model);
    visit("n_layer", config.n_layer);
    visit("d_inner", config.d_inner);
    visit("d_state", config.d_state);
    visit("d_conv", config.d_conv);
    visit("dt_rank", config.dt_rank);
    visit("n_heads", config.n_heads);
    visit("head_dim", config.head_dim);
    visit("n_groups", config.n_groups);
    visit("chunk_size", config.chunk_size);
    visit("dt_min", config.dt_min);
    visit("dt_max", config.dt_max);
    visit("norm_eps", config.norm_eps);
    visit("tie_embeddings", config.tie_embeddings);
    visit("use_bias", config.use_bias);
    visit("use_conv_bias", config.use_conv_bias);
}

/// The same, of reports from version 6 on.
template <class Model, class Visit>
void visitChunk(Model& model, Visit&& visit) {
    visit("compute_chunk", model.compute_chunk);
}

/// `lengths` is a dataset beside them.
template <class Options, class Visit>
void visitOptions(Options& options, Visit&& visit) {
    visit("mode", options.mode);
    visit("batch", options.batch);
    visit("threads", options.threads);
    visit("repeat", options.repeat);
    visit("bound", options.bound);
    visit("budget_s", options.budget_s);
}

template <class Point, class Visit>
void visitPoint(Point& point, Visit&& visit) {
    visit("length", point.length);
    visit("tokens_per_second", point.tokens_per_second);
    visit("converged", point.converged);
    visit("overhead_median", point.overhead.median);
    visit("overhead_ci_low", point.overhead.ci_low);
    visit("overhead_ci_high", point.overhead.ci_high);
    visit("overhead_pairs", point.overhead.pairs);
    visit("last_pass_us", point.last_pass_us);
}

/// Attributes of the group `kernels`.
template <class Point, class Visit>
void visitTrace(Point& point, Visit&& visit) {
    visit("tracer", point.trace.tracer);
    visit("detail", point.trace.detail);
    visit("reason", point.trace.reason);
    auto& counts = point.counts;
    visit("dropped", counts.dropped);
    visit("missing", counts.missing);
    visit("untimed", counts.untimed);
    visit("outside", counts.outside);
    visit("foreign", counts.foreign);
    visit("uncharged", counts.uncharged);
    visit("overhead_us", counts.overhead_us);
    visit("before_first_us", counts.before_first_us);
    visit("host_wait_us", counts.host_wait_us);
    visit("launch_us", counts.launch_us);
    visit("between_us", counts.between_us);
    visit("after_last_us", counts.after_last_us);
    visit("allocated_bytes", counts.allocated_bytes);
}

/// Attributes of the group `device_use`.
template <class Use, class Visit>
void visitDeviceUse(Use& use, Visit&& visit) {
    visit("source", use.source);
    visit("missing", use.missing);
    visit("clock_mhz", use.clock_mhz);
    visit("clock_min_mhz", use.clock_min_mhz);
    visit("clock_max_mhz", use.clock_max_mhz);
    visit("memory_clock_mhz", use.memory_clock_mhz);
    visit("power_w", use.power_w);
    visit("temperature_c", use.temperature_c);
    visit("energy_j_per_token", use.energy_j_per_token);
    visit("readings", use.readings);
}

/// Attributes of the group `counters`.
template <class Counted, class Visit>
void visitCounted(Counted& counted, Visit&& visit) {
    visit("source", counted.source);
    visit("missing", counted.missing);
}

template <class Memory, class Visit>
void visitMemory(Memory& memory, Visit&& visit) {
    visit("reserved_bytes", memory.reserved_bytes);
    visit("process_peak_bytes", memory.process_peak_bytes);
    visit("peak_component", memory.peak_component);
    visit("peak_layer", memory.peak_layer);
}

// Tables ---------------------------------------------------------------------------------------------------------

/// A row of the table of whole passes: "recorded" or "unrecorded".
struct PassRow {
    std::string recording;
    profile::Summary time;
};

struct MemoryRow {
    MemoryKind kind = MemoryKind::Weights;
    std::int64_t peak_bytes = 0;
    std::int64_t at_start_bytes = 0;
};

/// A row type's columns: visit(name, about, projection to the field). `samples_us` and `n` of the rows that have a
/// `time` are written beside these.
template <class Row>
struct Columns;

template <class Row>
concept HasTime = requires(Row row) {
    row.time.samples;
};

/// Whose rows differ much in their number of passes: the samples stand one row's after the other's.
template <class Row>
concept HasFlatSamples = HasTime<Row> && requires {
    Columns<Row>::kFlatSamples;
};

template <class Row>
concept HasFloor = requires(Row row) {
    row.floor_us;
};

inline constexpr About kShareAbout{"1", "its time over the passes' time, summed over the calmer half of the passes"};

template <class Visit>
void visitTime(Visit&& visit) {
    visit(
        "median_us", About{"us", "median time of a pass"}, [](auto& row) -> auto& { return row.time.median; });
    visit(
        "mad_us", About{"us", "median absolute deviation of the time"},
        [](auto& row) -> auto& { return row.time.mad; });
    visit(
        "p5_us", About{"us", "5th percentile of the time"}, [](auto& row) -> auto& { return row.time.p5; });
    visit(
        "p95_us", About{"us", "95th percentile of the time"}, [](auto& row) -> auto& { return row.time.p95; });
    visit(
        "ci_low_us", About{"us", "lower end of the 95 % interval of the median"},
        [](auto& row) -> auto& { return row.time.ci_low; });
    visit(
        "ci_high_us", About{"us", "upper end of the 95 % interval of the median"},
        [](auto& row) -> auto& { return row.time.ci_high; });
}

template <>
struct Columns<PassRow> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "recording", About{"", "whether the passes' components were recorded"},
            [](auto& row) -> auto& { return row.recording; });
        visitTime(visit);
    }
};

template <>
struct Columns<profile::ComponentCost> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "component", About{"", "component"}, [](auto& row) -> auto& { return row.component; });
        visit(
            "layer", About{"1", "layer from 0; -1: no layer, or the sum over the layers"},
            [](auto& row) -> auto& { return row.layer; });
        visitTime(visit);
        visit(
            "share", kShareAbout, [](auto& row) -> auto& { return row.share; });
        visit(
            "calls", About{"1", "runs in one pass"}, [](auto& row) -> auto& { return row.calls; });
        visit(
            "flops", About{"1", "floating point operations of a pass, from the cost model"},
            [](auto& row) -> auto& { return row.flops; });
        visit(
            "bytes", About{"byte", "least bytes moved in a pass, from the cost model"},
            [](auto& row) -> auto& { return row.bytes; });
        visit(
            "peak_bytes", About{"byte", "most activations, workspace and logits in use while it ran"},
            [](auto& row) -> auto& { return row.peak_bytes; });
    }

    /// Since version 4.
    template <class Visit>
    static void visitFloor(Visit&& visit) {
        visit(
            "exponentials", About{"1", "exp and log1p of a pass, from the cost model"},
            [](auto& row) -> auto& { return row.exponentials; });
        visit(
            "floor_us", About{"us", "least time of a pass, from the cost model and the ceilings; NaN: not known"},
            [](auto& row) -> auto& { return row.floor_us; });
        visit(
            "floor_bound", About{"", "what the floor is made of: memory, work, exponentials; none: not known"},
            [](auto& row) -> auto& { return row.bound; });
    }
};

template <>
struct Columns<profile::StageCost> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "component", About{"", "component"}, [](auto& row) -> auto& { return row.component; });
        visit(
            "stage", About{"", "stage inside the component"}, [](auto& row) -> auto& { return row.stage; });
        visitTime(visit);
        visit(
            "share", kShareAbout, [](auto& row) -> auto& { return row.share; });
    }
};

template <>
struct Columns<Span> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "component", About{"", "component"}, [](auto& row) -> auto& { return row.component; });
        visit(
            "stage", About{"", "stage inside the component, or whole"}, [](auto& row) -> auto& { return row.stage; });
        visit(
            "layer", About{"1", "layer from 0; -1: no layer"}, [](auto& row) -> auto& { return row.layer; });
        visit(
            "begin_us", About{"us", "begin, from the start of the pass"},
            [](auto& row) -> auto& { return row.begin_us; });
        visit(
            "end_us", About{"us", "end, from the start of the pass"}, [](auto& row) -> auto& { return row.end_us; });
    }
};

template <>
struct Columns<KernelRun> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "name", About{"", "name of the kernel, copy or fill"}, [](auto& row) -> auto& { return row.name; });
        visit(
            "kind", About{"", "kernel, copy, fill or overhead"}, [](auto& row) -> auto& { return row.kind; });
        visit(
            "component", About{"", "component that launched it; other: none"},
            [](auto& row) -> auto& { return row.component; });
        visit(
            "stage", About{"", "stage inside the component, or whole"}, [](auto& row) -> auto& { return row.stage; });
        visit(
            "layer", About{"1", "layer from 0; -1: no layer"}, [](auto& row) -> auto& { return row.layer; });
        visit(
            "begin_us", About{"us", "begin, from the start of the pass"},
            [](auto& row) -> auto& { return row.begin_us; });
        visit(
            "end_us", About{"us", "end, from the start of the pass"}, [](auto& row) -> auto& { return row.end_us; });
        visitGrid(visit);
        visit(
            "registers", About{"1", "registers of a thread"}, [](auto& row) -> auto& { return row.registers; });
        visit(
            "shared_bytes", About{"byte", "shared memory of a block"},
            [](auto& row) -> auto& { return row.shared_bytes; });
        visit(
            "bytes", About{"byte", "copied or filled"}, [](auto& row) -> auto& { return row.bytes; });
    }

private:
    template <class Visit>
    static void visitGrid(Visit&& visit) {
        visit(
            "grid_x", About{"1", "blocks along x"}, [](auto& row) -> auto& { return row.grid[0]; });
        visit(
            "grid_y", About{"1", "blocks along y"}, [](auto& row) -> auto& { return row.grid[1]; });
        visit(
            "grid_z", About{"1", "blocks along z"}, [](auto& row) -> auto& { return row.grid[2]; });
        visit(
            "block_x", About{"1", "threads of a block along x"}, [](auto& row) -> auto& { return row.block[0]; });
        visit(
            "block_y", About{"1", "threads of a block along y"}, [](auto& row) -> auto& { return row.block[1]; });
        visit(
            "block_z", About{"1", "threads of a block along z"}, [](auto& row) -> auto& { return row.block[2]; });
    }
};

template <>
struct Columns<KernelCounts> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "name", About{"", "name of the kernel"}, [](auto& row) -> auto& { return row.name; });
        visit(
            "component", About{"", "component that launched it; other: none"},
            [](auto& row) -> auto& { return row.component; });
        visit(
            "stage", About{"", "stage inside the component, or whole"}, [](auto& row) -> auto& { return row.stage; });
        visit(
            "layer", About{"1", "layer from 0; -1: no layer"}, [](auto& row) -> auto& { return row.layer; });
        visit(
            "kernels", About{"1", "runs of it in the counted pass"}, [](auto& row) -> auto& { return row.kernels; });
        visitCounts(visit);
    }

    /// What was counted.
    template <class Visit>
    static void visitCounts(Visit&& visit) {
        visit(
            "time_us", About{"us", "time of all runs, each alone on the device"},
            [](auto& row) -> auto& { return row.time_us; });
        visit(
            "dram_read_bytes", About{"byte", "read from the device's memory"},
            [](auto& row) -> auto& { return row.dram_read_bytes; });
        visit(
            "dram_written_bytes", About{"byte", "written to the device's memory"},
            [](auto& row) -> auto& { return row.dram_written_bytes; });
        visit(
            "dram_percent", About{"percent", "throughput of the device's memory, of its peak"},
            [](auto& row) -> auto& { return row.dram_percent; });
        visit(
            "occupancy_percent", About{"percent", "warps resident on the multiprocessors, of the most there can be"},
            [](auto& row) -> auto& { return row.occupancy_percent; });
        visit(
            "tensor_instructions", About{"1", "instructions of the tensor pipe"},
            [](auto& row) -> auto& { return row.tensor_instructions; });
        visit(
            "instructions", About{"1", "instructions, a warp's each"},
            [](auto& row) -> auto& { return row.instructions; });
    }
};

template <>
struct Columns<MemoryEvent> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "time_us", About{"us", "time from the start of the pass"}, [](auto& row) -> auto& { return row.time_us; });
        visit(
            "kind", About{"", "what the memory is for"}, [](auto& row) -> auto& { return row.kind; });
        visit(
            "component", About{"", "component that allocated it; other: before the pass"},
            [](auto& row) -> auto& { return row.component; });
        visit(
            "layer", About{"1", "layer from 0; -1: no layer"}, [](auto& row) -> auto& { return row.layer; });
        visit(
            "delta_bytes", About{"byte", "bytes allocated, or released where negative"},
            [](auto& row) -> auto& { return row.delta_bytes; });
    }
};

template <>
struct Columns<MemoryRow> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "kind", About{"", "what the memory is for"}, [](auto& row) -> auto& { return row.kind; });
        visit(
            "peak_bytes", About{"byte", "in use when the total was largest"},
            [](auto& row) -> auto& { return row.peak_bytes; });
        visit(
            "at_start_bytes", About{"byte", "in use when the last pass began"},
            [](auto& row) -> auto& { return row.at_start_bytes; });
    }
};

inline constexpr const char* kRecorded = "recorded";
inline constexpr const char* kUnrecorded = "unrecorded";
inline constexpr About kRowAbout{"1", "row of the table"};
inline constexpr About kPassAbout{"1", "pass, in the order they were taken"};
inline constexpr About kSamplesAbout{"us", "time of each pass; NaN beyond the row's n"};
inline constexpr About kFlatSamplesAbout{"us", "time of each pass, one row's after the other's"};
inline constexpr About kFirstSampleAbout{"1", "index in samples_us of the row's first"};
inline constexpr About kSampleAbout{"1", "sample of the table"};
inline constexpr About kCountAbout{"1", "number of passes"};
inline constexpr About kStateSizesAbout{"1", "states N of each group of each layer"};
inline constexpr About kLayerAbout{"1", "layer from 0"};
inline constexpr About kGroupAbout{"1", "group from 0"};
inline constexpr About kLengthsAbout{"token", "lengths asked for"};

}  // namespace perfmamba::report::layout
