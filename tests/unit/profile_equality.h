// The first field in which two profiles differ, by name. NaN equals NaN.
#pragma once

#include <QString>

#include <cmath>
#include <type_traits>

#include "core/profile/profile.h"
#include "core/report/layout.h"

namespace perfmamba::test {

class Comparison {
public:
    [[nodiscard]] const QString& difference() const { return m_difference; }

    template <class T>
    void field(const QString& name, const T& a, const T& b) {
        if (!m_difference.isEmpty()) return;
        bool equal = a == b;
        if constexpr (std::is_floating_point_v<T>) equal = equal || (std::isnan(a) && std::isnan(b));
        if (!equal) m_difference = name;
    }
    void field(const QString& name, const std::vector<double>& a, const std::vector<double>& b) { rows(name, a, b); }
    void field(const QString& name, const profile::Summary& a, const profile::Summary& b) {
        field(name + ".median", a.median, b.median);
        field(name + ".mad", a.mad, b.mad);
        field(name + ".p5", a.p5, b.p5);
        field(name + ".p95", a.p95, b.p95);
        field(name + ".ci_low", a.ci_low, b.ci_low);
        field(name + ".ci_high", a.ci_high, b.ci_high);
        field(name + ".samples", a.samples, b.samples);
    }
    void field(const QString& name, const MemoryUse& a, const MemoryUse& b) { field(name, a.bytes, b.bytes); }
    void field(const QString& name, const profile::ComponentCost& a, const profile::ComponentCost& b) {
        field(name + ".component", a.component, b.component);
        field(name + ".layer", a.layer, b.layer);
        field(name + ".time", a.time, b.time);
        field(name + ".share", a.share, b.share);
        field(name + ".calls", a.calls, b.calls);
        field(name + ".flops", a.flops, b.flops);
        field(name + ".bytes", a.bytes, b.bytes);
        field(name + ".exponentials", a.exponentials, b.exponentials);
        field(name + ".floor_us", a.floor_us, b.floor_us);
        field(name + ".bound", a.bound, b.bound);
        field(name + ".peak_bytes", a.peak_bytes, b.peak_bytes);
    }
    void field(const QString& name, const profile::StageCost& a, const profile::StageCost& b) {
        field(name + ".component", a.component, b.component);
        field(name + ".stage", a.stage, b.stage);
        field(name + ".time", a.time, b.time);
        field(name + ".share", a.share, b.share);
    }
    void field(const QString& name, const Span& a, const Span& b) {
        field(name + ".component", a.component, b.component);
        field(name + ".stage", a.stage, b.stage);
        field(name + ".layer", a.layer, b.layer);
        field(name + ".begin_us", a.begin_us, b.begin_us);
        field(name + ".end_us", a.end_us, b.end_us);
    }
    void field(const QString& name, const MemoryEvent& a, const MemoryEvent& b) {
        field(name + ".time_us", a.time_us, b.time_us);
        field(name + ".kind", a.kind, b.kind);
        field(name + ".component", a.component, b.component);
        field(name + ".layer", a.layer, b.layer);
        field(name + ".delta_bytes", a.delta_bytes, b.delta_bytes);
    }
    void field(const QString& name, const KernelRun& a, const KernelRun& b) {
        field(name + ".name", a.name, b.name);
        field(name + ".kind", a.kind, b.kind);
        field(name + ".component", a.component, b.component);
        field(name + ".stage", a.stage, b.stage);
        field(name + ".layer", a.layer, b.layer);
        field(name + ".begin_us", a.begin_us, b.begin_us);
        field(name + ".end_us", a.end_us, b.end_us);
        field(name + ".grid", a.grid, b.grid);
        field(name + ".block", a.block, b.block);
        field(name + ".registers", a.registers, b.registers);
        field(name + ".shared_bytes", a.shared_bytes, b.shared_bytes);
        field(name + ".bytes", a.bytes, b.bytes);
    }
    void field(const QString& name, const KernelCounts& a, const KernelCounts& b) {
        field(name + ".name", a.name, b.name);
        field(name + ".component", a.component, b.component);
        field(name + ".stage", a.stage, b.stage);
        field(name + ".layer", a.layer, b.layer);
        field(name + ".kernels", a.kernels, b.kernels);
        field(name + ".time_us", a.time_us, b.time_us);
        field(name + ".dram_read_bytes", a.dram_read_bytes, b.dram_read_bytes);
        field(name + ".dram_written_bytes", a.dram_written_bytes, b.dram_written_bytes);
        field(name + ".dram_percent", a.dram_percent, b.dram_percent);
        field(name + ".occupancy_percent", a.occupancy_percent, b.occupancy_percent);
        field(name + ".tensor_instructions", a.tensor_instructions, b.tensor_instructions);
        field(name + ".instructions", a.instructions, b.instructions);
    }
    void trace(const QString& name, const profile::Point& a, const profile::Point& b) {
        rows(name + ".last_kernels", a.last_kernels, b.last_kernels);
        // What the layout names is all there is: compared by their list.
        std::vector<QString> names, values_a, values_b;
        const auto gather = [&](std::vector<QString>& values) {
            return [&](const char* field_name, const auto& value) {
                using T = std::remove_cvref_t<decltype(value)>;
                names.push_back(field_name);
                if constexpr (std::is_same_v<T, std::string>) {
                    values.push_back(QString::fromStdString(value));
                } else if constexpr (std::is_enum_v<T>) {
                    values.push_back(QString::number(static_cast<int>(value)));
                } else {
                    values.push_back(QString::number(static_cast<double>(value), 'g', 17));
                }
            };
        };
        report::layout::visitTrace(a, gather(values_a));
        report::layout::visitDeviceUse(a.device_use, gather(values_a));
        report::layout::visitTrace(b, gather(values_b));
        report::layout::visitDeviceUse(b.device_use, gather(values_b));
        for (std::size_t i = 0; i < values_a.size(); ++i) field(name + "." + names[i], values_a[i], values_b[i]);
    }
    void field(const QString& name, const profile::Point& a, const profile::Point& b) {
        field(name + ".length", a.length, b.length);
        field(name + ".total", a.total, b.total);
        field(name + ".untraced", a.untraced, b.untraced);
        field(name + ".overhead.median", a.overhead.median, b.overhead.median);
        field(name + ".overhead.ci_low", a.overhead.ci_low, b.overhead.ci_low);
        field(name + ".overhead.ci_high", a.overhead.ci_high, b.overhead.ci_high);
        field(name + ".overhead.pairs", a.overhead.pairs, b.overhead.pairs);
        field(name + ".tokens_per_second", a.tokens_per_second, b.tokens_per_second);
        field(name + ".converged", a.converged, b.converged);
        field(name + ".cut_short", a.cut_short, b.cut_short);
        rows(name + ".components", a.components, b.components);
        rows(name + ".layers", a.layers, b.layers);
        rows(name + ".stages", a.stages, b.stages);
        rows(name + ".last_pass", a.last_pass, b.last_pass);
        field(name + ".last_pass_us", a.last_pass_us, b.last_pass_us);
        trace(name, a, b);
        field(name + ".counted.source", a.counted.source, b.counted.source);
        field(name + ".counted.missing", a.counted.missing, b.counted.missing);
        rows(name + ".counted.kernels", a.counted.kernels, b.counted.kernels);
        field(name + ".memory.peak", a.memory.peak, b.memory.peak);
        field(name + ".memory.reserved_bytes", a.memory.reserved_bytes, b.memory.reserved_bytes);
        field(name + ".memory.process_peak_bytes", a.memory.process_peak_bytes, b.memory.process_peak_bytes);
        field(name + ".memory.peak_component", a.memory.peak_component, b.memory.peak_component);
        field(name + ".memory.peak_layer", a.memory.peak_layer, b.memory.peak_layer);
        field(name + ".memory.at_start", a.memory.at_start, b.memory.at_start);
        rows(name + ".memory.events", a.memory.events, b.memory.events);
    }
    template <class T>
    void rows(const QString& name, const std::vector<T>& a, const std::vector<T>& b) {
        field(name + ".size()", a.size(), b.size());
        if (a.size() != b.size()) return;
        for (std::size_t i = 0; i < a.size(); ++i) field(name + QString("[%1]").arg(i), a[i], b[i]);
    }

private:
    QString m_difference;
};

inline void compareModels(Comparison& compare, const profile::ModelSummary& a, const profile::ModelSummary& b) {
    compare.field("model.name", a.name, b.name);
    compare.field("model.path", a.path, b.path);
    compare.field("model.hash", a.hash, b.hash);
    compare.field("model.parameters", a.parameters, b.parameters);
    compare.field("model.file_bytes", a.file_bytes, b.file_bytes);
    compare.field("model.stored_type", a.stored_type, b.stored_type);
    compare.field("model.compute_type", a.compute_type, b.compute_type);
    compare.field("model.compute_chunk", a.compute_chunk, b.compute_chunk);
    const model::Config& c = a.config;
    const model::Config& d = b.config;
    compare.field("architecture", c.architecture, d.architecture);
    compare.field("vocab_size", c.vocab_size, d.vocab_size);
    compare.field("vocab_padded", c.vocab_padded, d.vocab_padded);
    compare.field("d_model", c.d_model, d.d_model);
    compare.field("n_layer", c.n_layer, d.n_layer);
    compare.field("d_inner", c.d_inner, d.d_inner);
    compare.field("d_state", c.d_state, d.d_state);
    compare.field("d_conv", c.d_conv, d.d_conv);
    compare.field("dt_rank", c.dt_rank, d.dt_rank);
    compare.field("n_heads", c.n_heads, d.n_heads);
    compare.field("head_dim", c.head_dim, d.head_dim);
    compare.field("n_groups", c.n_groups, d.n_groups);
    compare.field("chunk_size", c.chunk_size, d.chunk_size);
    compare.field("dt_min", c.dt_min, d.dt_min);
    compare.field("dt_max", c.dt_max, d.dt_max);
    compare.field("norm_eps", c.norm_eps, d.norm_eps);
    compare.field("tie_embeddings", c.tie_embeddings, d.tie_embeddings);
    compare.field("use_bias", c.use_bias, d.use_bias);
    compare.field("use_conv_bias", c.use_conv_bias, d.use_conv_bias);
    compare.field("state_sizes", c.state_sizes, d.state_sizes);
}

inline void compareProvenance(Comparison& compare, const profile::Provenance& p, const profile::Provenance& q) {
    compare.field("creator", p.creator, q.creator);
    compare.field("created", p.created, q.created);
    compare.field("command", p.command, q.command);
    compare.field("device", p.device, q.device);
    compare.field("device_id", p.device_id, q.device_id);
    compare.field("instructions", p.instructions, q.instructions);
    compare.field("host", p.host, q.host);
    compare.field("operating_system", p.operating_system, q.operating_system);
    compare.field("threads", p.threads, q.threads);
    compare.field("tracer", p.tracer, q.tracer);
    compare.field("sensors", p.sensors, q.sensors);
    compare.field("ceilings", p.ceilings.has_value(), q.ceilings.has_value());
    if (p.ceilings && q.ceilings) {
        compare.field("ceilings.of", p.ceilings->matches(*q.ceilings), true);
        compare.field("ceilings.taken", p.ceilings->taken, q.ceilings->taken);
        compare.field("ceilings.bytes_per_s", p.ceilings->bytes_per_s, q.ceilings->bytes_per_s);
        compare.field("ceilings.flops_per_s", p.ceilings->flops_per_s, q.ceilings->flops_per_s);
        compare.field("ceilings.exponentials_per_s", p.ceilings->exponentials_per_s, q.ceilings->exponentials_per_s);
        compare.field("ceilings.cache_bytes", p.ceilings->cache_bytes, q.ceilings->cache_bytes);
    }
    compare.field("clock_begin_mhz", p.clock_begin_mhz, q.clock_begin_mhz);
    compare.field("clock_end_mhz", p.clock_end_mhz, q.clock_end_mhz);
}

/// Empty when all fields are equal.
inline QString difference(const profile::Profile& a, const profile::Profile& b) {
    Comparison compare;
    compareModels(compare, a.model, b.model);
    compareProvenance(compare, a.provenance, b.provenance);
    compare.field("options.mode", a.options.mode, b.options.mode);
    compare.field("options.batch", a.options.batch, b.options.batch);
    compare.field("options.lengths", a.options.lengths, b.options.lengths);
    compare.field("options.threads", a.options.threads, b.options.threads);
    compare.field("options.repeat", a.options.repeat, b.options.repeat);
    compare.field("options.bound", a.options.bound, b.options.bound);
    compare.field("options.budget_s", a.options.budget_s, b.options.budget_s);
    compare.field("options.counters", a.options.counters, b.options.counters);
    compare.field("options.trace", a.options.trace, b.options.trace);
    compare.field("options.seed", a.options.seed, b.options.seed);
    compare.rows("points", a.points, b.points);
    compare.field("complete", a.complete, b.complete);
    return compare.difference();
}

}  // namespace perfmamba::test
