// The one place where colours, fonts and icons come from: light and dark, following the system unless told otherwise.
#pragma once

#include <QBrush>
#include <QColor>
#include <QFont>
#include <QIcon>
#include <QObject>
#include <QString>

#include "kernels/component.h"
#include "kernels/memory.h"

class QPalette;

namespace perfmamba::widgets {

enum class ThemeChoice { System, Light, Dark };

/// Colours by their part on screen.
struct Colours {
    QColor window;   // behind panels
    QColor surface;  // behind plots, tables and fields
    QColor raised;   // headers, buttons, hovered things
    QColor border;
    QColor grid;
    QColor text;
    QColor muted;   // secondary text
    QColor accent;  // focus, the run button, the selected page
    QColor warning;
    QColor error;
};

/// GUI thread only. Views repaint on changed().
class Theme : public QObject {
    Q_OBJECT
public:
    static Theme& instance();

    /// Applies the choice to the application: palette, style sheet, icons.
    void setChoice(ThemeChoice choice);
    [[nodiscard]] ThemeChoice choice() const { return m_choice; }
    [[nodiscard]] bool dark() const { return m_dark; }
    [[nodiscard]] const Colours& colours() const;

    /// The fixed colour of a component, the same in every view. `Other` is hatched: use brushOf() for areas.
    [[nodiscard]] QColor of(Component component) const;
    [[nodiscard]] QBrush brushOf(Component component) const;
    [[nodiscard]] QColor of(MemoryKind kind) const;
    /// A stage is a shade of its component, so that they read as one family.
    [[nodiscard]] QColor of(Stage stage) const;
    /// The colour pulled back towards the surface: what is not selected while something else is.
    [[nodiscard]] QColor faded(const QColor& colour) const;
    /// Black or white, whichever reads better on that colour.
    [[nodiscard]] static QColor textOn(const QColor& colour);
    /// Viridis; `position` is clamped to 0 … 1.
    [[nodiscard]] static QColor magnitude(double position);
    /// Diverging, blue over white to red; `position` is clamped to −1 … 1, and 0 is white.
    [[nodiscard]] static QColor difference(double position);
    /// Text that says that something became more, or less, readable on the surface.
    [[nodiscard]] QColor difference(bool more) const;

    /// The application's font, smaller, for axes and secondary text.
    [[nodiscard]] static QFont smallFont();
    /// Small semibold font of panel headings.
    [[nodiscard]] static QFont headingFont();
    /// A small square in a component's colour, for tables and lists.
    [[nodiscard]] QPixmap chip(Component component, int side, double device_pixel_ratio) const;
    /// One of our icons (resources/icons), drawn in the text colour, or in the accent colour.
    [[nodiscard]] QIcon icon(const QString& name, bool accented = false) const;

Q_SIGNALS:
    void changed();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    Theme();
    void apply();

    ThemeChoice m_choice = ThemeChoice::System;
    bool m_dark = false;
    bool m_applying = false;
};

/// Shorthand for Theme::instance().
inline Theme& theme() {
    return Theme::instance();
}

}  // namespace perfmamba::widgets
