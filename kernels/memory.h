// The ledger every allocation of a backend goes through: what is in use, for what, and the most there ever was.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kernels/component.h"

namespace perfmamba {

/// What a block of memory is for.
enum class MemoryKind : std::uint8_t {
    Weights,      // parameters, copied, or as they lie in the mapped file
    State,        // what a sequence carries from token to token: h and the last conv inputs
    Activations,  // tensors that pass from one component to the next
    Workspace,    // scratch inside a component
    Logits,
};

inline constexpr std::array kMemoryKinds = {MemoryKind::Weights, MemoryKind::State, MemoryKind::Activations,
                                            MemoryKind::Workspace, MemoryKind::Logits};
inline constexpr std::size_t kMemoryKindCount = kMemoryKinds.size();

/// "weights", "state", ...
std::string_view name(MemoryKind kind);
std::optional<MemoryKind> memoryKindFromName(std::string_view name);

/// Bytes in use, one number a kind.
struct MemoryUse {
    std::array<std::int64_t, kMemoryKindCount> bytes{};

    [[nodiscard]] std::int64_t operator[](MemoryKind kind) const { return bytes[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] std::int64_t& operator[](MemoryKind kind) { return bytes[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] std::int64_t total() const;
};

/// One allocation (delta > 0) or release (delta < 0) during a recorded pass. A release carries the component and layer
/// that its allocation did: summed up by component, the events say whose memory is in use.
struct MemoryEvent {
    double time_us = 0;  // from the start of the pass
    MemoryKind kind = MemoryKind::Activations;
    Component component = Component::Other;  // that allocated; Other: before the pass, or between components
    std::int32_t layer = kNoLayer;
    std::int64_t delta_bytes = 0;
};

/// Counts bytes by kind. Owned by one backend and used on its thread only.
class MemoryLedger {
public:
    void add(MemoryKind kind, std::int64_t delta_bytes);

    [[nodiscard]] const MemoryUse& current() const { return m_current; }
    /// The use at the moment when the total was largest since the last resetPeak().
    [[nodiscard]] const MemoryUse& peak() const { return m_peak; }
    void resetPeak() { m_peak = m_current; }

private:
    MemoryUse m_current;
    MemoryUse m_peak;
};

}  // namespace perfmamba
