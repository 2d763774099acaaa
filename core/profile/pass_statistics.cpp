#include "core/profile/pass_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace perfmamba::profile {
namespace {

constexpr std::array kStages = {Stage::Cumsum, Stage::ChunkState, Stage::StatePassing, Stage::ChunkScan,
                                Stage::Observation};

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

/// Bytes that come and go within a pass.
std::int64_t transient(const MemoryUse& use) {
    return use[MemoryKind::Activations] + use[MemoryKind::Workspace] + use[MemoryKind::Logits];
}

/// The numbers of both, the times of the latter.
TraceCounts sumOf(const TraceCounts& before, TraceCounts counts) {
    counts.dropped += before.dropped;
    counts.missing += before.missing;
    counts.untimed += before.untimed;
    counts.outside += before.outside;
    counts.foreign += before.foreign;
    counts.uncharged += before.uncharged;
    return counts;
}

}  // namespace

PassStatistics::PassStatistics(const model::Config& config, Precision precision, Mode mode, std::int64_t batch,
                               std::int64_t length)
    : m_config(config),
      m_precision(precision),
      m_mode(mode),
      m_batch(batch),
      m_length(length),
      m_rows(static_cast<std::size_t>(config.n_layer + 1) * kComponentCount) {}

std::size_t PassStatistics::rowIndex(Component component, std::int32_t layer) const {
    return static_cast<std::size_t>(layer - kNoLayer) * kComponentCount + static_cast<std::size_t>(component);
}

void PassStatistics::add(kernels::PassRecord&& record) {
    const std::size_t pass = m_totals.size();
    m_totals.push_back(record.total_us);
    for (Row& row : m_rows) row.calls = 0;
    m_charged = 0;
    for (const Span& span : record.spans) {
        if (span.stage == Stage::Whole) ++m_rows[rowIndex(span.component, span.layer)].calls;
    }
    if (record.trace.detail == TraceDetail::Kernels) {
        addKernels(record, pass);
    } else {
        addSpans(record, pass);
    }
    addMemory(record);
    addTo(m_rows[rowIndex(Component::Other, kNoLayer)].samples, pass, std::max(0.0, record.total_us - m_charged));
    // A row has a sample for every pass, also for one in which it did not run or its records were lost.
    for (Row& row : m_rows) {
        if (!row.samples.empty()) row.samples.resize(pass + 1, 0.0);
    }
    for (std::vector<double>& samples : m_stages) {
        if (!samples.empty()) samples.resize(pass + 1, 0.0);
    }
    m_counts = sumOf(m_counts, record.counts);
    m_last = std::move(record);
}

void PassStatistics::addTo(std::vector<double>& samples, std::size_t pass, double time_us) {
    samples.resize(pass + 1, 0.0);
    samples[pass] += time_us;
}

void PassStatistics::addSpans(const kernels::PassRecord& record, std::size_t pass) {
    for (const Span& span : record.spans) {
        if (span.stage != Stage::Whole) {
            addTo(m_stages[static_cast<std::size_t>(span.stage)], pass, span.duration_us());
            continue;
        }
        addTo(m_rows[rowIndex(span.component, span.layer)].samples, pass, span.duration_us());
        m_charged += span.duration_us();
    }
}

void PassStatistics::addKernels(const kernels::PassRecord& record, std::size_t pass) {
    const std::vector<double> times = exclusiveTimes(record.kernels);
    for (std::size_t i = 0; i < times.size(); ++i) {
        const KernelRun& run = record.kernels[i];
        if (run.component == Component::Other) continue;
        addTo(m_rows[rowIndex(run.component, run.layer)].samples, pass, times[i]);
        if (run.stage != Stage::Whole) addTo(m_stages[static_cast<std::size_t>(run.stage)], pass, times[i]);
        m_charged += times[i];
    }
}

void PassStatistics::addMemory(const kernels::PassRecord& record) {
    MemoryUse use = record.memory_at_start;
    std::int64_t peak = use.total();
    m_memory.peak_component = Component::Other;
    m_memory.peak_layer = kNoLayer;
    auto event = record.memory.begin();
    const auto apply = [&](double until, Row* row) {
        for (; event != record.memory.end() && event->time_us <= until; ++event) {
            use[event->kind] += event->delta_bytes;
            if (row) row->peak_bytes = std::max(row->peak_bytes, transient(use));
            if (use.total() > peak) {
                peak = use.total();
                m_memory.peak_component = event->component;
                m_memory.peak_layer = event->layer;
            }
        }
    };
    for (const Span& span : record.spans) {
        if (span.stage != Stage::Whole) continue;
        apply(span.begin_us, nullptr);
        Row& row = m_rows[rowIndex(span.component, span.layer)];
        row.peak_bytes = std::max(row.peak_bytes, transient(use));
        apply(span.end_us, &row);
    }
    apply(record.total_us, nullptr);
    m_memory.peak = record.memory_peak;
    m_memory.at_start = record.memory_at_start;
}

double PassStatistics::share(const std::vector<double>& samples, const std::vector<std::size_t>& passes) const {
    double part = 0;
    double whole = 0;
    for (const std::size_t pass : passes) {
        part += samples[pass];
        whole += m_totals[pass];
    }
    return whole > 0 ? part / whole : 0;
}

/// Fused steps have no norm of their own.
bool PassStatistics::fused() const {
    return m_mode == Mode::Decode && m_config.n_layer > 0 && m_rows[rowIndex(Component::InProj, 0)].calls > 0 &&
           m_rows[rowIndex(Component::Norm, 0)].calls == 0;
}

Cost PassStatistics::work(Component component, std::int32_t layer, const Row& row) const {
    if (component == Component::Other) return {kNotKnown, kNotKnown, kNotKnown};  // is not in the cost model
    const PassShape pass{m_batch, m_mode == Mode::Decode ? 1 : m_length, m_precision, fused()};
    return static_cast<double>(row.calls) * costOf(component, m_config, layer, pass);
}

ComponentCost PassStatistics::cost(Component component, std::int32_t layer, const Row& row, const Cost& work,
                                   const std::vector<std::size_t>& passes) const {
    ComponentCost result;
    result.component = component;
    result.layer = layer;
    result.time = summarise(row.samples);
    result.share = share(row.samples, passes);
    result.calls = row.calls;
    result.peak_bytes = row.peak_bytes;
    result.flops = work.flops;
    result.bytes = work.bytes;
    result.exponentials = work.exponentials;
    return result;
}

Point PassStatistics::point() const {
    Point point;
    const std::vector<std::size_t> calm = calmPasses(m_totals);
    point.length = m_length;
    point.total = summarise(m_totals);
    point.untraced = summarise(m_untraced);
    point.overhead = ratioOf(m_totals, m_untraced);
    const auto tokens = static_cast<double>(m_batch * (m_mode == Mode::Decode ? 1 : m_length));
    point.tokens_per_second = tokens / (point.total.median * 1e-6);
    for (const Component component : kComponents) {
        Row sum;
        Cost sum_work;
        for (std::int32_t layer = kNoLayer; layer < m_config.n_layer; ++layer) {
            const Row& row = m_rows[rowIndex(component, layer)];
            if (row.samples.empty()) continue;
            sum.samples.resize(row.samples.size(), 0.0);
            for (std::size_t i = 0; i < row.samples.size(); ++i) sum.samples[i] += row.samples[i];
            sum.calls += row.calls;
            sum.peak_bytes = std::max(sum.peak_bytes, row.peak_bytes);
            sum_work += work(component, layer, row);
        }
        if (!sum.samples.empty()) point.components.push_back(cost(component, kNoLayer, sum, sum_work, calm));
    }
    for (std::int32_t layer = 0; layer < m_config.n_layer; ++layer) {
        for (const Component component : kComponents) {
            const Row& row = m_rows[rowIndex(component, layer)];
            if (!row.samples.empty())
                point.layers.push_back(cost(component, layer, row, work(component, layer, row), calm));
        }
    }
    for (const Stage stage : kStages) {
        const std::vector<double>& samples = m_stages[static_cast<std::size_t>(stage)];
        if (samples.empty()) continue;
        point.stages.push_back({Component::Ssm, stage, summarise(samples), share(samples, calm)});
    }
    point.last_pass = m_last.spans;
    point.last_pass_us = m_last.total_us;
    point.last_kernels = m_last.kernels;
    point.trace = m_last.trace;
    point.counts = m_counts;
    point.memory = m_memory;
    point.memory.events = m_last.memory;
    return point;
}

}  // namespace perfmamba::profile
