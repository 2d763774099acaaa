#include "widgets/chip_row.h"

#include <QGridLayout>
#include <QLineEdit>
#include <QMenu>
#include <QRegularExpression>
#include <QToolButton>
#include <QToolTip>
#include <QWidgetAction>
#include <algorithm>

#include "widgets/format.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kRoom = 190;  // pixels of a row
constexpr qlonglong kMostNumber = 1 << 24;
constexpr char kId[] = "chipId";

QString idOf(const QToolButton* chip) {
    return chip->property(kId).toString();
}

}  // namespace

ChipRow::ChipRow(const QString& name, int columns, QWidget* parent) : QWidget(parent), m_columns(columns) {
    setAccessibleName(name);
    m_grid = new QGridLayout(this);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setSpacing(3);
}

void ChipRow::setChips(const std::vector<Chip>& chips) {
    const QStringList before = chosen();
    m_offered = chips;
    rebuild();
    for (QToolButton* button : m_chips) button->setChecked(button->isEnabled() && before.contains(idOf(button)));
    if (!chosen().isEmpty()) return;
    const auto first = std::ranges::find_if(m_chips, [](const QToolButton* button) { return button->isEnabled(); });
    if (first != m_chips.end()) (*first)->setChecked(true);
}

void ChipRow::offerNumbers(const QString& tip) {
    m_more = new QToolButton;
    m_more->setFont(Theme::smallFont());
    m_more->setText(QStringLiteral("+"));
    m_more->setToolTip(tip);
    m_more->setAccessibleName(tip);
    m_more->setProperty("chip", true);
    m_more->setPopupMode(QToolButton::InstantPopup);
    auto* menu = new QMenu(m_more);
    auto* line = new QLineEdit;
    line->setPlaceholderText(tr("numbers, separated by commas"));
    line->setMinimumWidth(kRoom);
    auto* holder = new QWidgetAction(menu);
    holder->setDefaultWidget(line);
    menu->addAction(holder);
    m_more->setMenu(menu);
    connect(menu, &QMenu::aboutToShow, line, [line] { line->setFocus(); });
    connect(line, &QLineEdit::returnPressed, this, [this, line, menu] {
        if (!numbersTyped(line->text())) {
            line->selectAll();
            QToolTip::showText(line->mapToGlobal(QPoint(0, line->height())),
                               tr("Whole numbers from 1 to %1, separated by commas").arg(grouped(kMostNumber)), line);
            return;
        }
        line->clear();
        menu->hide();
    });
    rebuild();
}

void ChipRow::rebuild() {
    qDeleteAll(m_chips);
    m_chips.clear();
    int place = 0;
    const auto put = [&](QToolButton* button) {
        m_grid->addWidget(button, place / m_columns, place % m_columns, Qt::AlignLeft);
        ++place;
    };
    QWidget* before = m_more;
    for (const Chip& offered : m_offered) {
        auto* button = new QToolButton;
        button->setFont(Theme::smallFont());
        button->setText(button->fontMetrics().elidedText(offered.text, Qt::ElideMiddle, kRoom / m_columns * 9 / 10));
        button->setAccessibleName(offered.text);
        button->setToolTip(offered.tip);
        button->setCheckable(true);
        button->setEnabled(offered.enabled);
        button->setProperty("chip", true);
        button->setProperty(kId, offered.id);
        connect(button, &QToolButton::clicked, this, [this, button] { toggled(button); });
        put(button);
        m_chips.push_back(button);
    }
    if (m_more == nullptr) return;
    put(m_more);
    for (auto chip = m_chips.rbegin(); chip != m_chips.rend(); ++chip) {
        setTabOrder(*chip, before);
        before = *chip;
    }
}

void ChipRow::toggled(QToolButton* chip) {
    if (chosen().isEmpty()) chip->setChecked(true);
    Q_EMIT changed();
}

/// False where there is something else than numbers that can be.
bool ChipRow::numbersTyped(const QString& text) {
    QStringList ids = chosen();
    static const QRegularExpression kBetween(QStringLiteral("[,;\\s]+"));
    for (const QString& word : text.split(kBetween, Qt::SkipEmptyParts)) {
        bool known = false;
        const qlonglong number = word.toLongLong(&known);
        if (!known || number < 1 || number > kMostNumber) return false;
        ids << QString::number(number);
    }
    setChosen(ids);
    Q_EMIT changed();
    return true;
}

QStringList ChipRow::chosen() const {
    QStringList ids;
    for (const QToolButton* button : m_chips) {
        if (button->isChecked()) ids << idOf(button);
    }
    return ids;
}

void ChipRow::setChosen(const QStringList& ids) {
    bool more = false;
    for (const QString& id : ids) {
        const auto known = std::ranges::find(m_offered, id, &Chip::id);
        if (known != m_offered.end() || m_more == nullptr) continue;
        m_offered.push_back({id, id, {}});
        more = true;
    }
    if (more) {
        std::ranges::stable_sort(m_offered, {}, [](const Chip& chip) { return chip.id.toLongLong(); });
        rebuild();
    }
    for (QToolButton* button : m_chips) button->setChecked(button->isEnabled() && ids.contains(idOf(button)));
}

QToolButton* ChipRow::chip(const QString& id) const {
    const auto found = std::ranges::find(m_chips, id, idOf);
    return found == m_chips.end() ? nullptr : *found;
}

}  // namespace perfmamba::widgets
