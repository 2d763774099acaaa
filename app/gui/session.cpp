#include "app/gui/session.h"

#include "app/gui/path.h"
#include "core/profile/floors.h"
#include "core/report/ceilings_file.h"
#include "core/report/command.h"

namespace perfmamba::app {

Session::Session(Workers& workers, QObject* parent) : QObject(parent), m_workers(workers) {}

Session::~Session() {
    m_stop.request_stop();
    m_workers.shutDown();
}

void Session::findDevices() {
    m_workers.measure("devices",
                      [this] { m_workers.answer([this, list = kernels::devices()] { Q_EMIT devicesFound(list); }); });
}

void Session::open(const QString& path) {
    m_workers.file("open", [this, path] {
        std::shared_ptr<const model::Checkpoint> checkpoint = model::Checkpoint::open(pathOf(path));
        m_workers.answer([this, checkpoint] {
            detachRun();
            m_checkpoint = checkpoint;
            m_model = profile::summaryOf(*checkpoint);
            Q_EMIT modelOpened();
        });
    });
}

void Session::detachRun() {
    stop();
    ++m_generation;  // what that run still sends is stale
    setRunning(false);
}

void Session::setRunning(bool running) {
    if (running == m_running) return;
    m_running = running;
    Q_EMIT runningChanged(running);
}

void Session::run(const Target& target, const profile::Options& options, const QString& keep_as) {
    if (!target.checkpoint) return;
    m_stop.request_stop();
    m_stop = std::stop_source();
    const std::uint64_t generation = ++m_generation;
    setRunning(true);
    m_workers.measure("run", [this, generation, target, options, keep_as, stop = m_stop.get_token()] {
        measure(generation, target, options, keep_as, stop);
    });
}

void Session::measure(std::uint64_t generation, const Target& target, const profile::Options& options,
                      const QString& keep_as, const std::stop_token& stop) {
    ProfilePtr result;
    ProfilePtr so_far;
    m_workers.guarded([&] {
        profile::check(options);
        engine::Engine& engine = engineFor(generation, target, stop);
        profile::Provenance provenance = profile::provenanceOf(engine.backend().device());
        provenance.command =
            report::commandOf(profile::summaryOf(*target.checkpoint, target.options.precision), options, target.device);
        provenance.ceilings = report::findCeilings(report::ceilingsFile(), engine.backend());
        result = profile::run(
            engine, options, provenance,
            [&](const ProfilePtr& profile, const profile::Progress& progress) {
                so_far = profile;
                offer(generation, profile, progress);
            },
            stop);
        // After the run, so that its first number does not wait for them.
        if (provenance.ceilings || report::ceilingsAreOff() || !result->complete) return;
        const auto observer = [&](const profile::Progress& progress) { offer(generation, result, progress); };
        result = std::make_shared<const profile::Profile>(
            profile::withCeilings(*result, newCeilings(engine.backend(), observer, stop)));
    });
    // A length that failed takes nothing from those measured before it.
    if (!result) result = so_far;
    if (result && result->points.empty()) result = nullptr;
    if (result && !keep_as.isEmpty()) {
        m_workers.file("keep " + keep_as.toStdString(), [this, result, keep_as] {
            report::write(pathOf(keep_as), *result);
            m_workers.answer([this, keep_as] { Q_EMIT reportSaved(keep_as, true); });
        });
    }
    m_workers.answer([this, generation, result] {
        if (generation != m_generation) return;
        {
            const std::lock_guard lock(m_latest_mutex);
            m_latest.reset();
        }
        setRunning(false);
        Q_EMIT finished(result);
    });
}

profile::Ceilings Session::newCeilings(kernels::Backend& backend, const profile::CeilingObserver& observer,
                                       const std::stop_token& stop) {
    const profile::Ceilings ceilings = profile::measureCeilings(backend, {}, observer, stop);
    m_workers.guarded([&] { report::keepCeilings(report::ceilingsFile(), ceilings); });
    return ceilings;
}

void Session::measureCeilings(const Target& target) {
    m_stop.request_stop();
    m_stop = std::stop_source();
    const std::uint64_t generation = ++m_generation;
    setRunning(true);
    m_workers.measure("run", [this, generation, target, stop = m_stop.get_token()] {
        std::optional<profile::Ceilings> ceilings;
        m_workers.guarded([&] {
            std::unique_ptr<kernels::Backend> own;
            if (!target.checkpoint) own = kernels::makeBackend(target.device, target.options);
            kernels::Backend& backend = own ? *own : engineFor(generation, target, stop).backend();
            const auto observer = [&](const profile::Progress& now) { tell(generation, now); };
            ceilings = newCeilings(backend, observer, stop);
        });
        m_workers.answer([this, generation, ceilings] {
            if (generation != m_generation) return;
            setRunning(false);
            if (ceilings) Q_EMIT ceilingsMeasured(*ceilings);
        });
    });
}

void Session::offer(std::uint64_t generation, const ProfilePtr& profile, const profile::Progress& progress) {
    {
        const std::lock_guard lock(m_latest_mutex);
        const bool waiting = m_latest.has_value();
        m_latest = Latest{generation, profile, progress};
        if (waiting) return;
    }
    m_workers.answer([this] {
        std::optional<Latest> latest;
        {
            const std::lock_guard lock(m_latest_mutex);
            latest.swap(m_latest);
        }
        if (latest && latest->generation == m_generation) Q_EMIT snapshot(latest->profile, latest->progress);
    });
}

void Session::tell(std::uint64_t generation, const profile::Progress& now) {
    m_workers.answer([this, generation, now] {
        if (generation == m_generation) Q_EMIT progress(now);
    });
}

/// On the engine's thread.
engine::Engine& Session::engineFor(std::uint64_t generation, const Target& target, const std::stop_token& stop) {
    engine::Loading loading;
    loading.observer = [&](double done) { tell(generation, profile::loadingProgress(done)); };
    loading.stop = stop;
    return m_workers.engine(target, loading);
}

void Session::stop() {
    m_stop.request_stop();
}

void Session::openReport(const QString& path) {
    m_workers.file("open report", [this, path] {
        report::Contents contents = report::readContents(pathOf(path));
        m_workers.answer([this, contents, path] {
            detachRun();
            Q_EMIT reportOpened(contents, path);
        });
    });
}

void Session::openBaseline(const QString& path) {
    m_workers.file("open baseline", [this, path] {
        report::Contents contents = report::readContents(pathOf(path));
        m_workers.answer([this, contents, path] { Q_EMIT baselineOpened(contents, path); });
    });
}

void Session::saveReport(const ProfilePtr& profile, const QString& path) {
    if (!profile) return;
    m_workers.file({}, [this, profile, path] {
        report::write(pathOf(path), *profile);
        m_workers.answer([this, path] { Q_EMIT reportSaved(path, false); });
    });
}

void Session::saveActivity(const activity::ActivityPtr& activity, const QString& path) {
    if (!activity) return;
    m_workers.file({}, [this, activity, path] {
        report::writeActivity(pathOf(path), *activity);
        m_workers.answer([this, path] { Q_EMIT activitySaved(path); });
    });
}

void Session::saveText(const QString& path, const std::function<void(const report::Sink&)>& produce) {
    m_workers.file({}, [this, path, produce] {
        report::writeThrough(pathOf(path), produce);
        m_workers.answer([this, path] { Q_EMIT textSaved(path); });
    });
}

}  // namespace perfmamba::app
