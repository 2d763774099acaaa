// Between the window and the core, for scaling studies: opens their models, runs them on the engine's thread and keeps
// them after each cell.
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "app/gui/workers.h"
#include "core/profile/profiler.h"
#include "core/study/run_scaling.h"

namespace perfmamba::app {

/// GUI thread only.
class ScalingSession : public QObject {
    Q_OBJECT
public:
    explicit ScalingSession(Workers& workers, QObject* parent = nullptr);
    /// Asks a study to stop, and waits for the workers.
    ~ScalingSession() override;

    /// Opens a checkpoint beside the one that is open in the window: a folder or a file in it. It arrives as
    /// modelAdded().
    void addModel(const QString& path);
    /// A checkpoint that needs not be opened again.
    void remember(const std::shared_ptr<const model::Checkpoint>& checkpoint);

    /// @param models   opened from their paths where they are not open
    /// @param resume   the study to go on with, or null
    /// @param keep_as  the report that is written after each cell
    void run(const std::vector<profile::ModelSummary>& models, const study::ScalingOptions& options,
             const study::ScalingPtr& resume, const QString& keep_as);
    void stop();
    /// Stops it, and lets nothing more be heard of it but its end; what it measured is kept.
    void detach();
    [[nodiscard]] bool busy() const { return m_jobs > 0; }

    /// Looks for the first of these reports with that model; if its study is unfinished it arrives as studyFound().
    void find(const QStringList& paths, const std::string& model_hash);

Q_SIGNALS:
    void busyChanged(bool busy);
    void progress(const perfmamba::profile::Progress& progress);
    /// `finished`: it is complete or was stopped.
    void studyChanged(const perfmamba::study::ScalingPtr& study, bool finished);
    /// What studyChanged() told as finished is written.
    void kept(const perfmamba::study::ScalingPtr& study, const QString& path);
    /// The ceilings of a device cannot be measured; the study goes on without.
    void floorsUnknown(const QString& why);
    void studyFound(const perfmamba::study::ScalingPtr& study, const QString& path);
    void modelAdded(const perfmamba::profile::ModelSummary& model);

private:
    void measure(std::uint64_t generation, const study::Models& models, const study::ScalingPtr& plan,
                 const QString& keep_as, const std::stop_token& stop);
    /// @param written  called on the files' thread afterwards
    void keep(const study::ScalingPtr& study, const QString& keep_as, const std::function<void()>& written);
    std::optional<profile::Ceilings> ceilingsOf(kernels::Backend& backend, const std::stop_token& stop);
    void answer(std::uint64_t generation, std::function<void()> on_gui_thread);

    Workers& m_workers;
    study::Models m_open;
    std::uint64_t m_generation = 0;
    int m_jobs = 0;
    std::stop_source m_stop;
};

}  // namespace perfmamba::app
