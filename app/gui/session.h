// Between the window and the core: requests go to threads of their own, answers come back as signals on the GUI thread.
//
// The engine's thread owns backend and engine; the files' thread opens checkpoints and makes every HDF5 call, so that a
// report can be saved while a run is on. Nothing here ever waits for either but the destructor.
#pragma once

#include <QObject>
#include <QString>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "app/gui/lane.h"
#include "core/profile/profile.h"
#include "core/profile/profiler.h"
#include "kernels/devices.h"

namespace perfmamba::app {

using ProfilePtr = std::shared_ptr<const profile::Profile>;

class Session : public QObject {
    Q_OBJECT
public:
    explicit Session(QObject* parent = nullptr);
    /// Asks the run to stop, keeps what it measured, and waits for both threads.
    ~Session() override;

    void findDevices();
    /// Opens a checkpoint: a folder or a file in it. The model that is open stays when it fails.
    void open(const QString& path);
    /// Measures the open model. A run under way is stopped first; of several requests the last one counts.
    /// @param keep_as where the result is written when the run ends, finished or stopped; empty: nowhere
    void run(const profile::Options& options, const QString& device, const QString& keep_as = {});
    void stop();
    /// Reads a report. Once it is read a run under way is stopped and no longer heard of, but still kept.
    void openReport(const QString& path);
    void saveReport(const ProfilePtr& profile, const QString& path);

    [[nodiscard]] bool running() const { return m_running; }
    [[nodiscard]] const std::optional<profile::ModelSummary>& model() const { return m_model; }

Q_SIGNALS:
    void devicesFound(const std::vector<perfmamba::kernels::DeviceChoice>& devices);
    void modelOpened();
    void runningChanged(bool running);
    /// The run so far, at most about 30 times a second; never of a run that another has replaced.
    void snapshot(const perfmamba::app::ProfilePtr& profile, const perfmamba::profile::Progress& progress);
    /// A run's end. `profile` is null when nothing was measured; complete = false when it was stopped or failed.
    void finished(const perfmamba::app::ProfilePtr& profile);
    void reportOpened(const perfmamba::app::ProfilePtr& profile, const QString& path);
    /// `kept`: written by itself, not asked for.
    void reportSaved(const QString& path, bool kept);
    /// What went wrong, to be shown as it stands.
    void failed(const QString& message);

private:
    struct EngineState;
    struct Latest {
        std::uint64_t generation = 0;
        ProfilePtr profile;
        profile::Progress progress;
    };
    void answer(std::function<void()> on_gui_thread);
    Q_INVOKABLE void takeAnswers();
    void guarded(const std::function<void()>& job);
    void measure(std::uint64_t generation, const std::shared_ptr<const model::Checkpoint>& checkpoint,
                 const profile::Options& options, const std::string& device, const QString& keep_as,
                 const std::stop_token& stop);
    void offer(std::uint64_t generation, const ProfilePtr& profile, const profile::Progress& progress);
    void detachRun();
    void setRunning(bool running);

    // GUI thread
    std::shared_ptr<const model::Checkpoint> m_checkpoint;
    std::optional<profile::ModelSummary> m_model;
    std::uint64_t m_generation = 0;
    bool m_running = false;
    std::stop_source m_stop;

    // What the threads have for the GUI thread, in their order. Qt's event only says that there is something.
    std::mutex m_answers_mutex;
    std::vector<std::function<void()>> m_answers;

    // The newest snapshot, until the GUI thread has taken it: a slow window gets fewer, never a queue of them.
    std::mutex m_latest_mutex;
    std::optional<Latest> m_latest;

    std::unique_ptr<EngineState> m_engine;  // the engine's thread only
    std::optional<Lane> m_files;
    std::optional<Lane> m_measurements;
};

}  // namespace perfmamba::app
