#include "widgets/save_dialog.h"

#include <QCoreApplication>
#include <QFileDialog>
#include <QFileInfo>
#include <QMessageBox>
#include <algorithm>

namespace perfmamba::widgets {

QString withSuffix(const QString& file, const QStringList& suffixes) {
    const bool has_one = std::ranges::any_of(
        suffixes, [&](const QString& suffix) { return file.endsWith(QLatin1Char('.') + suffix, Qt::CaseInsensitive); });
    return has_one ? file : file + QLatin1Char('.') + suffixes.front();
}

QString askForFileToSave(QWidget* parent, const QString& title, const QString& name, const QString& filter,
                         const QStringList& suffixes) {
    QFileDialog dialog(parent, title, QString(), filter);
    dialog.setAcceptMode(QFileDialog::AcceptSave);
    dialog.setDefaultSuffix(suffixes.front());
    dialog.selectFile(name);
    if (dialog.exec() != QDialog::Accepted || dialog.selectedFiles().isEmpty()) return {};
    const QString chosen = dialog.selectedFiles().front();
    const QString file = withSuffix(chosen, suffixes);
    if (file == chosen || !QFileInfo::exists(file)) return file;
    // The dialog has asked about the name without the ending only.
    const auto answer = QMessageBox::question(
        parent, title,
        QCoreApplication::translate("SaveDialog", "%1 is there already. Replace it?").arg(QFileInfo(file).fileName()));
    return answer == QMessageBox::Yes ? file : QString();
}

}  // namespace perfmamba::widgets
