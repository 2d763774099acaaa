// What the window remembers between starts.
#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>

#include "core/profile/profile.h"
#include "kernels/dtype.h"
#include "widgets/theme.h"

namespace perfmamba::app {

struct Settings {
    QByteArray geometry;
    QByteArray state;         // docks and tool bars, of kStateVersion
    QByteArray profile_page;  // splitters
    profile::Options workload;
    QString device;
    DType precision = DType::F32;
    QStringList checkpoints;  // most recent first
    QStringList reports;
    QString baseline;  // the report of the run that others are compared with; empty: none
    widgets::ThemeChoice theme = widgets::ThemeChoice::System;
    int page = 0;
    int map_metric = 0;

    /// Raised when the docks change, so that an old layout is not forced upon a new window.
    static constexpr int kStateVersion = 2;
    static constexpr int kRecent = 8;

    static Settings load();
    void save() const;
};

/// `list` with `entry` first and without doubles, at most Settings::kRecent long.
QStringList withRecent(const QStringList& list, const QString& entry);

/// Where runs are kept without being asked; created when it is missing.
QString keptReportsFolder();
/// Where studies are kept, to be gone on with; created when it is missing.
QString keptStudiesFolder();
/// NAME-prefill-20260131-120000-000.h5 in that folder. Deletes the oldest beyond the last 40, but not `spared`.
QString newKeptReport(const QString& model_name, profile::Mode mode, const QString& spared);
/// The same in the folder of studies. Deletes nothing.
QString newKeptStudy(const QString& model_name);
/// The studies of models of that name in that folder, the newest first.
QStringList keptStudies(const QString& model_name);

}  // namespace perfmamba::app
