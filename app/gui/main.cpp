// PerfMamba Explorer: the window.
#include <QApplication>
#include <QCommandLineParser>
#include <QFileInfo>

#include "app/gui/main_window.h"

int main(int argc, char** argv) {
    QApplication app(argc, argv);
    QCoreApplication::setOrganizationName(QStringLiteral("PerfMamba"));
    QCoreApplication::setApplicationName(QStringLiteral("PerfMamba Explorer"));
    QCoreApplication::setApplicationVersion(QStringLiteral(PERFMAMBA_VERSION));

    QCommandLineParser parser;
    parser.setApplicationDescription(
        QObject::tr("Where the time and memory of a Mamba model go, component by component."));
    parser.addHelpOption();
    parser.addVersionOption();
    const QCommandLineOption run(QStringLiteral("run"), QObject::tr("Start a profile at once."));
    parser.addOption(run);
    const QCommandLineOption baseline(QStringLiteral("baseline"), QObject::tr("Compare what is shown with a report."),
                                      QStringLiteral("FILE.h5"));
    parser.addOption(baseline);
    parser.addPositionalArgument(QStringLiteral("path"), QObject::tr("A checkpoint folder, or a report (.h5)."),
                                 QStringLiteral("[path]"));
    parser.process(app);

    perfmamba::app::MainWindow window;
    window.show();
    const QStringList paths = parser.positionalArguments();
    if (parser.isSet(run)) window.runWhenOpen();
    if (parser.isSet(baseline)) window.openBaseline(parser.value(baseline));
    if (!paths.isEmpty()) window.openPath(paths.front());
    return QApplication::exec();
}
