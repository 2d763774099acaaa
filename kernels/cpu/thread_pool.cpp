#include "kernels/cpu/thread_pool.h"

#include <string>
#include <system_error>

#include "kernels/cpu/gemm.h"
#include "kernels/error.h"

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
    try {
        for (int i = 1; i < threads; ++i) m_workers.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
        const std::size_t started = m_workers.size() + 1;
        stop();
        throw Error("threads",
                    "the system gives this process " + std::to_string(started) + " of " + std::to_string(threads),
                    "ask for fewer");
    }
}

ThreadPool::~ThreadPool() {
    stop();
}

void ThreadPool::stop() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
        m_loops.fetch_add(1);
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
        m_loops.fetch_add(1);
    }
    m_wake.notify_all();
    takeTasks(task, count);
    // All tasks are taken. Whoever has not come yet need not come; whoever is inside finishes.
    {
        const std::lock_guard lock(m_mutex);
        m_task = nullptr;
    }
    const auto finished = [this] { return m_inside.load() == 0; };
    if (spin(finished)) return;
    std::unique_lock lock(m_mutex);
    m_left.wait(lock, finished);
}

void ThreadPool::takeTasks(const std::function<void(std::int64_t)>& task, std::int64_t count) {
    for (std::int64_t i = m_next.fetch_add(1); i < count; i = m_next.fetch_add(1)) task(i);
}

void ThreadPool::work() {
    useOneThreadPerCall();
    std::uint64_t seen = 0;
    for (;;) {
        const auto called = [&] { return m_loops.load() != seen; };
        if (!spin(called)) {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, called);
        }
        const std::function<void(std::int64_t)>* task = nullptr;
        std::int64_t count = 0;
        {
            const std::lock_guard lock(m_mutex);
            if (m_stopping) return;
            seen = m_loops.load();
            if (!m_task) continue;
            task = m_task;
            count = m_count;
            m_inside.fetch_add(1);
        }
        takeTasks(*task, count);
        if (m_inside.fetch_sub(1) == 1) {
            const std::lock_guard lock(m_mutex);
            m_left.notify_one();
        }
    }
}

}  // namespace perfmamba::kernels::cpu
