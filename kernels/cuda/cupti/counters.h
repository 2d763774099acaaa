// Hardware counters: which of those that explain a kernel's time a chip has, how they are had in one pass, and what was
// counted. All of it on the host, without a device: what CUPTI calls the Profiler Host API.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/cupti/api.h"

namespace perfmamba::kernels::cuda::cupti {

/// In order of their worth.
enum class Counter : std::uint8_t {
    Time,
    DramRead,
    DramWritten,
    DramPercent,
    Occupancy,
    TensorInstructions,
    Instructions,
};
inline constexpr std::size_t kCounters = 7;
/// "bytes read from DRAM", for sentences.
const char* inWords(Counter counter);

/// By Counter, in CUPTI's units: ns, bytes, %, instructions. NaN: not counted.
using CounterValues = std::array<double, kCounters>;

struct CounterApi;
/// Finds what counting needs in the library of that path, which is loaded already, and loads what stands beside it.
/// Throws Error with what the library lacks.
std::shared_ptr<const CounterApi> loadCounterApi(const std::string& library);

/// One chip's counters. One thread.
class CounterHost {
public:
    /// Plans to count as many as fit one pass. Throws Error for a chip that the library does not know.
    /// @param availability what the device itself says it has, as CUPTI's image; empty: as the library knows the chip
    CounterHost(std::shared_ptr<const Api> api, std::shared_ptr<const CounterApi> counters, std::string chip,
                std::vector<std::uint8_t> availability = {});
    CounterHost(const CounterHost&) = delete;
    CounterHost& operator=(const CounterHost&) = delete;
    ~CounterHost();

    [[nodiscard]] const std::string& chip() const { return m_chip; }
    /// CUPTI's names of what is counted; of static life.
    [[nodiscard]] const std::vector<const char*>& metrics() const { return m_metrics; }
    [[nodiscard]] const std::vector<std::uint8_t>& configImage() const { return m_image; }
    /// What is not counted, one sentence; empty where all is.
    [[nodiscard]] std::string missing() const;
    /// What one range of a counter data image says. Throws Error.
    [[nodiscard]] CounterValues evaluate(const std::vector<std::uint8_t>& data, std::size_t range) const;

private:
    class Host;
    [[nodiscard]] bool fits(const std::vector<const char*>& metrics) const;
    void choose(Counter counter);

    std::shared_ptr<const Api> m_api;
    std::shared_ptr<const CounterApi> m_counters;
    std::string m_chip;
    std::vector<std::uint8_t> m_availability;
    std::vector<const char*> m_metrics;
    std::vector<Counter> m_counted;  // what each metric is
    std::vector<Counter> m_missing;
    std::vector<std::uint8_t> m_image;
    std::unique_ptr<Host> m_host;  // of all metrics
};

/// "GH100", …: the chips that a library knows.
std::vector<std::string> knownChips(const CounterApi& counters);

}  // namespace perfmamba::kernels::cuda::cupti
