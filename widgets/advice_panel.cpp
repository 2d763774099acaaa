#include "widgets/advice_panel.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QListWidget>
#include <QStyledItemDelegate>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "widgets/format.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kSpacing = 4;
constexpr int kSlack = 4;  // pixels: what painting and measuring text may differ by

/// As high as its words need in the list's width: a view asks for the size without leaving out its own spacing, and
/// the last line would be cut off.
class WrappedText : public QStyledItemDelegate {
public:
    explicit WrappedText(QListWidget* list) : QStyledItemDelegate(list), m_list(list) {}

    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        const int width = m_list->viewport()->width() - 2 * kSpacing;
        const int margin = m_list->style()->pixelMetric(QStyle::PM_FocusFrameHMargin, &option, m_list) + 1;
        const QRect room(0, 0, width - 2 * margin - kSlack, QWIDGETSIZE_MAX);
        const QRect text = m_list->fontMetrics().boundingRect(room, Qt::TextWordWrap, index.data().toString());
        return {width, text.height() + kSlack};
    }

private:
    QListWidget* m_list;
};

/// The numbers behind a sentence, a line each, and where they come from.
QString evidenceText(const study::Advice& advice) {
    QStringList lines;
    for (const study::Evidence& evidence : advice.evidence) {
        lines << QStringLiteral("%1: %2 (%3, %4)")
                     .arg(QString::fromStdString(evidence.what), QString::fromStdString(evidence.text),
                          QString::fromUtf8(study::name(evidence.basis).data()),
                          AdvicePanel::tr("at %1").arg(lengthText(evidence.length)));
    }
    return lines.join(QLatin1Char('\n'));
}

}  // namespace

AdvicePanel::AdvicePanel(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_list = new QListWidget;
    m_list->setAccessibleName(tr("Advice: what the profile says"));
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setWordWrap(true);
    m_list->setTextElideMode(Qt::ElideNone);
    m_list->setResizeMode(QListView::Adjust);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_list->setSpacing(kSpacing);
    m_list->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_list->setContextMenuPolicy(Qt::ActionsContextMenu);
    m_list->setItemDelegate(new WrappedText(m_list));
    layout->addWidget(m_list);
    setFocusProxy(m_list);

    auto* copy = new QAction(theme().icon(QStringLiteral("copy")), tr("Copy"), m_list);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    connect(copy, &QAction::triggered, this, [this] {
        QStringList lines;
        for (int row = 0; row < m_list->count(); ++row) {
            if (m_list->item(row)->isSelected()) lines << m_list->item(row)->text();
        }
        QApplication::clipboard()->setText(lines.isEmpty() ? text() : lines.join(QLatin1Char('\n')));
    });
    m_list->addAction(copy);
    connect(m_list, &QListWidget::itemClicked, this, &AdvicePanel::follow);
    connect(m_list, &QListWidget::itemActivated, this, &AdvicePanel::follow);
    setAdvice({});
}

void AdvicePanel::setAdvice(std::vector<study::Advice> advice) {
    const auto same = [](const study::Advice& a, const study::Advice& b) { return a.sentence == b.sentence; };
    // During a run it comes again and again: what is marked and where it is scrolled to stay while nothing changes.
    if (!advice.empty() && std::ranges::equal(advice, m_advice, same)) {
        m_advice = std::move(advice);
        for (int row = 0; row < m_list->count(); ++row) {
            m_list->item(row)->setToolTip(evidenceText(m_advice[static_cast<std::size_t>(row)]));
        }
        return;
    }
    m_advice = std::move(advice);
    m_list->clear();
    for (const study::Advice& each : m_advice) {
        auto* item = new QListWidgetItem(QString::fromStdString(each.sentence), m_list);
        item->setToolTip(evidenceText(each));
    }
    if (!m_advice.empty()) return;
    auto* item = new QListWidgetItem(tr("After a run: what the profile says, in sentences."), m_list);
    item->setFlags(Qt::NoItemFlags);
}

QString AdvicePanel::text() const {
    QStringList lines;
    for (const study::Advice& each : m_advice) lines << QString::fromStdString(each.sentence);
    return lines.join(QLatin1Char('\n'));
}

void AdvicePanel::follow(const QListWidgetItem* item) {
    const auto row = static_cast<std::size_t>(m_list->row(item));
    if (row >= m_advice.size()) return;
    Focus focus;
    focus.component = m_advice[row].component;
    focus.length = m_advice[row].length;
    m_selection.set(focus);
}

}  // namespace perfmamba::widgets
