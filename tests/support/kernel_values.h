// Random numbers for kernels and their references.
#pragma once

#include <cstdint>
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

}  // namespace perfmamba::tests
