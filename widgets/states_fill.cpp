// What the States page's three heatmaps show: cells, what is hatched, outlined and framed.
#include <QButtonGroup>
#include <QComboBox>
#include <algorithm>

#include "widgets/elided_label.h"
#include "widgets/heatmap.h"
#include "widgets/states_page.h"

namespace perfmamba::widgets {

void StatesPage::refresh() {
    const bool any = m_activity && !m_activity->layers.empty();
    m_plan_fits = any && m_plan && fits(*m_plan, *m_activity);
    m_scores_fit = any && m_scores && fits(*m_scores, *m_activity);
    m_side->setVisible(m_scores_fit);
    m_statistic->setToolTip(m_statistic->currentData(Qt::ToolTipRole).toString());
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
    cells.x.name = statesName();
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
    m_chosen->setText(overviewHeading());
    fillLayer();
}

void StatesPage::fillLayer() {
    if (m_grid.layers == 0) {
        HeatmapData nothing;
        nothing.scales.emplace_back();
        m_rows->setData(nothing);
        m_over_sequence->setData(nothing);
        m_rows_heading->clear();
        m_time_heading->clear();
        return;
    }
    m_groups = groupOrders(layer(), m_grid.orders[static_cast<std::size_t>(m_layer)]);
    m_rows->setData(rowCells());
    m_over_sequence->setData(timeCells());
    m_rows_heading->setText(tr("Layer %1 by %2: %3").arg(m_layer).arg(rowName(), measureName()));
    m_time_heading->setText(tr("Layer %1 along the sequence: %2, mean").arg(m_layer).arg(nameOf(measure().statistic)));
    frameState();
}

HeatmapData StatesPage::rowCells() const {
    const activity::LayerActivity& of = layer();
    HeatmapData cells;
    cells.rows = of.rows;
    cells.columns = of.row_states;
    cells.values = rowGridOf(of, measure(), m_groups);
    cells.scales.push_back(scaleOf(cells.values, logarithmic()));
    cells.x.name = statesName();
    cells.x.first = sorted() ? 1 : 0;
    cells.y.name = rowName();
    for (std::int64_t row = 0; row < cells.rows && m_plan_fits; ++row) {
        for (std::int64_t column = 0; column < cells.columns; ++column) {
            const auto state = stateOfRow(row, column);
            cells.hatched.push_back(state && pruned(m_layer, *state));
        }
    }
    return cells;
}

HeatmapData StatesPage::timeCells() const {
    const auto& order = m_grid.orders[static_cast<std::size_t>(m_layer)];
    HeatmapData cells;
    cells.rows = static_cast<std::int64_t>(order.size());
    cells.columns = m_activity->bins;
    cells.values = timeGridOf(layer(), measure().statistic, m_activity->bins, order);
    cells.scales.push_back(scaleOf(cells.values, logarithmic()));
    cells.x = {tr("token"), 0, static_cast<double>(m_activity->bin_tokens)};
    cells.y.name = statesName();
    cells.y.first = sorted() ? 1 : 0;
    if (!m_plan_fits) return cells;
    for (const std::int32_t state : order) {
        cells.hatched.insert(cells.hatched.end(), static_cast<std::size_t>(m_activity->bins), pruned(m_layer, state));
    }
    return cells;
}

void StatesPage::frameState() {
    std::vector<QRect> in_rows;
    std::vector<QRect> in_time;
    const Focus& focus = m_selection.focus();
    const auto at = focus.state && focus.layer == m_layer ? m_grid.columnOf(m_layer, *focus.state) : std::nullopt;
    if (at) {
        in_time.emplace_back(0, static_cast<int>(*at), static_cast<int>(m_activity->bins), 1);
        const StateInGroup state = inGroup(layer(), *focus.state);
        const auto& order = m_groups[static_cast<std::size_t>(state.group)];
        const auto column = std::find(order.begin(), order.end(), state.state) - order.begin();
        const auto rows = static_cast<int>(layer().rows / static_cast<std::int64_t>(layer().group_states.size()));
        in_rows.emplace_back(static_cast<int>(column), static_cast<int>(state.group) * rows, 1, rows);
    }
    m_rows->setFramed(std::move(in_rows));
    m_over_sequence->setFramed(std::move(in_time));
}

}  // namespace perfmamba::widgets
