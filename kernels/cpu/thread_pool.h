// Threads that share the loops of one backend.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace perfmamba::kernels::cpu {

/// Runs loops on up to `threads` threads, the caller's among them. Waiting threads sleep after a short spin, and a loop
/// ends when its tasks are done, not when every thread has woken: a busy neighbour on the machine costs its share and
/// no more. What a task computes may not depend on which thread runs it: then results do not depend on their number.
class ThreadPool {
public:
    /// Throws Error when the system does not give that many threads.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    [[nodiscard]] int threads() const { return static_cast<int>(m_workers.size()) + 1; }

    /// Calls task(i) for every i in [0, count), each once, in any order; returns when all are done. Tasks must not
    /// throw, nor call run().
    void run(std::int64_t count, const std::function<void(std::int64_t)>& task);

private:
    void stop();
    void work();
    void takeTasks(const std::function<void(std::int64_t)>& task, std::int64_t count);

    std::mutex m_mutex;  // guards what is not atomic
    std::condition_variable m_wake;
    std::condition_variable m_left;
    const std::function<void(std::int64_t)>* m_task = nullptr;  // null between loops: nobody may enter
    std::int64_t m_count = 0;
    std::atomic<std::int64_t> m_next{0};
    std::atomic<std::uint64_t> m_loops{0};  // begun so far, and once more to stop
    std::atomic<int> m_inside{0};           // workers taking tasks of the present loop
    bool m_stopping = false;
    std::vector<std::thread> m_workers;
};

}  // namespace perfmamba::kernels::cpu
