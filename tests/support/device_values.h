// Arrays as the device kernels see them, and how far from the reference in double a result may be.
#pragma once

#include <QTest>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cuda/ops.h"
#include "kernels/cuda/simt/simt.h"
#include "tests/support/kernel_values.h"

namespace perfmamba::tests {

using kernels::ConstElements;
using kernels::Elements;

/// Half the distance from 1 to the next number: the relative error of one rounding.
inline double roundoff(DType type) {
    switch (type) {
        case DType::F32: return 0x1p-24;
        case DType::F16: return 0x1p-11;
        case DType::BF16: return 0x1p-8;
    }
    return 0;
}

/// Sums of some hundred products in float32, ‖Δ‖/‖reference‖.
inline constexpr double kFloatSums = 2e-6;
/// The same, after which the results were rounded to `type`; `roundings` counts those of operands on the way as well.
inline double tolerance(DType type, int roundings = 1) {
    return kFloatSums + roundings * roundoff(type);
}

/// Values in one of the element types. A vector of them begins at 16 bytes, and at 1 element more where `shifted`.
class Array {
public:
    explicit Array(DType type, std::size_t count, bool shifted = false)
        : m_type(type), m_count(count), m_first(shifted ? 1 : 0), m_bytes((count + m_first) * sizeOf(type)) {}
    Array(DType type, const Values& values, bool shifted = false) : Array(type, values.size(), shifted) {
        for (std::size_t i = 0; i < values.size(); ++i) set(i, static_cast<float>(values[i]));
    }

    [[nodiscard]] Elements elements() {
        return Elements(m_bytes.data(), m_type) + static_cast<std::ptrdiff_t>(m_first);
    }
    [[nodiscard]] Values values() const {
        std::vector<float> floats(m_count);
        convertToFloat(m_type, m_bytes.data() + m_first * sizeOf(m_type), m_count, floats.data());
        return {floats.begin(), floats.end()};
    }
    void set(std::size_t i, float value) {
        std::byte* at = m_bytes.data() + (i + m_first) * sizeOf(m_type);
        if (m_type == DType::F32) {
            std::memcpy(at, &value, sizeof value);
        } else {
            const std::uint16_t bits = m_type == DType::F16 ? simt::host::toHalf(value) : simt::host::toBFloat16(value);
            std::memcpy(at, &bits, sizeof bits);
        }
    }

private:
    DType m_type;
    std::size_t m_count;
    std::size_t m_first;
    std::vector<std::byte> m_bytes;
};

/// Random numbers that `type` can hold, so that the kernels and the reference start from the same.
inline Values representable(Random& random, DType type, std::int64_t count, double low = -1, double high = 1) {
    return Array(type, random.values(count, low, high)).values();
}

inline void compare(const Values& got, const Values& expected, double bound, const char* what) {
    QCOMPARE(got.size(), expected.size());
    const double error = distance(got, expected);
    QVERIFY2(error <= bound,
             qPrintable(QStringLiteral("%1: %2, at most %3").arg(QLatin1String(what)).arg(error).arg(bound)));
}
inline void compare(const std::vector<float>& got, const Values& expected, double bound, const char* what) {
    compare(Values(got.begin(), got.end()), expected, bound, what);
}

/// A row for each element type and order of the executor.
inline void addTypesAndOrders() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<simt::host::Order>("order");
    for (const DType type : {DType::F32, DType::F16, DType::BF16}) {
        const QByteArray of(name(type).data());
        QTest::newRow((of + ", forward").data()) << type << simt::host::Order::Forward;
        QTest::newRow((of + ", backward").data()) << type << simt::host::Order::Backward;
    }
}
/// The current row's type; sets its order.
inline DType begin() {
    [] {
        QFETCH(simt::host::Order, order);
        simt::host::setOrder(order);
    }();
    QFETCH(DType, type);
    return type;
}

}  // namespace perfmamba::tests
