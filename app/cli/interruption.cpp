#include "app/cli/interruption.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace perfmamba::cli {
namespace {

bool ignored(int signal) {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

/// What was ignored when the program began stays so: nohup wants it to live on without its terminal, and a script to
/// spare what it runs in the background. Waiting for a signal would take even an ignored one.
sigset_t watched() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        if (!ignored(signal)) sigaddset(&signals, signal);
    }
    sigaddset(&signals, SIGUSR1);
    return signals;
}

/// SIGUSR1 is how the destructor ends the wait.
void waitForSignals(std::stop_source& source) {
    const sigset_t signals = watched();
    int signal = 0;
    while (sigwait(&signals, &signal) == 0 && signal != SIGUSR1) {
        constexpr int kEndedBySignal = 128;
        if (source.stop_requested()) ::_exit(kEndedBySignal + signal);
        source.request_stop();
    }
}

}  // namespace

Interruption::Interruption() {
    const sigset_t signals = watched();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    m_waiter = std::thread(waitForSignals, std::ref(m_source));
}

Interruption::~Interruption() {
    pthread_kill(m_waiter.native_handle(), SIGUSR1);
    m_waiter.join();
}

}  // namespace perfmamba::cli
