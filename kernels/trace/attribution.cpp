#include "kernels/trace/attribution.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace perfmamba::kernels::trace {
namespace {

template <class Time>
double microseconds(Time from_ns, Time to_ns) {
    return to_ns >= from_ns ? static_cast<double>(to_ns - from_ns) * 1e-3
                            : -static_cast<double>(from_ns - to_ns) * 1e-3;
}

/// Gathers the spans of runs that come in order of their begin.
class SpanBuilder {
public:
    /// A graph launched twice runs its spans twice: its launch's number tells them apart.
    void add(const SpanBook::Entry& entry, SpanId span, std::uint32_t launch, double begin_us, double end_us) {
        if (entry.whole != m_whole || launch != m_launch) {
            m_whole = entry.whole;
            m_launch = launch;
            m_stage = 0;
            m_whole_index = m_spans.size();
            m_spans.push_back({entry.component, Stage::Whole, entry.layer, begin_us, end_us});
        }
        m_spans[m_whole_index].end_us = std::max(m_spans[m_whole_index].end_us, end_us);
        if (entry.stage == Stage::Whole) return;
        if (span != m_stage) {
            m_stage = span;
            m_stage_index = m_spans.size();
            m_spans.push_back({entry.component, entry.stage, entry.layer, begin_us, end_us});
        }
        m_spans[m_stage_index].end_us = std::max(m_spans[m_stage_index].end_us, end_us);
    }
    std::vector<Span> take() { return std::move(m_spans); }

private:
    std::vector<Span> m_spans;
    SpanId m_whole = 0;
    SpanId m_stage = 0;
    std::uint32_t m_launch = 0;
    std::size_t m_whole_index = 0;
    std::size_t m_stage_index = 0;
};

/// The device's idle time, by what it waited for.
class Gaps {
public:
    explicit Gaps(const PassWindow& window) : m_window(window) {}

    /// @param launch null where it is not known
    void add(const RunRecord& run, const LaunchRecord* launch, TraceCounts& counts) {
        const std::uint64_t begin = std::max(run.begin_ns, m_window.begin_ns);
        const bool next_node = run.graph_node != 0 && run.correlation == m_last_correlation;
        m_last_correlation = run.correlation;
        if (m_busy_until == 0) {
            counts.before_first_us += microseconds(m_window.begin_ns, begin);
        } else if (begin > m_busy_until) {
            const double gap = microseconds(m_busy_until, begin);
            if (next_node || !launch) {
                counts.between_us += gap;
            } else {
                const double waited = std::clamp(microseconds(m_busy_until, launch->time_ns), 0.0, gap);
                counts.host_wait_us += waited;
                counts.launch_us += gap - waited;
            }
        }
        m_busy_until = std::max(m_busy_until, run.end_ns);
    }
    /// The end of the last run so far; 0 before the first.
    [[nodiscard]] std::uint64_t busyUntil() const { return m_busy_until; }
    void finish(TraceCounts& counts) const {
        const std::uint64_t last = m_busy_until == 0 ? m_window.begin_ns : m_busy_until;
        counts.after_last_us = std::max(0.0, microseconds(last, m_window.end_ns));
    }

private:
    const PassWindow& m_window;
    std::uint64_t m_busy_until = 0;
    std::uint32_t m_last_correlation = 0;
};

class Attributor {
public:
    Attributor(const Records& records, const SpanBook& book, const PassWindow& window)
        : m_records(records), m_book(book), m_window(window), m_gaps(window) {
        m_launches.reserve(records.launches.size());
        for (const LaunchRecord& launch : records.launches) m_launches.emplace(launch.correlation, &launch);
    }

    Attribution result() {
        m_result.counts.dropped = m_records.dropped;
        std::vector<const RunRecord*> runs;
        runs.reserve(m_records.runs.size());
        for (const RunRecord& run : m_records.runs) runs.push_back(&run);
        std::ranges::stable_sort(runs, {}, [](const RunRecord* run) { return run->begin_ns; });
        for (const RunRecord* run : runs) add(*run);
        m_result.counts.missing = std::max<std::int64_t>(0, m_window.expected_runs - m_seen);
        m_gaps.finish(m_result.counts);
        addOverheads();
        for (const AllocationRecord& allocation : m_records.allocations) {
            if (allocation.delta_bytes > 0 && inWindow(allocation.time_ns, allocation.time_ns)) {
                m_result.counts.allocated_bytes += allocation.delta_bytes;
            }
        }
        m_result.spans = m_spans.take();
        return std::move(m_result);
    }

private:
    [[nodiscard]] bool inWindow(std::uint64_t begin_ns, std::uint64_t end_ns) const {
        return end_ns >= m_window.begin_ns && begin_ns <= m_window.end_ns;
    }
    [[nodiscard]] double fromStart(std::uint64_t time_ns) const {
        return std::max(0.0, microseconds(m_window.begin_ns, time_ns));
    }
    [[nodiscard]] const LaunchRecord* launchOf(const RunRecord& run) const {
        const auto found = m_launches.find(run.correlation);
        return found == m_launches.end() ? nullptr : found->second;
    }

    void add(const RunRecord& run) {
        TraceCounts& counts = m_result.counts;
        const LaunchRecord* launch = launchOf(run);
        const bool timed = run.begin_ns != 0 && run.end_ns != 0 && run.end_ns >= run.begin_ns;
        const bool ours = launch ? m_book.ofThisPass(launch->span) : !timed || inWindow(run.begin_ns, run.end_ns);
        if (!ours) {
            ++counts.outside;
            return;
        }
        const SpanId captured = run.graph_node != 0 ? m_book.spanOfNode(run.graph_node) : 0;
        const SpanId span = captured != 0 ? captured : launch ? launch->span : 0;
        const SpanBook::Entry* entry = m_book.find(span);
        const bool own_stream = !m_window.stream || run.stream == *m_window.stream;
        if (!entry && !launch && captured == 0 && !own_stream) {
            ++counts.foreign;
            return;
        }
        // As those who expect them count: kernels, and whatever a graph runs; not copies and fills on the stream.
        if (run.kind == RunKind::Kernel || run.graph_node != 0) ++m_seen;
        if (!timed) {
            ++counts.untimed;
            return;
        }
        if (!entry) ++counts.uncharged;
        // A kernel that began before the one before it had ended waited for it until then.
        const std::uint64_t alone = std::clamp(m_gaps.busyUntil(), run.begin_ns, run.end_ns);
        m_gaps.add(run, launch, counts);
        const KernelRun& kernel = m_result.kernels.emplace_back(kernelOf(run, entry));
        if (entry) m_spans.add(*entry, span, run.graph_node ? run.correlation : 0, fromStart(alone), kernel.end_us);
    }

    [[nodiscard]] KernelRun kernelOf(const RunRecord& run, const SpanBook::Entry* entry) const {
        KernelRun kernel;
        kernel.name = run.name;
        kernel.kind = run.kind;
        if (entry) {
            kernel.component = entry->component;
            kernel.stage = entry->stage;
            kernel.layer = entry->layer;
        }
        kernel.begin_us = fromStart(run.begin_ns);
        kernel.end_us = fromStart(run.end_ns);
        kernel.grid = run.grid;
        kernel.block = run.block;
        kernel.registers = run.registers;
        kernel.shared_bytes = run.shared_bytes;
        kernel.bytes = run.bytes;
        return kernel;
    }

    void addOverheads() {
        for (const OverheadRecord& overhead : m_records.overheads) {
            if (overhead.begin_ns == 0 || overhead.end_ns < overhead.begin_ns) continue;
            if (!inWindow(overhead.begin_ns, overhead.end_ns)) continue;
            KernelRun run;
            run.name = overhead.name;
            run.kind = RunKind::Overhead;
            run.begin_us = fromStart(overhead.begin_ns);
            run.end_us = fromStart(std::min(overhead.end_ns, m_window.end_ns));
            m_result.counts.overhead_us += run.duration_us();
            m_result.kernels.push_back(std::move(run));
        }
        std::ranges::stable_sort(m_result.kernels, {}, &KernelRun::begin_us);
    }

    const Records& m_records;
    const SpanBook& m_book;
    const PassWindow& m_window;
    Gaps m_gaps;
    SpanBuilder m_spans;
    std::unordered_map<std::uint32_t, const LaunchRecord*> m_launches;
    std::int64_t m_seen = 0;
    Attribution m_result;
};

}  // namespace

Attribution attribute(const Records& records, const SpanBook& book, const PassWindow& window) {
    return Attributor(records, book, window).result();
}

void merge(Attribution&& attribution, PassRecord& record) {
    record.spans = std::move(attribution.spans);
    record.kernels = std::move(attribution.kernels);
    record.counts = attribution.counts;
}

}  // namespace perfmamba::kernels::trace
