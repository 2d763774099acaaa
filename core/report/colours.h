// The fixed colours of what is measured, the same in every view, in every picture, and in the summary.
#pragma once

#include <cstdint>

#include "kernels/component.h"
#include "kernels/memory.h"

namespace perfmamba::report {

/// 0xRRGGBB, on a light and on a dark surface.
struct Colour {
    std::uint32_t light = 0;
    std::uint32_t dark = 0;
};

/// Okabe & Ito's colours for what a model spends its time in, greys for the frame around it. `Other` is to be hatched.
constexpr Colour colourOf(Component component) {
    switch (component) {
        case Component::Ssm: return {0xD55E00, 0xD55E00};
        case Component::InProj: return {0x0072B2, 0x0072B2};
        case Component::OutProj: return {0x56B4E9, 0x56B4E9};
        case Component::Conv1d: return {0x009E73, 0x009E73};
        case Component::XProj: return {0xE69F00, 0xE69F00};
        case Component::DtProj: return {0xF0E442, 0xF0E442};
        case Component::Gate: return {0xCC79A7, 0xCC79A7};
        case Component::Norm: return {0x999999, 0xA3A8B0};
        case Component::NormF: return {0xB4B4B4, 0xBFC4CB};
        case Component::Embedding: return {0x4D4D4D, 0x737983};
        case Component::LmHead: return {0x363A40, 0x5A606A};
        case Component::Other: return {0x8A9099, 0x7D8590};
    }
    return {};
}

/// Another family than the components' (Tol's "muted"), so that the two are never taken for each other.
constexpr Colour colourOf(MemoryKind kind) {
    switch (kind) {
        case MemoryKind::Weights: return {0x8E99A8, 0x7F8A9A};
        case MemoryKind::State: return {0xAA4499, 0xAA4499};
        case MemoryKind::Activations: return {0x44AA99, 0x44AA99};
        case MemoryKind::Workspace: return {0xDDCC77, 0xDDCC77};
        case MemoryKind::Logits: return {0x5A4FB0, 0x88CCEE};
    }
    return {};
}

}  // namespace perfmamba::report
