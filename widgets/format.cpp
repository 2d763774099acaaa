#include "widgets/format.h"

#include <array>
#include <cmath>

namespace perfmamba::widgets {
namespace {

constexpr QChar kThinSpace(0x2009);

Unit metric(double largest, const std::array<QString, 5>& names) {
    double factor = 1;
    std::size_t i = 0;
    while (i + 1 < names.size() && std::isfinite(largest) && largest * factor >= 999.5) {
        factor *= 1e-3;
        ++i;
    }
    return {factor, names[i]};
}

QString groupDigits(QString digits) {
    for (qsizetype at = digits.size() - 3; at > 0 && digits[at - 1].isDigit(); at -= 3) digits.insert(at, kThinSpace);
    return digits;
}

}  // namespace

QString fromView(std::string_view text) {
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

Unit timeUnit(double largest_us) {
    if (!(largest_us >= 999.5)) return {1, QStringLiteral("µs")};
    if (largest_us < 999.5e3) return {1e-3, QStringLiteral("ms")};
    return {1e-6, QStringLiteral("s")};
}

Unit bytesUnit(double largest_bytes) {
    return metric(largest_bytes, {QStringLiteral("B"), QStringLiteral("kB"), QStringLiteral("MB"), QStringLiteral("GB"),
                                  QStringLiteral("TB")});
}

Unit countUnit(double largest, const QString& base) {
    return metric(largest, {base, QStringLiteral("k") + base, QStringLiteral("M") + base, QStringLiteral("G") + base,
                            QStringLiteral("T") + base});
}

QString threeDigits(double value) {
    return significant(value, 3);
}

QString significant(double value, int digits) {
    if (!std::isfinite(value)) return QStringLiteral("n/a");
    if (value == 0) return QStringLiteral("0");
    const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
    const int decimals = std::max(0, digits - 1 - magnitude);
    if (decimals > 6) return QString::number(value, 'g', digits);
    // Rounding may carry into a further digit (9.999 → 10.00): then one decimal too many is shown; take it off.
    const QString text = QString::number(value, 'f', decimals);
    if (decimals > 0 && std::abs(text.toDouble()) >= std::pow(10.0, magnitude + 1)) {
        return QString::number(value, 'f', decimals - 1);
    }
    return decimals == 0 ? groupDigits(text) : text;
}

QString shortest(double value, const std::function<bool(const QString&)>& fits) {
    for (const int digits : {3, 2, 1}) {
        const QString text = significant(value, digits);
        if (fits(text)) return text;
    }
    return {};
}

QString digitsOf(double value, double error) {
    if (!std::isfinite(value) || !std::isfinite(error) || error <= 0) return threeDigits(value);
    const int decimals = 1 - static_cast<int>(std::floor(std::log10(error)));
    return decimals > 6 ? threeDigits(value) : QString::number(value, 'f', std::max(decimals, 0));
}

QString timeText(double us) {
    const Unit unit = timeUnit(std::abs(us));
    return std::isfinite(us) ? threeDigits(us * unit.factor) + QChar(0x00A0) + unit.name : QStringLiteral("n/a");
}

QString bytesText(double bytes) {
    const Unit unit = bytesUnit(std::abs(bytes));
    return std::isfinite(bytes) ? threeDigits(bytes * unit.factor) + QChar(0x00A0) + unit.name : QStringLiteral("n/a");
}

QString percentText(double share) {
    return std::isfinite(share) ? threeDigits(share * 100) + QStringLiteral(" %") : QStringLiteral("n/a");
}

QString timeText(const profile::Summary& time) {
    const Unit unit = timeUnit(time.median);
    if (!std::isfinite(time.median)) return QStringLiteral("n/a");
    return QStringLiteral("%1 %2 ± %3")
        .arg(threeDigits(time.median * unit.factor), unit.name, threeDigits(time.mad * unit.factor));
}

QString nameOf(Component component) {
    return fromView(name(component));
}
QString nameOf(Stage stage) {
    return fromView(name(stage));
}
QString nameOf(MemoryKind kind) {
    return fromView(name(kind));
}

QString grouped(qint64 value) {
    return groupDigits(QString::number(value));
}

QString lengthText(qint64 length) {
    return length >= 1024 && length % 1024 == 0 ? QString::number(length / 1024) + QLatin1Char('k')
                                                : QString::number(length);
}

}  // namespace perfmamba::widgets
