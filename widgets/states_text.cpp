// The States page in words: what it was collected on, what is hovered and chosen, and the numbers as CSV.
#include <algorithm>
#include <cmath>

#include "core/profile/profile.h"
#include "widgets/format.h"
#include "widgets/heatmap.h"
#include "widgets/states_page.h"

namespace perfmamba::widgets {
namespace {

/// A head of numbers that have no unit.
QString inOne(const QString& name) {
    return csvField(name + QStringLiteral(" [1]"));
}

}  // namespace

const activity::LayerActivity& StatesPage::layer() const {
    return m_activity->layers[static_cast<std::size_t>(m_layer)];
}

bool StatesPage::mamba1() const {
    return m_activity && m_activity->model.config.architecture == model::Architecture::Mamba1;
}

bool StatesPage::pruned(std::int64_t layer, std::int64_t state) const {
    return m_plan_fits && m_plan->layers[static_cast<std::size_t>(layer)][static_cast<std::size_t>(state)] == 0;
}

bool StatesPage::under(std::int64_t layer, std::int64_t state) const {
    return m_scores_fit && m_threshold &&
           m_scores->layers[static_cast<std::size_t>(layer)][static_cast<std::size_t>(state)] < *m_threshold;
}

std::optional<std::int64_t> StatesPage::stateOfRow(std::int64_t row, std::int64_t column) const {
    const std::int64_t group = layer().groupOfRow(row);
    const auto& order = m_groups[static_cast<std::size_t>(group)];
    if (column >= static_cast<std::int64_t>(order.size())) return std::nullopt;
    return inLayer(layer(), {group, order[static_cast<std::size_t>(column)]});
}

QString StatesPage::measureName() const {
    return tr("%1, %2").arg(nameOf(measure().statistic), measure().most ? tr("max") : tr("mean"));
}

QString StatesPage::rowName() const {
    return mamba1() ? tr("channel") : tr("head");
}

QString StatesPage::statesName() const {
    return sorted() ? tr("states, largest first") : tr("state");
}

QString StatesPage::origin() const {
    if (!m_activity) return {};
    const activity::Activity& a = *m_activity;
    QString text = tr("%1%2: %3 sequences × %4 tokens.")
                       .arg(a.complete ? tr("Collected on ") : tr("So far, on "), QString::fromStdString(a.tokens),
                            grouped(a.sequences), grouped(a.length));
    if (a.cost.pairs > 0 && std::isfinite(a.cost.median)) {
        text += tr(" Collecting made a pass %1 times as long (%2 – %3).")
                    .arg(threeDigits(a.cost.median), threeDigits(a.cost.ci_low), threeDigits(a.cost.ci_high));
    }
    return text;
}

QString StatesPage::stateText(std::int64_t layer, std::int64_t state, const QString& separator) const {
    const activity::LayerActivity& of = m_activity->layers[static_cast<std::size_t>(layer)];
    const std::vector<double>& values = m_grid.of_layer[static_cast<std::size_t>(layer)];
    const auto index = static_cast<std::size_t>(state);
    QStringList parts;
    if (of.group_states.size() > 1) {
        const StateInGroup at = inGroup(of, state);
        parts << tr("group %1, its state %2").arg(at.group).arg(at.state);
    }
    parts << tr("%1: %2").arg(measureName(), threeDigits(values[index]));
    parts << tr("rank %1 of %2").arg(rankOf(values, index)).arg(values.size());
    if (m_plan_fits) parts << (pruned(layer, state) ? tr("pruned") : tr("kept"));
    if (m_scores_fit) {
        const double score = m_scores->layers[static_cast<std::size_t>(layer)][index];
        QString text = tr("score %1").arg(threeDigits(score));
        if (m_threshold) text += under(layer, state) ? tr(", under threshold") : tr(", over threshold");
        parts << text;
    }
    return parts.join(separator);
}

QString StatesPage::chosen() const {
    const Focus& focus = m_selection.focus();
    const std::int64_t layer = focus.layer.value_or(-1);
    if (layer < 0 || layer >= m_grid.layers) return {};
    if (!focus.state || !m_grid.columnOf(layer, *focus.state)) return {};
    return tr("Layer %1, state %2 · %3")
        .arg(layer)
        .arg(*focus.state)
        .arg(stateText(layer, *focus.state, QStringLiteral(" · ")));
}

QString StatesPage::overviewHeading() const {
    if (m_grid.layers == 0) return {};
    const QString state = chosen();
    return state.isEmpty() ? tr("All layers: %1").arg(measureName()) : tr("All layers · %1").arg(state);
}

QString StatesPage::rowTip(std::int64_t row, std::int64_t column) const {
    const auto state = stateOfRow(row, column);
    if (!state) return {};
    const float value = m_rows->data().values[static_cast<std::size_t>(row * m_rows->data().columns + column)];
    return tr("<b>layer %1, %2 %3, state %4</b><br>%5: %6<br>%7")
        .arg(m_layer)
        .arg(rowName())
        .arg(row)
        .arg(*state)
        .arg(measureName(), threeDigits(static_cast<double>(value)),
             tr("over all of them: ") + stateText(m_layer, *state, QStringLiteral("<br>")));
}

QString StatesPage::timeTip(std::int64_t row, std::int64_t column) const {
    const auto state = m_grid.stateAt(m_layer, row);
    if (!state) return {};
    const std::int64_t first = column * m_activity->bin_tokens;
    const std::int64_t last = std::min(first + m_activity->bin_tokens, m_activity->length) - 1;
    const HeatmapData& cells = m_over_sequence->data();
    const float value = cells.values[static_cast<std::size_t>(row * cells.columns + column)];
    return tr("<b>layer %1, state %2</b><br>tokens %3 – %4<br>%5, mean: %6")
        .arg(m_layer)
        .arg(*state)
        .arg(grouped(first), grouped(last), nameOf(measure().statistic), threeDigits(static_cast<double>(value)));
}

QString StatesPage::overviewCsv() const {
    QString text = QStringLiteral("layer,state,group,%1,rank in layer,kept,score\n").arg(inOne(measureName()));
    for (std::int64_t layer = 0; layer < m_grid.layers; ++layer) {
        const std::vector<double>& values = m_grid.of_layer[static_cast<std::size_t>(layer)];
        for (std::size_t state = 0; state < values.size(); ++state) {
            const auto at = static_cast<std::int64_t>(state);
            const StateInGroup group = inGroup(m_activity->layers[static_cast<std::size_t>(layer)], at);
            text += QStringLiteral("%1,%2,%3,%4,%5,%6,%7\n")
                        .arg(layer)
                        .arg(state)
                        .arg(group.group)
                        .arg(csvNumber(values[state]))
                        .arg(rankOf(values, state))
                        .arg(m_plan_fits ? QString::number(pruned(layer, at) ? 0 : 1) : QString())
                        .arg(m_scores_fit ? csvNumber(m_scores->layers[static_cast<std::size_t>(layer)][state])
                                          : QString());
        }
    }
    return text;
}

QString StatesPage::rowsCsv() const {
    QString text = QStringLiteral("layer,%1,state,%2\n").arg(rowName(), inOne(measureName()));
    const HeatmapData& cells = m_rows->data();
    for (std::int64_t row = 0; row < cells.rows; ++row) {
        for (std::int64_t column = 0; column < cells.columns; ++column) {
            const auto state = stateOfRow(row, column);
            if (!state) continue;
            const float value = cells.values[static_cast<std::size_t>(row * cells.columns + column)];
            text += QStringLiteral("%1,%2,%3,%4\n")
                        .arg(m_layer)
                        .arg(row)
                        .arg(*state)
                        .arg(csvNumber(static_cast<double>(value)));
        }
    }
    return text;
}

QString StatesPage::overSequenceCsv() const {
    QString text =
        QStringLiteral("layer,state,first token,%1\n").arg(inOne(tr("%1, mean").arg(nameOf(measure().statistic))));
    const HeatmapData& cells = m_over_sequence->data();
    for (std::int64_t row = 0; row < cells.rows; ++row) {
        const auto state = m_grid.stateAt(m_layer, row);
        for (std::int64_t bin = 0; state && bin < cells.columns; ++bin) {
            const float value = cells.values[static_cast<std::size_t>(row * cells.columns + bin)];
            text += QStringLiteral("%1,%2,%3,%4\n")
                        .arg(m_layer)
                        .arg(*state)
                        .arg(bin * m_activity->bin_tokens)
                        .arg(csvNumber(static_cast<double>(value)));
        }
    }
    return text;
}

}  // namespace perfmamba::widgets
