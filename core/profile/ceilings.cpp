#include "core/profile/ceilings.h"

#include <array>
#include <cmath>
#include <tuple>

namespace perfmamba::profile {
namespace {

constexpr std::array<std::string_view, 4> kBoundNames = {"none", "memory", "work", "exponentials"};

}  // namespace

bool Ceilings::matches(const Ceilings& other) const {
    const auto identity = [](const Ceilings& c) {
        return std::tie(c.device, c.instructions, c.driver, c.precision, c.threads, c.version, c.revision);
    };
    return identity(*this) == identity(other);
}

std::string_view name(Bound bound) {
    return kBoundNames[static_cast<std::size_t>(bound)];
}

std::optional<Bound> boundFromName(std::string_view name) {
    for (std::size_t i = 0; i < kBoundNames.size(); ++i) {
        if (kBoundNames[i] == name) return static_cast<Bound>(i);
    }
    return std::nullopt;
}

Floor floorOf(const Cost& cost, const Ceilings& ceilings) {
    Floor floor;
    for (const auto& [amount, rate, bound] : {std::tuple{cost.bytes, ceilings.bytes_per_s, Bound::Memory},
                                              {cost.flops, ceilings.flops_per_s, Bound::Work},
                                              {cost.exponentials, ceilings.exponentials_per_s, Bound::Exponentials}}) {
        if (amount == 0) continue;
        const double time_us = amount / rate * 1e6;
        if (!std::isfinite(time_us)) return {};
        if (floor.bound == Bound::None || time_us > floor.time_us) floor = {time_us, bound};
    }
    return floor;
}

}  // namespace perfmamba::profile
