// The rows of a comparison: every number of both runs, with what became of it.
#pragma once

#include <QAbstractTableModel>
#include <optional>
#include <vector>

#include "widgets/change_text.h"

namespace perfmamba::widgets {

/// What changed beyond the noise comes first, whatever its length.
class ChangeModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Subject, Length, Before, After, Delta, Ratio, Interval, ShareBefore, ShareAfter, Verdict, kColumns };
    /// A number or a text to sort by.
    static constexpr int kSortRole = Qt::UserRole;

    struct Row {
        std::int64_t length = 0;
        profile::Change change;
    };

    using QAbstractTableModel::QAbstractTableModel;

    /// @param length empty: all of them
    /// @param layers the single layers, too
    void setComparison(const ComparisonPtr& comparison, std::optional<std::int64_t> length, bool layers);
    [[nodiscard]] const Row* row(int row) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    std::vector<Row> m_rows;
};

}  // namespace perfmamba::widgets
