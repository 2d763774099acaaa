#include "kernels/cuda/cupti/collector.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <utility>

#include "kernels/cuda/cupti/parse.h"

namespace perfmamba::kernels::cuda::cupti {
namespace {

// The live view wants records within 200 ms.
constexpr std::chrono::milliseconds kFlushPeriod{100};
// Some 2,000 kernels; small enough to be handed over soon.
constexpr std::size_t kBufferBytes = std::size_t{512} << 10;
constexpr std::size_t kBufferAlignment = 8;  // what CUPTI demands
constexpr std::size_t kSpareBuffers = 8;

struct Batch {
    trace::Records records;
    Batch* next = nullptr;
};

// Plain globals: the callbacks may come on any thread until the process ends.
std::atomic<Batch*> g_batches{nullptr};
std::array<std::atomic<std::uint8_t*>, kSpareBuffers> g_spares{};
std::atomic<std::int64_t> g_lost{0};  // buffers whose records could not be kept
std::atomic<const Api*> g_api{nullptr};

void push(Batch* batch) {
    batch->next = g_batches.load(std::memory_order_relaxed);
    while (!g_batches.compare_exchange_weak(batch->next, batch, std::memory_order_release, std::memory_order_relaxed)) {
    }
}

void giveBack(std::uint8_t* buffer) {
    for (std::atomic<std::uint8_t*>& spare : g_spares) {
        std::uint8_t* empty = nullptr;
        if (spare.compare_exchange_strong(empty, buffer)) return;
    }
    std::free(buffer);
}

std::uint8_t* takeBuffer() {
    for (std::atomic<std::uint8_t*>& spare : g_spares) {
        if (std::uint8_t* buffer = spare.exchange(nullptr)) return buffer;
    }
    return static_cast<std::uint8_t*>(std::aligned_alloc(kBufferAlignment, kBufferBytes));
}

}  // namespace

Collector& Collector::instance() {
    static auto* collector = new Collector;  // never destroyed: CUPTI may call back while the process ends
    return *collector;
}

CUptiResult Collector::attach(std::shared_ptr<const Api> api) {
    m_api = std::move(api);
    g_api = m_api.get();
    return m_api->registerCallbacks(&Collector::request, &Collector::complete);
}

void Collector::request(std::uint8_t** buffer, std::size_t* bytes, std::size_t* most_records) {
    *buffer = takeBuffer();
    *bytes = *buffer ? kBufferBytes : 0;  // without a buffer CUPTI drops records, and counts them
    *most_records = 0;                    // as many as fit
}

void Collector::complete(CUcontext context, std::uint32_t stream, std::uint8_t* buffer, std::size_t /*bytes*/,
                         std::size_t valid_bytes) {
    const Api* api = g_api.load();
    if (!buffer) return;
    if (api) {
        try {
            auto batch = std::make_unique<Batch>();
            if (valid_bytes > 0) parse(api->getNextRecord, buffer, valid_bytes, batch->records);
            std::size_t dropped = 0;
            if (api->getDropped(context, stream, &dropped) == CUPTI_SUCCESS) {
                batch->records.dropped = static_cast<std::int64_t>(dropped);
            }
            push(batch.release());
        } catch (const std::bad_alloc&) {
            ++g_lost;
        }
    }
    giveBack(buffer);
}

void Collector::startFlushing() {
    m_thread = std::jthread([this](const std::stop_token& stop) { flushRegularly(stop); });
}

void Collector::flushRegularly(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(m_sleep);
            m_wake.wait_for(lock, stop, kFlushPeriod, [] { return false; });
        }
        if (!stop.stop_requested()) (void)flush();
    }
}

void Collector::stopFlushing() {
    if (!m_thread.joinable()) return;
    m_thread.request_stop();
    m_thread.join();
    (void)m_api->flushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
}

CUptiResult Collector::flush() {
    return m_api->flushAll(0);
}

void Collector::drain(trace::Records& records) {
    Batch* batch = g_batches.exchange(nullptr, std::memory_order_acquire);
    Batch* oldest = nullptr;
    while (batch) {  // the list begins with the newest
        Batch* next = std::exchange(batch->next, oldest);
        oldest = std::exchange(batch, next);
    }
    while (oldest) {
        const std::unique_ptr<Batch> owner(oldest);
        oldest = owner->next;
        records.append(std::move(owner->records));
    }
    records.dropped += g_lost.exchange(0);
}

}  // namespace perfmamba::kernels::cuda::cupti
