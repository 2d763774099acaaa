// What a scaling study measures, put together from chips: models, lengths, modes, batches, precisions, devices, N.
#pragma once

#include <QWidget>
#include <optional>
#include <vector>

#include "core/study/scaling.h"
#include "widgets/workload_bar.h"

class QDoubleSpinBox;
class QLabel;
class QProgressBar;
class QPushButton;
class QSpinBox;

namespace perfmamba::widgets {

class ChipRow;

class ScalingForm : public QWidget {
    Q_OBJECT
public:
    explicit ScalingForm(QWidget* parent = nullptr);

    void setDevices(const std::vector<WorkloadBar::Device>& devices);
    /// Offers the model, and chooses it alone.
    void setOpenModel(const profile::ModelSummary& model);
    /// Offers the model, and leaves what is chosen.
    void offerModel(const profile::ModelSummary& model);
    /// Offers the model, and chooses it with the others.
    void addModel(const profile::ModelSummary& model);

    [[nodiscard]] study::ScalingOptions options() const;
    /// Those that are chosen.
    [[nodiscard]] std::vector<profile::ModelSummary> models() const;
    void setOptions(const study::ScalingOptions& options);
    /// Models and options of a study.
    void setStudy(const study::ScalingStudy& study);
    /// Many numbers of states at one shape or two, of the models that are chosen.
    void chooseStatesSweep();

    /// Whether that is the study that the form asks for.
    [[nodiscard]] bool asksFor(const study::ScalingStudy& study) const;
    /// Why it cannot be run as it stands; empty where it can.
    [[nodiscard]] bool hasModel() const { return !models().empty(); }
    [[nodiscard]] QString problem() const;

    /// @param resumes  running goes on with what is shown
    void setRunning(bool running, bool resumes);
    /// How far it has come; `done` 0 … 1.
    void setProgress(const QString& text, double done);

    [[nodiscard]] ChipRow* modelChips() const { return m_model_chips; }
    [[nodiscard]] ChipRow* lengths() const { return m_lengths; }
    [[nodiscard]] ChipRow* precisions() const { return m_precisions; }
    [[nodiscard]] ChipRow* states() const { return m_states; }
    [[nodiscard]] QPushButton* runButton() const { return m_run; }
    [[nodiscard]] QPushButton* stopButton() const { return m_stop; }
    [[nodiscard]] QString countText() const;
    [[nodiscard]] QString progress() const;

Q_SIGNALS:
    void changed();
    void runRequested();
    void stopRequested();
    void openRequested();
    /// Another model is to be added.
    void modelWanted();

private:
    ChipRow* addRow(const QString& title, ChipRow* row);
    void offerModels(const QStringList& chosen);
    void offerDevices();
    void offerPrecisions();
    void showLoaded();
    void check();
    [[nodiscard]] study::ScalingOptions shownOptions() const;

    /// The options of a study as it has them, and as they stand in the form: in another order, or rounded.
    struct Loaded {
        study::ScalingOptions options, shown;
    };
    std::optional<Loaded> m_loaded;
    std::vector<profile::ModelSummary> m_models;
    std::vector<WorkloadBar::Device> m_device_list;
    std::uint64_t m_seed = 1;
    bool m_running = false;
    bool m_resumes = false;
    ChipRow* m_model_chips = nullptr;
    ChipRow* m_lengths = nullptr;
    ChipRow* m_modes = nullptr;
    ChipRow* m_batches = nullptr;
    ChipRow* m_precisions = nullptr;
    ChipRow* m_devices = nullptr;
    ChipRow* m_states = nullptr;
    QDoubleSpinBox* m_bound = nullptr;
    QDoubleSpinBox* m_budget = nullptr;
    QSpinBox* m_repeat = nullptr;
    QSpinBox* m_threads = nullptr;
    QLabel* m_count = nullptr;
    QLabel* m_status = nullptr;
    QProgressBar* m_progress = nullptr;
    QPushButton* m_run = nullptr;
    QPushButton* m_stop = nullptr;
};

}  // namespace perfmamba::widgets
