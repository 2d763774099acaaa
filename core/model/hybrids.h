// Models that have Mamba layers among others: recognised, and refused with the reason.
#pragma once

#include <string>

#include "core/model/keys.h"

namespace perfmamba::model {

/// Throws Error naming the first layer that is not supported and what it is, where `type` is the model_type of a hybrid
/// or config.json lists layers of several kinds; else returns.
void refuseHybrid(const Keys& keys, const std::string& type);

}  // namespace perfmamba::model
