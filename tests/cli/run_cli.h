// The command line program, run as its users run it.
#pragma once

#include <QProcess>
#include <QString>
#include <QStringList>

namespace perfmamba::tests {

// Other work may keep the machine busy; what is waited for takes well under a second on an idle one.
inline constexpr int kPatience = 240'000;  // ms

struct Outcome {
    int code = -1;
    QString out;
    QString err;
};

inline Outcome runCli(const QStringList& arguments) {
    QProcess process;
    process.start(PERFMAMBA_CLI, arguments);
    if (!process.waitForFinished(kPatience)) return {};
    const int code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1;
    return {code, QString::fromUtf8(process.readAllStandardOutput()),
            QString::fromUtf8(process.readAllStandardError())};
}

/// Run by a shell, which does that before.
inline Outcome runCliAfter(const QString& before, const QStringList& arguments) {
    QProcess process;
    process.start("/bin/sh", QStringList{"-c", before + "; exec \"$@\"", "sh", PERFMAMBA_CLI} + arguments);
    if (!process.waitForFinished(kPatience)) return {};
    const int code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1;
    return {code, QString::fromUtf8(process.readAllStandardOutput()),
            QString::fromUtf8(process.readAllStandardError())};
}

/// No file grows beyond that many blocks of 512 bytes, as on a disk that is full.
inline Outcome runCliWithin(int blocks, const QStringList& arguments) {
    return runCliAfter(QString("trap '' XFSZ; ulimit -f %1").arg(blocks), arguments);
}

inline QString demo(const char* name) {
    return QString(PERFMAMBA_SOURCE_DIR "/resources/demo/") + name;
}

}  // namespace perfmamba::tests
