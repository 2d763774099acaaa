#include "core/profile/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace perfmamba::profile {
namespace {

/// The value with three significant digits, as a number: 999.6 becomes 1000, and so finds its unit.
double rounded(double value) {
    if (value == 0) return 0;
    const double scale = std::pow(10.0, 2 - std::floor(std::log10(std::abs(value))));
    return std::isfinite(scale) && scale > 0 ? std::round(value * scale) / scale : value;
}

/// Three significant digits without an exponent, for values from 0.001 to 10⁶.
std::string threeDigits(double value) {
    if (value == 0) return "0";
    const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-12));
    return fmt::format("{:.{}f}", value, std::max(0, 2 - magnitude));
}

struct Unit {
    double size;
    std::string_view name;
};

/// `units` from small to large; the smallest takes what is smaller still.
std::string inUnits(double value, std::span<const Unit> units) {
    const double shown = rounded(value);
    std::size_t i = units.size() - 1;
    while (i > 0 && std::abs(shown) < units[i].size * (1 - 1e-9)) --i;
    const std::string number = threeDigits(shown / units[i].size);
    return units[i].name.empty() ? number : number + " " + std::string(units[i].name);
}

std::string notFinite(double value) {
    if (std::isnan(value)) return "n/a";
    return value > 0 ? "∞" : "−∞";
}

bool isWhole(double value) {
    return std::abs(value) < 1000 && value == std::floor(value);
}

}  // namespace

std::string formatTime(double microseconds) {
    if (!std::isfinite(microseconds)) return notFinite(microseconds);
    static constexpr std::array<Unit, 4> kUnits = {{{1e-3, "ns"}, {1, "µs"}, {1e3, "ms"}, {1e6, "s"}}};
    return microseconds == 0 ? "0 µs" : inUnits(microseconds, kUnits);
}

std::string formatBytes(double bytes) {
    if (!std::isfinite(bytes)) return notFinite(bytes);
    if (isWhole(bytes)) return fmt::format("{:.0f} B", bytes);
    static constexpr std::array<Unit, 6> kUnits = {
        {{1, "B"}, {1e3, "kB"}, {1e6, "MB"}, {1e9, "GB"}, {1e12, "TB"}, {1e15, "PB"}}};
    return inUnits(bytes, kUnits);
}

std::string formatCount(double count) {
    if (!std::isfinite(count)) return notFinite(count);
    if (isWhole(count)) return fmt::format("{:.0f}", count);
    static constexpr std::array<Unit, 7> kUnits = {
        {{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}, {1e15, "P"}, {1e18, "E"}}};
    return inUnits(count, kUnits);
}

std::string formatNumber(double value) {
    if (!std::isfinite(value)) return notFinite(value);
    const double shown = rounded(value);
    if (shown != 0 && (std::abs(shown) < 1e-4 || std::abs(shown) >= 1e9)) return fmt::format("{:.2e}", shown);
    return threeDigits(shown);
}

std::string formatPercent(double share) {
    return std::isfinite(share) ? fmt::format("{:.1f} %", share * 100) : notFinite(share);
}

std::string percentAsTyped(double share) {
    return fmt::format("{:.10g} %", share * 100);
}

std::string formatRatio(double ratio) {
    return ratio < 10 ? fmt::format("{:.3f}", ratio) : formatNumber(ratio);
}

std::string formatRatio(const Ratio& ratio, std::string_view unit) {
    if (ratio.pairs == 0 || !std::isfinite(ratio.median)) return notFinite(std::nan(""));
    return fmt::format("{}{} ({} … {})", formatRatio(ratio.median), unit, formatRatio(ratio.ci_low),
                       formatRatio(ratio.ci_high));
}

}  // namespace perfmamba::profile
