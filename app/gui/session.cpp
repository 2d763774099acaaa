#include "app/gui/session.h"

#include <QMetaObject>
#include <exception>
#include <filesystem>
#include <new>

#include "core/report/command.h"
#include "core/report/report.h"
#include "kernels/error.h"

namespace perfmamba::app {
namespace {

std::filesystem::path pathOf(const QString& text) {
    return {text.toStdU16String()};
}

}  // namespace

/// The loaded model and what it was loaded for: kept from run to run.
struct Session::EngineState {
    std::shared_ptr<const model::Checkpoint> checkpoint;
    std::string device;
    int threads = 0;
    std::unique_ptr<engine::Engine> engine;

    engine::Engine& prepared(const std::shared_ptr<const model::Checkpoint>& wanted, const std::string& on, int with) {
        if (!engine || checkpoint != wanted || device != on || threads != with) {
            engine.reset();  // first, so that two models never need memory at once
            engine = std::make_unique<engine::Engine>(wanted, kernels::makeBackend(on, with));
            checkpoint = wanted;
            device = on;
            threads = with;
        }
        return *engine;
    }
};

Session::Session(QObject* parent) : QObject(parent), m_engine(std::make_unique<EngineState>()) {
    m_files.emplace();
    m_measurements.emplace();
}

Session::~Session() {
    m_stop.request_stop();
    m_measurements->dropWaiting();
    // The run ends first: it may still hand its result to the files' thread, which writes what waits before it ends.
    m_measurements->post({}, [this] { m_engine.reset(); });
    m_measurements.reset();
    m_files.reset();
}

void Session::answer(std::function<void()> on_gui_thread) {
    {
        const std::lock_guard lock(m_answers_mutex);
        m_answers.push_back(std::move(on_gui_thread));
        if (m_answers.size() > 1) return;  // the event for the first one is on its way
    }
    // By name: the event is then Qt's alone, and what crosses the threads is what stands in the queue.
    QMetaObject::invokeMethod(this, "takeAnswers", Qt::QueuedConnection);
}

void Session::takeAnswers() {
    std::vector<std::function<void()>> answers;
    {
        const std::lock_guard lock(m_answers_mutex);
        answers.swap(m_answers);
    }
    for (const std::function<void()>& answer : answers) answer();
}

void Session::guarded(const std::function<void()>& job) {
    try {
        job();
    } catch (const std::bad_alloc&) {
        answer([this] { Q_EMIT failed(tr("There is not enough memory for that.")); });
    } catch (const std::exception& error) {
        answer([this, text = QString::fromUtf8(error.what())] { Q_EMIT failed(text); });
    }
}

void Session::findDevices() {
    m_measurements->post("devices", [this] {
        guarded([this] { answer([this, list = kernels::devices()] { Q_EMIT devicesFound(list); }); });
    });
}

void Session::open(const QString& path) {
    m_files->post("open", [this, path] {
        guarded([&] {
            std::shared_ptr<const model::Checkpoint> checkpoint = model::Checkpoint::open(pathOf(path));
            answer([this, checkpoint] {
                detachRun();
                m_checkpoint = checkpoint;
                m_model = profile::summaryOf(*checkpoint);
                Q_EMIT modelOpened();
            });
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

void Session::run(const profile::Options& options, const QString& device, const QString& keep_as) {
    if (!m_checkpoint) return;
    m_stop.request_stop();
    m_stop = std::stop_source();
    const std::uint64_t generation = ++m_generation;
    setRunning(true);
    m_measurements->post(
        "run", [this, generation, checkpoint = m_checkpoint, options, device = device.toStdString(), keep_as,
                stop = m_stop.get_token()] { measure(generation, checkpoint, options, device, keep_as, stop); });
}

void Session::measure(std::uint64_t generation, const std::shared_ptr<const model::Checkpoint>& checkpoint,
                      const profile::Options& options, const std::string& device, const QString& keep_as,
                      const std::stop_token& stop) {
    ProfilePtr result;
    ProfilePtr so_far;
    guarded([&] {
        try {
            profile::check(options);
            engine::Engine& engine = m_engine->prepared(checkpoint, device, options.threads);
            profile::Provenance provenance = profile::provenanceOf(engine.backend().device());
            provenance.command = report::commandOf(profile::summaryOf(*checkpoint), options, device);
            result = profile::run(
                engine, options, provenance,
                [&](const ProfilePtr& profile, const profile::Progress& progress) {
                    so_far = profile;
                    offer(generation, profile, progress);
                },
                stop);
        } catch (const Cancelled&) {
            // Stopped before anything was measured.
        }
    });
    // A length that failed takes nothing from those measured before it.
    if (!result) result = so_far;
    if (result && result->points.empty()) result = nullptr;
    if (result && !keep_as.isEmpty()) {
        m_files->post("keep " + keep_as.toStdString(), [this, result, keep_as] {
            guarded([&] {
                report::write(pathOf(keep_as), *result);
                answer([this, keep_as] { Q_EMIT reportSaved(keep_as, true); });
            });
        });
    }
    answer([this, generation, result] {
        if (generation != m_generation) return;
        {
            const std::lock_guard lock(m_latest_mutex);
            m_latest.reset();
        }
        setRunning(false);
        Q_EMIT finished(result);
    });
}

void Session::offer(std::uint64_t generation, const ProfilePtr& profile, const profile::Progress& progress) {
    {
        const std::lock_guard lock(m_latest_mutex);
        const bool waiting = m_latest.has_value();
        m_latest = Latest{generation, profile, progress};
        if (waiting) return;
    }
    answer([this] {
        std::optional<Latest> latest;
        {
            const std::lock_guard lock(m_latest_mutex);
            latest.swap(m_latest);
        }
        if (latest && latest->generation == m_generation) Q_EMIT snapshot(latest->profile, latest->progress);
    });
}

void Session::stop() {
    m_stop.request_stop();
}

void Session::openReport(const QString& path) {
    m_files->post("open report", [this, path] {
        guarded([&] {
            ProfilePtr profile = report::read(pathOf(path));
            answer([this, profile, path] {
                detachRun();
                Q_EMIT reportOpened(profile, path);
            });
        });
    });
}

void Session::saveReport(const ProfilePtr& profile, const QString& path) {
    if (!profile) return;
    m_files->post({}, [this, profile, path] {
        guarded([&] {
            report::write(pathOf(path), *profile);
            answer([this, path] { Q_EMIT reportSaved(path, false); });
        });
    });
}

}  // namespace perfmamba::app
