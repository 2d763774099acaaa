// CUPTI taken, set up and left again: the subscriber, the kinds of records, the callbacks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/cuda/cupti/api.h"

namespace perfmamba::kernels::cuda::cupti {

/// What CUPTI's callbacks tell, on the thread that made the call.
class Listener {
public:
    virtual ~Listener() = default;
    /// A call that launches work: at its begin, and at its end.
    virtual void launching() noexcept = 0;
    /// @param name the kernel's as the compiler made it; may be null
    virtual void launched(std::uint32_t correlation, bool kernel, const char* name) noexcept = 0;
    virtual void nodeCreated(CUgraphNode node) noexcept = 0;
    virtual void nodeCloned(CUgraphNode original, CUgraphNode clone) noexcept = 0;
};

/// What a session hears of besides graph nodes, which are told always, for a graph is captured once.
enum class Watch : std::uint8_t { Nothing, Launches, LaunchesAndRecords };

/// One for the process. Made by take(), left by the destructor, after which the process runs as if CUPTI had never
/// been there. One thread.
class Session {
public:
    /// Throws Error with what CUPTI refuses, and leaves it.
    static std::unique_ptr<Session> take(std::shared_ptr<const Api> api, Listener& listener, Watch what);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Empty, or why not.
    std::string watch(Watch what);

private:
    Session(std::shared_ptr<const Api> api, Listener& listener) : m_api(std::move(api)), m_listener(listener) {}
    static void CUPTIAPI call(void* session, CUpti_CallbackDomain domain, CUpti_CallbackId id, const void* data);
    void apiCall(CUpti_CallbackDomain domain, CUpti_CallbackId id, const CUpti_CallbackData& data);
    void resource(CUpti_CallbackId id, const CUpti_ResourceData& data);
    void subscribe(Watch what);
    void leave() noexcept;

    std::shared_ptr<const Api> m_api;
    Listener& m_listener;
    CUpti_SubscriberHandle m_subscriber = nullptr;
    Watch m_watch = Watch::Nothing;
    bool m_leaving = false;
    bool m_left = false;
};

}  // namespace perfmamba::kernels::cuda::cupti
