// The context menu that every plot has: copy, PNG, SVG, PDF, CSV, reset view.
#pragma once

#include <QSize>
#include <QString>
#include <functional>

class QCustomPlot;
class QPaintDevice;
class QWidget;

namespace perfmamba::widgets {

/// A picture that can be taken at any size, with the numbers behind it.
struct Picture {
    QString name;                                     // proposed file name, without suffix
    std::function<QSize()> size;                      // as on screen
    std::function<void(QPaintDevice&, QSize)> paint;  // background included
    std::function<QString()> csv;
    std::function<void()> reset;
};

/// The plot as a Picture, drawn with its own painter so that vectors stay vectors.
Picture pictureOf(QCustomPlot& plot, const QString& name, std::function<QString()> csv, std::function<void()> reset);

/// Gives `view` the menu. Of a scroll area that draws on its viewport it is the area: the viewport's requests go there.
void addPictureMenu(QWidget& view, Picture picture);

/// Asks where to save and writes there. What cannot be written is said in a tooltip at the cursor.
/// @param name proposed file name, without suffix
void saveAs(QWidget& view, const QString& name, const QString& suffix,
            const std::function<bool(const QString& path)>& write);

/// Writers behind the menu; false when the file cannot be written.
bool writePng(const Picture& picture, const QString& path, double scale = 2);
bool writeSvg(const Picture& picture, const QString& path);
bool writePdf(const Picture& picture, const QString& path);
bool writeText(const QString& text, const QString& path);

/// One CSV field, quoted where RFC 4180 wants it.
QString csvField(const QString& text);
/// A number to 8 digits; empty where it is none.
QString csvNumber(double value);

}  // namespace perfmamba::widgets
