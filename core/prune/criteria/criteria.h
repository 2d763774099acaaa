// The criteria one by one, and what several of them compute. For criterion.cpp and the files beside this one.
#pragma once

#include <vector>

#include "core/prune/criterion.h"

namespace perfmamba::prune {

const Criterion& randomCriterion();
const Criterion& magnitudeCriterion();
const Criterion& decayCriterion();
const Criterion& deltaInputCriterion();
const Criterion& outputEnergyCriterion();
const Criterion& ghostCriterion();
const Criterion& sparseSsmCriterion();
const Criterion& lastCriterion();
const Criterion& aireCriterion();

/// ‖W_B,n‖ · ‖W_C,n‖ of every state of the layer, B's and C's row of one state together: rows of x_proj in Mamba-1, of
/// in_proj in Mamba-2.
std::vector<double> pairedNorms(const model::Checkpoint& checkpoint, std::int64_t layer);

/// sqrt of the mean over the group's rows of OutputEnergy.
std::vector<double> outputEnergies(const activity::LayerActivity& activity);

}  // namespace perfmamba::prune
