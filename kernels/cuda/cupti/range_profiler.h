// The device's half of counting: CUPTI's Range Profiler. Each kernel is a range of its own and runs alone; as all
// counters fit one pass, none is run twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/cupti/counters.h"

struct CUpti_RangeProfiler_Object;

namespace perfmamba::kernels::cuda::cupti {

/// One thread, to which the context is current. Between start() and finish() every kernel of the context is counted.
class RangeProfiler {
public:
    /// Asks the device what it can count, and whether it may. Throws Error.
    /// @param driver the driver's library; empty: the system's
    RangeProfiler(std::shared_ptr<const Api> api, const std::string& driver, void* context);
    RangeProfiler(const RangeProfiler&) = delete;
    RangeProfiler& operator=(const RangeProfiler&) = delete;
    /// Ends counting, where that was not done.
    ~RangeProfiler();

    [[nodiscard]] const CounterHost& host() const { return *m_host; }
    /// @param kernels that there is room for. Throws Error.
    void start(std::size_t kernels);
    /// What was counted of each kernel, in the order of their launch; the device has finished. Throws Error.
    std::vector<CounterValues> finish();

private:
    void check(const char* doing, CUptiResult result) const;
    void requireSupport(int device) const;
    [[nodiscard]] std::string chipOf(int device) const;
    [[nodiscard]] std::vector<std::uint8_t> availability() const;
    void makeImage(std::size_t kernels);
    void configure(std::size_t kernels);
    void stop();
    [[nodiscard]] std::vector<std::size_t> rangesInOrder() const;
    void leave() noexcept;

    std::shared_ptr<const Api> m_api;
    std::shared_ptr<const CounterApi> m_counters;
    void* m_context;
    std::unique_ptr<CounterHost> m_host;
    CUpti_RangeProfiler_Object* m_profiler = nullptr;
    bool m_started = false;
    std::vector<std::uint8_t> m_data;
};

}  // namespace perfmamba::kernels::cuda::cupti
