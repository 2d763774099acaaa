// The last forward pass over time: a lane for the whole pass, a row a layer, stages nested, gaps hatched.
#pragma once

#include <QAbstractScrollArea>
#include <QColor>
#include <array>
#include <memory>
#include <optional>

#include "widgets/background.h"
#include "widgets/plot_menu.h"
#include "widgets/selection.h"
#include "widgets/timeline_layout.h"

namespace perfmamba::widgets {

/// Wheel zooms at the cursor, drag pans (Shift: time only), Ctrl+drag chooses a time range, Ctrl+wheel sets the rows'
/// height, double click and Home show the whole pass, F shows the selection, arrow keys walk from span to span. A pass
/// of very many events is laid out on another thread and appears a moment later.
class Timeline : public QAbstractScrollArea {
    Q_OBJECT
public:
    explicit Timeline(Selection& selection, QWidget* parent = nullptr);

    void setProfile(const ProfilePtr& profile);
    void fit();
    void fitSelection();

    /// Whether the pass that was set last is laid out and shown.
    [[nodiscard]] bool ready() const { return !m_background.busy(); }
    [[nodiscard]] const TimeView& view() const { return m_view; }
    [[nodiscard]] const Picture& picture() const { return m_picture; }
    /// Middle of a component's span in the viewport; invalid when it is out of view.
    [[nodiscard]] QPoint spanCentre(std::int32_t layer, Component component) const;
    /// Middle of a component's first kernel, in its lane.
    [[nodiscard]] QPoint kernelCentre(std::int32_t layer, Component component) const;

Q_SIGNALS:
    /// One line about the pass: its length and what lies between components.
    void captionChanged(const QString& caption);

protected:
    bool viewportEvent(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    enum class Drag { None, Pan, PanX, Range, Map };
    struct Hit {
        const Span* span = nullptr;
        const KernelRun* kernel = nullptr;  // inside it
        std::optional<std::int32_t> row_layer;
        bool in_gutter = false;
        bool in_map = false;
    };

    void paint(QPainter& painter, QSize size, bool on_screen);
    void paintMap(QPainter& painter, QSize size) const;
    void paintAxis(QPainter& painter, QSize size) const;
    void paintLane(QPainter& painter, std::span<const Span> spans, double y, double height, bool named,
                   std::span<const KernelRun* const> runs = {}) const;
    void paintRow(QPainter& painter, const TimelineRow& row, double y, double height) const;
    void paintGaps(QPainter& painter, double y, double height) const;
    void paintRows(QPainter& painter, QSize size) const;
    void chooseColours();
    [[nodiscard]] QColor colourOf(const Span& span) const;
    [[nodiscard]] double spanHeight() const;
    [[nodiscard]] Hit hitAt(const QPoint& at) const;
    [[nodiscard]] QString tipFor(const Hit& hit) const;
    [[nodiscard]] QString kernelTip(const KernelRun& run) const;
    void chooseSpan(const Span& span);
    void step(int delta);
    void stepLayer(int delta);
    void updateScrollBar();
    void updateView();
    void setLayout(std::shared_ptr<const TimelineLayout> layout);
    [[nodiscard]] QString caption() const;
    [[nodiscard]] const Span* wholeAt(const Span& span) const;
    [[nodiscard]] QString csv() const;
    void followSelection();
    void centreMap(int x);

    Selection& m_selection;
    ProfilePtr m_profile;
    const profile::Point* m_point = nullptr;
    std::shared_ptr<const TimelineLayout> m_layout = std::make_shared<TimelineLayout>();  // never null
    std::optional<Span> m_current;                                                        // the very span last chosen
    // Of components and stages, those that are not selected first: as they were when the painting began.
    std::array<std::array<std::array<QColor, kStageCount>, kComponentCount>, 2> m_colours;
    TimeView m_view;
    double m_row_height = 0;  // 0: as fits
    bool m_fitted = true;     // the whole pass is shown, and shall be when the next one comes
    Drag m_drag = Drag::None;
    QPoint m_press;
    QPoint m_last;
    bool m_moved = false;
    bool m_own_change = false;  // the selection is being set from here: no need to scroll to it
    Picture m_picture;
    Background m_background;
};

}  // namespace perfmamba::widgets
