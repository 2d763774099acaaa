#include "widgets/plan_panel.h"

#include <QButtonGroup>
#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QDoubleValidator>
#include <QFileDialog>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSlider>
#include <QSpinBox>
#include <QStandardItemModel>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "widgets/elided_boxes.h"
#include "widgets/format.h"
#include "widgets/kept_bars.h"
#include "widgets/score_histogram.h"
#include "widgets/segments.h"
#include "widgets/state_arithmetic.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kSteps = 1000;  // of the slider
constexpr int kMergeAmount = 1;
constexpr int kMergeLayer = 1000;  // and the layer's number
constexpr double kLeastShare = 0.001;
constexpr int kBrowseWidth = 26;

QLabel* nameLabel(const QString& text, QWidget* buddy) {
    auto* label = new QLabel(text);
    label->setProperty("muted", true);
    label->setFont(Theme::smallFont());
    label->setBuddy(buddy);
    return label;
}

}  // namespace

PlanPanel::PlanPanel(Selection& selection, QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 2, 0, 4);
    layout->setSpacing(3);
    layout->addWidget(makeSources());

    m_histogram = new ScoreHistogram;
    m_histogram->setFixedHeight(132);
    layout->addWidget(m_histogram);
    layout->addWidget(makeAmount());

    auto* heading = new QHBoxLayout;
    heading->setContentsMargins(10, 2, 6, 0);
    m_kept = new QLabel;
    m_kept->setFont(Theme::headingFont());
    m_kept->setProperty("heading", true);
    heading->addWidget(m_kept, 1);
    m_reset = new QToolButton;
    m_reset->setText(tr("Reset"));
    m_reset->setFont(Theme::smallFont());
    m_reset->setToolTip(tr("Give all layers back to the plan: no counts of their own, no locks"));
    m_reset->setAccessibleName(m_reset->toolTip());
    heading->addWidget(m_reset);
    layout->addLayout(heading);
    m_bars = new KeptBars(selection);
    layout->addWidget(m_bars, 1);

    connect(m_reset, &QToolButton::clicked, this, [this] {
        prune::Choice choice = m_chosen.choice;
        choice.overrides.clear();
        choice.protected_layers.clear();
        edit(choice, tr("reset all layers"));
    });
    connect(m_bars, &KeptBars::overrideRequested, this, &PlanPanel::overrideLayer);
    connect(m_bars, &KeptBars::resetRequested, this, [this](qint64 layer) {
        prune::Choice choice = m_chosen.choice;
        choice.overrides.erase(layer);
        choice.protected_layers.erase(layer);
        edit(choice, tr("reset layer %1").arg(layer));
    });
    connect(m_bars, &KeptBars::lockRequested, this, [this](qint64 layer, bool locked) {
        prune::Choice choice = m_chosen.choice;
        if (locked) {
            choice.protected_layers.insert(layer);
            choice.overrides.erase(layer);
        } else {
            choice.protected_layers.erase(layer);
        }
        edit(choice, locked ? tr("lock layer %1").arg(layer) : tr("unlock layer %1").arg(layer));
    });
    connect(m_histogram, &ScoreHistogram::thresholdRequested, this, &PlanPanel::setThreshold);
    showChosen({}, nullptr);
}

void PlanPanel::setThreshold(double threshold) {
    prune::Choice choice = m_chosen.choice;
    const bool by_score = choice.kind == prune::PlanKind::Threshold;
    choice.value = by_score ? threshold : shareKeptBy(m_sorted, threshold);
    edit(choice, tr("move the threshold"), kMergeAmount, false);
}

QComboBox* PlanPanel::makeSource(const QString& name, const QString& tip) {
    auto* box = new QComboBox;
    box->setEditable(true);
    box->setLineEdit(new PathEdit);
    box->setFont(Theme::smallFont());
    box->setInsertPolicy(QComboBox::NoInsert);
    box->addItems({QStringLiteral("task"), QStringLiteral("random")});
    box->setItemData(0, tr("What task.json beside the weights describes"), Qt::ToolTipRole);
    box->setItemData(1, tr("Token ids at random"), Qt::ToolTipRole);
    box->setAccessibleName(name);
    box->setToolTip(tip);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(6);
    connect(box, &QComboBox::activated, this, &PlanPanel::saySources);
    connect(box->lineEdit(), &QLineEdit::editingFinished, this, &PlanPanel::saySources);
    return box;
}

QWidget* PlanPanel::makeSources() {
    auto* part = new QWidget;
    auto* grid = new QGridLayout(part);
    grid->setContentsMargins(10, 0, 8, 0);
    grid->setHorizontalSpacing(6);
    grid->setVerticalSpacing(3);
    grid->setColumnStretch(1, 1);
    m_criterion = new QComboBox;
    m_criterion->setAccessibleName(tr("Criterion"));
    m_criterion->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_criterion->setMinimumContentsLength(6);
    grid->addWidget(nameLabel(tr("rank by"), m_criterion), 0, 0);
    grid->addWidget(m_criterion, 0, 1, 1, 2);
    connect(m_criterion, &QComboBox::activated, this, [this] {
        Q_EMIT edited({m_criterion->currentData().toString(), m_chosen.choice,
                       tr("rank by %1").arg(m_criterion->currentText()), 0, false});
    });

    const auto source = [&](int row, const QString& text, const QString& tip) {
        QComboBox* box = makeSource(text, tip);
        auto* browse = new QToolButton;
        browse->setText(QStringLiteral("…"));
        browse->setFixedWidth(kBrowseWidth);  // the name beside it needs the room
        browse->setToolTip(tr("Choose a text, JSON lines, or token ids (.ids, .npy, .bin, .h5)"));
        browse->setAccessibleName(tr("File to %1").arg(text));
        connect(browse, &QToolButton::clicked, this, [this, box] {
            const QString path = QFileDialog::getOpenFileName(this, tr("Text or token ids"));
            if (path.isEmpty()) return;
            box->setEditText(path);
            saySources();
        });
        grid->addWidget(nameLabel(text, box), row, 0);
        grid->addWidget(box, row, 1);
        grid->addWidget(browse, row, 2);
        return box;
    };
    m_calibrate = source(1, tr("calibrate on"), tr("Tokens that the criterion sees: 'task', 'random' or a file"));
    m_evaluate = source(2, tr("judge on"), tr("Tokens that the accuracy is measured on: 'task', 'random' or a file"));
    m_window = new QSpinBox;
    m_window->setRange(0, 1 << 20);
    m_window->setSpecialValueText(tr("auto"));
    m_window->setMinimumWidth(60);
    m_window->setKeyboardTracking(false);
    m_window->setAccessibleName(tr("Window"));
    m_window->setToolTip(tr("Tokens of a sequence; auto: the task's length, or 2048"));
    grid->addWidget(nameLabel(tr("window"), m_window), 3, 0);
    m_last_word = new QCheckBox(tr("last word"));
    m_last_word->setObjectName(QStringLiteral("lastWord"));
    m_last_word->setToolTip(
        tr("Judge by the last word of each line alone, as LAMBADA asks for it: right where all of its tokens are"));
    auto* extent = new QHBoxLayout;
    extent->setSpacing(6);
    extent->addWidget(m_window, 1);
    extent->addWidget(m_last_word);
    grid->addLayout(extent, 3, 1, 1, 2);
    connect(m_window, &QSpinBox::valueChanged, this, &PlanPanel::saySources);
    connect(m_last_word, &QCheckBox::toggled, this, &PlanPanel::saySources);
    m_field = new QLineEdit;
    m_field->setObjectName(QStringLiteral("field"));
    m_field->setPlaceholderText(tr("text"));
    m_field->setToolTip(tr("Of JSON lines the field that holds the text, of an HDF5 file the dataset of token ids"));
    m_field->setAccessibleName(tr("Field"));
    m_field_name = nameLabel(tr("field"), m_field);
    grid->addWidget(m_field_name, 4, 0);
    grid->addWidget(m_field, 4, 1, 1, 2);
    connect(m_field, &QLineEdit::editingFinished, this, &PlanPanel::saySources);
    m_source_problem = new QLabel;
    m_source_problem->setWordWrap(true);
    m_source_problem->setFont(Theme::smallFont());
    m_source_problem->hide();
    grid->addWidget(m_source_problem, 5, 0, 1, 3);

    auto* kinds = new QHBoxLayout;
    kinds->setSpacing(0);
    m_kind = addSegments(
        *kinds, this,
        {{tr("threshold"), tr("A state stays where its score is at least the threshold")},
         {tr("per layer"), tr("The best share of each group of each layer stays: the same count everywhere")},
         {tr("budget"), tr("The best share of all states of the model stays")}});
    for (QAbstractButton* button : m_kind->buttons()) {
        button->setAccessibleName(tr("Kind of plan: %1").arg(button->text()));
        button->setFont(Theme::smallFont());
        button->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
        button->setMinimumWidth(10);
        kinds->setStretchFactor(button, 1);
    }
    connect(m_kind, &QButtonGroup::idClicked, this, [this](int id) { kindChosen(static_cast<prune::PlanKind>(id)); });
    grid->addLayout(kinds, 5, 0, 1, 3);
    return part;
}

QWidget* PlanPanel::makeAmount() {
    auto* part = new QWidget;
    auto* grid = new QGridLayout(part);
    grid->setContentsMargins(10, 0, 8, 0);
    grid->setHorizontalSpacing(4);
    grid->setVerticalSpacing(3);
    // To the right more goes, as the histogram's handle does.
    m_slider = new QSlider(Qt::Horizontal);
    m_slider->setRange(1, kSteps);
    m_slider->setPageStep(kSteps / 20);
    m_slider->setSingleStep(kSteps / 200);
    m_slider->setInvertedAppearance(true);
    m_slider->setValue(kSteps);
    m_slider->setAccessibleName(tr("Share of the states kept"));
    m_slider->setToolTip(tr("Share of the states kept: all at the left, the fewest at the right"));
    grid->addWidget(m_slider, 0, 0, 1, 4);
    connect(m_slider, &QSlider::valueChanged, this,
            [this](int value) { setShareKept(static_cast<double>(value) / kSteps, m_slider->isSliderDown()); });

    m_share = new QDoubleSpinBox;
    m_share->setRange(kLeastShare * 100, 100);
    m_share->setDecimals(1);
    m_share->setSuffix(QStringLiteral(" %"));
    m_share->setKeyboardTracking(false);
    m_share->setButtonSymbols(QAbstractSpinBox::NoButtons);  // the slider is right above
    m_share->setAlignment(Qt::AlignRight);
    m_share->setAccessibleName(tr("Share of the states kept"));
    connect(m_share, &QDoubleSpinBox::valueChanged, this,
            [this](double percent) { setShareKept(percent / 100, false); });
    m_threshold = new QLineEdit;
    m_threshold->setAlignment(Qt::AlignRight);
    m_threshold->setMaximumWidth(84);
    m_threshold->setAccessibleName(tr("Threshold"));
    auto* number = new QDoubleValidator(m_threshold);
    number->setLocale(QLocale::c());
    m_threshold->setValidator(number);
    connect(m_threshold, &QLineEdit::editingFinished, this, [this] {
        if (!m_threshold->isModified()) return;
        m_threshold->setModified(false);
        prune::Choice choice = m_chosen.choice;
        choice.value = m_threshold->text().toDouble();
        edit(choice, tr("type the threshold"));
    });
    m_amount_name = nameLabel({}, m_share);
    grid->addWidget(m_amount_name, 1, 0);
    auto* amounts = new QHBoxLayout;
    amounts->setSpacing(0);
    amounts->addWidget(m_share);
    amounts->addWidget(m_threshold);
    grid->addLayout(amounts, 1, 1);
    grid->setColumnStretch(2, 1);
    m_multiple = new QComboBox;
    for (const int multiple : {1, 4, 8, 16}) m_multiple->addItem(tr("× %1").arg(multiple), multiple);
    m_multiple->setAccessibleName(tr("Round counts up to multiples of"));
    m_multiple->setToolTip(tr("Round the count of each group up to a multiple of this"));
    connect(m_multiple, &QComboBox::activated, this, [this] {
        prune::Choice choice = m_chosen.choice;
        choice.multiple_of = m_multiple->currentData().toLongLong();
        edit(choice, tr("round to multiples of %1").arg(choice.multiple_of));
    });
    auto* round = new QHBoxLayout;
    round->setSpacing(4);
    round->addWidget(nameLabel(tr("multiples"), m_multiple));
    round->addWidget(m_multiple);
    grid->addLayout(round, 1, 3);

    m_stays = new QLabel;
    m_stays->setObjectName(QStringLiteral("stays"));
    m_stays->setFont(Theme::smallFont());
    m_stays->setToolTip(
        tr("What the plan keeps: counts are whole, every group keeps at least one state, and layers set by hand "
           "keep theirs"));
    grid->addWidget(m_stays, 2, 0, 1, 4);
    m_note = new QLabel;
    m_note->setWordWrap(true);
    m_note->setFont(Theme::smallFont());
    grid->addWidget(m_note, 3, 0, 1, 4);
    m_rank_again = new QPushButton;
    m_rank_again->setFont(Theme::smallFont());
    m_rank_again->setToolTip(
        tr("This criterion ranks each layer with the layers before it already pruned, so the "
           "ranking belongs to a share removed"));
    connect(m_rank_again, &QPushButton::clicked, this, &PlanPanel::rankAgainRequested);
    grid->addWidget(m_rank_again, 4, 0, 1, 4);
    connect(&theme(), &Theme::changed, this, [this] { setMessage(m_message, m_problem); });
    setMessage({}, false);
    setRankAgain({});
    return part;
}

void PlanPanel::setCriteria(const std::vector<CriterionChoice>& criteria) {
    const QSignalBlocker quiet(m_criterion);
    m_criterion->clear();
    auto* model = qobject_cast<QStandardItemModel*>(m_criterion->model());
    for (const CriterionChoice& criterion : criteria) {
        m_criterion->addItem(criterion.title, criterion.id);
        const int row = m_criterion->count() - 1;
        QString tip = criterion.description;
        if (criterion.needs_calibration) tip += tr("\nNeeds a run over the calibration tokens.");
        if (!criterion.refusal.isEmpty()) tip = criterion.refusal;
        m_criterion->setItemData(row, tip, Qt::ToolTipRole);
        model->item(row)->setEnabled(criterion.refusal.isEmpty());
    }
    showChosen(m_chosen, m_plan);
}

void PlanPanel::setLargestGroup(std::int64_t states) {
    auto* model = qobject_cast<QStandardItemModel*>(m_multiple->model());
    for (int row = 0; row < m_multiple->count(); ++row) {
        model->item(row)->setEnabled(m_multiple->itemData(row).toLongLong() <= std::max<std::int64_t>(states, 1));
    }
}

void PlanPanel::setScores(const ScoresPtr& scores) {
    if (scores == m_scores) return;
    m_scores = scores;
    m_sorted = scores ? sortedScores(*scores) : std::vector<double>();
    m_histogram->setScores(scores);
    fillAmount();
}

void PlanPanel::showChosen(const Chosen& chosen, const prune::PlanPtr& plan) {
    m_chosen = chosen;
    m_plan = plan;
    const int row = m_criterion->findData(chosen.criterion);
    m_criterion->setCurrentIndex(row);
    m_criterion->setToolTip(m_criterion->itemData(row, Qt::ToolTipRole).toString());
    fillAmount();
    fillBars();
}

void PlanPanel::fillAmount() {
    const prune::Choice& choice = m_chosen.choice;
    const bool by_score = choice.kind == prune::PlanKind::Threshold;
    m_kind->button(static_cast<int>(choice.kind))->setChecked(true);
    const double share = by_score ? shareKeptBy(m_sorted, choice.value) : choice.value;
    {
        const QSignalBlocker quiet_slider(m_slider);
        const QSignalBlocker quiet_share(m_share);
        const QSignalBlocker quiet_multiple(m_multiple);
        m_slider->setValue(static_cast<int>(std::lround(share * kSteps)));
        m_share->setValue(share * 100);
        if (!m_threshold->hasFocus() || !m_threshold->isModified()) {
            m_threshold->setText(QString::number(choice.value, 'g', 6));
        }
        if (m_multiple->findData(static_cast<int>(choice.multiple_of)) < 0) {
            m_multiple->addItem(tr("× %1").arg(choice.multiple_of), static_cast<int>(choice.multiple_of));
        }
        m_multiple->setCurrentIndex(m_multiple->findData(static_cast<int>(choice.multiple_of)));
    }
    m_amount_name->setText(by_score ? tr("score ≥") : tr("keep ≈"));
    m_stays->setText(m_plan ? tr("%1 of %2 states stay: %3")
                                  .arg(grouped(m_plan->kept()), grouped(m_plan->states()),
                                       percentText(static_cast<double>(m_plan->kept()) /
                                                   static_cast<double>(std::max<std::int64_t>(1, m_plan->states()))))
                            : QString());
    m_share->setVisible(!by_score);
    m_threshold->setVisible(by_score);
    // A share of each layer has no one threshold.
    if (m_sorted.empty() || choice.kind == prune::PlanKind::Keep) {
        m_histogram->setThreshold(std::nullopt);
    } else {
        m_histogram->setThreshold(by_score ? choice.value : thresholdKeeping(m_sorted, choice.value));
    }
    const bool possible = m_plan != nullptr || !m_sorted.empty();
    for (QWidget* widget : std::initializer_list<QWidget*>{m_slider, m_share, m_threshold, m_multiple}) {
        widget->setEnabled(possible);
    }
    for (QAbstractButton* button : m_kind->buttons()) button->setEnabled(possible);
    m_slider->setEnabled(possible && (!by_score || !m_sorted.empty()));
    m_kind->button(static_cast<int>(prune::PlanKind::Threshold))->setEnabled(!m_sorted.empty() || by_score);
}

void PlanPanel::fillBars() {
    m_kept->setText(m_deltas.empty() ? tr("States kept in each layer") : tr("States kept, and lost alone"));
    m_kept->setToolTip(m_deltas.empty() ? QString()
                                        : tr("The bars beside the locks: how much the quality changes when that layer "
                                             "is pruned alone; pale where it is within two standard errors"));
    m_bars->setRows(m_plan ? keptRowsOf(*m_plan, m_chosen.choice, m_deltas) : std::vector<KeptRow>());
    m_reset->setEnabled(!m_chosen.choice.overrides.empty() || !m_chosen.choice.protected_layers.empty());
}

void PlanPanel::setSensitivity(const std::vector<LayerDelta>& deltas) {
    if (deltas == m_deltas) return;
    m_deltas = deltas;
    fillBars();
}

void PlanPanel::setMessage(const QString& text, bool problem) {
    m_message = text;
    m_problem = problem;
    m_note->setText(text);
    m_note->setVisible(!text.isEmpty());
    QPalette colours = m_note->palette();
    colours.setColor(m_note->foregroundRole(), problem ? theme().colours().warning : theme().colours().muted);
    m_note->setPalette(colours);
    checkSources();
}

void PlanPanel::setRankAgain(const QString& text) {
    m_rank_again->setText(text);
    m_rank_again->setVisible(!text.isEmpty());
}

void PlanPanel::edit(const prune::Choice& choice, const QString& what, int merge, bool ongoing) {
    Q_EMIT edited({m_chosen.criterion, choice, what, merge, ongoing});
}

void PlanPanel::setShareKept(double share, bool ongoing) {
    const prune::Choice choice = asKind(m_chosen.choice, m_chosen.choice.kind, share, m_sorted);
    edit(choice, tr("change what is kept"), kMergeAmount, ongoing);
}

void PlanPanel::kindChosen(prune::PlanKind kind) {
    if (kind == m_chosen.choice.kind) return;
    double share = m_chosen.choice.value;
    if (m_chosen.choice.kind == prune::PlanKind::Threshold) share = shareKeptBy(m_sorted, share);
    edit(asKind(m_chosen.choice, kind, share, m_sorted), tr("another kind of plan"));
    fillAmount();
}

void PlanPanel::overrideLayer(std::int64_t layer, std::int64_t count, bool ongoing) {
    prune::Choice choice = m_chosen.choice;
    choice.overrides[layer] = count;
    choice.protected_layers.erase(layer);
    edit(choice, tr("keep %1 states in layer %2").arg(count).arg(layer), kMergeLayer + static_cast<int>(layer),
         ongoing);
}

void PlanPanel::setSources(const TokenSources& sources) {
    const QSignalBlocker quiet_window(m_window);
    const QSignalBlocker quiet_word(m_last_word);
    m_calibrate->setEditText(sources.calibrate);
    m_evaluate->setEditText(sources.evaluate);
    m_window->setValue(sources.window);
    m_field->setText(sources.field);
    m_last_word->setChecked(sources.last_word);
    checkSources();
}

TokenSources PlanPanel::sources() const {
    return {m_calibrate->currentText().trimmed(), m_evaluate->currentText().trimmed(), m_window->value(),
            m_field->text().trimmed(), m_last_word->isChecked()};
}

void PlanPanel::saySources() {
    // Focus that leaves and a completed word say the same twice.
    if (m_said == sources()) return;
    checkSources();
    Q_EMIT sourcesChanged(m_said);
}

void PlanPanel::checkSources() {
    m_said = sources();
    // What is generated comes from different seeds; the same file twice does not.
    const QString& calibrate = m_said.calibrate;
    const bool same =
        calibrate == m_said.evaluate && calibrate != QLatin1String("task") && calibrate != QLatin1String("random");
    m_source_problem->setVisible(same);
    m_source_problem->setText(tr("The same text must not calibrate and judge: choose another."));
    QPalette colours = m_source_problem->palette();
    colours.setColor(m_source_problem->foregroundRole(), theme().colours().warning);
    m_source_problem->setPalette(colours);
    for (QComboBox* box : {m_calibrate, m_evaluate}) box->lineEdit()->setToolTip(box->currentText());
    const bool fields = hasFields(m_said.calibrate) || hasFields(m_said.evaluate);
    m_field->setVisible(fields);
    m_field_name->setVisible(fields);
}

}  // namespace perfmamba::widgets
