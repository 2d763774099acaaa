// An engine whose mask ends with a scope.
#pragma once

#include "core/engine/engine.h"

namespace perfmamba::prune {

/// Takes the engine's mask off, and leaves it with neither mask nor observer, whatever happens in between.
class Unmasked {
public:
    explicit Unmasked(engine::Engine& engine) : m_engine(engine) { engine.setMask({}); }
    Unmasked(const Unmasked&) = delete;
    Unmasked& operator=(const Unmasked&) = delete;
    ~Unmasked() {
        m_engine.observe(nullptr);
        m_engine.setMask({});
    }

private:
    engine::Engine& m_engine;
};

}  // namespace perfmamba::prune
