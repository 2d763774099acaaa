// The two threads behind the window, and the way back from them.
//
// The engine's thread owns backend and engine; the files' thread opens checkpoints and makes every HDF5 call, so that a
// report can be saved while a run is on. Nothing here ever waits for either but shutDown().
#pragma once

#include <QObject>
#include <QString>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "kernels/devices.h"
#include "widgets/lane.h"

namespace perfmamba::app {

/// What runs where.
struct Target {
    std::shared_ptr<const model::Checkpoint> checkpoint;
    std::string device = "cpu";
    kernels::BackendOptions options;

    bool operator==(const Target&) const = default;
};

class Workers : public QObject {
    Q_OBJECT
public:
    using Job = std::function<void()>;

    explicit Workers(QObject* parent = nullptr);
    ~Workers() override;
    /// Waits until both threads have ended; what waits for the engine is dropped, what waits for a file is written. Who
    /// gave jobs calls it before it goes.
    void shutDown();

    /// Runs a job on the engine's thread. A newer job replaces a waiting one of the same tag (empty: of none): then the
    /// result is true. What it throws arrives as failed().
    bool measure(const std::string& tag, Job job);
    /// The same on the files' thread.
    bool file(const std::string& tag, Job job);
    /// From a job: runs something on the GUI thread, in order.
    void answer(Job on_gui_thread);
    /// From a job: does something, and what it throws arrives as failed().
    void guarded(const Job& job);
    /// On the engine's thread: the model, kept from job to job, and loaded as `loading` says where it is not that one.
    engine::Engine& engine(const Target& target, const engine::Loading& loading);
    /// On the engine's thread: gives its memory back, for a job that makes engines of its own.
    void releaseEngine() { m_engine.reset(); }

Q_SIGNALS:
    /// What went wrong, to be shown as it stands.
    void failed(const QString& message);

private:
    Q_INVOKABLE void takeAnswers();

    // What the threads have for the GUI thread, in their order. Qt's event only says that there is something.
    std::mutex m_answers_mutex;
    std::vector<Job> m_answers;

    // The engine's thread only.
    Target m_target;
    std::unique_ptr<engine::Engine> m_engine;

    std::optional<widgets::Lane> m_files;
    std::optional<widgets::Lane> m_measurements;
};

}  // namespace perfmamba::app
