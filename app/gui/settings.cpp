#include "app/gui/settings.h"

#include <QDateTime>
#include <QDir>
#include <QRegularExpression>
#include <QSettings>
#include <QStandardPaths>

#include "kernels/devices.h"
#include "widgets/format.h"

namespace perfmamba::app {
namespace {

constexpr int kKept = 40;

}  // namespace

Settings Settings::load() {
    const QSettings stored;
    const auto value = [&stored](const char* key, const QVariant& otherwise = {}) {
        return stored.value(QLatin1String(key), otherwise);
    };
    Settings settings;
    settings.geometry = value("window/geometry").toByteArray();
    settings.state = value("window/state").toByteArray();
    settings.profile_page = value("window/profile_page").toByteArray();
    settings.page = value("window/page").toInt();
    settings.map_metric = value("window/map_metric").toInt();
    settings.checkpoints = value("recent/checkpoints").toStringList();
    settings.reports = value("recent/reports").toStringList();
    settings.baseline = value("recent/baseline").toString();
    const QString theme = value("window/theme").toString();
    settings.theme = theme == QLatin1String("light")  ? widgets::ThemeChoice::Light
                     : theme == QLatin1String("dark") ? widgets::ThemeChoice::Dark
                                                      : widgets::ThemeChoice::System;
    settings.device = value("workload/device").toString();
    const std::string precision = value("workload/precision").toString().toStdString();
    for (const DType type : kDTypes) {
        if (kernels::precisionName(type) == precision) settings.precision = type;
    }
    profile::Options& workload = settings.workload;
    const profile::Options usual;
    workload.mode =
        value("workload/mode").toString() == QLatin1String("decode") ? profile::Mode::Decode : profile::Mode::Prefill;
    workload.batch = std::max(1LL, value("workload/batch", 1).toLongLong());
    workload.repeat = std::max(0, value("workload/repeat", 0).toInt());
    workload.bound = value("workload/bound", usual.bound).toDouble();
    workload.budget_s = value("workload/budget_s", usual.budget_s).toDouble();
    workload.threads = std::max(0, value("workload/threads", 0).toInt());
    workload.trace = traceModeFromName(value("workload/trace").toString().toStdString()).value_or(TraceMode::Auto);
    QList<qlonglong> lengths;
    for (const QString& length : value("workload/lengths").toStringList()) lengths << length.toLongLong();
    if (!lengths.isEmpty()) workload.lengths.assign(lengths.begin(), lengths.end());
    return settings;
}

void Settings::save() const {
    QSettings stored;
    const auto set = [&stored](const char* key, const QVariant& value) { stored.setValue(QLatin1String(key), value); };
    set("window/geometry", geometry);
    set("window/state", state);
    set("window/profile_page", profile_page);
    set("window/page", page);
    set("window/map_metric", map_metric);
    set("window/theme", theme == widgets::ThemeChoice::Light  ? QStringLiteral("light")
                        : theme == widgets::ThemeChoice::Dark ? QStringLiteral("dark")
                                                              : QStringLiteral("system"));
    set("recent/checkpoints", checkpoints);
    set("recent/reports", reports);
    set("recent/baseline", baseline);
    set("workload/device", device);
    set("workload/precision", widgets::fromView(kernels::precisionName(precision)));
    set("workload/mode", workload.mode == profile::Mode::Decode ? QStringLiteral("decode") : QStringLiteral("prefill"));
    set("workload/batch", static_cast<qlonglong>(workload.batch));
    set("workload/repeat", workload.repeat);
    set("workload/bound", workload.bound);
    set("workload/budget_s", workload.budget_s);
    set("workload/threads", workload.threads);
    set("workload/trace", QString::fromStdString(std::string(name(workload.trace))));
    QStringList lengths;
    for (const std::int64_t length : workload.lengths) lengths << QString::number(length);
    set("workload/lengths", lengths);
}

QStringList withRecent(const QStringList& list, const QString& entry) {
    QStringList result = list;
    result.removeAll(entry);
    result.prepend(entry);
    while (result.size() > Settings::kRecent) result.removeLast();
    return result;
}

namespace {

QString dataFolder(const QString& name) {
    const QString folder = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + QLatin1Char('/') + name;
    QDir().mkpath(folder);
    return folder;
}

/// The name as it may stand in any file system.
QString plainName(QString name) {
    static const QRegularExpression kUnsafe(QStringLiteral("[^A-Za-z0-9._-]+"));
    return name.replace(kUnsafe, QStringLiteral("_"));
}

/// To the millisecond: two runs may end within a second, and each has a file of its own.
QString newFile(const QString& folder, const QString& model_name) {
    const QString time = QDateTime::currentDateTime().toString(QStringLiteral("yyyyMMdd-HHmmss-zzz"));
    return QDir(folder).filePath(plainName(model_name) + QLatin1Char('-') + time + QStringLiteral(".h5"));
}

}  // namespace

QString keptReportsFolder() {
    return dataFolder(QStringLiteral("reports"));
}

QString keptStudiesFolder() {
    return dataFolder(QStringLiteral("studies"));
}

QString newKeptReport(const QString& model_name, profile::Mode mode, const QString& spared) {
    const QDir folder(keptReportsFolder());
    const QFileInfoList old = folder.entryInfoList({QStringLiteral("*.h5")}, QDir::Files, QDir::Time);
    for (qsizetype i = kKept - 1; i < old.size(); ++i) {
        if (old[i].absoluteFilePath() != spared) QFile::remove(old[i].absoluteFilePath());
    }
    const QString name = mode == profile::Mode::Decode ? QStringLiteral("decode") : QStringLiteral("prefill");
    return newFile(folder.path(), model_name + QLatin1Char('-') + name);
}

QString newKeptStudy(const QString& model_name) {
    return newFile(keptStudiesFolder(), model_name);
}

QStringList keptStudies(const QString& model_name) {
    // The time follows at once: mamba2's files are not those of mamba2-130m.
    const QRegularExpression named(QRegularExpression::anchoredPattern(
        QRegularExpression::escape(plainName(model_name)) + QStringLiteral(R"(-\d{8}-\d{6}(-\d{3})?\.h5)")));
    QStringList paths;
    for (const QFileInfo& file : QDir(keptStudiesFolder()).entryInfoList(QDir::Files, QDir::Time)) {
        if (named.match(file.fileName()).hasMatch()) paths << file.absoluteFilePath();
    }
    return paths;
}

}  // namespace perfmamba::app
