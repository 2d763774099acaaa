// What a forward pass must do, from the configuration alone: floating-point operations and the least bytes moved.
#pragma once

#include <cstdint>

#include "core/model/config.h"
#include "kernels/backend.h"
#include "kernels/component.h"

namespace perfmamba::profile {

struct Cost {
    double flops =
        0;  // additions, multiplications, divisions and elementary functions, one each; a multiply-add is two
    double bytes = 0;  // inputs read once, outputs written once, parameters read once
};

/// Of what types values are.
struct Precision {
    DType matrices = DType::F32;  // of products, and the embedding
    DType activations = DType::F32;
};
Precision precisionOf(const kernels::DeviceInfo& device);

/// One run of a component in `layer` (kNoLayer for those outside the layers) on `batch` sequences of `length` tokens,
/// logits for the last token only. Zero for a component that the architecture does not have, and for `Other`.
///
/// The bytes are those of a perfectly fused component: nothing inside it is written out. The formulas are listed in
/// resources/docs/how-we-measure.md. Residual, state, logits and other parameters are float32.
Cost costOf(Component component, const model::Config& config, std::int32_t layer, std::int64_t batch,
            std::int64_t length, Precision precision = {});

}  // namespace perfmamba::profile
