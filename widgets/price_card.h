// What a plan costs and wins: counted, estimated or measured, and never mistaken for each other.
#pragma once

#include <QWidget>
#include <array>
#include <optional>
#include <vector>

#include "widgets/prune_derive.h"

class QGridLayout;
class QLabel;

namespace perfmamba::widgets {

class PriceCard : public QWidget {
    Q_OBJECT
public:
    explicit PriceCard(QWidget* parent = nullptr);
    /// Empty: there is no plan, `why` says what is missing.
    void setPrice(const std::optional<Price>& price, const QString& why = {});

    /// The rows as shown, "name: values [standing]" a line, for tests and for copying.
    [[nodiscard]] QString text() const;

private:
    struct Row {
        QString name;
        std::array<QString, 3> values;
        Standing standing = Standing::Counted;
        QString tip;
        bool heading = false;
        std::size_t known = 0;  // leading values that hold whatever the standing is: the unpruned model's
    };
    static std::vector<Row> rowsOf(const Price& price);
    void refresh();

    std::optional<Price> m_price;
    QString m_why;
    std::vector<Row> m_rows;
    QGridLayout* m_grid = nullptr;
    std::vector<std::array<QLabel*, 5>> m_labels;  // name, three values, mark
    QLabel* m_empty = nullptr;
    QWidget* m_body = nullptr;
    QLabel* m_key = nullptr;
};

}  // namespace perfmamba::widgets
