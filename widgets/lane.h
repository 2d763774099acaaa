// One thread with a queue of jobs, in which a newer job replaces a waiting one of the same tag.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace perfmamba::widgets {

class Lane {
public:
    Lane() : m_thread([this] { work(); }) {}
    /// Ends the running job's thread after it and, unless dropWaiting() was called, those that wait.
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// `tag` may be empty: such a job replaces none. True when one that waited was replaced.
    bool post(const std::string& tag, std::function<void()> job);
    void dropWaiting();

private:
    struct Job {
        std::string tag;
        std::function<void()> run;
    };
    void work();

    std::mutex m_mutex;
    std::condition_variable m_wake;
    std::deque<Job> m_jobs;
    bool m_ending = false;
    std::thread m_thread;  // last: starts when the rest stands
};

}  // namespace perfmamba::widgets
