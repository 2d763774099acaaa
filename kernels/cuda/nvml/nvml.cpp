#include "kernels/cuda/nvml/nvml.h"

#include <array>
#include <chrono>

#include <fmt/format.h>

namespace perfmamba::kernels::cuda::nvml {
namespace {

// NVML's numbers.
constexpr int kSmClock = 1;
constexpr int kMemoryClock = 2;
constexpr int kGpuTemperature = 0;
constexpr int kNotFound = 6;
constexpr int kDriverNotLoaded = 9;
constexpr std::size_t kTextBytes = 96;

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string explain(const char* tried, int result) {
    switch (result) {
        case kDriverNotLoaded: return "NVML finds no driver";
        case kNotFound: return fmt::format("{}: NVML does not know this GPU", tried);
        default: return fmt::format("{} failed (NVML error {})", tried, result);
    }
}

}  // namespace

Sensors::Sensors(const std::string& pci_bus_id, const std::string& library)
    : m_library(library.empty() ? "libnvidia-ml.so.1" : library) {
    if (m_library) {
        open(pci_bus_id);
    } else {
        m_missing = "NVML, the driver's library for sensors, is not there";
    }
}

void Sensors::open(const std::string& pci_bus_id) {
    const auto initialise = m_library.function<Result (*)()>("nvmlInit_v2");
    const auto handle = m_library.function<GetHandle>("nvmlDeviceGetHandleByPciBusId_v2");
    if (!initialise || !handle) {
        m_missing = fmt::format("{} is no NVML of this time", m_library.path());
        return;
    }
    if (const Result result = initialise(); result != 0) {
        m_missing = explain("starting NVML", result);
        return;
    }
    if (const Result result = handle(pci_bus_id.c_str(), &m_device); result != 0) {
        m_device = nullptr;
        m_missing = explain(pci_bus_id.c_str(), result);
        return;
    }
    m_clock = m_library.function<GetOfKind>("nvmlDeviceGetClockInfo");
    m_temperature = m_library.function<GetOfKind>("nvmlDeviceGetTemperature");
    m_power = m_library.function<GetNumber>("nvmlDeviceGetPowerUsage");
    m_energy = m_library.function<GetEnergy>("nvmlDeviceGetTotalEnergyConsumption");

    std::array<char, kTextBytes> text{};
    const auto size = static_cast<unsigned>(text.size());
    const auto name = m_library.function<Result (*)(Device, char*, unsigned)>("nvmlDeviceGetName");
    if (name && name(m_device, text.data(), size) == 0) m_name = text.data();
    const auto driver = m_library.function<Result (*)(char*, unsigned)>("nvmlSystemGetDriverVersion");
    const bool known = driver && driver(text.data(), size) == 0;
    m_source = known ? fmt::format("NVML, driver {}", text.data()) : "NVML";
}

DeviceReading Sensors::read() const {
    DeviceReading reading;
    reading.time_s = now_s();
    reading.source = m_source;
    reading.missing = m_missing;
    if (!m_device) return reading;
    std::string unknown;
    const auto lacks = [&](const char* what) { unknown += (unknown.empty() ? "" : ", ") + std::string(what); };
    unsigned value = 0;
    const auto number = [&](bool there, Result result, const char* what, double unit, std::optional<double>& target) {
        if (there && result == 0) {
            target = static_cast<double>(value) * unit;
        } else {
            lacks(what);
        }
    };
    number(m_clock, m_clock ? m_clock(m_device, kSmClock, &value) : 0, "clock", 1, reading.clock_mhz);
    number(m_clock, m_clock ? m_clock(m_device, kMemoryClock, &value) : 0, "memory clock", 1, reading.memory_clock_mhz);
    number(m_temperature, m_temperature ? m_temperature(m_device, kGpuTemperature, &value) : 0, "temperature", 1,
           reading.temperature_c);
    number(m_power, m_power ? m_power(m_device, &value) : 0, "power", 1e-3, reading.power_w);
    unsigned long long energy_mj = 0;
    if (m_energy && m_energy(m_device, &energy_mj) == 0) {
        reading.energy_j = static_cast<double>(energy_mj) * 1e-3;
    } else {
        lacks("energy");
    }
    if (!unknown.empty()) reading.missing = "this GPU does not tell: " + unknown;
    return reading;
}

}  // namespace perfmamba::kernels::cuda::nvml
