// Between the window and the core: requests go to the workers, answers come back as signals on the GUI thread.
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

#include "app/gui/workers.h"
#include "core/activity/activity.h"
#include "core/profile/measure_ceilings.h"
#include "core/profile/profile.h"
#include "core/profile/profiler.h"
#include "core/report/files.h"
#include "core/report/report.h"
#include "kernels/devices.h"

namespace perfmamba::app {

using ProfilePtr = std::shared_ptr<const profile::Profile>;

class Session : public QObject {
    Q_OBJECT
public:
    explicit Session(Workers& workers, QObject* parent = nullptr);
    /// Asks the run to stop, keeps what it measured, and waits for the workers.
    ~Session() override;

    void findDevices();
    /// Opens a checkpoint: a folder or a file in it. The model that is open stays when it fails.
    void open(const QString& path);
    /// Measures the open model. A run under way is stopped first; of several requests the last one counts.
    /// @param keep_as where the result is written when the run ends, finished or stopped; empty: nowhere
    void run(const Target& target, const profile::Options& options, const QString& keep_as = {});
    void stop();
    /// Measures what the device of that target reaches, and keeps it. The model needs not be open. A run under way is
    /// stopped first.
    void measureCeilings(const Target& target);
    /// Reads a report. Once it is read a run under way is stopped and no longer heard of, but still kept.
    void openReport(const QString& path);
    /// Reads a report to compare with. Nothing else changes.
    void openBaseline(const QString& path);
    void saveReport(const ProfilePtr& profile, const QString& path);
    void saveActivity(const activity::ActivityPtr& activity, const QString& path);
    /// Writes what `produce` gives, on the files' thread, which it must be safe on.
    void saveText(const QString& path, const std::function<void(const report::Sink&)>& produce);

    [[nodiscard]] bool running() const { return m_running; }
    [[nodiscard]] const std::optional<profile::ModelSummary>& model() const { return m_model; }
    [[nodiscard]] const std::shared_ptr<const model::Checkpoint>& checkpoint() const { return m_checkpoint; }

Q_SIGNALS:
    void devicesFound(const std::vector<perfmamba::kernels::DeviceChoice>& devices);
    void modelOpened();
    void runningChanged(bool running);
    /// The run so far, at most about 30 times a second; never of a run that another has replaced.
    void snapshot(const perfmamba::app::ProfilePtr& profile, const perfmamba::profile::Progress& progress);
    /// A run's end. `profile` is null when nothing was measured; complete = false when it was stopped or failed.
    void finished(const perfmamba::app::ProfilePtr& profile);
    void ceilingsMeasured(const perfmamba::profile::Ceilings& ceilings);
    /// Where there is no profile to show: of the loading, and of measuring ceilings.
    void progress(const perfmamba::profile::Progress& progress);
    void reportOpened(const perfmamba::report::Contents& contents, const QString& path);
    void baselineOpened(const perfmamba::report::Contents& contents, const QString& path);
    /// `kept`: written by itself, not asked for.
    void reportSaved(const QString& path, bool kept);
    void activitySaved(const QString& path);
    void textSaved(const QString& path);

private:
    struct Latest {
        std::uint64_t generation = 0;
        ProfilePtr profile;
        profile::Progress progress;
    };
    void measure(std::uint64_t generation, const Target& target, const profile::Options& options,
                 const QString& keep_as, const std::stop_token& stop);
    profile::Ceilings newCeilings(kernels::Backend& backend, const profile::CeilingObserver& observer,
                                  const std::stop_token& stop);
    void offer(std::uint64_t generation, const ProfilePtr& profile, const profile::Progress& progress);
    void tell(std::uint64_t generation, const profile::Progress& progress);
    engine::Engine& engineFor(std::uint64_t generation, const Target& target, const std::stop_token& stop);
    void detachRun();
    void setRunning(bool running);

    Workers& m_workers;

    // GUI thread
    std::shared_ptr<const model::Checkpoint> m_checkpoint;
    std::optional<profile::ModelSummary> m_model;
    std::uint64_t m_generation = 0;
    bool m_running = false;
    std::stop_source m_stop;

    // The newest snapshot, until the GUI thread has taken it: a slow window gets fewer, never a queue of them.
    std::mutex m_latest_mutex;
    std::optional<Latest> m_latest;
};

}  // namespace perfmamba::app
