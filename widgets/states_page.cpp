#include "widgets/states_page.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QHBoxLayout>
#include <QSplitter>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

#include "widgets/elided_label.h"
#include "widgets/format.h"
#include "widgets/heatmap.h"
#include "widgets/score_histogram.h"
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
    auto* label = new ElidedLabel;
    label->setFont(Theme::headingFont());
    label->setProperty("heading", true);
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
    m_origin = new ElidedLabel;
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

QButtonGroup* StatesPage::addSegments(QHBoxLayout& bar,
                                      const std::vector<std::pair<QString, QString>>& texts_and_tips) {
    auto* group = new QButtonGroup(this);
    bar.addSpacing(8);
    for (const auto& [text, tip] : texts_and_tips) {
        auto* button = new QToolButton;
        button->setText(text);
        button->setToolTip(tip);
        button->setAccessibleName(tip);
        button->setCheckable(true);
        button->setChecked(group->buttons().isEmpty());
        button->setProperty("segment", true);
        group->addButton(button, static_cast<int>(group->buttons().size()));
        bar.addWidget(button);
    }
    return group;
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
    m_most = addSegments(
        bar, {{tr("mean"), tr("The mean over tokens and rows")}, {tr("max"), tr("The largest at any token and row")}});
    m_log = addSegments(bar, {{tr("log"), tr("Logarithmic colours")},
                              {tr("linear"), tr("Linear colours from zero: twice the colour is twice the number")}});
    m_order = addSegments(bar, {{tr("by index"), tr("States in the order in which the model has them")},
                                {tr("by value"), tr("Every layer's states from the largest to the smallest")}});
    m_scale = addSegments(bar, {{tr("one scale"), tr("The same colours in all layers")},
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
    m_scores_heading->setText(m_scores ? tr("Scores: %1").arg(QString::fromStdString(m_scores->criterion)) : QString());
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

void StatesPage::refresh() {
    const bool any = m_activity && !m_activity->layers.empty();
    m_plan_fits = any && m_plan && fits(*m_plan, *m_activity);
    m_scores_fit = any && m_scores && fits(*m_scores, *m_activity);
    m_side->setVisible(m_scores != nullptr);
    m_statistic->setToolTip(tr(kStatisticTexts[static_cast<std::size_t>(m_statistic->currentIndex())].tip));
    m_origin->setText(origin());
    m_grid = any ? stateGridOf(*m_activity, measure(), sorted()) : StateGrid();
    fillOverview();
    follow();
}

void StatesPage::fillOverview() {
    HeatmapData cells;
    cells.rows = m_grid.layers;
    cells.columns = m_grid.columns;
    cells.values = m_grid.values;
    cells.x.name = sorted() ? tr("states, largest first") : tr("state");
    cells.x.first = sorted() ? 1 : 0;  // ranks count from one
    cells.y.name = tr("layer");
    const auto columns = static_cast<std::size_t>(m_grid.columns);
    if (m_scale->checkedId() == 1 && columns > 0) {
        for (std::size_t at = 0; at < cells.values.size(); at += columns) {
            cells.scales.push_back(scaleOf(std::span(cells.values).subspan(at, columns), logarithmic()));
        }
    } else {
        cells.scales.push_back(scaleOf(cells.values, logarithmic()));
    }
    const bool thresholded = m_scores_fit && m_threshold.has_value();
    for (std::int64_t row = 0; row < cells.rows && (m_plan_fits || thresholded); ++row) {
        for (std::int64_t column = 0; column < cells.columns; ++column) {
            const auto state = m_grid.stateAt(row, column);
            if (m_plan_fits) cells.hatched.push_back(state && pruned(row, *state));
            if (thresholded) cells.outlined.push_back(state && under(row, *state));
        }
    }
    if (!thresholded) cells.outlined = cells.hatched;
    m_overview->setData(std::move(cells));
}

void StatesPage::follow() {
    const Focus& focus = m_selection.focus();
    const std::int64_t row = focus.layer.value_or(-1);
    const bool chosen_layer = row >= 0 && row < m_grid.layers;
    m_layer = chosen_layer ? row : 0;
    std::vector<QRect> framed;
    if (chosen_layer) {
        framed.emplace_back(0, static_cast<int>(row), static_cast<int>(m_grid.columns), 1);
        const auto column = focus.state ? m_grid.columnOf(row, *focus.state) : std::nullopt;
        if (column) framed.emplace_back(static_cast<int>(*column), static_cast<int>(row), 1, 1);
    }
    m_overview->setFramed(std::move(framed));
    m_chosen->setText(chosen());
    fillLayer();
}

void StatesPage::fillLayer() {
    HeatmapData by_row;
    HeatmapData by_time;
    if (m_grid.layers == 0) {
        by_row.scales.emplace_back();
        by_time.scales.emplace_back();
        m_rows->setData(std::move(by_row));
        m_over_sequence->setData(std::move(by_time));
        m_rows_heading->clear();
        m_time_heading->clear();
        return;
    }
    const activity::LayerActivity& of = layer();
    const auto& order = m_grid.orders[static_cast<std::size_t>(m_layer)];
    m_groups = groupOrders(of, order);
    by_row.rows = of.rows;
    by_row.columns = of.row_states;
    by_row.values = rowGridOf(of, measure(), m_groups);
    by_row.scales.push_back(scaleOf(by_row.values, logarithmic()));
    by_row.x.name = sorted() ? tr("states, largest first") : tr("state");
    by_row.x.first = sorted() ? 1 : 0;
    by_row.y.name = mamba1() ? tr("channel") : tr("head");
    by_time.rows = static_cast<std::int64_t>(order.size());
    by_time.columns = m_activity->bins;
    by_time.values = timeGridOf(of, measure().statistic, m_activity->bins, order);
    by_time.scales.push_back(scaleOf(by_time.values, logarithmic()));
    by_time.x = {tr("token"), 0, static_cast<double>(m_activity->bin_tokens)};
    by_time.y.first = sorted() ? 1 : 0;
    by_time.y.name = sorted() ? tr("states, largest first") : tr("state");
    if (m_plan_fits) {
        for (std::int64_t row = 0; row < of.rows; ++row) {
            for (std::int64_t column = 0; column < of.row_states; ++column) {
                const auto state = stateOfRow(row, column);
                by_row.hatched.push_back(state && pruned(m_layer, *state));
            }
        }
        for (const std::int32_t state : order) {
            by_time.hatched.insert(by_time.hatched.end(), static_cast<std::size_t>(m_activity->bins),
                                   pruned(m_layer, state));
        }
    }
    m_rows->setData(std::move(by_row));
    m_over_sequence->setData(std::move(by_time));
    m_rows_heading->setText(
        tr("Layer %1 by %2: %3").arg(m_layer).arg(mamba1() ? tr("channel") : tr("head"), measureName()));
    m_time_heading->setText(tr("Layer %1 along the sequence: %2, mean").arg(m_layer).arg(nameOf(measure().statistic)));

    std::vector<QRect> in_rows;
    std::vector<QRect> in_time;
    const auto state = m_selection.focus().state;
    const auto at = state && m_selection.focus().layer == m_layer ? m_grid.columnOf(m_layer, *state) : std::nullopt;
    if (at) {
        in_time.emplace_back(0, static_cast<int>(*at), static_cast<int>(m_activity->bins), 1);
        const StateInGroup group_state = inGroup(of, *state);
        const auto& in_order = m_groups[static_cast<std::size_t>(group_state.group)];
        const auto column = std::find(in_order.begin(), in_order.end(), group_state.state) - in_order.begin();
        const auto rows_a_group = static_cast<int>(of.rows / static_cast<std::int64_t>(of.group_states.size()));
        in_rows.emplace_back(static_cast<int>(column), static_cast<int>(group_state.group) * rows_a_group, 1,
                             rows_a_group);
    }
    m_rows->setFramed(std::move(in_rows));
    m_over_sequence->setFramed(std::move(in_time));
}

void StatesPage::choose(std::int64_t layer, std::optional<std::int64_t> state) {
    m_selection.setCellState(static_cast<std::int32_t>(layer), state);
}

}  // namespace perfmamba::widgets
