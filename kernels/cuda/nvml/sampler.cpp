#include "kernels/cuda/nvml/sampler.h"

#include <utility>

namespace perfmamba::kernels::cuda::nvml {

Sampler::Sampler(const std::string& pci_bus_id, const std::string& library, std::chrono::milliseconds period)
    : m_sensors(pci_bus_id, library), m_latest(m_sensors.read()) {
    if (!m_latest.known()) return;  // and never will
    m_thread = std::jthread([this, period](const std::stop_token& stop) { sample(stop, period); });
}

void Sampler::sample(const std::stop_token& stop, std::chrono::milliseconds period) {
    std::unique_lock lock(m_mutex);
    while (!m_wake.wait_for(lock, stop, period, [] { return false; })) {
        if (stop.stop_requested()) return;
        lock.unlock();
        DeviceReading reading = m_sensors.read();
        lock.lock();
        m_latest = std::move(reading);
    }
}

DeviceReading Sampler::latest() const {
    const std::lock_guard lock(m_mutex);
    return m_latest;
}

}  // namespace perfmamba::kernels::cuda::nvml
