// What the tests of the window share: any Qt warning is a failure, and settings go to a place of their own.
#pragma once

#include <QCoreApplication>
#include <QRegularExpression>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

namespace perfmamba::test {

/// Call in init(). The two exceptions are about the machine, not about the program: the offscreen platform says that it
/// takes no size hints, and there may be no session directory.
inline void failOnAnyWarning() {
    static const QRegularExpression kAny(QStringLiteral("^(?!This plugin does not support|QStandardPaths: )."));
    QTest::failOnWarning(kAny);
}

/// Settings and kept reports in a folder that goes with the object.
class OwnPlace {
public:
    OwnPlace() {
        QCoreApplication::setOrganizationName(QStringLiteral("PerfMambaTests"));
        QCoreApplication::setApplicationName(QStringLiteral("PerfMamba Explorer"));
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_folder.path());
        qputenv("XDG_DATA_HOME", m_folder.path().toUtf8());
    }
    [[nodiscard]] QString path(const QString& name) const { return m_folder.filePath(name); }

private:
    QTemporaryDir m_folder;
};

}  // namespace perfmamba::test
