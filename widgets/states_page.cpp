#include "widgets/states_page.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

#include "widgets/elided_label.h"
#include "widgets/format.h"
#include "widgets/heatmap.h"
#include "widgets/prune_derive.h"
#include "widgets/score_histogram.h"
#include "widgets/segments.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

using activity::Statistic;

struct StatisticText {
    Statistic statistic;
    const char* name;
    const char* tip;
};
constexpr std::array kStatisticTexts = {
    StatisticText{Statistic::DeltaB, "|Δ·B|", "How strongly the state takes its input in"},
    StatisticText{Statistic::DeltaBx, "|Δ·B·x|", "What enters the state at a token"},
    StatisticText{Statistic::Decay, "decay 1 − exp(Δ·A)",
                  "The part of the state that is forgotten at a token; in Mamba-2 the same for all states of a head"},
    StatisticText{Statistic::State, "|h|", "The state itself"},
    StatisticText{Statistic::Output, "|C·h|", "What the state gives to the output"},
    StatisticText{Statistic::OutputEnergy, "output energy (C·h)²", "The square of what the state gives, averaged"},
};

ElidedLabel* headingLabel() {
    ElidedLabel* label = makeHeading();
    label->setContentsMargins(10, 4, 8, 2);
    return label;
}

QWidget* panelOf(const std::vector<QWidget*>& parts) {
    auto* panel = new QWidget;
    panel->setAutoFillBackground(true);
    panel->setBackgroundRole(QPalette::Base);
    auto* layout = new QVBoxLayout(panel);
    layout->setContentsMargins(0, 0, 0, 4);
    layout->setSpacing(0);
    for (QWidget* part : parts) layout->addWidget(part, part == parts.back() ? 1 : 0);
    return panel;
}

QSplitter* splitterOf(Qt::Orientation orientation, const QString& name) {
    auto* split = new QSplitter(orientation);
    split->setObjectName(name);
    split->setHandleWidth(1);
    split->setChildrenCollapsible(false);
    return split;
}

Heatmap* heatmapOf(const QString& name, const QString& title) {
    auto* map = new Heatmap(name);
    map->setAccessibleName(title);
    map->setAccessibleDescription(
        QObject::tr("Arrow keys move from cell to cell, plus and minus zoom, Home shows everything, Escape chooses "
                    "nothing"));
    return map;
}

}  // namespace

QString nameOf(Statistic statistic) {
    return QObject::tr(kStatisticTexts[static_cast<std::size_t>(statistic)].name);
}

StatesPage::StatesPage(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* top = new QWidget;
    auto* top_layout = new QVBoxLayout(top);
    top_layout->setContentsMargins(10, 5, 10, 4);
    top_layout->setSpacing(3);
    auto* bar = new QHBoxLayout;
    bar->setSpacing(0);
    buildControls(*bar);
    top_layout->addLayout(bar);
    m_origin = new QLabel;
    m_origin->setWordWrap(true);
    m_origin->setTextFormat(Qt::PlainText);
    m_origin->setFont(Theme::smallFont());
    m_origin->setProperty("muted", true);
    top_layout->addWidget(m_origin);
    layout->addWidget(top);
    auto* place = new QWidget;
    buildViews(*place);
    layout->addWidget(place, 1);

    connect(m_statistic, &QComboBox::currentIndexChanged, this, [this] { refresh(); });
    for (QButtonGroup* group : {m_most, m_log, m_order, m_scale}) {
        connect(group, &QButtonGroup::idToggled, this, [this](int, bool on) {
            if (on) refresh();
        });
    }
    connect(m_overview, &Heatmap::cellChosen, this, [this](qint64 row, qint64 column) {
        if (const auto state = m_grid.stateAt(row, column)) choose(row, *state);
    });
    connect(m_rows, &Heatmap::cellChosen, this, [this](qint64 row, qint64 column) {
        if (const auto state = stateOfRow(row, column)) choose(m_layer, *state);
    });
    connect(m_over_sequence, &Heatmap::cellChosen, this, [this](qint64 row, qint64) {
        if (const auto state = m_grid.stateAt(m_layer, row)) choose(m_layer, *state);
    });
    for (Heatmap* map : {m_overview, m_rows, m_over_sequence}) {
        connect(map, &Heatmap::cleared, &m_selection, &Selection::clear);
    }
    connect(m_histogram, &ScoreHistogram::thresholdRequested, this, &StatesPage::thresholdRequested);
    connect(&m_selection, &Selection::changed, this, [this] { follow(); });
    refresh();
}

void StatesPage::buildControls(QHBoxLayout& bar) {
    m_statistic = new QComboBox;
    m_statistic->setAccessibleName(tr("What is shown of every state"));
    for (const StatisticText& text : kStatisticTexts) {
        m_statistic->addItem(tr(text.name));
        m_statistic->setItemData(m_statistic->count() - 1, tr(text.tip), Qt::ToolTipRole);
    }
    m_statistic->setCurrentIndex(static_cast<int>(Statistic::State));
    bar.addWidget(m_statistic);
    const auto segments = [&](const std::vector<std::pair<QString, QString>>& texts_and_tips) {
        bar.addSpacing(8);
        return addSegments(bar, this, texts_and_tips);
    };
    m_most = segments(
        {{tr("mean"), tr("The mean over tokens and rows")}, {tr("max"), tr("The largest at any token and row")}});
    m_log = segments({{tr("log"), tr("Logarithmic colours")},
                      {tr("linear"), tr("Linear colours from zero: twice the colour is twice the number")}});
    m_order = segments({{tr("by index"), tr("States in the order in which the model has them")},
                        {tr("by value"), tr("Every layer's states from the largest to the smallest")}});
    m_scale = segments({{tr("one scale"), tr("The same colours in all layers")},
                        {tr("per layer"), tr("Every layer's colours between its own least and largest")}});
    bar.addStretch(1);
}

void StatesPage::buildViews(QWidget& place) {
    m_overview = heatmapOf(QStringLiteral("states"), tr("Layers and their states"));
    m_rows = heatmapOf(QStringLiteral("states-of-layer"), tr("The chosen layer's rows and their states"));
    m_over_sequence =
        heatmapOf(QStringLiteral("states-over-sequence"), tr("The chosen layer's states along the sequence"));
    m_histogram = new ScoreHistogram;
    m_chosen = headingLabel();
    m_rows_heading = headingLabel();
    m_time_heading = headingLabel();
    m_scores_heading = headingLabel();

    m_overview->setTip([this](std::int64_t row, std::int64_t column) {
        const auto state = m_grid.stateAt(row, column);
        return state ? tr("<b>layer %1, state %2</b>").arg(row).arg(*state) + QStringLiteral("<br>") +
                           stateText(row, *state, QStringLiteral("<br>"))
                     : QString();
    });
    m_rows->setTip([this](std::int64_t row, std::int64_t column) { return rowTip(row, column); });
    m_over_sequence->setTip([this](std::int64_t row, std::int64_t column) { return timeTip(row, column); });
    m_overview->setCsv([this] { return overviewCsv(); });
    m_rows->setCsv([this] { return rowsCsv(); });
    m_over_sequence->setCsv([this] { return overSequenceCsv(); });

    auto* above = splitterOf(Qt::Horizontal, QStringLiteral("statesAbove"));
    above->addWidget(panelOf({m_chosen, m_overview}));
    m_side = panelOf({m_scores_heading, m_histogram});
    above->addWidget(m_side);
    above->setStretchFactor(0, 3);
    above->setStretchFactor(1, 1);
    above->setSizes({3000, 1000});
    auto* below = splitterOf(Qt::Horizontal, QStringLiteral("statesBelow"));
    below->addWidget(panelOf({m_rows_heading, m_rows}));
    below->addWidget(panelOf({m_time_heading, m_over_sequence}));
    below->setStretchFactor(0, 1);
    below->setStretchFactor(1, 1);
    auto* split = splitterOf(Qt::Vertical, QStringLiteral("statesSplit"));
    split->addWidget(above);
    split->addWidget(below);
    split->setStretchFactor(0, 5);
    split->setStretchFactor(1, 4);
    auto* layout = new QVBoxLayout(&place);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(split);
}

// What is shown -------------------------------------------------------------------------------------------------------

void StatesPage::setActivity(activity::ActivityPtr activity) {
    m_activity = std::move(activity);
    refresh();
}

void StatesPage::setPlan(std::shared_ptr<const prune::Plan> plan) {
    m_plan = std::move(plan);
    refresh();
}

void StatesPage::setScores(std::shared_ptr<const prune::Scores> scores, std::optional<double> threshold) {
    m_scores = std::move(scores);
    m_threshold = m_scores ? threshold : std::nullopt;
    m_scores_heading->setText(
        m_scores ? tr("Scores: %1").arg(criterionTitle(QString::fromStdString(m_scores->criterion))) : QString());
    m_histogram->setScores(m_scores);
    m_histogram->setThreshold(m_threshold);
    refresh();
}

void StatesPage::setMeasure(const StateMeasure& measure) {
    m_statistic->setCurrentIndex(static_cast<int>(measure.statistic));
    m_most->button(measure.most ? 1 : 0)->setChecked(true);
}

void StatesPage::setLogarithmic(bool logarithmic) {
    m_log->button(logarithmic ? 0 : 1)->setChecked(true);
}

void StatesPage::setSorted(bool sorted) {
    m_order->button(sorted ? 1 : 0)->setChecked(true);
}

void StatesPage::setScalePerLayer(bool per_layer) {
    m_scale->button(per_layer ? 1 : 0)->setChecked(true);
}

StateMeasure StatesPage::measure() const {
    return {static_cast<Statistic>(m_statistic->currentIndex()), m_most->checkedId() == 1};
}

bool StatesPage::logarithmic() const {
    return m_log->checkedId() == 0;
}

bool StatesPage::sorted() const {
    return m_order->checkedId() == 1;
}

void StatesPage::choose(std::int64_t layer, std::optional<std::int64_t> state) {
    m_selection.setCellState(static_cast<std::int32_t>(layer), state);
}

}  // namespace perfmamba::widgets
