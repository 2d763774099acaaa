// What a forward pass must do, from the configuration alone: operations and the least bytes moved.
#pragma once

#include <cstdint>

#include "core/model/config.h"
#include "kernels/backend.h"
#include "kernels/component.h"
#include "kernels/dtype.h"

namespace perfmamba::profile {

struct Cost {
    double flops = 0;  // additions, multiplications, divisions and elementary functions, one each; a multiply-add
                       // is two, and a sum begins with its bias
    double bytes = 0;  // inputs read once, outputs written once, parameters read once
    double exponentials = 0;  // exp and log1p among the operations

    Cost& operator+=(const Cost& other);
};
Cost operator*(double times, const Cost& cost);

/// Of what types values are.
struct Precision {
    DType matrices = DType::F32;  // of products, and the embedding
    DType activations = DType::F32;

    Precision() = default;
    Precision(DType all) : matrices(all), activations(all) {}  // NOLINT(google-explicit-constructor): the usual case
    Precision(DType of_matrices, DType of_activations) : matrices(of_matrices), activations(of_activations) {}
};
Precision precisionOf(const kernels::DeviceInfo& device);

/// What one run of a component works on.
struct PassShape {
    std::int64_t batch = 1;
    std::int64_t length = 1;  // tokens of each sequence in the pass; 1 in decode
    Precision precision = DType::F32;
    bool fused = false;  // a decode step of kernels::FusedSteps: fewer components, each with its neighbours
};

/// One run of a component in `layer` (kNoLayer for those outside the layers), logits for the last token only. Zero for
/// a component that the architecture, or a fused step, does not have, and for `Other`.
///
/// The bytes are those of a perfectly fused component: nothing inside it is written out. The operations of the SSD are
/// those of its chunks, as the configuration has them. The formulas are listed in resources/docs/how-we-measure.md.
/// Residual, state, logits and all parameters but matrices are float32.
Cost costOf(Component component, const model::Config& config, std::int32_t layer, const PassShape& pass);

/// All components of all layers.
Cost costOfPass(const model::Config& config, const PassShape& pass);

}  // namespace perfmamba::profile
