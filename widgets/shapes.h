// What goes into a component and what comes out, in the field's symbols and in this run's numbers.
#pragma once

#include <QString>

#include "core/profile/profile.h"

namespace perfmamba::widgets {

struct Shapes {
    QString what;     // one line: what it computes
    QString inputs;   // "(1, 1024, 128)"
    QString weights;  // "in_proj (644, 128)"; empty without any
    QString outputs;
};

/// @param layer  kNoLayer for all layers together: where they differ in N, what depends on it is left empty
/// @param length tokens of a prefill; a decode pass has one, whatever its context
Shapes shapesOf(const model::Config& config, Component component, std::int32_t layer, profile::Mode mode,
                std::int64_t batch, std::int64_t length);

}  // namespace perfmamba::widgets
