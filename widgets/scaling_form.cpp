#include "widgets/scaling_form.h"

#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QSpinBox>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>

#include "widgets/chip_row.h"
#include "widgets/format.h"
#include "widgets/scaling_derive.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr std::array<std::int64_t, 6> kBatches = {1, 4, 8, 16, 32, 64};
constexpr std::array<std::int64_t, 7> kStates = {8, 16, 32, 64, 128, 192, 256};
constexpr int kColumns = 5;
constexpr int kBoxWidth = 86;  // pixels

/// As ScalingOptions names precisions, and the command line.
QString idOf(DType precision) {
    switch (precision) {
        case DType::F32: return QStringLiteral("f32");
        case DType::F16: return QStringLiteral("f16");
        case DType::BF16: return QStringLiteral("bf16");
    }
    return {};
}

QString number(std::int64_t value) {
    return QString::number(value);
}

std::vector<std::int64_t> numbersOf(const ChipRow* row) {
    std::vector<std::int64_t> numbers;
    for (const QString& id : row->chosen()) numbers.push_back(id.toLongLong());
    return numbers;
}

std::vector<std::string> namesOf(const ChipRow* row) {
    std::vector<std::string> names;
    for (const QString& id : row->chosen()) names.push_back(id.toStdString());
    return names;
}

QStringList idsOf(const std::vector<std::int64_t>& numbers) {
    QStringList ids;
    for (const std::int64_t each : numbers) ids << number(each);
    return ids;
}

QStringList idsOf(const std::vector<std::string>& names) {
    QStringList ids;
    for (const std::string& name : names) ids << QString::fromStdString(name);
    return ids;
}

template <typename T>
T* described(T* box, const QString& name, const QString& tip) {
    box->setAccessibleName(name);
    box->setToolTip(tip);
    box->setFont(Theme::smallFont());
    box->setMinimumWidth(kBoxWidth);  // its longest text is longer than what is usual
    return box;
}

QLabel* labelOf(const QString& title) {
    auto* label = new QLabel(title);
    label->setContentsMargins(0, 3, 0, 0);
    label->setFont(Theme::smallFont());
    return label;
}

QHBoxLayout* inRow(std::initializer_list<QWidget*> widgets) {
    auto* row = new QHBoxLayout;
    row->setSpacing(4);
    for (QWidget* widget : widgets) row->addWidget(widget, 1);
    return row;
}

}  // namespace

ScalingForm::ScalingForm(QWidget* parent) : QWidget(parent) {
    auto* form = new QFormLayout(this);
    form->setContentsMargins(10, 8, 8, 8);
    form->setHorizontalSpacing(8);
    form->setVerticalSpacing(6);
    form->setLabelAlignment(Qt::AlignLeft | Qt::AlignTop);
    form->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);

    m_model_chips = addRow(tr("models"), new ChipRow(tr("Models"), 1));
    auto* add = new QToolButton;
    add->setText(tr("+ another model…"));
    add->setFont(Theme::smallFont());
    add->setProperty("chip", true);
    add->setToolTip(tr("Choose the folder of another checkpoint, to see both beside each other"));
    add->setObjectName(QStringLiteral("addModel"));
    connect(add, &QToolButton::clicked, this, &ScalingForm::modelWanted);
    form->addRow(QString(), add);

    m_lengths = addRow(tr("lengths"), new ChipRow(tr("Lengths"), kColumns));
    std::vector<Chip> chips;
    for (const std::int64_t length : profile::kLengths) {
        chips.push_back({number(length), lengthText(length), tr("%1 tokens").arg(grouped(length))});
    }
    m_lengths->setChips(chips);
    m_lengths->offerNumbers(tr("Other lengths"));

    m_modes = addRow(tr("passes"), new ChipRow(tr("Prefill and decode"), 2));
    m_modes->setChips({{number(0), tr("prefill"), tr("The pass over a whole prompt of each length")},
                       {number(1), tr("decode"), tr("One token after a context of each length")}});

    m_batches = addRow(tr("batches"), new ChipRow(tr("Batches"), kColumns));
    chips.clear();
    for (const std::int64_t batch : kBatches) {
        chips.push_back({number(batch), number(batch), tr("%1 sequences run together").arg(batch)});
    }
    m_batches->setChips(chips);
    m_batches->offerNumbers(tr("Other batches"));

    m_devices = addRow(tr("devices"), new ChipRow(tr("Devices"), 2));
    m_precisions = addRow(tr("precision"), new ChipRow(tr("Precisions"), 3));
    setDevices({{QStringLiteral("cpu"), QStringLiteral("cpu"), {}}});

    m_states = addRow(tr("states N"), new ChipRow(tr("Numbers of states N"), kColumns));
    chips = {{number(0), tr("own"), tr("As many states as each model has")}};
    for (const std::int64_t states : kStates) {
        chips.push_back({number(states), number(states),
                         tr("N = %1: cut from the model's weights, or random where it has fewer").arg(states)});
    }
    m_states->setChips(chips);
    m_states->offerNumbers(tr("Other numbers of states"));

    m_bound = described(new QDoubleSpinBox, tr("Bound"), tr("Stop when the median's 95 % interval is that narrow"));
    m_bound->setRange(0.1, 50);
    m_bound->setDecimals(1);
    m_bound->setPrefix(QStringLiteral("± "));
    m_bound->setSuffix(QStringLiteral(" %"));
    m_budget = described(new QDoubleSpinBox, tr("Budget of a cell"), QString());
    m_budget->setToolTip(
        tr("Time for each cell: less where the bound is reached before, more where passes are slow, of "
           "which a few are taken however long they last"));
    m_budget->setRange(0.05, 3600);
    m_budget->setDecimals(2);
    m_budget->setPrefix(QStringLiteral("≈ "));
    m_budget->setSuffix(tr(" s"));
    m_repeat = described(new QSpinBox, tr("Passes"), tr("Passes of each cell; auto: until the bound or the budget"));
    m_repeat->setRange(0, 100'000);
    m_repeat->setSpecialValueText(tr("auto passes"));
    m_repeat->setSuffix(tr(" passes"));
    m_threads = described(new QSpinBox, tr("Threads"), tr("Of the CPU"));
    m_threads->setRange(0, 1024);
    m_threads->setSpecialValueText(tr("all threads"));
    m_threads->setSuffix(tr(" threads"));
    form->addRow(labelOf(tr("effort")), inRow({m_bound, m_budget}));
    form->addRow(QString(), inRow({m_repeat, m_threads}));

    m_count = new QLabel;
    m_count->setFont(Theme::smallFont());
    m_count->setProperty("muted", true);
    m_count->setWordWrap(true);
    m_count->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    form->addRow(m_count);
    m_run = new QPushButton;
    m_run->setProperty("primary", true);
    m_stop = new QPushButton(tr("Stop"));
    m_stop->setToolTip(tr("Stop the study and keep what it measured (Esc)"));
    auto* open = new QPushButton(tr("Open…"));
    open->setToolTip(tr("Open the report of a study"));
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(4);
    buttons->addWidget(m_run, 1);
    buttons->addWidget(m_stop);
    buttons->addWidget(open);
    form->addRow(buttons);
    m_progress = new QProgressBar;
    m_progress->setTextVisible(false);
    m_progress->setRange(0, 1000);
    m_progress->setAccessibleName(tr("Progress of the study"));
    form->addRow(m_progress);
    m_status = new QLabel;
    m_status->setFont(Theme::smallFont());
    m_status->setWordWrap(true);
    m_status->setProperty("muted", true);
    m_status->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);  // a long model's name is one word
    form->addRow(m_status);

    study::ScalingOptions first;
    first.lengths = {64, 256, 1024, 4096};
    setOptions(first);
    for (ChipRow* row : {m_model_chips, m_lengths, m_modes, m_batches, m_precisions, m_states}) {
        connect(row, &ChipRow::changed, this, &ScalingForm::check);
    }
    connect(m_devices, &ChipRow::changed, this, [this] {
        offerPrecisions();
        check();
    });
    for (QSpinBox* box : {m_repeat, m_threads}) connect(box, &QSpinBox::valueChanged, this, &ScalingForm::check);
    for (QDoubleSpinBox* box : {m_bound, m_budget}) {
        connect(box, &QDoubleSpinBox::valueChanged, this, &ScalingForm::check);
    }
    connect(m_run, &QPushButton::clicked, this, &ScalingForm::runRequested);
    connect(m_stop, &QPushButton::clicked, this, &ScalingForm::stopRequested);
    connect(open, &QPushButton::clicked, this, &ScalingForm::openRequested);
    check();
}

ChipRow* ScalingForm::addRow(const QString& title, ChipRow* row) {
    static_cast<QFormLayout*>(layout())->addRow(labelOf(title), row);
    return row;
}

void ScalingForm::setDevices(const std::vector<WorkloadBar::Device>& devices) {
    const bool as_loaded = m_loaded && m_loaded->shown == shownOptions();
    m_device_list = devices;
    offerDevices();
    if (as_loaded) showLoaded();
    if (m_run != nullptr) check();
}

/// Also what a loaded study has and this machine has not: it stays the study that it is.
void ScalingForm::offerDevices() {
    QStringList wanted = m_loaded ? idsOf(m_loaded->options.devices) : QStringList();
    std::vector<Chip> chips;
    for (const WorkloadBar::Device& device : m_device_list) {
        const bool here = device.missing.isEmpty();
        chips.push_back({device.id, device.id.toUpper(),
                         here ? device.name : device.name + QStringLiteral(": ") + device.missing,
                         here || wanted.contains(device.id)});
        wanted.removeAll(device.id);
    }
    for (const QString& id : wanted) chips.push_back({id, id.toUpper(), tr("%1: not here").arg(id.toUpper())});
    m_devices->setChips(chips);
    offerPrecisions();
}

void ScalingForm::offerPrecisions() {
    const QStringList devices = m_devices->chosen();
    const QStringList wanted = m_loaded ? idsOf(m_loaded->options.precisions) : QStringList();
    std::vector<Chip> chips;
    for (const DType precision : kDTypes) {
        QStringList able;
        for (const WorkloadBar::Device& device : m_device_list) {
            const bool can = std::ranges::find(device.precisions, precision) != device.precisions.end();
            if (can && devices.contains(device.id)) able << device.id.toUpper();
        }
        chips.push_back({idOf(precision), idOf(precision),
                         able.isEmpty()
                             ? tr("No chosen device computes in %1").arg(fromView(name(precision)))
                             : tr("%1, on %2").arg(fromView(name(precision)), able.join(QStringLiteral(", "))),
                         !able.isEmpty() || wanted.contains(idOf(precision))});
    }
    m_precisions->setChips(chips);
}

void ScalingForm::offerModels(const QStringList& chosen) {
    std::vector<Chip> chips;
    for (const profile::ModelSummary& model : m_models) {
        chips.push_back({QString::fromStdString(model.hash), QString::fromStdString(model.name),
                         tr("%1\n%2 parameters, N = %3")
                             .arg(QString::fromStdString(model.path), grouped(model.parameters))
                             .arg(model.config.d_state)});
    }
    m_model_chips->setChips(chips);
    m_model_chips->setChosen(chosen);
    check();
}

void ScalingForm::setOpenModel(const profile::ModelSummary& model) {
    std::erase_if(m_models, [&](const auto& other) { return other.hash == model.hash; });
    m_models.insert(m_models.begin(), model);
    offerModels({QString::fromStdString(model.hash)});
}

void ScalingForm::offerModel(const profile::ModelSummary& model) {
    if (std::ranges::find(m_models, model.hash, &profile::ModelSummary::hash) != m_models.end()) return;
    m_models.push_back(model);
    offerModels(m_model_chips->chosen());
}

void ScalingForm::addModel(const profile::ModelSummary& model) {
    offerModel(model);
    offerModels(m_model_chips->chosen() << QString::fromStdString(model.hash));
}

std::vector<profile::ModelSummary> ScalingForm::models() const {
    const QStringList chosen = m_model_chips->chosen();
    std::vector<profile::ModelSummary> models;
    for (const profile::ModelSummary& model : m_models) {
        if (chosen.contains(QString::fromStdString(model.hash))) models.push_back(model);
    }
    return models;
}

study::ScalingOptions ScalingForm::options() const {
    const study::ScalingOptions shown = shownOptions();
    return m_loaded && m_loaded->shown == shown ? m_loaded->options : shown;
}

study::ScalingOptions ScalingForm::shownOptions() const {
    study::ScalingOptions options;
    options.lengths = numbersOf(m_lengths);
    options.modes.clear();
    for (const std::int64_t mode : numbersOf(m_modes)) options.modes.push_back(static_cast<profile::Mode>(mode));
    options.batches = numbersOf(m_batches);
    options.precisions = namesOf(m_precisions);
    options.devices = namesOf(m_devices);
    options.states = numbersOf(m_states);
    options.threads = m_threads->value();
    options.repeat = m_repeat->value();
    options.bound = m_bound->value() / 100;
    options.budget_s = m_budget->value();
    options.seed = m_seed;
    return options;
}

void ScalingForm::setOptions(const study::ScalingOptions& options) {
    m_lengths->setChosen(idsOf(options.lengths));
    std::vector<std::int64_t> modes;
    for (const profile::Mode mode : options.modes) modes.push_back(static_cast<std::int64_t>(mode));
    m_modes->setChosen(idsOf(modes));
    m_batches->setChosen(idsOf(options.batches));
    m_devices->setChosen(idsOf(options.devices));
    offerPrecisions();
    m_precisions->setChosen(idsOf(options.precisions));
    m_states->setChosen(idsOf(options.states));
    m_threads->setValue(options.threads);
    m_repeat->setValue(options.repeat);
    m_bound->setValue(options.bound * 100);
    m_budget->setValue(options.budget_s);
    m_seed = options.seed;
    check();
}

void ScalingForm::setStudy(const study::ScalingStudy& study) {
    QStringList chosen;
    for (auto model = study.models.rbegin(); model != study.models.rend(); ++model) {
        std::erase_if(m_models, [&](const auto& other) { return other.hash == model->hash; });
        m_models.insert(m_models.begin(), *model);
        chosen << QString::fromStdString(model->hash);
    }
    offerModels(chosen);
    m_loaded = Loaded{study.options, {}};
    showLoaded();
}

void ScalingForm::showLoaded() {
    offerDevices();
    setOptions(m_loaded->options);
    m_loaded->shown = shownOptions();
    check();
}

void ScalingForm::chooseStatesSweep() {
    study::ScalingOptions sweep = options();
    sweep.lengths = {1024};
    sweep.modes = {profile::Mode::Prefill, profile::Mode::Decode};
    sweep.batches = {1, 16};
    sweep.states.assign(kStates.begin(), kStates.end());
    // Each model's own number, too, where it is another one.
    const bool among = std::ranges::all_of(models(), [](const profile::ModelSummary& model) {
        return std::ranges::find(kStates, model.config.d_state) != kStates.end();
    });
    if (!among) sweep.states.insert(sweep.states.begin(), 0);
    setOptions(sweep);
}

bool ScalingForm::asksFor(const study::ScalingStudy& study) const {
    const std::vector<profile::ModelSummary> chosen = models();
    return options() == study.options &&
           std::ranges::equal(chosen, study.models, {}, &profile::ModelSummary::hash, &profile::ModelSummary::hash);
}

QString ScalingForm::problem() const {
    if (models().empty()) return tr("Open a model, or add one here.");
    if (m_devices->chosen().isEmpty()) return tr("Choose a device.");
    if (m_precisions->chosen().isEmpty()) return tr("Choose a precision.");
    return {};
}

QString ScalingForm::countText() const {
    return m_count->text();
}

QString ScalingForm::progress() const {
    return m_status->text();
}

void ScalingForm::setRunning(bool running, bool resumes) {
    m_running = running;
    m_resumes = resumes;
    m_stop->setEnabled(running);
    m_run->setText(resumes && !running ? tr("Resume") : tr("Run study"));
    m_progress->setVisible(running);
    const QString what = problem();
    m_run->setEnabled(!running && what.isEmpty());
    m_run->setToolTip(!what.isEmpty() ? what
                      : resumes       ? tr("Measure the cells that wait or have failed")
                                      : tr("Measure every cell; a study that was stopped goes on where it was"));
}

void ScalingForm::setProgress(const QString& text, double done) {
    m_status->setText(text);
    m_progress->setValue(static_cast<int>(std::lround(done * 1000)));
}

void ScalingForm::check() {
    const std::size_t cells = cellCount(options(), models().size());
    const QString what = problem();
    m_count->setText(!what.isEmpty() ? what
                     : m_repeat->value() > 0
                         ? tr("%n cells", nullptr, static_cast<int>(cells))
                         : tr("%1 cells, about %2, or longer where passes are slow")
                               .arg(cells)
                               .arg(timeText(static_cast<double>(cells) * m_budget->value() * 1e6)));
    setRunning(m_running, m_resumes);
    Q_EMIT changed();
}

}  // namespace perfmamba::widgets
