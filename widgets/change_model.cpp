#include "widgets/change_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "widgets/format.h"
#include "widgets/table_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

QString valueText(const profile::Change& change, double value) {
    return change.isTime() ? timeText(value) : bytesText(value);
}

/// Of a part of the model, which has a colour.
bool hasComponent(const profile::Change& change) {
    using profile::Subject;
    return change.subject == Subject::Component || change.subject == Subject::Stage || change.subject == Subject::Layer;
}

}  // namespace

void ChangeModel::setComparison(const ComparisonPtr& comparison, std::optional<std::int64_t> length, bool layers) {
    beginResetModel();
    m_rows.clear();
    if (comparison) {
        for (const profile::PointComparison& point : comparison->points) {
            if (length && point.length != *length) continue;
            for (const profile::Change& change : point.changes) {
                if (change.subject != profile::Subject::Layer || layers) m_rows.push_back({point.length, change});
            }
        }
        std::ranges::stable_sort(m_rows, profile::changedMore, &Row::change);
    }
    endResetModel();
}

const ChangeModel::Row* ChangeModel::row(int row) const {
    return row >= 0 && row < rowCount() ? &m_rows[static_cast<std::size_t>(row)] : nullptr;
}

int ChangeModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int ChangeModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumns;
}

QVariant ChangeModel::data(const QModelIndex& index, int role) const {
    const Row* shown = row(index.row());
    if (shown == nullptr) return {};
    const profile::Change& change = shown->change;
    const int column = index.column();
    // Times and bytes do not sort among each other: bytes lie below.
    const auto sortable = [&](double value) {
        if (!std::isfinite(value)) return std::numeric_limits<double>::lowest();
        return change.isTime() ? value : value - 1e18;
    };
    if (role == Qt::DisplayRole || role == kSortRole) {
        const bool sort = role == kSortRole;
        switch (column) {
            case Subject: return sort ? QVariant(static_cast<int>(change.subject)) : QVariant(subjectText(change));
            case Length: return sort ? QVariant(qint64{shown->length}) : QVariant(lengthText(shown->length));
            case Before: return sort ? QVariant(sortable(change.before)) : QVariant(valueText(change, change.before));
            case After: return sort ? QVariant(sortable(change.after)) : QVariant(valueText(change, change.after));
            case Delta: return sort ? QVariant(sortable(change.delta())) : QVariant(deltaText(change));
            case Ratio:
            case Interval: {
                const double ratio = std::isfinite(change.ratio.median) ? change.ratio.median : -1;
                if (sort) return ratio;
                return column == Ratio ? ratioText(change.ratio.median) : intervalText(change);
            }
            case ShareBefore:
            case ShareAfter: {
                const double share = column == ShareBefore ? change.share_before : change.share_after;
                return sort ? QVariant(std::isfinite(share) ? share : -1) : QVariant(percentText(share));
            }
            case Verdict: return verdictText(change);
            default: return {};
        }
    }
    switch (role) {
        case Qt::ForegroundRole:
            if (column == Subject || column == Length) return {};
            return changeColour(change);
        case Qt::DecorationRole:
            return column == Subject && hasComponent(change) ? theme().chip(change.component, kChipSide, 2)
                                                             : QVariant();
        case Qt::TextAlignmentRole:
            return column == Subject || column == Verdict ? QVariant(Qt::AlignLeft | Qt::AlignVCenter)
                                                          : QVariant(Qt::AlignRight | Qt::AlignVCenter);
        case Qt::ToolTipRole:
            return tr("%1 at %2 tokens: %3").arg(subjectText(change), grouped(shown->length), changeText(change));
        default: return {};
    }
}

QVariant ChangeModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
    const std::array<std::pair<QString, QString>, kColumns> heads = {{
        {tr("what"), tr("Median time of a component, or bytes at the peak of a pass")},
        {tr("tokens"), tr("Of the prompt; in decode of the context")},
        {tr("before"), tr("In the baseline")},
        {tr("after"), tr("In the run that is shown")},
        {tr("Δ"), tr("After less before; grey where no difference was measured")},
        {tr("ratio"), tr("After over before: above 1 it is slower, or more")},
        {tr("95 %"), tr("95 % interval of the ratio; the runs were not taken in turn")},
        {tr("share before"), tr("Of the pass, in the baseline")},
        {tr("share after"), tr("Of the pass, in the run that is shown")},
        {tr("it is"), tr("What the interval says")},
    }};
    const auto& [text, tip] = heads[static_cast<std::size_t>(section)];
    switch (role) {
        case Qt::DisplayRole: return text;
        case Qt::ToolTipRole: return tip;
        case Qt::TextAlignmentRole:
            return section == Subject || section == Verdict ? QVariant(Qt::AlignLeft | Qt::AlignVCenter)
                                                            : QVariant(Qt::AlignRight | Qt::AlignVCenter);
        default: return {};
    }
}

}  // namespace perfmamba::widgets
