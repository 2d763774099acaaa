#include "kernels/cpu/thread_pool.h"

#include "kernels/cpu/gemm.h"

namespace perfmamba::kernels::cpu {
namespace {

// About 20 µs: components follow each other faster than that, and waking a sleeping thread costs as much.
constexpr int kSpins = 4000;

/// Spins until `ready` or the limit; true when ready.
template <class Ready>
bool spin(const Ready& ready) {
    for (int i = 0; i < kSpins; ++i) {
        if (ready()) return true;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    return ready();
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    useOneThreadPerCall();
    for (int i = 1; i < threads; ++i) m_workers.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
        m_generation.fetch_add(1);
    }
    m_wake.notify_all();
    for (std::thread& worker : m_workers) worker.join();
}

void ThreadPool::run(std::int64_t count, const std::function<void(std::int64_t)>& task) {
    if (count <= 1 || m_workers.empty()) {
        for (std::int64_t i = 0; i < count; ++i) task(i);
        return;
    }
    {
        const std::lock_guard lock(m_mutex);
        m_task = &task;
        m_count = count;
        m_next.store(0);
        m_busy.store(static_cast<int>(m_workers.size()));
        m_generation.fetch_add(1);
    }
    m_wake.notify_all();
    takeTasks();
    const auto finished = [this] { return m_busy.load() == 0; };
    if (spin(finished)) return;
    std::unique_lock lock(m_mutex);
    m_done.wait(lock, finished);
}

void ThreadPool::takeTasks() {
    for (std::int64_t i = m_next.fetch_add(1); i < m_count; i = m_next.fetch_add(1)) (*m_task)(i);
}

void ThreadPool::work() {
    useOneThreadPerCall();
    std::uint64_t seen = 0;
    for (;;) {
        const auto called = [&] { return m_generation.load() != seen; };
        if (!spin(called)) {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, called);
        }
        {
            const std::lock_guard lock(m_mutex);
            if (m_stopping) return;
            seen = m_generation.load();
        }
        takeTasks();
        if (m_busy.fetch_sub(1) == 1) {
            const std::lock_guard lock(m_mutex);
            m_done.notify_one();
        }
    }
}

}  // namespace perfmamba::kernels::cpu
