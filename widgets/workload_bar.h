// What to measure: device, prefill or decode, batch, lengths; behind one button repetitions, bound, budget, threads.
#pragma once

#include <QWidget>
#include <array>
#include <vector>

#include "core/profile/profile.h"
#include "kernels/dtype.h"

class QButtonGroup;
class QComboBox;
class QLabel;
class QDoubleSpinBox;
class QSpinBox;
class QToolButton;

namespace perfmamba::widgets {

class WorkloadBar : public QWidget {
    Q_OBJECT
public:
    struct Device {
        QString id;
        QString name;
        QString missing;  // empty when usable
        std::vector<DType> precisions = {DType::F32};
    };

    explicit WorkloadBar(QWidget* parent = nullptr);

    void setDevices(const std::vector<Device>& devices);
    void setOptions(const profile::Options& options);
    /// At least one length is always chosen.
    [[nodiscard]] profile::Options options() const;
    [[nodiscard]] QString device() const;
    void setDevice(const QString& id);
    /// What the user wants, kept for the devices that compute in it.
    void setPrecision(DType precision);
    [[nodiscard]] DType wantedPrecision() const { return m_wanted_precision; }
    /// What the chosen device computes in.
    [[nodiscard]] DType precision() const;
    /// What the open model's weights are stored as.
    void setStoredType(const QString& stored);
    /// How the last run was recorded and, where it could not be kernel by kernel, why: shown under the choice.
    void setTraceStatus(const TraceStatus& status);
    void setTrace(TraceMode mode);

Q_SIGNALS:
    /// The user changed what the next run measures.
    void changed();

private:
    QWidget* makeMore();
    void lengthToggled(int id);
    void deviceChosen();
    void updateMore();

    QComboBox* m_device = nullptr;
    QButtonGroup* m_mode = nullptr;
    QSpinBox* m_batch = nullptr;
    QButtonGroup* m_lengths = nullptr;
    QToolButton* m_more = nullptr;
    QSpinBox* m_repeat = nullptr;
    QDoubleSpinBox* m_bound = nullptr;
    QDoubleSpinBox* m_budget = nullptr;
    QSpinBox* m_threads = nullptr;
    QComboBox* m_precision = nullptr;
    QComboBox* m_trace = nullptr;
    QLabel* m_trace_reason = nullptr;
    std::uint64_t m_seed = 1;
    std::vector<Device> m_devices;
    QString m_stored_type;
    QString m_wanted_device;  // from the settings, until the list of devices is known
    DType m_wanted_precision = DType::F32;
};

}  // namespace perfmamba::widgets
