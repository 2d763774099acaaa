// Gathers what the device's sensors say while a length is measured.
#pragma once

#include <vector>

#include "core/profile/profile.h"
#include "kernels/trace/device_reading.h"

namespace perfmamba::profile {

/// Readings of one length; the same reading again, of a sensor that is slow, counts once. One thread.
class DeviceWatch {
public:
    void add(const DeviceReading& reading);
    /// @param pass_us median time of a pass  @param tokens of a pass
    [[nodiscard]] DeviceUse use(double pass_us, double tokens) const;

private:
    [[nodiscard]] double meanPower_w() const;

    std::vector<DeviceReading> m_readings;  // of different times, in their order
};

}  // namespace perfmamba::profile
