// What the engine's forward pass works with: a layer's parameters, and the buffers of a pass. For engine.cpp and
// fused_step.cpp.
#pragma once

#include <cstdint>
#include <stop_token>

#include "core/engine/engine.h"
#include "kernels/error.h"

namespace perfmamba::engine {

/// A block's parameters on the device. Names as in the checkpoint; A is −exp(A_log).
struct Engine::Layer {
    std::int32_t index = 0;
    kernels::Weight norm;
    kernels::Weight in_proj, in_proj_bias;
    kernels::Weight conv_weight;  // (K, C)
    kernels::Weight conv_bias;
    kernels::Weight x_proj;   // Mamba-1
    kernels::Weight dt_proj;  // Mamba-1
    kernels::Weight dt_bias;
    kernels::Weight A;           // (N, Di) in Mamba-1, (H,) in Mamba-2
    kernels::Weight D;           // (Di,)
    kernels::Weight gated_norm;  // Mamba-2
    kernels::Weight out_proj, out_proj_bias;
};

/// What one forward() works on. The buffers live as long as somebody downstream needs them, so that the ledger shows
/// what a pass really holds.
struct Engine::Pass {
    std::int64_t batch = 0;
    std::int64_t length = 0;
    std::int64_t rows = 0;
    State& state;
    const std::stop_token& stop;
    StateObserver* observer;
    kernels::FusedSteps* fused;  // null where components run one by one
    kernels::Buffer residual;
    kernels::Buffer normed;  // input of the mixer
    kernels::Buffer delta;   // output of the mixer, not yet added to the residual

    [[nodiscard]] kernels::Buffer activations(kernels::Backend& backend, std::int64_t width) const {
        return backend.allocate(MemoryKind::Activations, static_cast<std::size_t>(rows * width),
                                backend.device().activations);
    }
    /// Opens a component's span, unless the pass is to stop: then throws Cancelled.
    [[nodiscard]] kernels::SpanScope enter(kernels::Backend& backend, Component component,
                                           std::int32_t layer = kNoLayer) const {
        if (stop.stop_requested()) throw Cancelled();
        return {backend, component, layer};
    }
};

}  // namespace perfmamba::engine
