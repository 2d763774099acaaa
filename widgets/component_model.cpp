#include "widgets/component_model.h"

#include <QFont>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/profile/floors.h"
#include "widgets/derive.h"
#include "widgets/plot_menu.h"
#include "widgets/table_style.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void ComponentModel::setProfile(const ProfilePtr& profile, const Focus& focus, const ComparisonPtr& comparison) {
    std::vector<const profile::ComponentCost*> rows;
    const profile::Point* point = profile ? pointOf(*profile, focus) : nullptr;
    m_comparison = comparison;
    m_compared = comparedAt(comparison, point);
    if (point) {
        const bool one_layer = focus.layer.has_value() && *focus.layer >= 0;
        for (const profile::ComponentCost& cost : one_layer ? point->layers : point->components) {
            if (!one_layer || cost.layer == *focus.layer) rows.push_back(&cost);
        }
    }

    std::array<double, kColumns> largest{};
    for (const profile::ComponentCost* cost : rows) {
        for (int column = Time; column < kColumns; ++column) {
            const double v = value(*cost, column);
            auto& most = largest[static_cast<std::size_t>(column)];
            if (std::isfinite(v)) most = std::max(most, v);
        }
    }
    std::array<Unit, kColumns> units;
    // The finer unit where the largest number is short in the coarser one: rows differ by orders of magnitude.
    constexpr double kFiner = 0.1;
    units[Time] = timeUnit(kFiner * largest[Time]);
    units[Spread] = units[Time];
    units[Share] = units[OfFloor] = {100, QStringLiteral("%")};
    units[Floor] = units[Time];
    units[Flops] = countUnit(kFiner * largest[Flops], QStringLiteral("FLOP"));
    units[FlopRate] = {1e-9, QStringLiteral("GFLOP/s")};
    units[Bytes] = bytesUnit(kFiner * largest[Bytes]);
    units[ByteRate] = {1e-9, QStringLiteral("GB/s")};
    units[Peak] = bytesUnit(kFiner * largest[Peak]);
    units[Delta] = units[Time];

    // Rows of the same components are updated in place, so that a live table neither scrolls nor loses its current row.
    const bool same_shape = rows.size() == m_rows.size() && !rows.empty() &&
                            std::equal(rows.begin(), rows.end(), m_rows.begin(),
                                       [](const auto* a, const auto* b) { return a->component == b->component; });
    if (!same_shape) beginResetModel();
    const ProfilePtr previous = std::exchange(m_profile, profile);
    m_point = point;
    m_rows = std::move(rows);
    const bool other_units = !std::equal(units.begin(), units.end(), m_units.begin(),
                                         [](const Unit& a, const Unit& b) { return a.name == b.name; });
    m_units = units;
    if (!same_shape) {
        endResetModel();
        return;
    }
    Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
    if (other_units) Q_EMIT headerDataChanged(Qt::Horizontal, 0, kColumns - 1);
}

const profile::ComponentCost* ComponentModel::row(int row) const {
    return row >= 0 && row < rowCount() ? m_rows[static_cast<std::size_t>(row)] : nullptr;
}

int ComponentModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int ComponentModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumns;
}

double ComponentModel::value(const profile::ComponentCost& cost, int column) const {
    const double seconds = cost.time.median * 1e-6;
    switch (column) {
        case Time: return cost.time.median;
        case Spread: return cost.time.mad;
        case Share: return cost.time.n() > 0 ? cost.share : kMissing;
        case Floor: return cost.floor_us;
        case OfFloor: return profile::ofFloor(cost);
        case Limit: return cost.bound == profile::Bound::None ? kMissing : static_cast<double>(cost.bound);
        case Samples: return static_cast<double>(cost.time.n());
        case Calls: return cost.component == Component::Other ? kMissing : static_cast<double>(cost.calls);
        case Flops: return cost.flops > 0 ? cost.flops : kMissing;
        case FlopRate: return cost.flops > 0 && seconds > 0 ? cost.flops / seconds : kMissing;
        case Bytes: return cost.bytes > 0 ? cost.bytes : kMissing;
        case ByteRate: return cost.bytes > 0 && seconds > 0 ? cost.bytes / seconds : kMissing;
        case Peak: return cost.component == Component::Other ? kMissing : static_cast<double>(cost.peak_bytes);
        default: break;
    }
    const profile::Change* change = changeOf(cost);
    if (change == nullptr) return kMissing;
    return column == Delta ? change->delta() : change->ratio.median;
}

const profile::Change* ComponentModel::changeOf(const profile::ComponentCost& cost) const {
    return m_compared != nullptr ? m_compared->find(cost.component, cost.layer) : nullptr;
}

QVariant ComponentModel::changeData(const profile::ComponentCost& cost, int column, int role) const {
    const profile::Change* change = changeOf(cost);
    switch (role) {
        case Qt::DisplayRole: {
            const double v = value(cost, column);
            if (change == nullptr || !std::isfinite(v)) return QStringLiteral("n/a");
            if (column == Interval) return intervalText(*change);
            if (column == Ratio) return ratioText(v);
            const QString size = threeDigits(std::abs(v) * m_units[Delta].factor);
            return v > 0 ? QLatin1Char('+') + size : v < 0 ? QChar(0x2212) + size : size;
        }
        case Qt::ForegroundRole: return change != nullptr ? changeColour(*change) : theme().colours().muted;
        case Qt::ToolTipRole: return change != nullptr ? changeText(*change) : tr("not compared with the baseline");
        default: return {};
    }
}

QString ComponentModel::whyMissing(const profile::ComponentCost& cost, int column) const {
    if (cost.component == Component::Other &&
        (column >= Calls || column == Floor || column == OfFloor || column == Limit)) {
        return tr("'other' is the time between components: it has no operation of its own to count");
    }
    switch (column) {
        case Time:
        case Spread:
        case Share: return tr("no pass has been measured yet");
        case Floor:
        case OfFloor:
        case Limit: return whyNoFloor(*m_profile);
        case Flops: return tr("the cost model counts no arithmetic for this component");
        case FlopRate: return tr("no arithmetic to divide by the time");
        case Bytes:
        case ByteRate: return tr("the cost model counts no bytes for this component");
        default: return {};
    }
}

QString ComponentModel::tipOf(const profile::ComponentCost& cost, int column) const {
    switch (column) {
        case Time:
        case Spread:
            return tr("%1 (median ± MAD)\n5 % to 95 % of passes: %2 to %3\n95 % interval of the median: %4 to %5")
                .arg(timeText(cost.time), timeText(cost.time.p5), timeText(cost.time.p95), timeText(cost.time.ci_low),
                     timeText(cost.time.ci_high));
        case Floor:
        case OfFloor:
        case Limit: return floorTip(*m_profile, *m_point, cost);
        default: return {};
    }
}

QVariant ComponentModel::data(const QModelIndex& index, int role) const {
    const profile::ComponentCost* cost = row(index.row());
    if (cost == nullptr) return {};
    const int column = index.column();
    const double v = value(*cost, column);
    const bool shown_role = role == Qt::DisplayRole || role == Qt::ForegroundRole || role == Qt::ToolTipRole;
    if (column >= Delta && column <= Interval && shown_role) return changeData(*cost, column, role);
    switch (role) {
        case Qt::DisplayRole:
            if (column == Name) return nameOf(cost->component);
            if (column == Limit) return limitText(*m_profile, *m_point, *cost);
            if (column == Samples || column == Calls) {
                return std::isfinite(v) ? grouped(static_cast<qint64>(v)) : QStringLiteral("n/a");
            }
            return threeDigits(v * m_units[static_cast<std::size_t>(column)].factor);
        case kSortRole:
            if (column == Name) return static_cast<int>(cost->component);
            // What is not known lies below all else; of differences, which may be negative, too.
            return std::isfinite(v) ? v : column == Delta ? std::numeric_limits<double>::lowest() : -1.0;
        case kComponentRole: return static_cast<int>(cost->component);
        case Qt::TextAlignmentRole:
            return column == Name ? QVariant(Qt::AlignLeft | Qt::AlignVCenter)
                                  : QVariant(Qt::AlignRight | Qt::AlignVCenter);
        case Qt::DecorationRole:
            return column == Name ? QVariant(theme().chip(cost->component, kChipSide, 2)) : QVariant();
        case Qt::ForegroundRole:
            return column != Name && !std::isfinite(v) ? QVariant(theme().colours().muted) : QVariant();
        case Qt::ToolTipRole:
            if (column != Name && !std::isfinite(v)) return whyMissing(*cost, column);
            return tipOf(*cost, column);
        default: return {};
    }
}

QStringList ComponentModel::csvNames(int column) {
    static const std::array<const char*, kColumns> kNames = {
        "component", "median_us",   "mad_us", "share",       "floor_us",   "of_floor", "limit", "n", "calls",
        "flops",     "flops_per_s", "bytes",  "bytes_per_s", "peak_bytes", "delta_us", "ratio", ""};
    if (column == Interval) return {QStringLiteral("ratio_ci_low"), QStringLiteral("ratio_ci_high")};
    return {QString::fromLatin1(kNames[static_cast<std::size_t>(column)])};
}

QStringList ComponentModel::csvValues(int row, int column) const {
    const profile::ComponentCost& cost = *m_rows[static_cast<std::size_t>(row)];
    if (column == Name) return {nameOf(cost.component)};
    if (column == Limit) {
        return {cost.bound == profile::Bound::None ? QString() : limitText(*m_profile, *m_point, cost)};
    }
    if (column != Interval) return {csvNumber(value(cost, column))};
    const profile::Change* change = changeOf(cost);
    return {csvNumber(change != nullptr ? change->ratio.ci_low : kMissing),
            csvNumber(change != nullptr ? change->ratio.ci_high : kMissing)};
}

QVariant ComponentModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
    const QString& unit = m_units[static_cast<std::size_t>(section)].name;
    if (role == Qt::DisplayRole) {
        switch (section) {
            case Name: return tr("component");
            case Time: return tr("time\n%1").arg(unit);
            case Spread: return tr("± MAD\n%1").arg(unit);
            case Share: return tr("share\n%");
            case Floor: return tr("floor\n%1").arg(unit);
            case OfFloor: return tr("of floor\n%");
            case Limit: return tr("limit\n");
            case Samples: return tr("n\n");
            case Calls: return tr("calls\n");
            case Flops: return tr("work\n%1").arg(unit);
            case FlopRate: return tr("rate\nGFLOP/s");
            case Bytes: return tr("moved\n%1").arg(unit);
            case ByteRate: return tr("rate\nGB/s");
            case Peak: return tr("peak\n%1").arg(unit);
            case Delta: return tr("Δ\n%1").arg(unit);
            case Ratio: return tr("ratio\n");
            case Interval: return tr("95 %\n");
            default: return {};
        }
    }
    if (role == Qt::TextAlignmentRole) {
        return section == Name ? QVariant(Qt::AlignLeft | Qt::AlignVCenter)
                               : QVariant(Qt::AlignRight | Qt::AlignVCenter);
    }
    if (role == Qt::ToolTipRole) {
        switch (section) {
            case Time: return tr("Median over the recorded passes of the time in one pass");
            case Spread: return tr("Median absolute deviation of that time");
            case Share: return tr("Of the whole pass, over the calmer half of the passes");
            case Floor: return tr("Least time of one pass: the cost model's work over what the device reaches");
            case OfFloor: return tr("Floor over time: at 100 % nothing is left to win");
            case Limit: return tr("What the floor is made of: memory, work, exponentials; or that caches serve it");
            case Samples: return tr("Recorded passes");
            case Calls: return tr("Runs in one pass");
            case Flops: return tr("Floating-point operations of one pass, from the cost model");
            case FlopRate: return tr("Floating-point operations over the median time");
            case Bytes: return tr("Least bytes one pass must move, from the cost model");
            case ByteRate: return tr("Those bytes over the median time");
            case Peak: return tr("Most bytes of activations, workspace and logits in use while it ran");
            case Delta: return tr("Time less the baseline's; grey where no difference was measured");
            case Ratio: return tr("Time over the baseline's: above 1 it is slower now");
            case Interval: return tr("95 % interval of the ratio; the runs were not taken in turn");
            default: return {};
        }
    }
    return {};
}

}  // namespace perfmamba::widgets
