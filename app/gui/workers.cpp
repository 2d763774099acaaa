#include "app/gui/workers.h"

#include <QMetaObject>
#include <exception>
#include <new>
#include <utility>

#include "kernels/error.h"

namespace perfmamba::app {

Workers::Workers(QObject* parent) : QObject(parent) {
    m_files.emplace();
    m_measurements.emplace();
}

Workers::~Workers() {
    shutDown();
}

void Workers::shutDown() {
    if (!m_measurements) return;
    m_measurements->dropWaiting();
    // The engine's job ends first: it may still hand its result to the files' thread, which writes what waits before it
    // ends.
    m_measurements->post({}, [this] { m_engine.reset(); });
    m_measurements.reset();
    m_files.reset();
    m_answers.clear();  // who they are for may be gone
}

bool Workers::measure(const std::string& tag, Job job) {
    return m_measurements->post(tag, [this, job = std::move(job)] { guarded(job); });
}

bool Workers::file(const std::string& tag, Job job) {
    return m_files->post(tag, [this, job = std::move(job)] { guarded(job); });
}

void Workers::answer(Job on_gui_thread) {
    {
        const std::lock_guard lock(m_answers_mutex);
        m_answers.push_back(std::move(on_gui_thread));
        if (m_answers.size() > 1) return;  // the event for the first one is on its way
    }
    // By name: the event is then Qt's alone, and what crosses the threads is what stands in the queue.
    QMetaObject::invokeMethod(this, "takeAnswers", Qt::QueuedConnection);
}

void Workers::takeAnswers() {
    std::vector<Job> answers;
    {
        const std::lock_guard lock(m_answers_mutex);
        answers.swap(m_answers);
    }
    for (const Job& answer : answers) answer();
}

void Workers::guarded(const Job& job) {
    try {
        job();
    } catch (const Cancelled&) {
        // Stopped, or replaced by a newer request: nothing to tell.
    } catch (const std::bad_alloc&) {
        answer([this] { Q_EMIT failed(tr("There is not enough memory for that.")); });
    } catch (const std::exception& error) {
        answer([this, text = QString::fromUtf8(error.what())] { Q_EMIT failed(text); });
    }
}

engine::Engine& Workers::engine(const Target& target, const engine::Loading& loading) {
    if (!m_engine || m_target != target) {
        m_engine.reset();  // first, so that two models never need memory at once
        m_engine = std::make_unique<engine::Engine>(target.checkpoint,
                                                    kernels::makeBackend(target.device, target.options), loading);
        m_target = target;
    }
    return *m_engine;
}

}  // namespace perfmamba::app
