#include "widgets/lane.h"

#include <algorithm>
#include <utility>

namespace perfmamba::widgets {

Lane::~Lane() {
    {
        const std::lock_guard lock(m_mutex);
        m_ending = true;
    }
    m_wake.notify_one();
    m_thread.join();
}

bool Lane::post(const std::string& tag, std::function<void()> job) {
    bool replaced = false;
    {
        const std::lock_guard lock(m_mutex);
        const auto same = std::find_if(m_jobs.begin(), m_jobs.end(),
                                       [&](const Job& waiting) { return !tag.empty() && waiting.tag == tag; });
        replaced = same != m_jobs.end();
        if (replaced) {
            same->run = std::move(job);
        } else {
            m_jobs.push_back({tag, std::move(job)});
        }
    }
    m_wake.notify_one();
    return replaced;
}

void Lane::dropWaiting() {
    const std::lock_guard lock(m_mutex);
    m_jobs.clear();
}

void Lane::work() {
    for (;;) {
        Job job;
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, [this] { return m_ending || !m_jobs.empty(); });
            if (m_jobs.empty()) return;
            job = std::move(m_jobs.front());
            m_jobs.pop_front();
        }
        job.run();
    }
}

}  // namespace perfmamba::widgets
