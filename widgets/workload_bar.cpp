#include "widgets/workload_bar.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QSpinBox>
#include <QStandardItemModel>
#include <QToolButton>
#include <QWidgetAction>
#include <algorithm>

#include "widgets/format.h"
#include "widgets/segments.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {

WorkloadBar::WorkloadBar(QWidget* parent) : QWidget(parent) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(2, 0, 2, 0);
    layout->setSpacing(8);

    m_device = new QComboBox;
    m_device->setAccessibleName(tr("Device"));
    m_device->setToolTip(tr("Device the model runs on"));
    m_device->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_device->setMinimumContentsLength(7);
    m_device->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    m_device->setMaximumWidth(190);
    layout->addWidget(m_device);

    auto* modes = new QHBoxLayout;
    modes->setSpacing(0);
    m_mode = addSegments(*modes, this,
                         {{tr("Prefill"), tr("Time the pass over a whole prompt of each length")},
                          {tr("Decode"), tr("Time one token after a context of each length")}});
    layout->addLayout(modes);

    m_batch = new QSpinBox;
    m_batch->setRange(1, 4096);
    m_batch->setPrefix(tr("batch "));
    m_batch->setAccessibleName(tr("Batch"));
    m_batch->setToolTip(tr("Sequences run together"));
    layout->addWidget(m_batch);

    auto* chips = new QHBoxLayout;
    chips->setSpacing(3);
    m_lengths = new QButtonGroup(this);
    m_lengths->setExclusive(false);
    for (const std::int64_t length : profile::kLengths) {
        auto* chip = new QToolButton;
        chip->setText(lengthText(length));
        chip->setAccessibleName(tr("%1 tokens").arg(length));
        chip->setToolTip(tr("Measure at %1 tokens").arg(grouped(length)));
        chip->setCheckable(true);
        chip->setProperty("chip", true);
        m_lengths->addButton(chip, static_cast<int>(length));
        chips->addWidget(chip);
    }
    layout->addLayout(chips);

    m_more = new QToolButton;
    m_more->setPopupMode(QToolButton::InstantPopup);
    m_more->setToolTip(tr("How it is measured: repetitions, bound, budget, threads, precision"));
    m_more->setAccessibleName(tr("Measurement options"));
    auto* menu = new QMenu(m_more);
    auto* holder = new QWidgetAction(menu);
    holder->setDefaultWidget(makeMore());
    menu->addAction(holder);
    m_more->setMenu(menu);
    layout->addWidget(m_more);

    setOptions({});
    connect(m_device, &QComboBox::activated, this, [this] {
        m_wanted_device = device();
        deviceChosen();
        Q_EMIT changed();
    });
    connect(m_precision, &QComboBox::activated, this, [this] {
        m_wanted_precision = precision();
        updateMore();
        Q_EMIT changed();
    });
    connect(m_mode, &QButtonGroup::idClicked, this, &WorkloadBar::changed);
    connect(m_batch, &QSpinBox::valueChanged, this, &WorkloadBar::changed);
    connect(m_lengths, &QButtonGroup::idClicked, this, &WorkloadBar::lengthToggled);
    for (QSpinBox* box : {m_repeat, m_threads}) {
        connect(box, &QSpinBox::valueChanged, this, [this] {
            updateMore();
            Q_EMIT changed();
        });
    }
    connect(m_trace, &QComboBox::activated, this, [this] {
        updateMore();
        Q_EMIT changed();
    });
    for (QDoubleSpinBox* box : {m_bound, m_budget}) {
        connect(box, &QDoubleSpinBox::valueChanged, this, [this] {
            updateMore();
            Q_EMIT changed();
        });
    }
}

QWidget* WorkloadBar::makeMore() {
    auto* panel = new QWidget;
    auto* form = new QFormLayout(panel);
    form->setContentsMargins(14, 12, 14, 12);
    m_repeat = new QSpinBox;
    m_repeat->setRange(0, 100'000);
    m_repeat->setSpecialValueText(tr("auto"));
    m_repeat->setToolTip(tr("Recorded passes at each length; auto: until the bound or the budget is reached"));
    form->addRow(tr("Repetitions"), m_repeat);
    m_bound = new QDoubleSpinBox;
    m_bound->setRange(0.1, 50);
    m_bound->setDecimals(1);
    m_bound->setSingleStep(0.5);
    m_bound->setPrefix(QStringLiteral("± "));
    m_bound->setSuffix(QStringLiteral(" %"));
    m_bound->setToolTip(tr("Stop when the median's 95 % interval is that narrow"));
    form->addRow(tr("Bound"), m_bound);
    m_budget = new QDoubleSpinBox;
    m_budget->setRange(0.1, 3600);
    m_budget->setDecimals(1);
    m_budget->setSuffix(tr(" s"));
    m_budget->setToolTip(tr("Longest time spent at each length, warm-up included"));
    form->addRow(tr("Budget a length"), m_budget);
    m_threads = new QSpinBox;
    m_threads->setRange(0, 1024);
    m_threads->setSpecialValueText(tr("all"));
    form->addRow(tr("Threads"), m_threads);
    m_precision = new QComboBox;
    m_precision->setAccessibleName(tr("Precision"));
    m_precision->setObjectName(QStringLiteral("precision"));
    form->addRow(tr("Precision"), m_precision);
    m_trace = new QComboBox;
    m_trace->setObjectName(QStringLiteral("trace"));
    m_trace->setAccessibleName(tr("Recording"));
    m_trace->setToolTip(tr("How finely passes are recorded; what recording costs is measured and shown"));
    m_trace->addItem(tr("as finely as can be"), static_cast<int>(TraceMode::Auto));
    m_trace->addItem(tr("kernel by kernel (CUPTI)"), static_cast<int>(TraceMode::Cupti));
    m_trace->addItem(tr("component by component"), static_cast<int>(TraceMode::Events));
    m_trace->addItem(tr("off: whole passes only"), static_cast<int>(TraceMode::Off));
    form->addRow(tr("Recording"), m_trace);
    m_trace_reason = new QLabel;
    m_trace_reason->setObjectName(QStringLiteral("traceReason"));
    m_trace_reason->setProperty("muted", true);
    m_trace_reason->setFont(Theme::smallFont());
    m_trace_reason->setWordWrap(true);
    m_trace_reason->hide();
    form->addRow(m_trace_reason);
    return panel;
}

void WorkloadBar::updateMore() {
    QString text = m_repeat->value() == 0 ? tr("± %1 %, ≤ %2 s").arg(m_bound->value()).arg(m_budget->value())
                                          : tr("%1 passes").arg(m_repeat->value());
    if (m_threads->value() > 0) text += tr(", %1 threads").arg(m_threads->value());
    if (m_trace->currentData().toInt() == static_cast<int>(TraceMode::Off)) text += tr(", not recorded");
    if (precision() != DType::F32) text += QStringLiteral(", ") + fromView(name(precision()));
    m_more->setText(text + QStringLiteral(" ▾"));
}

void WorkloadBar::lengthToggled(int id) {
    const auto buttons = m_lengths->buttons();
    const bool any = std::any_of(buttons.begin(), buttons.end(), [](QAbstractButton* b) { return b->isChecked(); });
    if (!any) m_lengths->button(id)->setChecked(true);
    Q_EMIT changed();
}

void WorkloadBar::setDevices(const std::vector<Device>& devices) {
    const QString before = m_wanted_device.isEmpty() ? device() : m_wanted_device;
    const QSignalBlocker quiet(m_device);
    m_device->clear();
    m_devices = devices;
    for (const Device& device : devices) {
        m_device->addItem(device.id.toUpper(), device.id);
        const int row = m_device->count() - 1;
        m_device->setItemData(
            row, device.missing.isEmpty() ? device.name : device.name + QStringLiteral(": ") + device.missing,
            Qt::ToolTipRole);
        if (auto* model = qobject_cast<QStandardItemModel*>(m_device->model());
            model != nullptr && !device.missing.isEmpty()) {
            model->item(row)->setEnabled(false);
        }
    }
    setDevice(before);
}

void WorkloadBar::setDevice(const QString& id) {
    m_wanted_device = id;
    const int row = m_device->findData(id);
    if (row >= 0) m_device->setCurrentIndex(row);
    deviceChosen();
}

void WorkloadBar::setPrecision(DType precision) {
    m_wanted_precision = precision;
    deviceChosen();
}

DType WorkloadBar::precision() const {
    return static_cast<DType>(m_precision->currentData().toInt());
}

/// Offers what the device computes in, and keeps the user's choice where it can.
void WorkloadBar::deviceChosen() {
    m_device->setToolTip(tr("Device the model runs on: %1").arg(m_device->currentData(Qt::ToolTipRole).toString()));
    const int row = m_device->currentIndex();
    const Device chosen = row >= 0 ? m_devices[static_cast<std::size_t>(row)] : Device();
    const QSignalBlocker quiet(m_precision);
    m_precision->clear();
    for (const DType type : chosen.precisions) {
        m_precision->addItem(fromView(name(type)), static_cast<int>(type));
    }
    m_precision->setCurrentIndex(std::max(0, m_precision->findData(static_cast<int>(m_wanted_precision))));
    m_precision->setToolTip(m_stored_type.isEmpty()
                                ? tr("What activations and matrices are computed in on this device")
                                : tr("What activations and matrices are computed in on this device. The model's "
                                     "weights are stored as %1 and converted when they are loaded.")
                                      .arg(m_stored_type));
    updateMore();
}

QString WorkloadBar::device() const {
    const QString id = m_device->currentData().toString();
    return id.isEmpty() ? QStringLiteral("cpu") : id;
}

void WorkloadBar::setStoredType(const QString& stored) {
    m_stored_type = stored;
    deviceChosen();
}

void WorkloadBar::setTrace(TraceMode mode) {
    m_trace->setCurrentIndex(m_trace->findData(static_cast<int>(mode)));
    updateMore();
}

void WorkloadBar::setTraceStatus(const TraceStatus& status) {
    const QString reason = QString::fromStdString(status.reason);
    m_trace_reason->setText(reason.isEmpty() ? QString() : tr("Not kernel by kernel: %1.").arg(reason));
    m_trace_reason->setVisible(!reason.isEmpty());
}

void WorkloadBar::setOptions(const profile::Options& options) {
    const QSignalBlocker quiet(this);
    m_mode->button(static_cast<int>(options.mode))->setChecked(true);
    m_batch->setValue(static_cast<int>(options.batch));
    bool any = false;
    for (const std::int64_t length : profile::kLengths) {
        const bool wanted = std::find(options.lengths.begin(), options.lengths.end(), length) != options.lengths.end();
        m_lengths->button(static_cast<int>(length))->setChecked(wanted);
        any = any || wanted;
    }
    if (!any) m_lengths->button(static_cast<int>(profile::kLengths[2]))->setChecked(true);
    m_repeat->setValue(options.repeat);
    m_bound->setValue(options.bound * 100);
    m_budget->setValue(options.budget_s);
    m_threads->setValue(options.threads);
    m_seed = options.seed;
    setTrace(options.trace);
}

profile::Options WorkloadBar::options() const {
    profile::Options options;
    options.mode = static_cast<profile::Mode>(m_mode->checkedId());
    options.batch = m_batch->value();
    options.lengths.clear();
    for (const std::int64_t length : profile::kLengths) {
        if (m_lengths->button(static_cast<int>(length))->isChecked()) options.lengths.push_back(length);
    }
    options.threads = m_threads->value();
    options.repeat = m_repeat->value();
    options.bound = m_bound->value() / 100;
    options.budget_s = m_budget->value();
    options.seed = m_seed;
    options.trace = static_cast<TraceMode>(m_trace->currentData().toInt());
    return options;
}

}  // namespace perfmamba::widgets
