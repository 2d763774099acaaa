#include "widgets/change_text.h"

#include <QObject>
#include <cmath>

#include "core/report/compare_text.h"
#include "widgets/format.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {

using profile::Change;
using profile::Subject;

QString deltaText(const Change& change) {
    const double delta = change.delta();
    const QString size = change.isTime() ? timeText(std::abs(delta)) : bytesText(std::abs(delta));
    return delta > 0 ? QLatin1Char('+') + size : delta < 0 ? QChar(0x2212) + size : size;
}

QString ratioText(double ratio) {
    return QString::fromStdString(report::formatRatio(ratio));
}

QString intervalText(const Change& change) {
    if (!change.isTime() || !change.ratio.known() || std::isnan(change.ratio.median)) return QStringLiteral("n/a");
    return QStringLiteral("%1 – %2").arg(ratioText(change.ratio.ci_low), ratioText(change.ratio.ci_high));
}

QString verdictText(const Change& change) {
    return fromView(report::verdictText(change));
}

QString subjectText(const Change& change) {
    const QString text = QString::fromStdString(report::subjectText(change));
    if (change.subject == Subject::Layer) return QObject::tr("layer %1").arg(text);
    return change.isTime() ? text : QObject::tr("memory: %1").arg(text);
}

QString changeText(const Change& change) {
    if (change.verdict == profile::Verdict::Unmatched) return verdictText(change);
    const QString before = change.isTime() ? timeText(change.before) : bytesText(change.before);
    if (change.delta() == 0) return QObject::tr("was %1, %2").arg(before, verdictText(change));
    QString text = QObject::tr("was %1: %2, %3 ×").arg(before, deltaText(change), ratioText(change.ratio.median));
    if (change.isTime() && change.ratio.known()) text += QStringLiteral(" (%1)").arg(intervalText(change));
    return text + QStringLiteral(", ") + verdictText(change);
}

QColor changeColour(const Change& change) {
    if (!change.differs()) return theme().colours().muted;
    return theme().difference(change.verdict == profile::Verdict::More);
}

const profile::PointComparison* comparedAt(const ComparisonPtr& comparison, const profile::Point* point) {
    return comparison && point != nullptr ? comparison->at(point->length) : nullptr;
}

}  // namespace perfmamba::widgets
