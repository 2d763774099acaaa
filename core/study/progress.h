// How far a study has come, and how long it will take.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "core/profile/profiler.h"
#include "core/study/study.h"

namespace perfmamba::study {

/// Learns from the cells that were measured how long the waiting ones will take.
class Forecast {
public:
    void begin(const Cell& cell);
    /// The cell that began last is measured, and so tells what its like will take.
    void end();
    /// @param part of the cell that began last, 0 … 1
    [[nodiscard]] profile::Progress progress(const Study& study, double part, std::string what) const;

private:
    using Clock = std::chrono::steady_clock;
    /// Cells of the trade-off measure speeds, too; those of sensitivity do not.
    struct Kind {
        double seconds = 0;
        int cells = 0;
    };
    [[nodiscard]] static std::size_t kindOf(const Cell& cell) { return cell.layer ? 1 : 0; }
    [[nodiscard]] double elapsed_s() const;
    [[nodiscard]] std::optional<double> expected_s(std::size_t kind, double part) const;

    std::array<Kind, 2> m_kinds;
    std::size_t m_kind = 0;
    Clock::time_point m_start = Clock::now();
};

}  // namespace perfmamba::study
