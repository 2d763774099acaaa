#include "kernels/cuda/cupti/tracer.h"

#include <fmt/format.h>

#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include "kernels/cuda/cupti/collector.h"
#include "kernels/cuda/cupti/counters.h"
#include "kernels/cuda/cupti/parse.h"
#include "kernels/cuda/cupti/range_profiler.h"
#include "kernels/cuda/cupti/session.h"
#include "kernels/error.h"
#include "kernels/trace/attribution.h"

namespace perfmamba::kernels::cuda::cupti {
namespace {

using Clock = std::chrono::steady_clock;

// The device has finished when a pass ends; its records are a flush away. Those that have not come by then are missing.
constexpr std::chrono::milliseconds kPatience{150};
constexpr std::chrono::milliseconds kBetweenFlushes{2};
// The counted pass launches what the one before it did; were it more, that is told apart from room that ran out.
constexpr std::size_t kSpareRanges = 16;

class CuptiTracer final : public Tracer, private Listener {
public:
    explicit CuptiTracer(Search search) : m_search(std::move(search)) {}
    ~CuptiTracer() override { stop(); }

    [[nodiscard]] TraceStatus status() const override { return m_status; }
    [[nodiscard]] std::uint64_t generation() const override { return m_generation; }

    bool start() override {
        if (m_session) return true;
        try {
            if (!m_api) m_api = loadApi(m_search);
            const CUptiResult attached = Collector::instance().attach(m_api);
            if (attached != CUPTI_SUCCESS)
                throw Error("kernel tracing", explain(*m_api, "handing over buffers", attached));
            m_owner = std::this_thread::get_id();
            m_session = Session::take(m_api, *this, Watch::LaunchesAndRecords);
        } catch (const Error& error) {
            m_status = {"", TraceDetail::Off, error.what()};
            return false;
        }
        Collector::instance().startFlushing();
        m_status = {m_api->name(), TraceDetail::Kernels, {}};
        ++m_generation;
        return true;
    }

    void stop() override {
        if (!m_session) return;
        m_recorded = false;
        Collector::instance().stopFlushing();
        m_session.reset();
        trace::Records late;
        Collector::instance().drain(late);
        m_book.forgetGraphs();
        m_graphs.clear();
        m_status = {"", TraceDetail::Off, "tracing is off"};
    }

    void beginPass(bool record, void* context, void* stream) override {
        m_recorded = false;
        m_runs = 0;
        m_depth = 0;
        m_open = 0;
        m_launches.clear();
        if (!m_session) return;
        if (m_counting) {
            m_counted.clear();
            m_counted_name.clear();
            m_book.beginPass();
            return;
        }
        const Watch what = record ? Watch::LaunchesAndRecords : Watch::Nothing;
        if (const std::string refusal = m_session->watch(what); !refusal.empty()) {
            fail(refusal);
            return;
        }
        trace::Records before;
        Collector::instance().drain(before);
        m_book.beginPass();
        if (!record) return;
        m_recorded = true;
        m_window = {};
        std::uint32_t id = 0;
        const bool known =
            m_api->getStreamId(static_cast<CUcontext>(context), static_cast<CUstream>(stream), 0, &id) == CUPTI_SUCCESS;
        if (known) m_window.stream = id;
        m_window.begin_ns = now();
    }

    bool endPass(PassRecord& record) override {
        if (!std::exchange(m_recorded, false)) return false;
        m_window.end_ns = now();
        m_window.expected_runs = m_runs;
        trace::Records records;
        records.launches = std::move(m_launches);
        if (!collect(records)) return false;
        merge(attribute(records, m_book, m_window), record);
        record.trace = m_status;
        return true;
    }

    void beginSpan(Component component, Stage stage, std::int32_t layer) override {
        if (!m_recorded && !m_counting && !m_book.capturing()) return;
        m_book.open(component, stage, layer);
        ++m_open;
    }
    void endSpan() override {
        if (m_open == 0) return;
        --m_open;
        m_book.close();
    }

    void beginCapture() override {
        if (m_session) m_book.beginCapture();
    }
    GraphKey endCapture(std::int64_t runs) override {
        if (!m_session) return 0;
        m_book.endCapture();
        m_graphs.push_back(runs);
        return m_graphs.size();
    }
    void graphLaunched(GraphKey graph) override {
        if (m_recorded && graph > 0 && graph <= m_graphs.size()) m_runs += m_graphs[graph - 1];
    }

    CountedPass count(void* context, const std::function<void()>& pass) override {
        const CountingScope scope(*this);
        RangeProfiler profiler(m_api, m_search.driver, context);
        // Once without counting: it tells how many kernels there are, and makes what is made once.
        pass();
        const std::size_t expected = m_counted.size();
        if (expected == 0) throw Error("counters", "the pass launched no kernel");
        profiler.start(expected + kSpareRanges);
        pass();
        return charged(profiler.finish(), profiler.host());
    }

private:
    struct CountedLaunch {
        trace::SpanId span = 0;
        std::string name;
    };

    /// CUPTI is there and tells launches, and no records are made, until the end.
    class CountingScope {
    public:
        explicit CountingScope(CuptiTracer& tracer) : m_tracer(tracer), m_own_session(!tracer.m_session) {
            if (!tracer.m_api) tracer.m_api = loadApi(tracer.m_search);
            if (m_own_session) {
                tracer.m_owner = std::this_thread::get_id();
                tracer.m_session = Session::take(tracer.m_api, tracer, Watch::Launches);
            } else {
                Collector::instance().stopFlushing();
            }
            tracer.m_counting = true;
            if (const std::string refusal = tracer.m_session->watch(Watch::Launches); !refusal.empty()) {
                leave();
                throw Error("counters", refusal);
            }
        }
        ~CountingScope() { leave(); }
        CountingScope(const CountingScope&) = delete;
        CountingScope& operator=(const CountingScope&) = delete;

    private:
        void leave() noexcept {
            m_tracer.m_counting = false;
            m_tracer.m_counted.clear();
            if (m_own_session) {
                m_tracer.m_session.reset();
            } else if (m_tracer.m_session) {
                (void)m_tracer.m_session->watch(Watch::Nothing);
                Collector::instance().startFlushing();
            }
        }

        CuptiTracer& m_tracer;
        bool m_own_session;
    };

    /// The values of the kernels, in the order of their launch, with what launched them.
    [[nodiscard]] CountedPass charged(const std::vector<CounterValues>& values, const CounterHost& host) const {
        if (values.size() != m_counted.size()) {
            throw Error("counters", fmt::format("{} kernels were launched, and {} counted: whose the counts are is not "
                                                "known",
                                                m_counted.size(), values.size()));
        }
        CountedPass counted;
        counted.source = m_api->name() + ", " + host.chip();
        counted.missing = host.missing();
        counted.kernels.reserve(values.size());
        for (std::size_t i = 0; i < values.size(); ++i) {
            KernelCounts& kernel = counted.kernels.emplace_back();
            kernel.name = m_counted[i].name;
            if (const trace::SpanBook::Entry* entry = m_book.find(m_counted[i].span)) {
                kernel.component = entry->component;
                kernel.stage = entry->stage;
                kernel.layer = entry->layer;
            }
            const auto value = [&](Counter counter) { return values[i][static_cast<std::size_t>(counter)]; };
            kernel.time_us = value(Counter::Time) * 1e-3;
            kernel.dram_read_bytes = value(Counter::DramRead);
            kernel.dram_written_bytes = value(Counter::DramWritten);
            kernel.dram_percent = value(Counter::DramPercent);
            kernel.occupancy_percent = value(Counter::Occupancy);
            kernel.tensor_instructions = value(Counter::TensorInstructions);
            kernel.instructions = value(Counter::Instructions);
        }
        return counted;
    }

    // What CUPTI tells on the owner's thread; on others it is another part of the program's.
    void launching() noexcept override {
        if ((m_recorded || m_counting) && ofOwner()) ++m_depth;
    }
    void launched(std::uint32_t correlation, bool kernel, const char* name) noexcept override {
        if ((!m_recorded && !m_counting) || !ofOwner() || m_depth == 0) return;
        --m_depth;  // the runtime's call makes one to the driver, which is the same launch
        if (m_counting) {
            noteCounted(kernel, name);
            return;
        }
        try {
            m_launches.push_back({correlation, now(), m_book.current()});
        } catch (const std::bad_alloc&) {
            return;  // the gap before it is then of unknown cause
        }
        if (kernel && m_depth == 0 && !m_book.capturing()) ++m_runs;
    }
    void noteCounted(bool kernel, const char* name) noexcept {
        if (!kernel) return;
        try {
            if (name && m_counted_name.empty()) m_counted_name = demangled(name);
            if (m_depth > 0) return;
            m_counted.push_back({m_book.current(), m_counted_name.empty() ? "unnamed" : m_counted_name});
            m_counted_name.clear();
        } catch (const std::bad_alloc&) {
            return;  // there will be more counts than launches
        }
    }
    void nodeCreated(CUgraphNode node) noexcept override {
        std::uint64_t id = 0;
        if (!ofOwner() || m_api->getGraphNodeId(node, &id) != CUPTI_SUCCESS) return;
        try {
            m_book.noteNode(id);
        } catch (const std::bad_alloc&) {
            return;  // it will be charged to 'other'
        }
    }
    void nodeCloned(CUgraphNode original, CUgraphNode clone) noexcept override {
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        if (!ofOwner() || m_api->getGraphNodeId(original, &from) != CUPTI_SUCCESS) return;
        if (m_api->getGraphNodeId(clone, &to) != CUPTI_SUCCESS) return;
        try {
            m_book.noteClone(from, to);
        } catch (const std::bad_alloc&) {
            return;
        }
    }

    /// Waits until the records of all launches are there, or patience ends. False: CUPTI failed.
    bool collect(trace::Records& records) {
        const Clock::time_point until = Clock::now() + kPatience;
        for (;;) {
            if (const CUptiResult flushed = Collector::instance().flush(); flushed != CUPTI_SUCCESS) {
                fail(explain(*m_api, "collecting records", flushed));
                return false;
            }
            Collector::instance().drain(records);
            if (std::cmp_greater_equal(records.runs.size(), m_runs) || Clock::now() > until) return true;
            std::this_thread::sleep_for(kBetweenFlushes);
        }
    }

    /// In the middle of a session, a lost device likely.
    void fail(const std::string& reason) {
        stop();
        m_status.reason = reason;
    }

    [[nodiscard]] bool ofOwner() const { return std::this_thread::get_id() == m_owner; }
    [[nodiscard]] std::uint64_t now() const {
        std::uint64_t time = 0;
        (void)m_api->getTimestamp(&time);
        return time;
    }

    Search m_search;
    std::shared_ptr<const Api> m_api;
    std::unique_ptr<Session> m_session;
    TraceStatus m_status{"", TraceDetail::Off, "tracing is off"};
    std::uint64_t m_generation = 0;
    std::thread::id m_owner;

    trace::SpanBook m_book;
    std::vector<std::int64_t> m_graphs;  // runs of each
    bool m_recorded = false;             // the pass under way
    trace::PassWindow m_window;
    std::vector<trace::LaunchRecord> m_launches;
    std::int64_t m_runs = 0;   // that must come
    std::int64_t m_depth = 0;  // of launching calls inside one another
    std::int64_t m_open = 0;   // spans

    bool m_counting = false;
    std::vector<CountedLaunch> m_counted;  // kernels of the pass, in the order of their launch
    std::string m_counted_name;            // of the launch under way
};

}  // namespace

std::unique_ptr<Tracer> makeTracer(Search search) {
    return std::make_unique<CuptiTracer>(std::move(search));
}

}  // namespace perfmamba::kernels::cuda::cupti
