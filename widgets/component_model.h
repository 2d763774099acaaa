// The component table's rows: one point's costs, summed over layers or of one layer.
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "widgets/change_text.h"
#include "widgets/format.h"
#include "widgets/selection.h"

namespace perfmamba::widgets {

class ComponentModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column {
        Name,
        Time,
        Spread,
        Share,
        Floor,
        OfFloor,
        Limit,
        Samples,
        Calls,
        Flops,
        FlopRate,
        Bytes,
        ByteRate,
        Peak,
        Delta,
        Ratio,
        Interval,
        kColumns
    };
    /// A plain number to sort by, or the text for the name column's order of the pass.
    static constexpr int kSortRole = Qt::UserRole;
    static constexpr int kComponentRole = Qt::UserRole + 1;

    using QAbstractTableModel::QAbstractTableModel;

    /// Layer kNoLayer or empty: rows summed over layers. Delta, Ratio and Interval are of the comparison.
    void setProfile(const ProfilePtr& profile, const Focus& focus, const ComparisonPtr& comparison = {});
    [[nodiscard]] const profile::ComponentCost* row(int row) const;

    /// A column as it stands in a CSV: its names (an interval has two) and a row's values, in µs, bytes, FLOPs, a
    /// second, and shares of 1; empty where not known.
    [[nodiscard]] static QStringList csvNames(int column);
    [[nodiscard]] QStringList csvValues(int row, int column) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    [[nodiscard]] double value(const profile::ComponentCost& cost, int column) const;
    [[nodiscard]] QString whyMissing(const profile::ComponentCost& cost, int column) const;
    /// Since the baseline; null where there is none.
    [[nodiscard]] const profile::Change* changeOf(const profile::ComponentCost& cost) const;
    [[nodiscard]] QVariant changeData(const profile::ComponentCost& cost, int column, int role) const;
    [[nodiscard]] QString tipOf(const profile::ComponentCost& cost, int column) const;

    ProfilePtr m_profile;  // keeps the rows alive
    const profile::Point* m_point = nullptr;
    std::vector<const profile::ComponentCost*> m_rows;
    ComparisonPtr m_comparison;
    const profile::PointComparison* m_compared = nullptr;  // at the rows' length
    std::array<Unit, kColumns> m_units;
};

}  // namespace perfmamba::widgets
