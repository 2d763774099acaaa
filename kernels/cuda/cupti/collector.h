// Takes CUPTI's buffers as they are completed, and makes records of them.
//
// CUPTI asks for buffers and gives them back on threads of its own choice. These callbacks take no lock: buffers and
// records pass through atomic lists, so that no thread that is inside CUPTI waits for one that is about to call it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "kernels/cuda/cupti/api.h"
#include "kernels/trace/records.h"

namespace perfmamba::kernels::cuda::cupti {

/// Between startFlushing() and stopFlushing() a thread asks CUPTI every kFlushPeriod for what is complete, so that
/// records are never older than that. The buffer callbacks have no argument of ours: there is one collector a process.
class Collector {
public:
    static Collector& instance();

    /// Registers the callbacks. Returns what CUPTI says.
    CUptiResult attach(std::shared_ptr<const Api> api);
    void startFlushing();
    /// Flushes what is left, incomplete records among it, and waits for the thread.
    void stopFlushing();
    /// Asks for what is complete now. Returns what CUPTI says.
    CUptiResult flush();
    /// Moves what came in since the last call to the end of `records`. The owner's thread.
    void drain(trace::Records& records);

private:
    Collector() = default;
    static void CUPTIAPI request(std::uint8_t** buffer, std::size_t* bytes, std::size_t* most_records);
    static void CUPTIAPI complete(CUcontext context, std::uint32_t stream, std::uint8_t* buffer, std::size_t bytes,
                                  std::size_t valid_bytes);
    void flushRegularly(const std::stop_token& stop);

    std::shared_ptr<const Api> m_api;
    std::mutex m_sleep;  // of the flushing thread alone; never held while CUPTI is called
    std::condition_variable_any m_wake;
    std::jthread m_thread;
};

}  // namespace perfmamba::kernels::cuda::cupti
