#include "core/study/run_scaling.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "core/engine/engine.h"
#include "core/profile/elapsed.h"
#include "core/study/identity.h"
#include "core/study/progress.h"
#include "core/study/with_states.h"
#include "kernels/error.h"

namespace perfmamba::study {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kObserverPeriod_s = 0.1;
// Far above what models have, and far below what would overflow a size.
constexpr std::int64_t kMostStates = 4096;
constexpr std::size_t kMostCells = 100'000;

template <class T>
void checkList(const char* option, const std::vector<T>& values) {
    if (values.empty()) throw Error(option, "there are none");
    if (hasEqual(values)) throw Error(option, "one is given twice");
}

void checkModels(const Models& models) {
    if (models.empty()) throw Error("models", "there are none");
    std::vector<std::string> hashes;
    for (const auto& checkpoint : models) hashes.push_back(checkpoint->hash());
    if (hasEqual(hashes)) throw Error("models", "one is given twice");
}

void checkShard(std::size_t shard, std::size_t shards) {
    if (shards >= 1 && shard >= 1 && shard <= shards) return;
    throw Error("shard", fmt::format("{} of {} is none of 1 to {}", shard, shards, shards));
}

bool waitsForMe(const ScalingStudy& study, std::size_t cell) {
    return study.mine(cell) && study.cells[cell].state == CellState::Waiting;
}

bool noneWaits(const ScalingStudy& study) {
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        if (waitsForMe(study, i)) return false;
    }
    return true;
}

/// Devices and modes differ most in what a cell takes; all tokens of a batch count.
Work workOf(const ScalingOptions& options, const ScalingCell& cell) {
    const auto device = std::ranges::find(options.devices, cell.series.device) - options.devices.begin();
    return {2 * static_cast<std::size_t>(device) + (cell.series.mode == profile::Mode::Decode ? 1 : 0),
            static_cast<double>(cell.length * cell.series.batch)};
}

/// What an engine is made for.
struct EngineFor {
    std::size_t model = std::numeric_limits<std::size_t>::max();
    std::int64_t states = 0;
    std::string device;
    std::string precision;

    bool operator==(const EngineFor&) const = default;
};

class Run {
public:
    Run(const Models& models, ScalingStudy study, const ScalingMachine& machine, const ScalingObserver& observer,
        const std::stop_token& stop)
        : m_models(models), m_study(std::move(study)), m_machine(machine), m_observer(observer), m_stop(stop) {
        for (std::size_t i = 0; i < m_study.cells.size(); ++i) m_mine += m_study.mine(i) ? 1 : 0;
    }

    ScalingPtr measureAll() {
        for (m_index = 0; m_index < m_study.cells.size() && !m_stop.stop_requested(); ++m_index) {
            if (waitsForMe(m_study, m_index)) measure(m_study.cells[m_index]);
        }
        m_study.complete = noneWaits(m_study);
        return std::make_shared<const ScalingStudy>(std::move(m_study));
    }

private:
    void measure(ScalingCell& cell) {
        try {
            engine::Engine& engine = engineFor(cell.series);
            m_forecast.begin(workOf(m_study.options, cell));
            const auto profile = profile::run(
                engine, optionsOf(m_study.options, cell), m_provenance,
                [&](const auto&, const profile::Progress& now) { report(cell, now.done, now.what); }, m_stop);
            if (!profile->complete) return;  // stopped: half a cell is none
            cell.point = pointOf(*profile);
            cell.provenance = rowOf(m_study.provenances, profile->provenance);
            m_study.provenances[cell.provenance].clock_end_mhz = profile->provenance.clock_end_mhz;
            cell.state = CellState::Measured;
            m_forecast.end();
        } catch (const Cancelled&) {
            return;
        } catch (const Error& error) {
            fail(cell, error.what());
        } catch (const std::bad_alloc&) {
            fail(cell, "there is not enough memory");
        }
        m_snapshot.reset();
        notify(forecast(0, inWords(m_study, cell)), true);
    }

    static void fail(ScalingCell& cell, std::string why) {
        cell.state = CellState::Failed;
        cell.failure = std::move(why);
    }

    /// Without what only a single pass or layer shows: a study has many cells.
    static profile::Point pointOf(const profile::Profile& profile) {
        profile::Point point = profile.points.front();
        point.layers = {};
        point.last_pass = {};
        point.last_kernels = {};
        point.memory.events = {};
        return point;
    }

    /// The engine for that series. One that could not be made fails for all its cells, at once.
    engine::Engine& engineFor(const Series& series) {
        EngineFor wanted{series.model, series.states, series.device, series.precision};
        if (wanted != m_made_for) {
            m_made_for = std::move(wanted);
            m_engine.reset();  // before the next: memory may hold one only
            m_failure = nullptr;
            try {
                makeEngine(series);
            } catch (const Cancelled&) {
                m_made_for = {};
                throw;
            } catch (...) {
                m_failure = std::current_exception();
            }
        }
        if (m_failure) std::rethrow_exception(m_failure);
        return *m_engine;
    }

    void makeEngine(const Series& series) {
        std::unique_ptr<kernels::Backend> backend = m_machine.make_backend(
            series.device,
            {.threads = m_study.options.threads, .precision = kernels::precisionFromName(series.precision)});
        m_provenance = profile::provenanceOf(backend->device());
        if (!m_machine.creator.empty()) m_provenance.creator = m_machine.creator;
        m_provenance.command = m_machine.command;
        m_provenance.ceilings = ceilingsOf(*backend);
        const ScalingCell& cell = m_study.cells[m_index];
        notify(forecast(0, inWords(m_study, cell) + ": loading"), false);
        m_engine.emplace(
            withStates(m_models[series.model], series.states), std::move(backend),
            engine::Loading{
                .observer = [&](double done) { report(cell, 0, fmt::format("loading, {:.0f} %", 100 * done)); },
                .stop = m_stop});
    }

    [[nodiscard]] std::optional<profile::Ceilings> ceilingsOf(kernels::Backend& backend) const {
        try {
            if (m_machine.ceilings) return m_machine.ceilings(backend);
        } catch (const Error&) {
            // What cannot tell what it reaches can still be measured: the floors are not known.
        }
        return std::nullopt;
    }

    [[nodiscard]] profile::Progress forecast(double part, std::string what) const {
        std::vector<Work> waiting;
        for (std::size_t i = 0; i < m_study.cells.size(); ++i) {
            if (waitsForMe(m_study, i)) waiting.push_back(workOf(m_study.options, m_study.cells[i]));
        }
        profile::Progress progress = m_forecast.progress(waiting, m_mine, part, std::move(what));
        progress.point = m_index;
        return progress;
    }

    void report(const ScalingCell& cell, double part, const std::string& what) {
        if (!m_observer || profile::secondsSince(m_reported) < kObserverPeriod_s) return;
        // The profiler says mode, batch and length, which stand in the cell's name.
        const std::size_t colon = what.find(": ");
        const std::string now = colon == std::string::npos ? what : what.substr(colon + 2);
        notify(forecast(part, fmt::format("{}: {}", inWords(m_study, cell), now)), false);
    }

    void notify(const profile::Progress& progress, bool cell_done) {
        if (!m_observer) return;
        if (!m_snapshot) {
            m_study.complete = noneWaits(m_study);
            m_snapshot = std::make_shared<const ScalingStudy>(m_study);
        }
        m_observer(m_snapshot, progress, cell_done);
        m_reported = Clock::now();
    }

    const Models& m_models;
    ScalingStudy m_study;
    const ScalingMachine& m_machine;
    const ScalingObserver& m_observer;
    const std::stop_token& m_stop;
    std::size_t m_mine = 0;  // cells of this shard
    std::size_t m_index = 0;
    EngineFor m_made_for;
    std::optional<engine::Engine> m_engine;
    std::exception_ptr m_failure;      // why there is none
    profile::Provenance m_provenance;  // of the engine
    ScalingPtr m_snapshot;             // of the study as it is; none where it has changed since
    Forecast m_forecast;
    Clock::time_point m_reported;
};

}  // namespace

void check(const ScalingOptions& options, std::size_t models) {
    checkList("lengths", options.lengths);
    checkList("modes", options.modes);
    checkList("batches", options.batches);
    checkList("precisions", options.precisions);
    checkList("devices", options.devices);
    checkList("states", options.states);
    for (const std::string& precision : options.precisions) (void)kernels::precisionFromName(precision);
    for (const std::int64_t states : options.states) {
        if (states >= 0 && states <= kMostStates) continue;
        throw Error("states",
                    fmt::format("{} is not in 1 to {}, nor 0, which is as the model has them", states, kMostStates));
    }
    if (options.threads < 0) throw Error("threads", fmt::format("{} is below 0", options.threads));
    double cells = static_cast<double>(models);
    for (const std::size_t count : {options.lengths.size(), options.modes.size(), options.batches.size(),
                                    options.precisions.size(), options.devices.size(), options.states.size()}) {
        cells *= static_cast<double>(count);
    }
    if (cells > kMostCells) {
        throw Error("lengths", fmt::format("with all other lists and models they make {:.0f} cells", cells),
                    fmt::format("a study has at most {}", kMostCells));
    }
    for (const ScalingCell& cell : cellsOf(1, options)) profile::check(optionsOf(options, cell));
}

ScalingPtr planScaling(const Models& models, const ScalingOptions& options, std::size_t shard, std::size_t shards) {
    checkModels(models);
    check(options, models.size());
    checkShard(shard, shards);
    auto study = std::make_shared<ScalingStudy>();
    for (const auto& checkpoint : models) {
        study->models.push_back(profile::summaryOf(*checkpoint));
        study->models.back().compute_type.clear();  // each series has its own
    }
    study->options = options;
    study->identity = identityOf(*study);
    study->cells = cellsOf(models.size(), options);
    study->shard = shard;
    study->shards = shards;
    study->complete = noneWaits(*study);
    return study;
}

ScalingPtr resumeScaling(const ScalingStudy& plan, const ScalingStudy& earlier, const std::string& shown_name) {
    if (const std::string differs = difference(earlier, plan); !differs.empty()) {
        throw Error(shown_name, "is another study (" + differs + ")",
                    "ask for what it asked for, or begin another file");
    }
    auto study = std::make_shared<ScalingStudy>(plan);
    study->provenances = earlier.provenances;
    for (std::size_t i = 0; i < study->cells.size(); ++i) {
        if (earlier.cells[i].state == CellState::Measured) study->cells[i] = earlier.cells[i];
    }
    study->complete = noneWaits(*study);
    return study;
}

ScalingPtr runScaling(const Models& models, const ScalingPtr& plan, const ScalingMachine& machine,
                      const ScalingObserver& observer, const std::stop_token& stop) {
    return Run(models, *plan, machine, observer, stop).measureAll();
}

}  // namespace perfmamba::study
