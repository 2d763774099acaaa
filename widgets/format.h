// Numbers as they stand in tables and on axes: three significant digits, the unit apart.
#pragma once

#include <QString>
#include <functional>
#include <string_view>

#include "core/profile/statistics.h"
#include "kernels/component.h"
#include "kernels/memory.h"

namespace perfmamba::widgets {

/// Qt 6.4 has no such constructor. UTF-8.
QString fromView(std::string_view text);

/// A unit for a whole column: value · factor is what is shown.
struct Unit {
    double factor = 1;
    QString name;
};

/// The unit in which the largest of a column's values reads well: "µs", "ms", "s".
Unit timeUnit(double largest_us);
/// "B", "kB", "MB", "GB" (powers of 1000).
Unit bytesUnit(double largest_bytes);
/// "", "k", "M", "G", "T" before `base`: countUnit(3e9, "FLOP") is "GFLOP".
Unit countUnit(double largest, const QString& base);

/// Three significant digits without a unit: "0.0123", "1.23", "12 300"; "n/a" where not finite.
QString threeDigits(double value);
/// The same with that many digits, all of those before the point among them: 123.4 is "123" with one, too.
QString significant(double value, int digits);
/// With three digits, or as many fewer as fit; empty where none do. What is left out is rounded, never cut off.
QString shortest(double value, const std::function<bool(const QString&)>& fits);
/// With as many decimals as its error has with two digits: "99.951" for an error of 0.049. Three significant digits
/// where the error is zero or not known.
QString digitsOf(double value, double error);
/// "12.3 ms", "4.56 MB": for running text and tooltips.
QString timeText(double us);
QString bytesText(double bytes);
/// "34.2 %".
QString percentText(double share);
/// "12.3 ms ± 0.1" with the MAD in the same unit.
QString timeText(const profile::Summary& time);
/// "1 234 567" with thin spaces.
QString grouped(qint64 value);
/// Names as in reports and on the command line.
QString nameOf(Component component);
QString nameOf(Stage stage);
QString nameOf(MemoryKind kind);
/// "512", "1k", "16k": lengths on chips and axes.
QString lengthText(qint64 length);

}  // namespace perfmamba::widgets
