// How far two vectors lie apart.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

namespace perfmamba::tests {

/// ‖got − expected‖ / ‖expected‖; infinite where something is not a number.
inline double relativeError(std::span<const float> got, std::span<const float> expected) {
    if (got.size() != expected.size()) return HUGE_VAL;
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        difference += std::pow(double{got[i]} - double{expected[i]}, 2);
        norm += std::pow(double{expected[i]}, 2);
    }
    return std::isfinite(difference) ? std::sqrt(difference / norm) : HUGE_VAL;
}

}  // namespace perfmamba::tests
