#include "kernels/cuda/plugin/graphs.h"

#include <algorithm>

namespace perfmamba::kernels::cuda {

Step* StepCache::find(const ReplayKey& key) {
    const auto found = std::ranges::find(m_steps, key, &Step::key);
    if (found == m_steps.end()) return nullptr;
    m_steps.splice(m_steps.begin(), m_steps, found);
    return &m_steps.front();
}

Step& StepCache::add(Runtime& runtime, const ReplayKey& key) {
    if (full()) m_steps.pop_back();
    return m_steps.emplace_front(runtime, key);
}

std::int64_t StepCache::reserved() const {
    std::int64_t bytes = 0;
    for (const Step& step : m_steps) {
        if (step.memory) bytes += step.memory->reserved();
    }
    return bytes;
}

}  // namespace perfmamba::kernels::cuda
