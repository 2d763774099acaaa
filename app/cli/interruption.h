// Ctrl-C as a request to stop, so that what was measured is kept.
#pragma once

#include <stop_token>
#include <thread>

namespace perfmamba::cli {

/// While it lives, SIGINT, SIGTERM and SIGHUP request a stop, unless they were ignored when the program began; a second
/// one ends the program at once. Make it before any other thread is started: it blocks the signals in this thread and
/// those that come from it, and waits for them in one of its own.
class Interruption {
public:
    Interruption();
    ~Interruption();
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    [[nodiscard]] std::stop_token token() const { return m_source.get_token(); }

private:
    std::stop_source m_source;
    std::thread m_waiter;
};

}  // namespace perfmamba::cli
