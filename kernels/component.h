// The parts of a forward pass that time and memory are charged to, in the order they run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace perfmamba {

/// A component of the model, by the name its users know. `Other` is what no component can be charged with: the gaps
/// between components, copies, the engine's own bookkeeping. It is shown, never hidden.
enum class Component : std::uint8_t {
    Embedding,
    Norm,
    InProj,
    Conv1d,
    XProj,   // Mamba-1 only
    DtProj,  // Mamba-1 only
    Ssm,
    Gate,  // y·silu(z); in Mamba-2 with the gated norm
    OutProj,
    NormF,
    LmHead,
    Other,
};

inline constexpr std::array kComponents = {
    Component::Embedding, Component::Norm, Component::InProj,  Component::Conv1d, Component::XProj,  Component::DtProj,
    Component::Ssm,       Component::Gate, Component::OutProj, Component::NormF,  Component::LmHead, Component::Other,
};
inline constexpr std::size_t kComponentCount = kComponents.size();

/// A stage inside ssm: those of Mamba-2's SSD (Dao & Gu 2024, section 6), and watching the states while they run.
enum class Stage : std::uint8_t { Whole, Cumsum, ChunkState, StatePassing, ChunkScan, Observation };
inline constexpr std::size_t kStageCount = 6;

/// "in_proj", "conv1d", ...: the name in tables, reports and on the command line.
std::string_view name(Component component);
std::string_view name(Stage stage);

/// The component of that name; empty for an unknown name.
std::optional<Component> componentFromName(std::string_view name);
std::optional<Stage> stageFromName(std::string_view name);

/// False for what belongs to no layer: embedding, norm_f, lm_head, and other.
bool isInLayers(Component component);

/// Layers are numbered from 0; what belongs to no layer (embedding, norm_f, lm_head) has this number.
inline constexpr std::int32_t kNoLayer = -1;

/// One component's (or stage's) run inside a pass. Times are in microseconds from the start of the pass.
struct Span {
    Component component = Component::Other;
    Stage stage = Stage::Whole;
    std::int32_t layer = kNoLayer;
    double begin_us = 0;
    double end_us = 0;

    [[nodiscard]] double duration_us() const { return end_us - begin_us; }
};

}  // namespace perfmamba
