// How far a study has come, and how long it will take.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/profile/profiler.h"

namespace perfmamba::study {

/// What a cell has to do. The time of a kind's cells follows their size, in any unit.
struct Work {
    std::size_t kind = 0;
    double size = 1;
};

/// Learns from the cells that were measured how long the waiting ones will take.
class Forecast {
public:
    void begin(const Work& work);
    /// The cell that began last is measured, and so tells what its like will take.
    void end();
    /// @param waiting  cells, the one under way among them
    /// @param all      number of cells, with those that are done
    /// @param part     of the cell that began last, 0 … 1
    [[nodiscard]] profile::Progress progress(const std::vector<Work>& waiting, std::size_t all, double part,
                                             std::string what) const;

private:
    using Clock = std::chrono::steady_clock;
    struct Taken {
        double seconds = 0;
        int cells = 0;
    };
    using BySize = std::map<double, Taken>;
    [[nodiscard]] double elapsed_s() const;
    [[nodiscard]] std::optional<double> expected_s(const Work& work, double part) const;
    [[nodiscard]] static double expected_s(const BySize& taken, double size);

    std::map<std::size_t, BySize> m_kinds;
    Work m_work;
    Clock::time_point m_start = Clock::now();
};

}  // namespace perfmamba::study
