// States that stay, a bar a layer: drag or type to set a layer's own count, lock a layer to keep all of it.
#pragma once

#include <QAbstractScrollArea>
#include <cstdint>
#include <optional>
#include <vector>

#include "widgets/prune_derive.h"
#include "widgets/selection.h"

class QSpinBox;

namespace perfmamba::widgets {

/// One layer as it is drawn. Counts a user sets are of each group; what is shown is of the whole layer.
struct KeptRow {
    std::int64_t layer = 0;
    std::int64_t states = 0;  // N before pruning, all groups
    std::int64_t kept = 0;    // all groups
    std::int64_t groups = 1;
    std::int64_t group_states = 0;  // the largest N of a group
    std::int64_t least = 0;         // kept in the emptiest group
    std::int64_t most = 0;          // kept in the fullest group
    bool overridden = false;
    bool locked = false;
    std::optional<LayerDelta> delta;

    bool operator==(const KeptRow&) const = default;
};
/// `choice` says which layers are locked or have a count of their own; it may be newer than the plan.
std::vector<KeptRow> keptRowsOf(const prune::Plan& plan, const prune::Choice& choice,
                                const std::vector<LayerDelta>& deltas);
/// "48", or "40–48" where groups differ.
QString keptText(const KeptRow& row);

/// A click selects the layer; Space locks, Delete or a right click resets, digits or Enter type a count, Ctrl+C copies.
class KeptBars : public QAbstractScrollArea {
    Q_OBJECT
public:
    explicit KeptBars(Selection& selection, QWidget* parent = nullptr);
    void setRows(const std::vector<KeptRow>& rows);
    [[nodiscard]] const std::vector<KeptRow>& rows() const { return m_rows; }
    [[nodiscard]] QString csv() const;
    /// Where a click would set that count; for tests.
    [[nodiscard]] QPoint pointAt(std::size_t row, std::int64_t count) const;
    [[nodiscard]] QPoint lockAt(std::size_t row) const;

Q_SIGNALS:
    /// `dragging`: one step of a longer gesture; the last one comes without.
    void overrideRequested(qint64 layer, qint64 count, bool dragging);
    void resetRequested(qint64 layer);
    void lockRequested(qint64 layer, bool locked);

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    bool viewportEvent(QEvent* event) override;

private:
    void paintRow(QPainter& painter, std::size_t index, const QRectF& row) const;
    void paintLock(QPainter& painter, const QRectF& box, bool locked) const;
    [[nodiscard]] QRectF barRect(const QRectF& row) const;
    [[nodiscard]] QRectF lockRect(const QRectF& row) const;
    [[nodiscard]] QRectF rowRect(std::size_t index) const;
    [[nodiscard]] int rowAt(const QPoint& at) const;
    [[nodiscard]] std::int64_t countAt(std::size_t index, double x) const;
    [[nodiscard]] QString tipOf(const KeptRow& row) const;
    [[nodiscard]] double widestDelta() const;
    void request(std::size_t index, std::int64_t count, bool dragging);
    void setCurrent(int index);
    void updateScroll();
    void edit(const QString& typed);

    Selection& m_selection;
    std::vector<KeptRow> m_rows;
    int m_current = -1;
    int m_dragged = -1;
    QSpinBox* m_editor = nullptr;
};

}  // namespace perfmamba::widgets
