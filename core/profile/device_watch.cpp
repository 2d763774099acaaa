#include "core/profile/device_watch.h"

#include <algorithm>
#include <optional>

namespace perfmamba::profile {
namespace {

// Boards renew their count of energy every 20 to 100 ms: over a shorter time its difference says little.
constexpr double kEnergyTime_s = 1;

std::vector<double> valuesOf(const std::vector<DeviceReading>& readings, std::optional<double> DeviceReading::*value) {
    std::vector<double> values;
    for (const DeviceReading& reading : readings) {
        if (reading.*value) values.push_back(*(reading.*value));
    }
    return values;
}

}  // namespace

void DeviceWatch::add(const DeviceReading& reading) {
    if (m_readings.empty() || reading.time_s > m_readings.back().time_s) m_readings.push_back(reading);
}

double DeviceWatch::meanPower_w() const {
    if (m_readings.empty()) return DeviceUse::kUnknown;
    const DeviceReading& first = m_readings.front();
    const DeviceReading& last = m_readings.back();
    const double time_s = last.time_s - first.time_s;
    if (first.energy_j && last.energy_j && time_s >= kEnergyTime_s) return (*last.energy_j - *first.energy_j) / time_s;
    const std::vector<double> powers = valuesOf(m_readings, &DeviceReading::power_w);
    if (powers.empty()) return DeviceUse::kUnknown;
    double sum = 0;
    for (const double power : powers) sum += power;
    return sum / static_cast<double>(powers.size());
}

DeviceUse DeviceWatch::use(double pass_us, double tokens) const {
    DeviceUse use;
    if (m_readings.empty()) return use;
    use.source = m_readings.back().source;
    use.missing = m_readings.back().missing;
    for (const DeviceReading& reading : m_readings) use.readings += reading.known() ? 1 : 0;
    const std::vector<double> clocks = valuesOf(m_readings, &DeviceReading::clock_mhz);
    if (!clocks.empty()) {
        use.clock_mhz = quantile(clocks, 0.5);
        use.clock_min_mhz = *std::ranges::min_element(clocks);
        use.clock_max_mhz = *std::ranges::max_element(clocks);
    }
    use.memory_clock_mhz = quantile(valuesOf(m_readings, &DeviceReading::memory_clock_mhz), 0.5);
    const std::vector<double> temperatures = valuesOf(m_readings, &DeviceReading::temperature_c);
    if (!temperatures.empty()) use.temperature_c = *std::ranges::max_element(temperatures);
    use.power_w = meanPower_w();
    if (tokens > 0) use.energy_j_per_token = use.power_w * pass_us * 1e-6 / tokens;
    return use;
}

}  // namespace perfmamba::profile
