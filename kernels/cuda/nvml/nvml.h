// NVML, the driver's library for sensors, found at run time. The toolkit has no header of it: the prototypes are ours,
// as NVIDIA documents them.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/dynamic_library.h"
#include "kernels/trace/device_reading.h"

namespace perfmamba::kernels::cuda::nvml {

/// The sensors of one GPU. What its driver does not know stays empty in a reading. Any thread, one at a time.
class Sensors {
public:
    /// @param pci_bus_id as CUDA gives it, "0000:17:00.0"; @param library empty: libnvidia-ml.so.1
    /// Never throws: where there is no NVML or no such GPU, readings hold the reason.
    explicit Sensors(const std::string& pci_bus_id, const std::string& library = {});

    /// Costs up to some milliseconds: the driver asks the board.
    [[nodiscard]] DeviceReading read() const;
    /// The GPU's name as NVML has it; empty where not known.
    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] const std::string& missing() const { return m_missing; }

private:
    using Device = void*;
    using Result = int;  // 0 is success
    using GetHandle = Result (*)(const char*, Device*);
    using GetNumber = Result (*)(Device, unsigned*);
    using GetOfKind = Result (*)(Device, int, unsigned*);
    using GetEnergy = Result (*)(Device, unsigned long long*);

    void open(const std::string& pci_bus_id);

    DynamicLibrary m_library;
    Device m_device = nullptr;
    GetOfKind m_clock = nullptr;
    GetOfKind m_temperature = nullptr;
    GetNumber m_power = nullptr;
    GetEnergy m_energy = nullptr;
    std::string m_name;
    std::string m_source;
    std::string m_missing;
};

}  // namespace perfmamba::kernels::cuda::nvml
