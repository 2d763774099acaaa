// What became of a number since the baseline, as it stands in tables and tooltips.
#pragma once

#include <QColor>
#include <QString>
#include <memory>

#include "core/profile/compare.h"

namespace perfmamba::widgets {

using ComparisonPtr = std::shared_ptr<const profile::Comparison>;

/// "+12.3 ms", "−4.56 MB"; "n/a" where only one of the runs has it.
QString deltaText(const profile::Change& change);
/// "1.048"; "n/a".
QString ratioText(double ratio);
/// "1.040 – 1.055"; of memory, and where there are too few passes, "n/a".
QString intervalText(const profile::Change& change);
/// "slower", "no difference measured" …
QString verdictText(const profile::Change& change);
/// "ssm", "layer 3 ssm", "memory: state".
QString subjectText(const profile::Change& change);
/// "was 1.20 ms: +0.1 ms, 1.083 × (1.05 – 1.11), slower": for tooltips.
QString changeText(const profile::Change& change);
/// Muted inside the noise; more in the colour of the map's one end, less in that of the other.
QColor changeColour(const profile::Change& change);

/// The comparison at that length; null where there is none.
const profile::PointComparison* comparedAt(const ComparisonPtr& comparison, const profile::Point* point);

}  // namespace perfmamba::widgets
