#include "kernels/memory.h"

#include <numeric>

namespace perfmamba {
namespace {

constexpr std::array<std::string_view, kMemoryKindCount> kNames = {"weights", "state", "activations", "workspace",
                                                                   "logits"};

}  // namespace

std::string_view name(MemoryKind kind) {
    return kNames[static_cast<std::size_t>(kind)];
}

std::optional<MemoryKind> memoryKindFromName(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) return kMemoryKinds[i];
    }
    return std::nullopt;
}

std::int64_t MemoryUse::total() const {
    return std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0});
}

void MemoryLedger::add(MemoryKind kind, std::int64_t delta_bytes) {
    m_current[kind] += delta_bytes;
    if (m_current.total() > m_peak.total()) m_peak = m_current;
}

}  // namespace perfmamba
