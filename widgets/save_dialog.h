// Where to save something: a file's name with its ending.
#pragma once

#include <QString>
#include <QStringList>

class QWidget;

namespace perfmamba::widgets {

/// The name with the first of these endings, where it has none of them: what follows the dot of "mamba-2.8b" is none.
/// @param suffixes without the dot
QString withSuffix(const QString& file, const QStringList& suffixes);

/// Asks for a file to write; empty where none is chosen. One that is there is replaced only when that is agreed to.
/// @param name     what is offered
/// @param suffixes as withSuffix's
QString askForFileToSave(QWidget* parent, const QString& title, const QString& name, const QString& filter,
                         const QStringList& suffixes);

}  // namespace perfmamba::widgets
