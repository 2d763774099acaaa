#include "widgets/kept_bars.h"

#include <QApplication>
#include <QClipboard>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QLineEdit>
#include <QPainter>
#include <QScrollBar>
#include <QSpinBox>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "widgets/format.h"
#include "widgets/plot_menu.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kRowHeight = 19;
constexpr int kNumber = 26;  // pixels for the layer's number
constexpr int kCount = 52;   // for the count
constexpr int kLock = 20;
constexpr int kDelta = 46;  // for the sensitivity, where there is one
constexpr int kMargin = 6;

}  // namespace

std::vector<KeptRow> keptRowsOf(const prune::Plan& plan, const prune::Choice& choice,
                                const std::vector<LayerDelta>& deltas) {
    std::vector<KeptRow> rows;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        KeptRow row;
        row.layer = static_cast<std::int64_t>(i);
        row.states = static_cast<std::int64_t>(plan.layers[i].size());
        row.groups = static_cast<std::int64_t>(plan.group_states[i].size());
        row.least = row.states;
        for (std::int64_t group = 0; group < row.groups; ++group) {
            const std::int64_t kept = plan.kept(row.layer, group);
            row.kept += kept;
            row.least = std::min(row.least, kept);
            row.most = std::max(row.most, kept);
            row.group_states = std::max(row.group_states, plan.group_states[i][static_cast<std::size_t>(group)]);
        }
        row.overridden = choice.overrides.count(row.layer) > 0;
        row.locked = choice.protected_layers.count(row.layer) > 0;
        const auto delta = std::find_if(deltas.begin(), deltas.end(),
                                        [&](const LayerDelta& found) { return found.layer == row.layer; });
        if (delta != deltas.end()) row.delta = *delta;
        rows.push_back(row);
    }
    return rows;
}

QString keptText(const KeptRow& row) {
    return row.least == row.most ? QString::number(row.most) : QStringLiteral("%1–%2").arg(row.least).arg(row.most);
}

KeptBars::KeptBars(Selection& selection, QWidget* parent) : QAbstractScrollArea(parent), m_selection(selection) {
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::StrongFocus);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setMinimumSize(180, 4 * kRowHeight);
    viewport()->setBackgroundRole(QPalette::Base);
    viewport()->setMouseTracking(true);
    setAccessibleName(tr("States kept in each layer"));
    setAccessibleDescription(
        tr("Up and down choose the layer, left and right change its count, digits type it, "
           "Space locks the layer, Delete gives it back to the plan."));
    m_editor = new QSpinBox(viewport());
    m_editor->setAccessibleName(tr("States kept in each group of the layer"));
    m_editor->setButtonSymbols(QAbstractSpinBox::NoButtons);
    m_editor->hide();
    connect(m_editor, &QSpinBox::editingFinished, this, [this] {
        if (!m_editor->isVisible()) return;
        m_editor->hide();
        setFocus();
        if (m_current >= 0) request(static_cast<std::size_t>(m_current), m_editor->value(), false);
    });
    connect(&m_selection, &Selection::changed, viewport(), qOverload<>(&QWidget::update));
    connect(&theme(), &Theme::changed, viewport(), qOverload<>(&QWidget::update));
}

void KeptBars::setRows(const std::vector<KeptRow>& rows) {
    if (rows == m_rows) return;
    m_rows = rows;
    m_current = std::min(m_current, static_cast<int>(m_rows.size()) - 1);
    if (m_current < 0 && !m_rows.empty()) m_current = 0;
    updateScroll();
    viewport()->update();
}

QString KeptBars::csv() const {
    QString text = QStringLiteral("layer,states,kept,fewest in a group,most in a group,own count,locked");
    text += QStringLiteral(",quality lost alone,standard error\n");
    for (const KeptRow& row : m_rows) {
        text += QStringLiteral("%1,%2,%3,%4,%5,%6,%7,")
                    .arg(row.layer)
                    .arg(row.states)
                    .arg(row.kept)
                    .arg(row.least)
                    .arg(row.most)
                    .arg(static_cast<int>(row.overridden))
                    .arg(static_cast<int>(row.locked));
        text += row.delta ? QStringLiteral("%1,%2\n").arg(csvNumber(row.delta->delta)).arg(csvNumber(row.delta->error))
                          : QStringLiteral(",\n");
    }
    return text;
}

void KeptBars::updateScroll() {
    const int content = static_cast<int>(m_rows.size()) * kRowHeight + kMargin;
    verticalScrollBar()->setRange(0, std::max(0, content - viewport()->height()));
    verticalScrollBar()->setPageStep(viewport()->height());
    verticalScrollBar()->setSingleStep(kRowHeight);
}

void KeptBars::resizeEvent(QResizeEvent* event) {
    QAbstractScrollArea::resizeEvent(event);
    updateScroll();
}

QRectF KeptBars::rowRect(std::size_t index) const {
    return {0, static_cast<double>(index) * kRowHeight - verticalScrollBar()->value(),
            static_cast<double>(viewport()->width()), kRowHeight};
}

double KeptBars::widestDelta() const {
    double widest = 0;
    for (const KeptRow& row : m_rows) {
        if (row.delta) widest = std::max(widest, std::abs(row.delta->delta));
    }
    return widest;
}

QRectF KeptBars::barRect(const QRectF& row) const {
    const bool deltas = std::any_of(m_rows.begin(), m_rows.end(), [](const KeptRow& r) { return r.delta.has_value(); });
    const double right = kCount + kLock + (deltas ? kDelta : 0) + kMargin;
    return row.adjusted(kNumber + kMargin, 4, -right, -4);
}

QRectF KeptBars::lockRect(const QRectF& row) const {
    return {row.right() - kLock - 2, row.top(), kLock, row.height()};
}

int KeptBars::rowAt(const QPoint& at) const {
    const int row = (at.y() + verticalScrollBar()->value()) / kRowHeight;
    return at.y() >= 0 && row < static_cast<int>(m_rows.size()) ? row : -1;
}

std::int64_t KeptBars::countAt(std::size_t index, double x) const {
    const QRectF bar = barRect(rowRect(index));
    const double share = std::clamp((x - bar.left()) / std::max(1.0, bar.width()), 0.0, 1.0);
    return static_cast<std::int64_t>(std::lround(share * static_cast<double>(m_rows[index].group_states)));
}

QPoint KeptBars::pointAt(std::size_t row, std::int64_t count) const {
    const QRectF bar = barRect(rowRect(row));
    const double share =
        static_cast<double>(count) / static_cast<double>(std::max<std::int64_t>(1, m_rows[row].group_states));
    return {static_cast<int>(std::lround(bar.left() + share * bar.width())), static_cast<int>(bar.center().y())};
}

QPoint KeptBars::lockAt(std::size_t row) const {
    return lockRect(rowRect(row)).center().toPoint();
}

void KeptBars::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(viewport());
    if (m_rows.empty()) {
        painter.setPen(theme().colours().muted);
        painter.setFont(Theme::smallFont());
        painter.drawText(viewport()->rect().adjusted(kMargin, 0, -kMargin, 0), Qt::AlignCenter | Qt::TextWordWrap,
                         tr("A bar for each layer appears once the states are scored"));
        return;
    }
    painter.setFont(Theme::smallFont());
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const QRectF row = rowRect(i);
        if (row.bottom() >= 0 && row.top() <= viewport()->height()) paintRow(painter, i, row);
    }
}

void KeptBars::paintRow(QPainter& painter, std::size_t index, const QRectF& row) const {
    const Colours& c = theme().colours();
    const KeptRow& shown = m_rows[index];
    const auto chosen = m_selection.focus().layer;
    const bool selected = chosen && *chosen == shown.layer;
    if (selected) painter.fillRect(row, c.raised);
    painter.setPen(selected ? c.text : c.muted);
    painter.drawText(QRectF(0, row.top(), kNumber, row.height()), Qt::AlignRight | Qt::AlignVCenter,
                     QString::number(shown.layer));

    const QRectF bar = barRect(row);
    painter.fillRect(bar, selected ? c.border : c.raised);
    const double share = shown.states > 0 ? static_cast<double>(shown.kept) / static_cast<double>(shown.states) : 0;
    QRectF filled = bar;
    filled.setWidth(bar.width() * share);
    // A count of the layer's own is marked by the full accent; what follows from the plan is softer.
    painter.fillRect(filled, shown.overridden || shown.locked ? c.accent : theme().faded(c.accent));
    painter.fillRect(QRectF(filled.right() - 1, bar.top(), 2, bar.height()), c.accent);

    QFont font = Theme::smallFont();
    font.setBold(shown.overridden);
    painter.setFont(font);
    painter.setPen(c.text);
    painter.drawText(QRectF(bar.right() + 2, row.top(), kCount - 6, row.height()), Qt::AlignRight | Qt::AlignVCenter,
                     keptText(shown));
    painter.setFont(Theme::smallFont());

    const QRectF lock = lockRect(row);
    if (shown.delta) {
        // Bars of Δ grow leftwards from the lock: the longer, the more the layer hurts when it is pruned alone.
        const QRectF area(lock.left() - kDelta, bar.top(), kDelta - 4, bar.height());
        const double widest = widestDelta();
        const double part = widest > 0 ? std::abs(shown.delta->delta) / widest : 0;
        const bool clear = std::abs(shown.delta->delta) > 2 * shown.delta->error;
        QRectF hurt = area;
        hurt.setLeft(area.right() - std::max(1.0, part * area.width()));
        painter.fillRect(hurt, clear ? c.warning : theme().faded(c.warning));
    }
    paintLock(painter, lock, shown.locked);
    if (hasFocus() && static_cast<int>(index) == m_current) {
        painter.setPen(QPen(c.accent, 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(row.adjusted(0.5, 0.5, -1.5, -0.5));
    }
}

void KeptBars::paintLock(QPainter& painter, const QRectF& box, bool locked) const {
    const Colours& c = theme().colours();
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    const QPointF centre = box.center();
    painter.setPen(QPen(locked ? c.accent : c.border, 1.4));
    painter.setBrush(Qt::NoBrush);
    const double lean = locked ? 0 : 3;  // an open shackle hangs at the side
    painter.drawArc(QRectF(centre.x() - 2.5 + lean, centre.y() - 5.5, 5, 7), 0, 180 * 16);
    painter.setPen(Qt::NoPen);
    painter.setBrush(locked ? c.accent : c.border);
    painter.drawRoundedRect(QRectF(centre.x() - 4, centre.y() - 1.5, 8, 6), 1, 1);
    painter.restore();
}

QString KeptBars::tipOf(const KeptRow& row) const {
    QString tip = tr("layer %1: %2 of %3 states stay").arg(row.layer).arg(row.kept).arg(row.states);
    if (row.groups > 1) tip += tr(", %1 in each of %2 groups").arg(keptText(row)).arg(row.groups);
    if (row.locked) tip += tr("\nlocked: keeps all");
    if (row.overridden) tip += tr("\na count of its own; right-click or Delete gives it back to the plan");
    if (row.delta) {
        tip += tr("\nalone without %1 of its states: %2 ± %3")
                   .arg(percentText(row.delta->share), threeDigits(row.delta->delta), threeDigits(row.delta->error));
    }
    return tip;
}

bool KeptBars::viewportEvent(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const int row = rowAt(help->pos());
        if (row < 0) {
            QToolTip::hideText();
        } else if (lockRect(rowRect(static_cast<std::size_t>(row))).contains(help->pos())) {
            QToolTip::showText(help->globalPos(), tr("Lock the layer: it keeps all its states"), this);
        } else {
            QToolTip::showText(help->globalPos(), tipOf(m_rows[static_cast<std::size_t>(row)]), this);
        }
        return true;
    }
    return QAbstractScrollArea::viewportEvent(event);
}

void KeptBars::setCurrent(int index) {
    if (m_rows.empty()) return;
    m_current = std::clamp(index, 0, static_cast<int>(m_rows.size()) - 1);
    const QRectF row = rowRect(static_cast<std::size_t>(m_current));
    if (row.top() < 0) verticalScrollBar()->setValue(m_current * kRowHeight);
    if (row.bottom() > viewport()->height()) {
        verticalScrollBar()->setValue((m_current + 1) * kRowHeight - viewport()->height());
    }
    setAccessibleDescription(tipOf(m_rows[static_cast<std::size_t>(m_current)]));
    m_selection.setLayer(static_cast<std::int32_t>(m_rows[static_cast<std::size_t>(m_current)].layer));
    viewport()->update();
}

void KeptBars::request(std::size_t index, std::int64_t count, bool dragging) {
    const KeptRow& row = m_rows[index];
    Q_EMIT overrideRequested(row.layer, std::clamp<std::int64_t>(count, 0, row.group_states), dragging);
}

void KeptBars::mousePressEvent(QMouseEvent* event) {
    const int row = rowAt(event->pos());
    if (row < 0 || event->button() != Qt::LeftButton) return;
    setCurrent(row);
    const auto index = static_cast<std::size_t>(row);
    const QRectF area = rowRect(index);
    if (lockRect(area).contains(event->pos())) {
        Q_EMIT lockRequested(m_rows[index].layer, !m_rows[index].locked);
    } else if (barRect(area).adjusted(-4, -4, 4, 4).contains(event->pos())) {
        m_dragged = row;
        request(index, countAt(index, event->pos().x()), true);
    }
}

void KeptBars::mouseMoveEvent(QMouseEvent* event) {
    if (m_dragged >= 0 && m_dragged < static_cast<int>(m_rows.size())) {
        const auto index = static_cast<std::size_t>(m_dragged);
        request(index, countAt(index, event->pos().x()), true);
        return;
    }
    const int row = rowAt(event->pos());
    const bool on_bar =
        row >= 0 && barRect(rowRect(static_cast<std::size_t>(row))).adjusted(-4, -4, 4, 4).contains(event->pos());
    viewport()->setCursor(on_bar ? Qt::SizeHorCursor : Qt::ArrowCursor);
}

void KeptBars::mouseReleaseEvent(QMouseEvent* event) {
    if (m_dragged < 0 || m_dragged >= static_cast<int>(m_rows.size())) return;
    const auto index = static_cast<std::size_t>(m_dragged);
    m_dragged = -1;
    request(index, countAt(index, event->pos().x()), false);
}

void KeptBars::mouseDoubleClickEvent(QMouseEvent* event) {
    const int row = rowAt(event->pos());
    if (row < 0 || lockRect(rowRect(static_cast<std::size_t>(row))).contains(event->pos())) {
        mousePressEvent(event);
        return;
    }
    setCurrent(row);
    edit({});
}

void KeptBars::contextMenuEvent(QContextMenuEvent* event) {
    const int row = event->reason() == QContextMenuEvent::Keyboard ? m_current : rowAt(event->pos());
    if (row >= 0) Q_EMIT resetRequested(m_rows[static_cast<std::size_t>(row)].layer);
}

void KeptBars::edit(const QString& typed) {
    if (m_current < 0) return;
    const auto index = static_cast<std::size_t>(m_current);
    const KeptRow& row = m_rows[index];
    const QRectF area = rowRect(index);
    m_editor->setRange(0, static_cast<int>(row.group_states));
    m_editor->setValue(static_cast<int>(row.most));
    const QRectF bar = barRect(area);
    m_editor->setGeometry(
        QRect(static_cast<int>(bar.right()) - 12, static_cast<int>(area.top()) - 2, kCount + 10, kRowHeight + 4));
    m_editor->show();
    m_editor->setFocus();
    m_editor->selectAll();
    if (!typed.isEmpty()) m_editor->findChild<QLineEdit*>()->setText(typed);
}

void KeptBars::keyPressEvent(QKeyEvent* event) {
    if (m_current < 0 || m_rows.empty()) {
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    if (event->matches(QKeySequence::Copy)) {
        QApplication::clipboard()->setText(csv());
        return;
    }
    const auto index = static_cast<std::size_t>(m_current);
    const KeptRow& row = m_rows[index];
    const int page = std::max(1, viewport()->height() / kRowHeight - 1);
    switch (event->key()) {
        case Qt::Key_Up: setCurrent(m_current - 1); return;
        case Qt::Key_Down: setCurrent(m_current + 1); return;
        case Qt::Key_PageUp: setCurrent(m_current - page); return;
        case Qt::Key_PageDown: setCurrent(m_current + page); return;
        case Qt::Key_Home: setCurrent(0); return;
        case Qt::Key_End: setCurrent(static_cast<int>(m_rows.size()) - 1); return;
        case Qt::Key_Left: request(index, row.least - 1, false); return;
        case Qt::Key_Right: request(index, row.most + 1, false); return;
        case Qt::Key_Space: Q_EMIT lockRequested(row.layer, !row.locked); return;
        case Qt::Key_Delete:
        case Qt::Key_Backspace: Q_EMIT resetRequested(row.layer); return;
        case Qt::Key_Escape: m_editor->hide(); return;
        case Qt::Key_Return:
        case Qt::Key_Enter:
        case Qt::Key_F2: edit({}); return;
        default: break;
    }
    if (!event->text().isEmpty() && event->text().at(0).isDigit()) {
        edit(event->text());
        return;
    }
    QAbstractScrollArea::keyPressEvent(event);
}

void KeptBars::focusInEvent(QFocusEvent* event) {
    QAbstractScrollArea::focusInEvent(event);
    viewport()->update();
}

void KeptBars::focusOutEvent(QFocusEvent* event) {
    QAbstractScrollArea::focusOutEvent(event);
    viewport()->update();
}

}  // namespace perfmamba::widgets
