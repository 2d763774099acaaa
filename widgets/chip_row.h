// Small toggles of which several may be chosen, with room for numbers that are not offered.
#pragma once

#include <QStringList>
#include <QWidget>
#include <vector>

class QGridLayout;
class QToolButton;

namespace perfmamba::widgets {

struct Chip {
    QString id;
    QString text;  // shortened in the middle to the room there is
    QString tip;
    bool enabled = true;
};

/// At least one is chosen where any can be.
class ChipRow : public QWidget {
    Q_OBJECT
public:
    /// @param columns  chips in a row
    ChipRow(const QString& name, int columns, QWidget* parent = nullptr);
    /// What was chosen stays so where it is still offered.
    void setChips(const std::vector<Chip>& chips);
    /// A last chip behind which other whole numbers from 1 on can be typed; they become chips, in their order.
    void offerNumbers(const QString& tip);

    /// Ids, in the order shown.
    [[nodiscard]] QStringList chosen() const;
    /// Numbers that are not among the chips are added.
    void setChosen(const QStringList& ids);
    [[nodiscard]] QToolButton* chip(const QString& id) const;

Q_SIGNALS:
    void changed();

private:
    void rebuild();
    void toggled(QToolButton* chip);
    bool numbersTyped(const QString& text);

    int m_columns = 1;
    QGridLayout* m_grid = nullptr;
    std::vector<Chip> m_offered;
    std::vector<QToolButton*> m_chips;
    QToolButton* m_more = nullptr;
};

}  // namespace perfmamba::widgets
