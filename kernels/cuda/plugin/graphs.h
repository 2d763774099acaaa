// The graphs of decode steps and short prompts: what was captured, the memory it works in, and what it leaves in a
// pass's record.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "kernels/cuda/plugin/arena.h"
#include "kernels/cuda/plugin/recorder.h"
#include "kernels/cuda/trace.h"

namespace perfmamba::kernels::cuda {

/// One of these under one key. A graph keeps the memory that its step worked in: nobody else may have it while it can
/// be launched again.
struct Step {
    Step(Runtime& of, ReplayKey of_key) : runtime(of), key(std::move(of_key)), events(of) {}
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() {
        if (graph) runtime.destroyGraph(graph);
    }

    Runtime& runtime;
    ReplayKey key;
    std::unique_ptr<Arena> memory;
    EventPool events;
    Runtime::Graph graph = nullptr;
    GraphKey traced = 0;
    Marks marks;
    std::uint64_t pass = 0;  // that last launched it
    bool refused = false;    // it could not be captured
};

/// The last few steps. One thread.
class StepCache {
public:
    /// Null where the key is new.
    [[nodiscard]] Step* find(const ReplayKey& key);
    /// Forgets the one that was used longest ago, where there are too many.
    Step& add(Runtime& runtime, const ReplayKey& key);
    /// Launches that have not ended still need what is forgotten: wait first.
    void clear() { m_steps.clear(); }
    [[nodiscard]] bool full() const { return m_steps.size() >= kSteps; }
    [[nodiscard]] bool empty() const { return m_steps.empty(); }
    [[nodiscard]] std::int64_t reserved() const;

private:
    // Recorded and not, for two models' states taken in turn, or two batches.
    static constexpr std::size_t kSteps = 4;
    std::list<Step> m_steps;  // the last used first
};

}  // namespace perfmamba::kernels::cuda
