// What a device's sensors say at one moment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace perfmamba {

/// Each value only where the device tells it.
struct DeviceReading {
    std::optional<double> clock_mhz;         // of the multiprocessors, or the mean of the cores
    std::optional<double> memory_clock_mhz;  //
    std::optional<double> power_w;           // of the whole board
    std::optional<double> temperature_c;     //
    std::optional<double> energy_j;          // used since the driver was loaded: differences tell
    double time_s = 0;                       // of the reading, by the steady clock
    std::string source;                      // "NVML 13.580.65.06", empty where there is no sensor
    std::string missing;                     // why nothing, or not all, is known: one sentence; may be empty

    [[nodiscard]] bool known() const { return clock_mhz || memory_clock_mhz || power_w || temperature_c || energy_j; }
};

}  // namespace perfmamba
