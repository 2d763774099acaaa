#include "widgets/plot_menu.h"

#include <qcustomplot.h>

#include <QAbstractScrollArea>
#include <QApplication>
#include <QClipboard>
#include <QImage>
#include <QMenu>
#include <QPageSize>
#include <QPdfWriter>
#include <QSaveFile>
#include <QSvgGenerator>
#include <QToolTip>
#include <cmath>

#include "widgets/save_dialog.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

/// As on a usual screen, so that text keeps its size against the lines.
constexpr int kDotsPerInch = 96;

QImage imageOf(const Picture& picture, double scale) {
    const QSize size = picture.size();
    QImage image(size * scale, QImage::Format_ARGB32_Premultiplied);
    image.setDevicePixelRatio(scale);
    image.fill(theme().colours().surface);
    picture.paint(image, size);
    return image;
}

}  // namespace

Picture pictureOf(QCustomPlot& plot, const QString& name, std::function<QString()> csv, std::function<void()> reset) {
    Picture picture;
    picture.name = name;
    picture.size = [&plot] { return plot.size(); };
    picture.paint = [&plot](QPaintDevice& device, QSize size) {
        QCPPainter painter(&device);
        painter.setMode(QCPPainter::pmVectorized);
        painter.setMode(QCPPainter::pmNoCaching);
        painter.fillRect(QRect(QPoint(0, 0), size), theme().colours().surface);
        plot.toPainter(&painter, size.width(), size.height());
        plot.replot(QCustomPlot::rpQueuedReplot);
    };
    picture.csv = std::move(csv);
    picture.reset = std::move(reset);
    return picture;
}

void addPictureMenu(QWidget& view, Picture picture) {
    view.setContextMenuPolicy(Qt::CustomContextMenu);
    QObject::connect(&view, &QWidget::customContextMenuRequested, &view, [&view, picture](const QPoint& at) {
        QMenu menu(&view);
        menu.addAction(theme().icon(QStringLiteral("copy")), QObject::tr("Copy picture"), &view,
                       [&] { QApplication::clipboard()->setImage(imageOf(picture, 2)); });
        if (picture.csv) {
            menu.addAction(QObject::tr("Copy numbers"), &view,
                           [&] { QApplication::clipboard()->setText(picture.csv()); });
        }
        menu.addSeparator();
        menu.addAction(theme().icon(QStringLiteral("save")), QObject::tr("Save PNG…"), &view, [&] {
            saveAs(view, picture.name, QStringLiteral("png"),
                   [&](const QString& path) { return writePng(picture, path); });
        });
        menu.addAction(QObject::tr("Save SVG…"), &view, [&] {
            saveAs(view, picture.name, QStringLiteral("svg"),
                   [&](const QString& path) { return writeSvg(picture, path); });
        });
        menu.addAction(QObject::tr("Save PDF…"), &view, [&] {
            saveAs(view, picture.name, QStringLiteral("pdf"),
                   [&](const QString& path) { return writePdf(picture, path); });
        });
        if (picture.csv) {
            menu.addAction(QObject::tr("Save CSV…"), &view, [&] {
                saveAs(view, picture.name, QStringLiteral("csv"),
                       [&](const QString& path) { return writeText(picture.csv(), path); });
            });
        }
        if (picture.reset) {
            menu.addSeparator();
            menu.addAction(theme().icon(QStringLiteral("fit")), QObject::tr("Reset view\tHome"), &view, picture.reset);
        }
        const auto* area = qobject_cast<QAbstractScrollArea*>(&view);
        menu.exec((area != nullptr ? area->viewport() : &view)->mapToGlobal(at));
    });
}

void saveAs(QWidget& view, const QString& name, const QString& suffix,
            const std::function<bool(const QString& path)>& write) {
    const QString path = askForFileToSave(&view, QObject::tr("Save"), name + QLatin1Char('.') + suffix,
                                          QStringLiteral("%1 (*.%2)").arg(suffix.toUpper(), suffix), {suffix});
    if (path.isEmpty()) return;
    if (!write(path)) {
        QToolTip::showText(QCursor::pos(), QObject::tr("%1 cannot be written").arg(path), &view);
    }
}

bool writePng(const Picture& picture, const QString& path, double scale) {
    return imageOf(picture, scale).save(path, "PNG");
}

bool writeSvg(const Picture& picture, const QString& path) {
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly)) return false;
    const QSize size = picture.size();
    QSvgGenerator generator;
    generator.setOutputDevice(&file);
    generator.setSize(size);
    generator.setViewBox(QRect(QPoint(0, 0), size));
    generator.setTitle(picture.name);
    generator.setResolution(kDotsPerInch);
    picture.paint(generator, size);
    return file.commit();
}

bool writePdf(const Picture& picture, const QString& path) {
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly)) return false;
    const QSize size = picture.size();
    {
        constexpr double kPointsPerInch = 72;
        QPdfWriter writer(&file);
        writer.setResolution(kDotsPerInch);
        writer.setPageSize(QPageSize(QSizeF(size) * kPointsPerInch / kDotsPerInch, QPageSize::Point));
        writer.setPageMargins(QMarginsF(0, 0, 0, 0));
        writer.setTitle(picture.name);
        picture.paint(writer, size);
    }
    return file.commit();
}

bool writeText(const QString& text, const QString& path) {
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly)) return false;
    file.write(text.toUtf8());
    return file.commit();
}

QString csvField(const QString& text) {
    if (!text.contains(QLatin1Char(',')) && !text.contains(QLatin1Char('"')) && !text.contains(QLatin1Char('\n'))) {
        return text;
    }
    QString quoted = text;
    quoted.replace(QLatin1Char('"'), QStringLiteral("\"\""));
    return QLatin1Char('"') + quoted + QLatin1Char('"');
}

QString csvNumber(double value) {
    return std::isfinite(value) ? QString::number(value, 'g', 8) : QString();
}

}  // namespace perfmamba::widgets
