// Numbers as people read them: for tables and sentences alike.
#pragma once

#include <string>
#include <string_view>

#include "core/profile/statistics.h"

namespace perfmamba::profile {

/// Three significant digits in a unit that fits: "1.23 ms", "45.6 µs", "7.89 s"; "n/a" for NaN.
std::string formatTime(double microseconds);
/// "1.23 MB" (powers of 1000, as in the papers).
std::string formatBytes(double bytes);
/// "12.3 G" and the like, without a unit. Three significant digits.
std::string formatCount(double count);
/// "1 235" style plain three significant digits without prefix: "0.0123", "1.23", "1230".
std::string formatNumber(double value);
/// "41.0 %"; "n/a" for NaN.
std::string formatPercent(double share);
/// "14.5 %", of a share that was asked for in per cent: all digits that somebody types.
std::string percentAsTyped(double share);
/// "1.048", "12.3"; "n/a" for NaN.
std::string formatRatio(double ratio);
/// "1.048 (1.021 … 1.077)", with a unit "1.048× (1.021 … 1.077)"; "n/a" without pairs.
std::string formatRatio(const Ratio& ratio, std::string_view unit = {});

}  // namespace perfmamba::profile
