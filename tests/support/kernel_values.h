// Numbers for kernels and their references, and how far they lie apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "kernels/reference/reference.h"

namespace perfmamba::tests {

using kernels::reference::Values;

class Random {
public:
    explicit Random(unsigned seed) : m_generator(seed) {}
    /// Floats, so that both sides start from the same numbers.
    Values values(std::int64_t count, double low = -1, double high = 1) {
        std::uniform_real_distribution<float> uniform(static_cast<float>(low), static_cast<float>(high));
        Values result(static_cast<std::size_t>(count));
        for (double& value : result) value = static_cast<double>(uniform(m_generator));
        return result;
    }

private:
    std::mt19937 m_generator;
};

inline std::vector<float> toFloat(const Values& values) {
    return {values.begin(), values.end()};
}

/// The columns of several arrays side by side: (rows, Σ widths), and `gap` more that hold 7.
inline Values beside(std::int64_t rows, std::initializer_list<const Values*> parts, std::int64_t gap = 0) {
    Values result;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (const Values* part : parts) {
            const std::int64_t width = static_cast<std::int64_t>(part->size()) / rows;
            result.insert(result.end(), part->begin() + row * width, part->begin() + (row + 1) * width);
        }
        result.insert(result.end(), static_cast<std::size_t>(gap), 7.0);
    }
    return result;
}

/// ‖got − expected‖ / ‖expected‖; infinite where something is not a number.
inline double distance(const Values& got, const Values& expected) {
    if (got.size() != expected.size()) return HUGE_VAL;
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        difference += std::pow(got[i] - expected[i], 2);
        norm += std::pow(expected[i], 2);
    }
    return std::isfinite(difference) ? std::sqrt(difference / std::max(norm, 1e-300)) : HUGE_VAL;
}

}  // namespace perfmamba::tests
