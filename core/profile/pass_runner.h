// Runs the passes of one workload, one at a time, for whoever times them.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/engine/engine.h"
#include "core/profile/profile.h"

namespace perfmamba::profile {

/// Random token ids. A prefill pass begins with an empty state; before the first decode pass `length` tokens of context
/// are run, and each pass sees one token more.
class PassRunner {
public:
    /// Throws Error when a pass does not fit into memory, and Cancelled.
    PassRunner(engine::Engine& engine, Mode mode, std::int64_t batch, std::int64_t length, std::uint64_t seed,
               std::stop_token stop);

    /// Without `record` only the total time and the memory are taken. Throws Error, and Cancelled; the engine stays
    /// usable.
    kernels::PassRecord pass(bool record);

private:
    void runContext(std::int64_t batch, std::int64_t length);

    engine::Engine& m_engine;
    std::stop_token m_stop;
    Mode m_mode;
    std::vector<std::int32_t> m_tokens;
    engine::State m_state;
};

}  // namespace perfmamba::profile
