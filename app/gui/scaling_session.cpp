#include "app/gui/scaling_session.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <utility>

#include "app/gui/path.h"
#include "core/model/checkpoint.h"
#include "core/profile/measure_ceilings.h"
#include "core/report/ceilings_file.h"
#include "core/report/command.h"
#include "core/report/report.h"
#include "kernels/error.h"

namespace perfmamba::app {
namespace {

/// Those models, in their order; opened where they are not. Throws Error where one is not there, or is another one now.
study::Models opened(const std::vector<profile::ModelSummary>& wanted, const study::Models& open) {
    study::Models models;
    for (const profile::ModelSummary& model : wanted) {
        const auto found =
            std::ranges::find_if(open, [&](const auto& checkpoint) { return checkpoint->hash() == model.hash; });
        models.push_back(found != open.end() ? *found : model::Checkpoint::open(std::filesystem::path(model.path)));
        if (models.back()->hash() != model.hash) {
            throw Error(model.path, "holds another model now than the study's", "add the right checkpoint's folder");
        }
    }
    return models;
}

}  // namespace

ScalingSession::ScalingSession(Workers& workers, QObject* parent) : QObject(parent), m_workers(workers) {}

ScalingSession::~ScalingSession() {
    stop();
    m_workers.shutDown();
}

void ScalingSession::stop() {
    m_stop.request_stop();
}

void ScalingSession::detach() {
    stop();
    ++m_generation;
}

void ScalingSession::answer(std::uint64_t generation, std::function<void()> on_gui_thread) {
    m_workers.answer([this, generation, does = std::move(on_gui_thread)] {
        if (generation == m_generation) does();
    });
}

void ScalingSession::remember(const std::shared_ptr<const model::Checkpoint>& checkpoint) {
    if (std::ranges::find(m_open, checkpoint) == m_open.end()) m_open.push_back(checkpoint);
}

void ScalingSession::addModel(const QString& path) {
    m_workers.file("add model", [this, path] {
        const std::shared_ptr<const model::Checkpoint> checkpoint = model::Checkpoint::open(pathOf(path));
        m_workers.answer([this, checkpoint] {
            remember(checkpoint);
            Q_EMIT modelAdded(profile::summaryOf(*checkpoint));
        });
    });
}

void ScalingSession::run(const std::vector<profile::ModelSummary>& models, const study::ScalingOptions& options,
                         const study::ScalingPtr& resume, const QString& keep_as) {
    detach();
    m_stop = std::stop_source();
    const std::uint64_t generation = m_generation;
    const bool replaced = m_workers.measure("scaling", [this, generation, models, options, resume, keep_as,
                                                        open = m_open, stop = m_stop.get_token()] {
        m_workers.guarded([&] {
            const study::Models checkpoints = opened(models, open);
            // A part of a study stays that part: the other cells are for other machines.
            study::ScalingPtr plan = resume ? study::planScaling(checkpoints, options, resume->shard, resume->shards)
                                            : study::planScaling(checkpoints, options);
            if (resume) plan = study::resumeScaling(*plan, *resume, keep_as.toStdString());
            measure(generation, checkpoints, plan, keep_as, stop);
        });
        m_workers.answer([this] {
            if (--m_jobs == 0) Q_EMIT busyChanged(false);
        });
    });
    if (replaced) return;
    if (m_jobs++ == 0) Q_EMIT busyChanged(true);
}

void ScalingSession::measure(std::uint64_t generation, const study::Models& models, const study::ScalingPtr& plan,
                             const QString& keep_as, const std::stop_token& stop) {
    const auto tell = [&](const study::ScalingPtr& study, bool finished) {
        answer(generation, [this, study, finished] { Q_EMIT studyChanged(study, finished); });
        keep(study, keep_as, [this, generation, study, keep_as, finished] {
            if (finished) answer(generation, [this, study, keep_as] { Q_EMIT kept(study, keep_as); });
        });
    };
    answer(generation, [this, plan] { Q_EMIT studyChanged(plan, false); });
    study::ScalingMachine machine;
    machine.make_backend = kernels::makeBackend;
    machine.command = report::commandOf(*plan);
    machine.ceilings = [this, &stop](kernels::Backend& backend) { return ceilingsOf(backend, stop); };
    m_workers.releaseEngine();  // the study makes its own, and memory may hold one only
    const study::ScalingPtr result = study::runScaling(
        models, plan, machine,
        [&](const study::ScalingPtr& study, const profile::Progress& now, bool cell_done) {
            answer(generation, [this, now] { Q_EMIT progress(now); });
            if (cell_done) tell(study, false);
        },
        stop);
    tell(result, true);
}

/// Those that are known; otherwise they are measured, for what a time means shows beside its floor. None where that
/// fails: times are worth having without.
std::optional<profile::Ceilings> ScalingSession::ceilingsOf(kernels::Backend& backend, const std::stop_token& stop) {
    const auto unknown = [this](const QString& why) { m_workers.answer([this, why] { Q_EMIT floorsUnknown(why); }); };
    try {
        std::optional<profile::Ceilings> ceilings = report::findCeilings(report::ceilingsFile(), backend);
        if (ceilings || report::ceilingsAreOff()) return ceilings;
        ceilings = profile::measureCeilings(backend, {}, {}, stop);
        m_workers.guarded([&] { report::keepCeilings(report::ceilingsFile(), *ceilings); });
        return ceilings;
    } catch (const Error& error) {
        unknown(QString::fromUtf8(error.what()));
    } catch (const std::bad_alloc&) {
        unknown(tr("there is not enough memory to measure what the device can do"));
    }
    return std::nullopt;
}

void ScalingSession::keep(const study::ScalingPtr& study, const QString& keep_as,
                          const std::function<void()>& written) {
    if (keep_as.isEmpty() || study->done() == 0) return;
    m_workers.file("keep " + keep_as.toStdString(), [study, keep_as, written] {
        report::writeScaling(pathOf(keep_as), *study);
        written();
    });
}

void ScalingSession::find(const QStringList& paths, const std::string& model_hash) {
    m_workers.file("find scaling", [this, paths, model_hash] {
        for (const QString& path : paths) {
            const study::ScalingPtr study = report::readContents(pathOf(path)).scaling;
            const bool with_model = study && std::ranges::find(study->models, model_hash,
                                                               &profile::ModelSummary::hash) != study->models.end();
            if (!with_model) continue;
            m_workers.answer([this, study, path] { Q_EMIT studyFound(study, path); });
            return;
        }
    });
}

}  // namespace perfmamba::app
