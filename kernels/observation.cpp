#include "kernels/observation.h"

namespace perfmamba::kernels {
namespace {

constexpr std::array<std::string_view, kStatisticCount> kNames = {"delta_b", "delta_bx", "decay",
                                                                  "state",   "output",   "output_energy"};

}  // namespace

std::string_view name(Statistic statistic) {
    return kNames[static_cast<std::size_t>(statistic)];
}

std::optional<Statistic> statisticFromName(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) return kStatistics[i];
    }
    return std::nullopt;
}

}  // namespace perfmamba::kernels
