// What a device reaches at best, and the least time that follows from it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "core/profile/cost_model.h"

namespace perfmamba::profile {

/// The best rates that were seen on a device in one precision; see measureCeilings(). NaN where not known.
struct Ceilings {
    static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

    // Of what, and by what: another of any of these has ceilings of its own.
    std::string device;        // "AMD EPYC 9654"
    std::string instructions;  // "AVX2", "sm_90"
    std::string driver;        // "NVML, driver 580.65.06"; empty where there is none
    std::string precision;     // "float32"
    int threads = 0;
    std::string version;  // of the program
    int revision = 0;     // of how they are measured; in ceilings.json alone, and not in old ones

    std::string taken;              // ISO 8601, UTC
    double bytes_per_s = kUnknown;  // of memory, read and written
    double flops_per_s = kUnknown;  // of a large product
    double exponentials_per_s = kUnknown;
    std::int64_t cache_bytes = 0;  // the device's last cache; 0 where not known

    /// Whether the two are of the same thing.
    [[nodiscard]] bool matches(const Ceilings& other) const;
};

/// What a floor is made of.
enum class Bound : std::uint8_t { None, Memory, Work, Exponentials };
/// "none", "memory", "work", "exponentials".
std::string_view name(Bound bound);
std::optional<Bound> boundFromName(std::string_view name);

struct Floor {
    double time_us = Ceilings::kUnknown;
    Bound bound = Bound::None;
};

/// The largest of three times: bytes over bandwidth, operations over the products' rate, exponentials over theirs.
/// Not known where the cost has a number that is not.
Floor floorOf(const Cost& cost, const Ceilings& ceilings);

}  // namespace perfmamba::profile
