#include "core/profile/profiler.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "core/profile/device_watch.h"
#include "core/profile/elapsed.h"
#include "core/profile/floors.h"
#include "core/profile/pass_runner.h"
#include "core/profile/pass_statistics.h"
#include "core/profile/system_info.h"
#include "kernels/error.h"

namespace perfmamba::profile {
namespace {

using Clock = std::chrono::steady_clock;
using engine::Engine;

constexpr std::size_t kMinimumPasses = 3;
// Pairs of recorded and unrecorded passes: enough for an interval of the overhead.
constexpr std::size_t kOverheadPairs = 15;
constexpr int kMinimumWarmUps = 2;
constexpr int kMaximumWarmUps = 20;
// Warm-up goes on, within this share of the budget, until a pass is no faster than the best before it.
constexpr double kWarmUpShare = 0.2;
constexpr double kSettled = 0.98;
// Of the budget, for unrecorded passes that come in a block.
constexpr double kUntracedShare = 0.35;
constexpr double kObserverPeriod_s = 0.03;
// A snapshot may cost this share of the time at most.
constexpr double kObserverShare = 0.1;
constexpr std::int64_t kMaximumRows = std::int64_t{1} << 30;

/// The run over all lengths.
class Run {
public:
    Run(Engine& engine, const Options& options, const Provenance& provenance, const Observer& observer,
        const std::stop_token& stop)
        : m_engine(engine), m_observer(observer), m_stop(stop) {
        m_profile.model = summaryOf(engine);
        m_profile.provenance = provenance;
        m_profile.provenance.created = now();
        m_profile.provenance.threads = engine.backend().device().threads;
        m_profile.options = options;
        kernels::Backend& backend = engine.backend();
        backend.setTrace(options.trace);
        m_profile.provenance.tracer = options.trace == TraceMode::Off ? "" : backend.traceStatus().tracer;
        m_profile.provenance.sensors = backend.reading().source;
        m_profile.provenance.clock_begin_mhz = deviceClockMhz();
    }

    /// Other work on the engine is not to pay for tracing.
    ~Run() { m_engine.backend().setTrace(TraceMode::Off); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    std::shared_ptr<const Profile> measureAll() {
        for (m_index = 0; m_index < options().lengths.size() && !m_stop.stop_requested(); ++m_index) measure();
        m_profile.complete = !m_stop.stop_requested() && m_profile.points.size() == options().lengths.size();
        m_profile.provenance.clock_end_mhz = deviceClockMhz();
        return std::make_shared<const Profile>(std::move(m_profile));
    }

private:
    [[nodiscard]] const Options& options() const { return m_profile.options; }
    [[nodiscard]] std::int64_t length() const { return options().lengths[m_index]; }
    [[nodiscard]] bool recording() const { return options().trace != TraceMode::Off; }
    /// A GPU's by its sensors, where it has them; never the processor's for another device.
    [[nodiscard]] double deviceClockMhz() const {
        const kernels::Backend& backend = m_engine.backend();
        if (const std::optional<double> clock = backend.reading().clock_mhz) return *clock;
        return backend.device().id == "cpu" ? clockMhz() : 0;
    }

    void measure() {
        m_engine.backend().trim();
        const bool own_peak = resetPeakResident();
        m_point_start = Clock::now();
        m_pass_s = 0;
        m_watch = {};
        m_watch.add(m_engine.backend().reading());
        PassStatistics statistics(m_engine.config(), precisionOf(m_engine.backend().device()), options().mode,
                                  options().batch, length());
        std::int64_t reserved = 0;
        CountedPass counted;
        bool cut_short = true;
        try {
            const bool decode = options().mode == Mode::Decode;
            report(statistics, decode ? "running the context" : "warming up");
            PassRunner workload(m_engine, options().mode, options().batch, length(), options().seed, m_stop);
            m_point_start = Clock::now();  // a decode's context, however long, leaves the budget whole
            if (tracesKernels()) measureUntracedFirst(workload, statistics);
            warmUp(workload, recording());
            while (!finished(statistics)) {
                const Clock::time_point begin = Clock::now();
                statistics.add(workload.pass(recording()));
                m_pass_s = secondsSince(begin);
                m_watch.add(m_engine.backend().reading());
                if (recording() && !tracesKernels() && statistics.untracedPasses() < kOverheadPairs &&
                    !finished(statistics)) {
                    statistics.addUntraced(workload.pass(false).total_us);
                }
                if (secondsSince(m_last_report) > std::max(kObserverPeriod_s, m_report_s / kObserverShare)) {
                    report(statistics, passText(statistics));
                }
            }
            cut_short = false;
            reserved = m_engine.backend().reserved_bytes();
            if (options().counters) {
                report(statistics, "counting");
                counted = count(workload);
            }
        } catch (const Cancelled&) {
            // What was measured until then stands.
        } catch (const Error&) {
            m_engine.backend().trim();
            throw;
        }
        if (statistics.passes() == 0) return;
        Point point = pointOf(statistics);
        point.converged = point.total.relativeError() <= options().bound;
        point.cut_short = cut_short;
        point.counted = std::move(counted);
        point.memory.reserved_bytes = reserved;
        point.memory.process_peak_bytes = own_peak ? peakResidentBytes() : residentBytes();
        m_profile.points.push_back(std::move(point));
        if (m_observer) m_observer(std::make_shared<const Profile>(m_profile), progress(passText(statistics)));
    }

    /// What was measured stands, whatever is in the way of counting.
    [[nodiscard]] CountedPass count(PassRunner& workload) {
        try {
            CountedPass counted = m_engine.backend().count([&] { (void)workload.pass(false); });
            counted.kernels = merged(counted.kernels);
            return counted;
        } catch (const Error& error) {
            return {"", error.what(), {}};
        }
    }

    [[nodiscard]] bool tracesKernels() const {
        return recording() && m_engine.backend().traceStatus().detail == TraceDetail::Kernels;
    }

    /// A tracer of kernels slows the passes that it does not record, too, and those after it is started or stopped: the
    /// unrecorded passes have a block of their own, in which it is off.
    void measureUntracedFirst(PassRunner& workload, PassStatistics& statistics) {
        m_engine.backend().setTrace(TraceMode::Off);
        warmUp(workload, false);
        const std::size_t wanted = options().repeat > 0
                                       ? std::min(kOverheadPairs, static_cast<std::size_t>(options().repeat))
                                       : kOverheadPairs;
        while (statistics.untracedPasses() < wanted) {
            if (m_stop.stop_requested()) throw Cancelled();
            if (statistics.untracedPasses() >= kMinimumPasses &&
                secondsSince(m_point_start) > kUntracedShare * options().budget_s) {
                break;
            }
            statistics.addUntraced(workload.pass(false).total_us);
        }
        m_engine.backend().setTrace(options().trace);
    }

    /// @param recorded with recorded passes among them, which may need something of their own the first time
    void warmUp(PassRunner& workload, bool recorded) {
        const bool in_turn = recorded && !tracesKernels();
        // What replays captures a pass when it comes for the second time, recorded ones and others each for themselves.
        const int least = in_turn && m_engine.backend().replays() ? 2 * kMinimumWarmUps : kMinimumWarmUps;
        double best = std::numeric_limits<double>::infinity();
        const Clock::time_point begin = Clock::now();
        for (int i = 0; i < kMaximumWarmUps; ++i) {
            const double time = workload.pass(recorded && (!in_turn || i % 2 == 0)).total_us;
            m_pass_s = time * 1e-6;
            const bool settled = time > kSettled * best;
            best = std::min(best, time);
            if (i + 1 >= least && settled) return;
            if (secondsSince(begin) > kWarmUpShare * options().budget_s) return;
        }
    }

    [[nodiscard]] bool finished(const PassStatistics& statistics) const {
        if (m_stop.stop_requested()) throw Cancelled();
        const std::size_t passes = statistics.passes();
        if (options().repeat > 0) return passes >= static_cast<std::size_t>(options().repeat);
        if (passes < kMinimumPasses) return false;
        if (passes >= kMostPasses || secondsSince(m_point_start) > options().budget_s) return true;
        return summarise(statistics.totals()).relativeError() <= options().bound;
    }

    void report(const PassStatistics& statistics, const std::string& what) {
        if (!m_observer) return;
        const Clock::time_point begin = Clock::now();
        auto snapshot = std::make_shared<Profile>(m_profile);
        if (statistics.passes() > 0) {
            snapshot->points.push_back(pointOf(statistics));
            snapshot->points.back().cut_short = true;  // is all there is of it, should the run end here
        }
        m_observer(std::shared_ptr<const Profile>(std::move(snapshot)), progress(what));
        m_last_report = Clock::now();
        m_report_s = secondsSince(begin);
    }

    [[nodiscard]] Point pointOf(const PassStatistics& statistics) const {
        Point point = statistics.point();
        const std::int64_t tokens = options().batch * (options().mode == Mode::Decode ? 1 : length());
        point.device_use = m_watch.use(point.total.median, static_cast<double>(tokens));
        if (m_profile.provenance.ceilings) setFloors(point, *m_profile.provenance.ceilings);
        return point;
    }

    [[nodiscard]] std::string passText(const PassStatistics& statistics) const {
        const double error = summarise(statistics.totals()).relativeError();
        return fmt::format("{} {}, batch {}: pass {}{}", name(options().mode), length(), options().batch,
                           statistics.passes(), std::isfinite(error) ? fmt::format(", ±{:.1f} %", error * 100) : "");
    }

    /// Time that a length will take at most, from the last pass's time for each token.
    [[nodiscard]] double expected_s(std::size_t index) const {
        const double ratio = options().mode == Mode::Decode
                                 ? 1
                                 : static_cast<double>(options().lengths[index]) / static_cast<double>(length());
        const double pass_s = m_pass_s * ratio;
        const double passes = options().repeat > 0 ? options().repeat : static_cast<double>(kMinimumPasses);
        const double least = pass_s * (2 * passes + kMinimumWarmUps);
        return options().repeat > 0 ? least : std::max(options().budget_s, least);
    }

    [[nodiscard]] Progress progress(const std::string& what) const {
        const double spent = secondsSince(m_start);
        const bool measured = m_profile.points.size() > m_index;
        double left = measured ? 0 : std::max(0.0, expected_s(m_index) - secondsSince(m_point_start));
        for (std::size_t i = m_index + 1; i < options().lengths.size(); ++i) left += expected_s(i);
        Progress progress;
        progress.done = spent + left > 0 ? spent / (spent + left) : 0;
        if (m_pass_s > 0) progress.seconds_left = left;
        progress.what = what;
        progress.point = m_index;
        return progress;
    }

    Engine& m_engine;
    const Observer& m_observer;
    const std::stop_token& m_stop;
    Profile m_profile;
    std::size_t m_index = 0;
    Clock::time_point m_start = Clock::now();
    Clock::time_point m_point_start = m_start;
    Clock::time_point m_last_report;
    DeviceWatch m_watch;
    double m_pass_s = 0;    // the last pass
    double m_report_s = 0;  // what the last snapshot cost
};

}  // namespace

void check(const Options& options) {
    if (options.lengths.empty()) throw Error("lengths", "there are none");
    if (options.batch < 1) throw Error("batch", fmt::format("{} is below 1", options.batch));
    for (const std::int64_t length : options.lengths) {
        if (length < 1) throw Error("lengths", fmt::format("{} is below 1", length));
        if (length > kMaximumRows / options.batch) {
            throw Error("lengths",
                        fmt::format("{} tokens × batch {} are too many for one pass", length, options.batch));
        }
    }
    if (options.repeat < 0) throw Error("repeat", fmt::format("{} is below 0", options.repeat));
    if (!(options.bound > 0)) throw Error("bound", fmt::format("{} is not positive", options.bound));
    if (!(options.budget_s > 0)) throw Error("budget", fmt::format("{} s is not positive", options.budget_s));
}

std::shared_ptr<const Profile> run(Engine& engine, const Options& options, const Provenance& provenance,
                                   const Observer& observer, const std::stop_token& stop) {
    check(options);
    return Run(engine, options, provenance, observer, stop).measureAll();
}

ModelSummary summaryOf(const model::Checkpoint& checkpoint, DType precision) {
    ModelSummary summary;
    summary.name = checkpoint.name();
    summary.path = (checkpoint.ownsFolder() ? checkpoint.folder() : checkpoint.configFile()).string();
    summary.hash = checkpoint.hash();
    summary.config = checkpoint.config();
    summary.parameters = checkpoint.parameters();
    summary.file_bytes = checkpoint.fileBytes();
    summary.stored_type = checkpoint.storedType();
    summary.compute_type = perfmamba::name(precision);
    return summary;
}

ModelSummary summaryOf(Engine& engine) {
    ModelSummary summary = summaryOf(engine.checkpoint(), engine.backend().device().precision);
    if (summary.config.architecture == model::Architecture::Mamba2) summary.compute_chunk = engine.config().chunk_size;
    return summary;
}

Progress loadingProgress(double done) {
    Progress progress;
    progress.done = done;
    progress.what = "loading the weights";
    return progress;
}

Provenance provenanceOf(const kernels::DeviceInfo& device) {
    Provenance provenance;
    provenance.creator = "PerfMamba Explorer " PERFMAMBA_VERSION;
    provenance.created = now();
    provenance.device = device.name;
    provenance.device_id = device.id;
    provenance.instructions = device.instructions;
    provenance.host = hostName();
    provenance.operating_system = operatingSystem();
    provenance.threads = device.threads;
    return provenance;
}

}  // namespace perfmamba::profile
