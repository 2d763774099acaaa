// What a backend sees of the states, gathered as an engine does.
#pragma once

#include <cstdint>

#include "kernels/observation.h"
#include "tests/support/kernel_values.h"

namespace perfmamba::tests {

/// The sums of `rows` × `states`, as an engine keeps them, with gaps between the rows.
class Seen {
public:
    Seen(std::int64_t rows, std::int64_t states, std::int64_t groups, const kernels::reference::Bins& bins)
        : m_rows(rows), m_states(states), m_width(groups * states), m_bins(bins) {
        m_sum.resize(kernels::kStatisticCount * size(rows * stride()));
        m_most.resize(kernels::kStatisticCount * size(rows * stride()));
        m_binned.resize((kernels::kStatisticCount + 1) * size(bins.count * m_width));
    }

    kernels::Observation target(std::int64_t position) {
        return {m_sum.data(),           m_most.data(), m_rows * stride(), stride(),      m_binned.data(),
                m_bins.count * m_width, m_width,       m_bins.count,      m_bins.tokens, position};
    }
    [[nodiscard]] kernels::reference::Observed observed() const { return {dense(m_sum), dense(m_most), m_binned}; }

private:
    static std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }
    [[nodiscard]] std::int64_t stride() const { return m_states + 2; }
    [[nodiscard]] Values dense(const Values& padded) const {
        Values result;
        for (auto row = padded.begin(); row != padded.end(); row += stride()) {
            result.insert(result.end(), row, row + m_states);
        }
        return result;
    }

    std::int64_t m_rows, m_states, m_width;
    kernels::reference::Bins m_bins;
    Values m_sum, m_most, m_binned;
};

}  // namespace perfmamba::tests
