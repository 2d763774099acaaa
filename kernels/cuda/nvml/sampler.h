// Reads a GPU's sensors on a thread of its own, so that nobody waits for the board.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "kernels/cuda/nvml/nvml.h"

namespace perfmamba::kernels::cuda::nvml {

/// Most often worth asking: boards renew their figures about as often, and asking costs them a little time.
inline constexpr std::chrono::milliseconds kSamplePeriod{100};

/// Runs from its construction on, where there are sensors.
class Sampler {
public:
    /// As Sensors. A period below kSamplePeriod is for tests.
    explicit Sampler(const std::string& pci_bus_id, const std::string& library = {},
                     std::chrono::milliseconds period = kSamplePeriod);

    /// The latest reading. Any thread; waits for nothing.
    [[nodiscard]] DeviceReading latest() const;
    [[nodiscard]] const std::string& name() const { return m_sensors.name(); }

private:
    void sample(const std::stop_token& stop, std::chrono::milliseconds period);

    Sensors m_sensors;
    mutable std::mutex m_mutex;
    DeviceReading m_latest;
    std::condition_variable_any m_wake;
    std::jthread m_thread;  // last: it ends before what it uses
};

}  // namespace perfmamba::kernels::cuda::nvml
